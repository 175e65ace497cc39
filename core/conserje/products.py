"""What a tenant sells: read from lists, kept, and found by the words that people use."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from rapidfuzz.distance import OSA

from conserje import database
from conserje.assistant import Match, Product

ON_SALE = """
SELECT id, name, price, stock, category, description, keywords
FROM products WHERE tenant_id = $1 AND status = 'active' ORDER BY name
"""

UPSERT = """
INSERT INTO products (tenant_id, name, price, stock, category, description, keywords)
SELECT $1, name, price, stock, category, description, keywords
FROM jsonb_to_recordset($2::text::jsonb)
     AS listed (name text, price numeric, stock int, category text, description text, keywords text[])
ON CONFLICT (tenant_id, name) DO UPDATE
SET (price, stock, category, description, keywords, status)
  = (excluded.price, excluded.stock, excluded.category, excluded.description, excluded.keywords, 'active')
"""

WHOLE_CURRENCIES = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"})
DEAREST = Decimal("999999999999.99")  # what numeric(14, 2) holds


class PriceError(ValueError):
    """The text is no price."""


class ProductError(Exception):
    """A product cannot be taken as it is listed; the text names it and what is wrong."""


_PRICE = re.compile(
    r"(?P<whole>[0-9]+|[1-9][0-9]{0,2}(?P<group>[.,])[0-9]{3}(?:(?P=group)[0-9]{3})*)"
    r"(?:(?!(?P=group))[.,](?P<cents>[0-9]{1,2}))?"
)


def parse_price(text: str, currency: str) -> Decimal:
    """The price that people write as "$12.990", "12990", "CLP 12.990" or "1.290.000".

    A point or comma before three digits groups thousands. Raises PriceError.
    """
    bare = text.strip().upper().removeprefix(currency).removesuffix(currency).strip()
    bare = bare.removeprefix("US$" if currency == "USD" else "$").removeprefix("$").strip()
    found = _PRICE.fullmatch(re.sub(r"[.,]-$", "", bare))  # "$12.990.-"
    if not found:
        raise PriceError(f"{text!r} is no price in {currency}; write it like 12990, $12.990 or 1290,50")
    whole = re.sub(r"[.,]", "", found["whole"])
    return _possible(Decimal(f"{whole}.{found['cents']}" if found["cents"] else whole), currency)


def _possible(price: Decimal, currency: str) -> Decimal:
    """Raises PriceError for an amount that nobody can pay."""
    smallest = Decimal(1) if currency in WHOLE_CURRENCIES else Decimal("0.01")
    if not price.is_finite() or not 0 <= price <= DEAREST:
        raise PriceError(f"{price} is not between 0 and {DEAREST}")
    if price % smallest:
        raise PriceError(f"{price} has more decimals than {currency}, whose smallest amount is {smallest}")
    return price


def format_price(price: Decimal, currency: str) -> str:
    """The price as a contact reads it: "$12.990" for CLP, "USD 1.290,50" for others."""
    amount = f"{price:,.{0 if currency in WHOLE_CURRENCIES else 2}f}"
    amount = amount.translate(str.maketrans(",.", ".,"))
    return f"${amount}" if currency == "CLP" else f"{currency} {amount}"


def _price(value: object, currency: str) -> Decimal:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _possible(Decimal(str(value)), currency)
    return parse_price(str(value), currency)


def _stock(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _keywords(value: object) -> object:
    return re.split(r"[,;]", value) if isinstance(value, str) else value


_Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
_Words = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


class _Listed(BaseModel):
    """One row of a tenant's list, as it is written in CSV or JSON."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[_Words, Field(min_length=1, max_length=200)]
    price: Decimal
    stock: Annotated[_Count | None, BeforeValidator(_stock)] = None
    category: _Words = ""
    description: _Words = ""
    keywords: Annotated[tuple[_Words, ...], BeforeValidator(_keywords)] = ()


