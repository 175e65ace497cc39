"""Answers from the tenant's products: no model, no key, and one message per turn."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from conserje import (
    Assistant,
    Content,
    List,
    Match,
    Media,
    Nothing,
    Pressed,
    Product,
    Reply,
    Row,
    Tenant,
    Text,
    Turn,
    format_price,
    plain,
)

SURE = 0.7  # below this a product shares a word with what was asked, no more
SHOWN = 6
READ = 2000  # characters: whoever writes more does not ask for a product


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


GREETINGS = _words("hola holi holas ola wena wenas buen buena buenas buenos alo hey hello hi saludos oye")
THANKS = _words("gracias grax agradecido agradecida agradezco")
CLOSINGS = _words("ok oka okey ya dale listo super perfecto bacan genial no nada")
FAREWELLS = _words("chao chau adios bye nos hasta")
SMALL_TALK = _words("""
    loco loca compa compadre amigo amiga amigos hermano hermana perro po poh pues que tal como estas estai
    esta va andai onda mas dia dias tarde tardes noche noches wn weon todo todos bien muy y ya a la lo los
    por aca ahi te tu ti su usted ustedes igual muchas mucha mil super listo vemos luego pronto manana me
    voy eso es era no nada de el esa ese este vale
""")
PRICE = _words("precio precios cuanto kuanto cuanta cuesta cuestan vale valen valor valores sale salen")
STOCK = _words("stock queda quedan cuantos cuantas disponible disponibles disponibilidad unidades")
FOLLOW_UP = (PRICE | STOCK) - {"vale", "sale"}  # alone these two say yes
ASKING = _words("""
    tienes tiene tienen teni tenis tenes tendras tendran hay venden vendes vende vendi vendis quiero kiero
    queria quisiera busco buscando buscaba necesito dame comprar llevar
