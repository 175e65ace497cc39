"""Answers from the tenant's products: no model, no key, and one message per turn."""

from __future__ import annotations

from collections.abc import Sequence

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
    in_language,
    plain,
)
from conserje_catalog.vocabulary import Asked
from conserje_catalog.words import LANGUAGES, Words

_SURE = 0.7  # below this a product shares a word with what was asked, no more
_SHOWN = 6
_READ = 2000  # characters: whoever writes more does not ask for a product


class CatalogSettings(BaseModel):
    """What a tenant may word otherwise."""

    model_config = ConfigDict(extra="forbid")

    greeting: str | None = Field(
        default=None, min_length=1, max_length=1000, description="Said to a greeting."
    )


_Turn = Turn[Nothing, CatalogSettings]


class Catalog(Assistant[Nothing, CatalogSettings, Nothing]):
    """Finds products, says price and stock, and says so when there is no such thing."""

    name = "catalog"
    Credentials = Nothing
    Settings = CatalogSettings
    Operator = Nothing

    async def reply(self, turn: _Turn) -> Reply:
        words = in_language(LANGUAGES, turn.tenant.locale)
        text = "\n".join(filter(None, (_written(message.content) for message in turn.messages)))[:_READ]
        asked = Asked(text)
        if asked.wants_person:
            return _say(words.hand_over, "persona", 0.95, hand_over=True)
        if chosen := await _chosen(turn):
            return _offer(turn.tenant, chosen, asked, words)
        matches = await turn.products.search(text, _SHOWN)
        meant = _sure(matches) or (await _meant_before(turn) if asked.follows_up else [])
        if meant:
            return _offer(turn.tenant, meant, asked, words)
        if asked.agrees and _offered(turn, words):
            return _say(words.sold, "compra", 0.8, hand_over=True)
        shelf = _shelf(await turn.products.all(), words)
        return _small_talk(turn, asked, shelf, words) or _not_found(asked, shelf, words, near=bool(matches))


def _written(content: Content) -> str:
    """What the contact wrote or chose in words; nothing for a picture or a place."""
    match content:
        case Text(text=words) | Media(caption=words) | Pressed(title=words):
            return words
        case _:
            return ""


def _say(text: str, intent: str, confidence: float, *, hand_over: bool = False) -> Reply:
    return Reply((Text(text),), intent, confidence, hand_over)


def _sure(matches: Sequence[Match]) -> list[Match]:
    """The matches that are surely meant, and those that are hardly less so."""
    return [match for match in matches if match.score >= max(_SURE, matches[0].score - 0.15)]


async def _chosen(turn: _Turn) -> list[Match]:
    """The product whose row of a list the contact chose last."""
    last = turn.messages[-1].content
    if not isinstance(last, Pressed):
        return []
    return [Match(product, 1.0) for product in await turn.products.all() if _row_id(product) == last.id]


async def _meant_before(turn: _Turn) -> list[Match]:
    """The products that the contact asked for a moment ago."""
    for said in reversed([said for said in turn.history if said.author == "contact"][-5:]):
        if matches := _sure(await turn.products.search(_written(said.content), _SHOWN)):
            return matches
    return []


def _offered(turn: _Turn, words: Words) -> bool:
    """Whether the last thing said to the contact was an offer."""
    last = next((plain(said.content) for said in reversed(turn.history) if said.author == "assistant"), "")
    return last.endswith(words.one) or last.partition("\n")[0].endswith(words.several)


def _offer(tenant: Tenant, matches: Sequence[Match], asked: Asked, words: Words) -> Reply:
    hello = f"{words.hello} " if asked.begins_with_hello else ""
    products = [match.product for match in matches]
    if len(products) == 1:
        [product] = products
        text = f"{hello}{product.name}: {_terms(tenant, product, words)}. {words.one}"
        shown = bool(product.picture or product.link)
        said: Content = Text(text, cards=(_row(tenant, product, words),) if shown else ())
    else:
        rows = tuple(_row(tenant, product, words) for product in products)
        said = List(f"{hello}{words.listed} {words.several}", rows)
    return Reply((said,), asked.topic, matches[0].score)


def _row(tenant: Tenant, product: Product, words: Words) -> Row:
    terms = _terms(tenant, product, words)
    return Row(_row_id(product), product.name, terms, product.picture, product.link)


def _row_id(product: Product) -> str:
    return f"product-{product.id}"


def _terms(tenant: Tenant, product: Product, words: Words) -> str:
    """Price and stock."""
    price, stock = format_price(product.price, tenant.currency), _stock(product, words)
    return f"{price}, {stock}" if stock else price


def _stock(product: Product, words: Words) -> str:
    match product.stock:
        case None:
            return ""
        case 0:
            return words.sold_out
        case 1:
            return words.one_left
        case count:
            return words.left.format(count=count)


def _shelf(products: Sequence[Product], words: Words) -> str:
    """What there is, in a sentence."""
    named = list(dict.fromkeys(product.category or product.name for product in products))[:_SHOWN]
    if not named:
        return words.empty_shelf
    *most, last = (name[0].lower() + name[1:] if name[1:].islower() else name for name in named)
    listed = f"{', '.join(most)} {words.last_of_many} {last}" if most else last
    return words.shelf.format(named=listed)


def _small_talk(turn: _Turn, asked: Asked, shelf: str, words: Words) -> Reply | None:
    """The answer to what asks for no product; None where it does, or is not understood."""
    name = turn.tenant.name
    if asked.wants_catalogue:
        return _say(shelf, "catalogo", 0.9)
    if asked.takes_leave:
        return _say(words.farewell.format(name=name), "despedida", 0.9)
    if asked.thanks or (asked.is_emoji and turn.history):
        return _say(words.thanked, "despedida", 0.9)
    if asked.wants_to_know_who or asked.greets or asked.is_emoji:
        introduction = f"{words.hello} {words.introduction.format(name=name)} {shelf}"
        return _say(turn.settings.greeting or introduction, "saludo", 0.95)
    if asked.closes:
        return _say(words.thanked, "despedida", 0.7)
    return None


def _not_found(asked: Asked, shelf: str, words: Words, *, near: bool) -> Reply:
    """An honest no, or a question, with what there is; `near`: something shares a word with it."""
    if not asked.has_words:
        return _say(f"{words.only_text} {shelf}", "no_entendido", 0.1)
    if asked.asks and asked.names_nothing:
        return _say(f"{words.which} {shelf}", asked.topic, 0.4)
    if near:
        return _say(f"{words.near} {shelf}", asked.topic, 0.4)
    if asked.asks or asked.is_short:
        return _say(f"{words.none} {shelf}", asked.topic, 0.6)
    return _say(f"{words.unclear} {shelf}", "no_entendido", 0.2)