def from_row(row: Mapping[str, Any], currency: str) -> Product:
    """The product in a row of a list, not stored yet: its id is 0. Raises ProductError."""
    try:
        price = _price(row.get("price", ""), currency)
        listed = _Listed.model_validate({**row, "price": price})
    except PriceError as error:
        raise ProductError(f"Product {row.get('name')!r}, price: {error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise ProductError(f"Product {row.get('name')!r}, {first['loc'][0]}: {first['msg']}.") from None
    keywords = tuple(word for word in listed.keywords if word)
    return Product(0, listed.name, listed.price, listed.stock, listed.category, listed.description, keywords)


async def upsert_many(connection: database.Connection, tenant_id: int, products: Sequence[Product]) -> None:
    """Store the products, all or none; one of the same name is replaced and put on sale again.

    Raises ProductError for a name that comes twice.
    """
    names: set[str] = set()
    for product in products:
        if product.name in names:
            raise ProductError(f"Product {product.name!r} is listed twice; keep one.")
        names.add(product.name)
    rows = [
        {
            "name": product.name,
            "price": str(product.price),
            "stock": product.stock,
            "category": product.category,
            "description": product.description,
            "keywords": product.keywords,
        }
        for product in products
    ]
    await connection.execute(UPSERT, tenant_id, json.dumps(rows))


async def list_all(connection: database.Connection, tenant_id: int) -> list[Product]:
    """The tenant's products on sale, by name."""
    return [
        Product(**{**row, "keywords": tuple(row["keywords"])})
        for row in await connection.fetch(ON_SALE, tenant_id)
    ]


class TenantProducts:
    """One tenant's products for one turn, read when first asked for."""

    def __init__(self, pool: database.Pool, tenant_id: int) -> None:
        self._pool = pool
        self._tenant_id = tenant_id
        self._products: list[Product] | None = None

    async def all(self) -> list[Product]:
        if self._products is None:
            async with database.acting_for(self._pool, self._tenant_id) as connection:
                self._products = await list_all(connection, self._tenant_id)
        return list(self._products)

    async def search(self, text: str, limit: int = 5) -> list[Match]:
        return search(await self.all(), text, limit)


# Searching. A product is found by the words of its name, its keywords and its category. Its score
# is the share of the asked words that it knows: whoever asks for "comida para gatos" where only dogs'
# food is sold has asked for something else, and 0.5 says so.

STOP_WORDS = """
a al algo alguien algun alguna algunos algunas ando andas anda ahi aqui aca amigo asi aun ay bien bkn buena
buenas buenos bueno busco buscando buscaba caleta cachai chao chiquillos como compa compadre comprar con cosa
cosas costo cual cuales cuando cuanto cuanta cuantos cuantas cuesta cuestan da dale dame de del den dias
dia disponible disponibles disponibilidad donde e el ella ellos en era eres es esa ese eso esta estan estas
este esto estoy favor fin gracias gustaria haber han hay hola holi hoy igual interesa kiero kuanto ir la las
le les lo los llevo llevar loco mas mande manda mandame me mi mis mira modelo modelos mostrar muestrame muy
nada necesito necesita ni no noches o ojala ola onda oye otra otro p pa pal para pero plis po poh
por porfa porfavor precio precios puedo puede pueden pues que queda quedan queria quiero quiera quisiera
re sabe saber sale salen se sea seria si sin solo son soy stock su sus tal tambien
tamos tardes te tenes tener tendra tendran tendras tengo teni tenis tiene tienen tienes tipo toda todo todos
tu un una uno unas unos usted ustedes va vale valen valor valores vamos ve vende venden vendes vendi
vendis ver weno wena wenas wn weon y ya yo q k d xfa hermano hermana hijo hija mama papa amiga amigos polola
pololo señora marido cumple cumpleaños años regalo regalar
"""

_CLAUSE = re.compile(r"\n|[.,;:!?¡¿…]+(?!\d)")
_WORD = re.compile(r"[a-z0-9ñ]+")
_SOUNDS = (
    (re.compile(r"ces$"), "z"),
    (re.compile(r"(?<=...)s$"), ""),
    (re.compile(r"(?<=[lrn])cit[oa]$"), ""),
    (re.compile(r"(?<=..)gu(?=it[oa]$)"), "g"),
    (re.compile(r"(?<=..)qu(?=it[oa]$)"), "c"),
    (re.compile(r"(?<=...)it(?=[oa]$)"), ""),
    (re.compile(r"(?<=..[lrndj])e$"), ""),
    (re.compile(r"(?<=..)ao$"), "ado"),
    (re.compile(r"(?<!c)h"), ""),
    (re.compile(r"qu(?=[ei])"), "k"),
    (re.compile(r"c(?=[ei])|z"), "s"),
    (re.compile(r"c(?!h)"), "k"),
    (re.compile(r"ll"), "y"),
    (re.compile(r"v"), "b"),
)


def fold(text: str) -> list[str]:
    """The words of `text` in lower case, without accents."""
    lowered = text.lower().replace("ñ", "\0")
    plain = "".join(c for c in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(c))
    return _WORD.findall(plain.replace("\0", "ñ"))


@lru_cache(maxsize=20_000)
def _sound(word: str) -> str:
    """The word as it sounds in the singular, so that "semillitas" is "semiya" as "semiyas" is."""
    for pattern, replacement in _SOUNDS:
        word = pattern.sub(replacement, word)
    return word


_STOPS = frozenset(fold(STOP_WORDS))


def _asked(clause: str) -> list[str]:
    words = [word for word in fold(clause) if word not in _STOPS]
    if len(words) > 1 and words[0].isdigit():  # "2 brownies" says how many, "play 5" says which
        del words[0]
    return [_sound(word) for word in words]


@dataclass(frozen=True, slots=True)
class _Indexed:
    name: frozenset[str]
    words: Mapping[str, float]


@lru_cache(maxsize=4_000)
def _index(name: str, category: str, keywords: tuple[str, ...]) -> _Indexed:
    words: dict[str, float] = {}
    for text, weight in ((category, 0.9), (" ".join(keywords), 0.95), (name, 1.0)):
        words.update((_sound(word), weight) for word in fold(text) if word not in _STOPS)
    return _Indexed(frozenset(word for word, weight in words.items() if weight == 1.0), words)


def _misspells(asked: str, known: str) -> bool:
    """Whether `asked` is a slip of the pen: short words have too many honest neighbours to say."""
    if min(len(asked), len(known)) < 6 or asked[0] != known[0]:
        return False
    if len(known) < 8 and asked[-1] != known[-1]:  # "correo" is no "correa"
        return False
    allowed = 1 if len(known) < 10 else 2
    return OSA.distance(asked, known, score_cutoff=allowed) <= allowed


def _readings(asked: str, known: frozenset[str]) -> dict[str, float]:
    """The known words that `asked` may stand for, and how surely."""
    if asked in known:
        return {asked: 1.0}
    if asked.isdigit():
        return {}
    return {word: 0.9 for word in known if _misspells(asked, word)}


def _score(readings: Sequence[Mapping[str, float]], product: _Indexed) -> float:
    found = 0.0
    named: set[str] = set()
    for reading in readings:
        word = max(
            (word for word in reading if word in product.words),
            key=lambda word: reading[word] * product.words[word],
            default=None,
        )
        if word is not None:
            found += reading[word] * product.words[word]
            named.add(word)
    if all(word.isdigit() for word in named):  # a number alone names nothing
        return 0.0
    completeness = len(named & product.name) / (len(product.name) or 1)
    return found / len(readings) * (0.95 + 0.05 * completeness)


def search(products: Sequence[Product], text: str, limit: int) -> list[Match]:
    """The products that any clause of `text` may mean, surest first, those in stock before others."""
    indexed = [_index(product.name, product.category, product.keywords) for product in products]
    known = frozenset(word for entry in indexed for word in entry.words)
    best = [0.0] * len(products)
    for clause in _CLAUSE.split(text[:2000]):
        if asked := _asked(clause):
            readings = [_readings(word, known) for word in asked]
            if any(readings):
                best = [max(s, _score(readings, entry)) for s, entry in zip(best, indexed, strict=True)]
    matches = [Match(p, round(score, 3)) for p, score in zip(products, best, strict=True) if score > 0]
    return sorted(matches, key=lambda match: (-match.score, match.product.stock == 0))[:limit]