""").union(PRICE, STOCK)
YES = _words("si sip sipo claro obvio interesa llevo compro comprar comprarlo comprarla quiero kiero dale ya")
_WORD = re.compile(r"[a-z0-9]+")
CHAT = GREETINGS | THANKS | CLOSINGS | FAREWELLS | SMALL_TALK

_STAFF = (
    r"(?:personas?|humanos?|humana|alguien|vendedora?|ejecutiv[oa]|encargad[oa]|duen[oa]|asesora?|agente)\b"
)
PERSON = re.compile(
    r"(?<!\bno )(?<!\bno quiero )\b(?:"
    r"(?:habl(?:ar|o|ame|arle)|convers\w+|ati?end\w+|contact\w+|comuni\w+|pas(?:ar|ame|eme)|deriv\w+|llam[ae]\w*)"
    r"(?:\W+\w+){0,3}?\W+"
    + _STAFF
    + r"|(?:quiero|necesito) (?:a )?(?:un |una )?"
    + _STAFF
    + r"|persona real\b|ser humano\b)"
)
CATALOGUE = re.compile(
    r"\b(?:catalogo|menu|lista de (?:productos|precios)|(?:que|sus|los|tus) (?:productos|categorias))\b"
    r"|\bque (?:cosas |mas |otras cosas )?"
    r"(?:tienes|tiene|tienen|teni|tenis|hay|venden|vendes|vende|vendi|vendis|ofrecen)"
    r"(?: (?:para vender|a la venta|ahi|aca|hoy|disponible|po))*\s*(?:[?!.]|$)",
    re.MULTILINE,
)
WHO = re.compile(r"\b(?:quien(?:es)? (?:eres|son)|con quien hablo|eres un (?:bot|robot)|como te llamas)\b")


class CatalogSettings(BaseModel):
    """What a tenant may word otherwise."""

    model_config = ConfigDict(extra="forbid")

    greeting: str | None = Field(
        default=None, min_length=1, max_length=1000, description="Said to a greeting."
    )


class Catalog(Assistant[Nothing, CatalogSettings, Nothing]):
    """Finds products, says price and stock, and says so when there is no such thing."""

    name = "catalog"
    Credentials = Nothing
    Settings = CatalogSettings
    Operator = Nothing

    async def reply(self, turn: Turn[Nothing, CatalogSettings]) -> Reply:
        text = "\n".join(filter(None, (written(message.content) for message in turn.messages)))[:READ]
        asked = Asked(fold(text))
        if PERSON.search(asked.text):
            return say(HAND_OVER, "persona", 0.95, hand_over=True)
        if chosen := await chosen_of(turn):
            return offer(turn.tenant, chosen, asked)
        matches = await turn.products.search(text, SHOWN)
        meant = sure(matches) or (await meant_before(turn) if asked.follows_up else [])
        if meant:
            return offer(turn.tenant, meant, asked)
        if asked.agrees and offered(turn):
            return say(SOLD, "compra", 0.8, hand_over=True)
        shelf = describe(await turn.products.all())
        return small_talk(turn, asked, shelf) or not_found(asked, shelf, near=bool(matches))


ONE, SEVERAL = "¿Te interesa?", "¿Cuál te interesa?"
HAND_OVER = "Claro, le aviso a una persona del equipo para que siga contigo por aquí."
THANKED = "¡Gracias a ti! Cualquier cosa, me escribes por aquí."
SOLD = "¡Buena elección! Le aviso a una persona del equipo para que coordine la compra contigo por aquí."


def written(content: Content) -> str:
    """What the contact wrote or chose in words; nothing for a picture or a place."""
    match content:
        case Text(text=words) | Media(caption=words) | Pressed(title=words):
            return words
        case _:
            return ""


def fold(text: str) -> str:
    """`text` in lower case, without accents."""
    return "".join(map(_bare, text.lower()))


@lru_cache(maxsize=4096)
def _bare(letter: str) -> str:
    """By itself: in a text, Unicode sorts the accents that stand together, each past all others."""
    return "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))


class Asked:
    """What the contact wrote, as this assistant reads it."""

    def __init__(self, folded: str) -> None:
        self.text = folded
        self.words = _WORD.findall(folded)
        self.said = frozenset(self.words)

    @property
    def topic(self) -> str:
        return "precio" if self.said & PRICE else "stock" if self.said & STOCK else "producto"

    @property
    def follows_up(self) -> bool:
        """Whether this asks for price or stock and names nothing: "¿y cuánto cuesta?"."""
        return bool(self.said & FOLLOW_UP) and self.said <= ASKING | CHAT

    @property
    def agrees(self) -> bool:
        return bool(self.said & YES) and self.said <= YES | ASKING | CHAT and "no" not in self.said


def say(text: str, intent: str, confidence: float, *, hand_over: bool = False) -> Reply:
    return Reply((Text(text),), intent, confidence, hand_over)


def sure(matches: Sequence[Match]) -> list[Match]:
    """The matches that are surely meant, and those that are hardly less so."""
    return [match for match in matches if match.score >= max(SURE, matches[0].score - 0.15)]


async def chosen_of(turn: Turn[Nothing, CatalogSettings]) -> list[Match]:
    """The product whose row of a list the contact chose last."""
    last = turn.messages[-1].content
    if not isinstance(last, Pressed):
        return []
    return [Match(product, 1.0) for product in await turn.products.all() if row_id(product) == last.id]


async def meant_before(turn: Turn[Nothing, CatalogSettings]) -> list[Match]:
    """The products that the contact asked for a moment ago."""
    for said in reversed([said for said in turn.history if said.author == "contact"][-5:]):
        if matches := sure(await turn.products.search(written(said.content), SHOWN)):
            return matches
    return []


def offered(turn: Turn[Nothing, CatalogSettings]) -> bool:
    """Whether the last thing said to the contact was an offer."""
    last = next((plain(said.content) for said in reversed(turn.history) if said.author == "assistant"), "")
    return last.endswith(ONE) or last.partition("\n")[0].endswith(SEVERAL)


def offer(tenant: Tenant, matches: Sequence[Match], asked: Asked) -> Reply:
    hello = "¡Hola! " if asked.words and asked.words[0] in GREETINGS else ""
    products = [match.product for match in matches]
    if len(products) == 1:
        [product] = products
        said: Content = Text(f"{hello}{product.name}: {terms(tenant, product)}. {ONE}")
    else:
        rows = tuple(Row(row_id(product), product.name, terms(tenant, product)) for product in products)
        said = List(f"{hello}Tenemos esto. {SEVERAL}", rows)
    return Reply((said,), asked.topic, matches[0].score)


def row_id(product: Product) -> str:
    return f"product-{product.id}"


def terms(tenant: Tenant, product: Product) -> str:
    """Price and stock."""
    return format_price(product.price, tenant.currency) + stock(product)


def stock(product: Product) -> str:
    match product.stock:
        case None:
            return ""
        case 0:
            return ", agotado por ahora"
        case 1:
            return ", queda 1"
        case count:
            return f", quedan {count}"


def describe(products: Sequence[Product]) -> str:
    """What there is, in a sentence."""
    named = list(dict.fromkeys(product.category or product.name for product in products))[:SHOWN]
    if not named:
        return "Por ahora no tenemos productos publicados. Si quieres hablar con una persona, escríbelo aquí."
    *most, last = (name[0].lower() + name[1:] if name[1:].islower() else name for name in named)
    return f"Tenemos {', '.join(most)}{' y ' if most else ''}{last}. ¿Qué te interesa?"


def small_talk(turn: Turn[Nothing, CatalogSettings], asked: Asked, shelf: str) -> Reply | None:
    """The answer to what asks for no product; None where it does, or is not understood."""
    if CATALOGUE.search(asked.text):
        return say(shelf, "catalogo", 0.9)
    chatting = bool(asked.said) and asked.said <= CHAT
    if chatting and asked.said & FAREWELLS:
        return say(f"¡Chao! Gracias por escribir a {turn.tenant.name}.", "despedida", 0.9)
    if chatting and asked.said & THANKS:
        return say(THANKED, "despedida", 0.9)
    if WHO.search(asked.text) or (chatting and asked.said & GREETINGS):
        hello = turn.settings.greeting or f"¡Hola! Soy el asistente virtual de {turn.tenant.name}. {shelf}"
        return say(hello, "saludo", 0.95)
    if chatting and asked.said & CLOSINGS:
        return say(THANKED, "despedida", 0.7)
    return None


def not_found(asked: Asked, shelf: str, *, near: bool) -> Reply:
    """An honest no, or a question, with what there is; `near`: something shares a word with it."""
    if not any(word.isalpha() for word in asked.words):
        return say(f"Por aquí solo leo texto: cuéntame qué buscas. {shelf}", "no_entendido", 0.1)
    if asked.said & ASKING and asked.said <= ASKING | CHAT:
        return say(f"¿De qué producto me hablas? {shelf}", asked.topic, 0.4)
    if near:
        return say(f"No encontré justo eso. {shelf}", asked.topic, 0.4)
    if asked.said & ASKING or len(asked.said - CHAT) in (1, 2):
        return say(f"No tengo eso. {shelf}", asked.topic, 0.6)
    return say(f"Disculpa, no te entendí bien. {shelf}", "no_entendido", 0.2)
