"""What the assistant says, in the tenant's language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One language; {name} is the tenant's, {named} what it sells, {count} what is left of it."""

    hello: str
    introduction: str
    listed: str
    one: str
    several: str
    sold_out: str
    one_left: str
    left: str
    last_of_many: str
    shelf: str
    empty_shelf: str
    hand_over: str
    sold: str
    thanked: str
    farewell: str
    only_text: str
    which: str
    near: str
    none: str
    unclear: str


_SPANISH = Words(
    hello="¡Hola!",
    introduction="Soy el asistente virtual de {name}.",
    listed="Tenemos esto.",
    one="¿Te interesa?",
    several="¿Cuál te interesa?",
    sold_out="agotado por ahora",
    one_left="queda 1",
    left="quedan {count}",
    last_of_many="y",
    shelf="Tenemos {named}. ¿Qué te interesa?",
    empty_shelf=(
        "Por ahora no tenemos productos publicados. Si quieres hablar con una persona, escríbelo aquí."
    ),
    hand_over="Claro, le aviso a una persona del equipo para que siga contigo por aquí.",
    sold="¡Buena elección! Le aviso a una persona del equipo para que coordine la compra contigo por aquí.",
    thanked="¡Gracias a ti! Cualquier cosa, me escribes por aquí.",
    farewell="¡Chao! Gracias por escribir a {name}.",
    only_text="Por aquí solo leo texto: cuéntame qué buscas.",
    which="¿De qué producto me hablas?",
    near="No encontré justo eso.",
    none="No tengo eso.",
    unclear="Disculpa, no te entendí bien.",
)

_PORTUGUESE = Words(
    hello="Olá!",
    introduction="Sou o assistente virtual de {name}.",
    listed="Temos isto.",
    one="Tem interesse?",
    several="Qual deles te interessa?",
    sold_out="esgotado por enquanto",
    one_left="resta 1",
    left="restam {count}",
    last_of_many="e",
    shelf="Temos {named}. O que te interessa?",
    empty_shelf="Por enquanto não temos produtos publicados. Se quiser falar com uma pessoa, escreva aqui.",
    hand_over="Claro, vou avisar uma pessoa da equipe para continuar com você por aqui.",
    sold="Ótima escolha! Vou avisar uma pessoa da equipe para combinar a compra com você por aqui.",
    thanked="Nós que agradecemos! Qualquer coisa, escreva por aqui.",
    farewell="Tchau! Agradecemos a mensagem para {name}.",
    only_text="Por aqui só leio texto: conte o que você procura.",
    which="De qual produto você está falando?",
    near="Não encontrei exatamente isso.",
    none="Não tenho isso.",
    unclear="Desculpe, não entendi bem.",
)

_ENGLISH = Words(
    hello="Hello!",
    introduction="I am the virtual assistant of {name}.",
    listed="We have these.",
    one="Would you like it?",
    several="Which one would you like?",
    sold_out="sold out for now",
    one_left="1 left",
    left="{count} left",
    last_of_many="and",
    shelf="We have {named}. What would you like?",
    empty_shelf="We have no products listed for now. If you want to talk to a person, say so here.",
    hand_over="Sure, I will tell somebody from our team to go on with you here.",
    sold="Good choice! I will tell somebody from our team to arrange the purchase with you here.",
    thanked="Thank you! If there is anything else, write to me here.",
    farewell="Goodbye! Thank you for writing to {name}.",
    only_text="I can only read text here: tell me what you are looking for.",
    which="Which product do you mean?",
    near="I did not find exactly that.",
    none="I do not have that.",
    unclear="Sorry, I did not quite understand that.",
)

LANGUAGES = {"es": _SPANISH, "pt": _PORTUGUESE, "en": _ENGLISH}
