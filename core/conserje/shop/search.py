"""Finds products by the words that people use: plurals, accents, Chilean spellings, slips of the pen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA

from conserje.contract.assistant import Match, Product
from conserje.contract.opt_out import bare

# A product is found by the words of its name, its keywords and its category. Its score
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
    return _WORD.findall("".join(c if c == "ñ" else bare(c) for c in text.lower()))


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
    clauses = {tuple(_asked(clause)) for clause in _CLAUSE.split(text[:2000])}
    read = {word: _readings(word, known) for word in frozenset().union(*clauses)}
    for asked in clauses:
        readings = [read[word] for word in asked]
        if any(readings):
            best = [max(s, _score(readings, entry)) for s, entry in zip(best, indexed, strict=True)]
    matches = [Match(p, round(score, 3)) for p, score in zip(products, best, strict=True) if score > 0]
    return sorted(matches, key=lambda match: (-match.score, match.product.stock == 0))[:limit]
