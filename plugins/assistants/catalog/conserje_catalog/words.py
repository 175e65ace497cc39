"""What the assistant says, in the tenant's language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One language; {name} is the tenant's, {named} what it sells, {count} what is left of it,
    {question} what the contact asked."""

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
    no_hurry: str
    here: str
    how_can_i: str
    listed_some: str
    near_it: str
    compared: str
    all_of_it: str
    total: str
    summed: str
    point: str
    only_left: str
    and_more: str
    cheapest: str
    dearest: str
    up_to: str
    from_on: str
    between: str
    nothing_so_cheap: str
    without: str
    no_data: str
    not_known: str
    insult: str
    complaint: str
    order: str
    haggling: str
    wholesale: str
    invoices: str
    restock: str
    work: str
    still_unclear: str
    shelf_of: str
    only_text: str
    which: str
    near: str
    alike: str
    some: str
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
    no_hurry="¡De acuerdo, sin apuro! Cuando quieras, me escribes por aquí.",
    here="Aquí sigo. ¿En qué te ayudo?",
    how_can_i="Cuéntame, ¿en qué te ayudo?",
    listed_some="Estos son algunos de los que hay.",
    near_it="Lo más parecido que sí queda:",
    compared="Te cuento de cada uno.",
    all_of_it="¿Te los encargo?",
    total="Total: {sum}",
    summed="{price}, {count} por {sum}",
    point=",",
    only_left="quedan solo {count}",
    and_more="más cosas",
    cheapest="Lo más barato es esto.",
    dearest="Lo más caro es esto.",
    up_to="Por hasta {high} tenemos esto.",
    from_on="Desde {low} tenemos esto.",
    between="Entre {low} y {high} tenemos esto.",
    nothing_so_cheap="Por ese precio no hay. Lo que más se acerca es esto.",
    without="De acuerdo, eso no.",
    not_known=(
        "De «{question}» no tengo el dato: le pregunto a una persona del equipo, que te responde por aquí."
    ),
    no_data="No tengo ese dato. Le pregunto a una persona del equipo para que te responda por aquí.",
    insult="Siento la molestia. Le aviso a una persona del equipo para que te atienda por aquí.",
    complaint=(
        "Lamento mucho lo que pasó. Le aviso a una persona del equipo para que lo vea contigo por aquí."
    ),
    order=(
        "No puedo ver los pedidos desde aquí: le aviso a una persona del equipo para que revise el tuyo. "
        "Si tienes el número de pedido, déjalo escrito."
    ),
    haggling="Los descuentos los ve una persona del equipo: le aviso para que te responda por aquí.",
    wholesale="Las ventas por mayor las ve una persona del equipo: le aviso para que te escriba por aquí.",
    invoices="Las boletas y facturas las ve una persona del equipo: le aviso para que te escriba por aquí.",
    restock="No sé cuándo llega más. Le aviso a una persona del equipo para que te escriba por aquí.",
    work="Gracias por escribir. Le aviso a una persona del equipo para que te responda por aquí.",
    still_unclear=(
        "Sigo sin entenderte, disculpa. Le aviso a una persona del equipo para que te ayude por aquí."
    ),
    shelf_of="Eso mismo no lo veo. En {named} tenemos esto.",
    only_text="Por aquí solo leo texto: cuéntame qué buscas.",
    which="¿De qué producto me hablas?",
    near="No encontré justo eso.",
    alike="Eso mismo no lo veo. Lo más parecido es esto.",
    some="Todo eso no lo veo, pero sí esto.",
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
    no_hurry="Combinado, sem pressa! Quando quiser, escreva por aqui.",
    here="Estou por aqui. Como posso ajudar?",
    how_can_i="Conte, como posso ajudar?",
    listed_some="Estes são alguns dos que temos.",
    near_it="O mais parecido que ainda temos:",
    compared="Veja cada um.",
    all_of_it="Quer encomendar?",
    total="Total: {sum}",
    summed="{price}, {count} por {sum}",
    point=",",
    only_left="restam só {count}",
    and_more="outras coisas",
    cheapest="O mais barato é este.",
    dearest="O mais caro é este.",
    up_to="Por até {high} temos isto.",
    from_on="A partir de {low} temos isto.",
    between="Entre {low} e {high} temos isto.",
    nothing_so_cheap="Por esse preço não há. O que mais se aproxima é isto.",
    without="Certo, isso não.",
    not_known=(
        "De «{question}» não tenho o dado: vou perguntar a uma pessoa da equipe, que responde por aqui."
    ),
    no_data="Não tenho esse dado. Vou perguntar a uma pessoa da equipe, que responde por aqui.",
    insult="Sinto pelo incômodo. Vou avisar uma pessoa da equipe para atender você por aqui.",
    complaint=(
        "Sinto muito pelo que aconteceu. "
        "Vou avisar uma pessoa da equipe para resolver isso com você por aqui."
    ),
    order=(
        "Não consigo ver os pedidos daqui: vou avisar uma pessoa da equipe para verificar o seu. "
        "Se tiver o número do pedido, deixe escrito."
    ),
    haggling="Os descontos são com uma pessoa da equipe: vou avisar para que responda por aqui.",
    wholesale="As vendas no atacado são com uma pessoa da equipe: vou avisar para que escreva por aqui.",
    invoices="As notas fiscais são com uma pessoa da equipe: vou avisar para que escreva por aqui.",
    restock="Não sei quando chega mais. Vou avisar uma pessoa da equipe para que escreva por aqui.",
    work="Agradecemos a mensagem. Vou avisar uma pessoa da equipe para que responda por aqui.",
    still_unclear="Ainda não entendi, desculpe. Vou avisar uma pessoa da equipe para ajudar você por aqui.",
    only_text="Por aqui só leio texto: conte o que você procura.",
    shelf_of="Isso mesmo não vejo. Em {named} temos isto.",
    which="De qual produto você está falando?",
    near="Não encontrei exatamente isso.",
    alike="Isso mesmo não vejo. O mais parecido é isto.",
    some="Tudo isso não vejo, mas isto sim.",
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
    no_hurry="All right, no hurry! Write to me here whenever you like.",
    here="I am still here. How can I help?",
    how_can_i="Tell me, how can I help?",
    listed_some="These are some of those we have.",
    near_it="The nearest that we have:",
    compared="Here is each of them.",
    all_of_it="Would you like them?",
    total="Total: {sum}",
    summed="{price}, {count} for {sum}",
    point=".",
    only_left="only {count} left",
    and_more="other things",
    cheapest="The cheapest is this.",
    dearest="The most expensive is this.",
    up_to="For up to {high} we have these.",
    from_on="From {low} we have these.",
    between="Between {low} and {high} we have these.",
    nothing_so_cheap="There is nothing at that price. These come nearest.",
    without="All right, not that.",
    not_known="I do not know about «{question}»: I will ask somebody from our team to answer you here.",
    no_data="I do not know that. I will ask somebody from our team to answer you here.",
    insult="I am sorry for the trouble. I will tell somebody from our team to help you here.",
    complaint="I am very sorry about that. I will tell somebody from our team to sort it out with you here.",
    order=(
        "I cannot see orders from here: I will tell somebody from our team to look at yours. "
        "If you have the order number, write it here."
    ),
    haggling="Discounts are for somebody from our team to give: I will tell them to answer you here.",
    wholesale="Somebody from our team sees to wholesale: I will tell them to write to you here.",
    invoices="Somebody from our team sees to invoices: I will tell them to write to you here.",
    restock="I do not know when more will come. I will tell somebody from our team to write to you here.",
    work="Thank you for writing. I will tell somebody from our team to answer you here.",
    still_unclear="I still do not understand, sorry. I will tell somebody from our team to help you here.",
    only_text="I can only read text here: tell me what you are looking for.",
    shelf_of="I do not see exactly that. In {named} we have these.",
    which="Which product do you mean?",
    near="I did not find exactly that.",
    alike="I do not see exactly that. This comes nearest.",
    some="I do not see all of that, but I do see this.",
    none="I do not have that.",
    unclear="Sorry, I did not quite understand that.",
)

LANGUAGES = {"es": _SPANISH, "pt": _PORTUGUESE, "en": _ENGLISH}
