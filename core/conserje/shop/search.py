"""Finds products by the words that people use: plurals, accents, Chilean spellings, slips of the pen."""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice

from rapidfuzz import process
from rapidfuzz.distance import OSA

from conserje.contract.assistant import Match, Product
from conserje.contract.opt_out import bare
from conserje.shop import heard

_READ = 2000  # characters of a message: whoever writes more tells a story
_LONG_ENOUGH = 6  # letters; shorter words have too many honest neighbours to be slips of the pen
_TOLERATED = 30  # unknown words of a message that are looked for as slips of the pen
_DESCRIBED = 0.55  # what only a description says is not what the product is
_OF = 0.8  # "aceite de cadena" is a chain less surely than "cadena" is
_INDEXED = 500  # characters of a description: a catalogue's index is kept in memory
_HEARD = 7  # letters of a word that may be heard a little otherwise
_CLIPPED, _CUT, _FEW = (4, 6), 3, 6  # letters that are left of a word, and left out of it; words
_VERB = re.compile(r"([a-zñ]{4,16})[aei]r(?:l[aeo]|me|te)?")
_VOWELS = re.compile(r"[aeiou]+")
_FORMS = 8
_CLAUSES = 30  # of a message that name something
_FIRST = 30  # products that have a word of a clause and none other are looked at, the best ones
_LOOKED_UP, _SCORED = 100_000, 2_500  # products, for all clauses of a message

# A product is found by the words of its name, its keywords, its category, and less surely of its description.
# Its score
# is the share of the asked words that it knows: whoever asks for "comida para gatos" where only dogs'
# food is sold has asked for something else, and 0.5 says so.

STOP_WORDS = """
a al algo alguien algun alguna algunos algunas ando andas anda ahi aqui aca amigo asi aun ay bien bkn buena
buenas buenos bueno busco buscando buscaba caleta cachai chao chiquillos como compa compas compadre comprar
con cosa cosas costo cual cuales cuando cuanto cuanta cuantos cuantas cuesta cuestan da dale dame de del den
dia dias disponible disponibles disponibilidad donde e el ella ellos en era eres es esa ese eso esta estan
estas este esto estoy favor fin gracias gustaria haber han hay hola holi hoy igual interesa kiero kuanto ir
la las le les lo los llevo llevar loco mas mande manda mandame me mi mis mira modelo modelos mostrar
muestrame muy nada necesito necesita ni no noches o ojala ola onda oye otra otro p pa pal para pero plis po
poh
por porfa porfavor precio precios puedo puede pueden pues que queda quedan queria quiero quiera quisiera
re sabe saber sale salen se sea seria si sin solo son soy stock su sus tal tambien
tamos tardes te tenes tener tendra tendran tendras tengo teni tenis tiene tienen tienes tipo toda todo todos
tu un una uno unas unos usted ustedes va vale valen valor valores vamos ve vende venden vendes vendi
vendis ver weno wena wenas wn weon y ya yo q k d xfa hermano hermana hijo hija mama papa amiga amigos polola
pololo señora marido cumple cumpleaños años regalo regalar
"""

_MEASURED = re.compile(r"\b(\d{1,6})(w|watts?|gb|mb|tb|kg|kgs|kilos?|gr?s?|ml|lts?|l|cc|mts?|m|cm|mm|mah)\b")
_UNITS = {
    unit: short
    for short, units in {
        "m": "metro metros mt mts mtrs", "cm": "centimetro centimetros cms", "kg": "kilo kilos kgs",
        "g": "gr grs gramo gramos", "l": "lt lts litro litros", "ml": "cc mililitros", "w": "watt watts",
        "gb": "giga gigas",
    }.items()
    for unit in units.split()
}  # fmt: skip
_TEA = re.compile(r"\btés?\b")
_PART = re.compile(
    r"(?<=\w) (?:del?|en|para|con|sin|for|with|com) ((?:la |el |los |las )?\w+)", re.IGNORECASE
)
_CLAUSE = re.compile(r"\n|[.,;:!?¡¿…]+(?!\d)")
_WORD = re.compile(r"[a-z0-9ñ]{1,40}")
_SOUNDS = (
    (re.compile(r"ces?$"), "z"),
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
    (re.compile(r"ñ"), "n"),  # many keyboards have none
)


def fold(text: str) -> list[str]:
    """The words of `text` in lower case, without accents."""
    composed = unicodedata.normalize("NFC", text.lower())  # some keyboards send accents by themselves
    if "té" in composed:
        composed = _TEA.sub("teh", composed)  # which is "te" to nobody who asks for it
    plain = composed if composed.isascii() else "".join(c if c == "ñ" else bare(c) for c in composed)
    return [_UNITS.get(word, word) for word in _WORD.findall(_MEASURED.sub(r"\1 \2", plain))]


@lru_cache(maxsize=20_000)
def _sound(word: str) -> str:
    """The word as it sounds in the singular, so that "semillitas" is "semiya" as "semiyas" is."""
    for pattern, replacement in _SOUNDS:
        word = pattern.sub(replacement, word)
    return word


_STOPS = frozenset(fold(STOP_WORDS))
_STOP_SOUNDS = frozenset(_sound(word) for word in _STOPS if len(word) >= _LONG_ENOUGH)  # "komprar"


def _asked(clause: str) -> list[str]:
    words = [word for word in fold(clause) if word not in _STOPS and _sound(word) not in _STOP_SOUNDS]
    if len(words) > 1 and words[0].isdigit():  # "2 brownies" says how many, "play 5" says which
        del words[0]
    return [_sound(word) for word in words]


@dataclass(frozen=True, slots=True)
class _Indexed:
    name: frozenset[str]
    words: Mapping[str, float]


def _indexed(product: Product, known: dict[str, str]) -> _Indexed:
    """What finds the product; each word is one string, whatever products have it."""
    words: dict[str, float] = {}
    parts, head = " ".join(_PART.findall(product.name)), _PART.sub(" ", product.name)
    texts = (product.description[:_INDEXED], parts, product.category, " ".join(product.keywords), head)
    for text, weight in zip(texts, (_DESCRIBED, _OF, 0.9, 0.95, 1.0), strict=True):
        heard_words = (_sound(word) for word in fold(text) if word not in _STOPS)
        words.update((known.setdefault(word, word), weight) for word in heard_words)
    name = frozenset(known[_sound(word)] for word in fold(product.name) if word not in _STOPS)
    return _Indexed(name, words)


class _Clause:
    """What one clause of a message asks for."""

    def __init__(self, asked: Sequence[str], readings: Mapping[str, Mapping[str, float]]) -> None:
        self._length = len(asked)
        times = Counter(asked)
        self._times = list(times.values())
        self.words = defaultdict[str, list[tuple[int, float]]](list)  # a product's: which of those asked
        for number, word in enumerate(times):
            for known, surety in readings[word].items():
                self.words[known].append((number, surety))

    def score(self, product: _Indexed) -> float:
        """How surely it asks for the product: 0 to 1."""
        meant: dict[int, tuple[float, str]] = {}
        for known in self.words.keys() & product.words.keys():
            for number, surety in self.words[known]:
                reading = (surety * product.words[known], known)
                if number not in meant or reading > meant[number]:
                    meant[number] = reading
        named = {known for _, known in meant.values()}
        if all(word.isdigit() for word in named):  # a number alone names nothing
            return 0.0
        found = sum(meant[number][0] * self._times[number] for number in sorted(meant))
        return found / self._length * _complete(len(named & product.name), product)


class Catalogue:
    """A tenant's products, and the index that finds them; any thread may search."""

    def __init__(self, products: Sequence[Product]) -> None:
        self.products = tuple(products)
        known: dict[str, str] = {}
        self._indexed = [_indexed(product, known) for product in products]
        self._having = _places(self.products, self._indexed)
        self._alike = defaultdict[tuple[str, int], list[str]](list)  # first letter and length
        for word in self._having:
            if len(word) >= _LONG_ENOUGH:
                self._alike[word[0], len(word)].append(word)
        self._sorted = sorted(self._having)  # in which what a word begins with is found
        self._heard = defaultdict[str, set[str]](set)  # words by what is heard of them
        for product in self.products:
            for name in fold(" ".join((product.name, *product.keywords))):
                for key in heard.keys(name):
                    self._heard[key].add(_sound(name))

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        texts = sum(
            len(p.name) + len(p.description) + len(p.picture) + len(p.link) + len("".join(p.keywords))
            for p in self.products
        )
        words = sum(len(entry.words) for entry in self._indexed)
        return 1000 + texts + 1000 * len(self.products) + 35 * words + 500 * len(self._having)

    def search(self, text: str, limit: int) -> list[Match]:
        """The products that any clause of `text` may mean, surest first, those in stock before others."""
        asked = dict.fromkeys(tuple(self._joined(_asked(clause))) for clause in _CLAUSE.split(text[:_READ]))
        readings = self._readings(word for clause in asked for word in clause)
        clauses = [_Clause(words, readings) for words in asked if any(readings[word] for word in words)]
        best: dict[int, float] = {}
        for clause in clauses[:_CLAUSES]:
            for place in self._candidates(clause, max(limit, _FIRST), min(len(clauses), _CLAUSES)):
                best[place] = max(best.get(place, 0.0), clause.score(self._indexed[place]))
        found = [
            (-round(score, 3), self.products[place].stock == 0, place)
            for place, score in best.items()
            if score > 0
        ]
        return [Match(self.products[place], -score) for score, _, place in sorted(found)[:limit]]

    def _joined(self, words: Sequence[str]) -> Iterator[str]:
        """The words, with two as one where the shop writes them so: "play station", "jaiper x"."""
        before = ""
        for word in words:
            both = before in self._having and word in self._having
            if before and not both and (joined := self._as_one(before, word)):
                before = joined
                continue
            if before:
                yield before
            before = word
        if before:
            yield before

    def _as_one(self, before: str, word: str) -> str | None:
        """The two as the one word that the shop writes; Spanish puts an e before "station"."""
        for joined in (before + word, before + word.removeprefix("e")):
            if joined in self._having or heard.key(joined) in self._heard:
                return joined
        return None

    def _readings(self, asked: Iterable[str]) -> dict[str, dict[str, float]]:
        """The known words that each of `asked` may stand for, and how surely."""
        tolerated = 0
        readings: dict[str, dict[str, float]] = {}
        for word in dict.fromkeys(asked):
            if word in self._having:
                readings[word] = {word: 1.0}
            elif not word.isdigit() and (known := self._heard.get(heard.key(word))):
                readings[word] = dict.fromkeys(known, 0.9)
            elif larger := self._larger(word):
                readings[word] = {larger: 0.9}
            elif clipped := clipped_from(word, self._sorted):
                readings[word] = {clipped: 0.9}
            elif formed := formed_from(word, self._sorted):
                readings[word] = dict.fromkeys(formed, 0.9)
            elif word.isdigit() or len(word) < _LONG_ENOUGH or tolerated == _TOLERATED:
                readings[word] = {}
            else:
                tolerated += 1
                readings[word] = dict.fromkeys(self._misspelt(word), 0.9)
        return readings

    def _larger(self, word: str) -> str | None:
        """What it is a small one of: of "sanguchito" is left "sangucho", of "moledorsito" "moledorso".

        So is "carnet" what is written "carné".
        """
        if f"{word}et" in self._having:
            return f"{word}et"
        if len(word) <= _LONG_ENOUGH or word[-1] not in "ao":
            return None
        return next((each for each in (word[:-1] + "e", word[:-2]) if each in self._having), None)

    def _misspelt(self, asked: str) -> Iterator[str]:
        """The known words of which `asked` may be a slip of the pen."""
        for length in range(len(asked) - 2, len(asked) + 3):
            allowed = 1 if length < 8 else 2
            if abs(length - len(asked)) <= allowed:
                alike = self._alike.get((asked[0], length), ())
                for known, slips, _ in process.extract_iter(
                    asked, alike, scorer=OSA.distance, score_cutoff=allowed
                ):
                    if slips == 2 and length < 10 and _consonants(asked) != _consonants(known):
                        continue
                    if length >= 8 or asked[-1] == known[-1]:  # "correo" is no "correa"
                        yield known

    def _candidates(self, clause: _Clause, first: int, clauses: int) -> Iterable[int]:
        """The places of the products among which the best of a clause are.

        Of those that have one of its words only, the first ones of that word; then those that have
        several: as far as a message of so many clauses may cost.
        """
        found, seen, several, looked_up = dict[int, None](), set[int](), set[int](), 0
        for word in sorted(clause.words, key=lambda word: len(self._having[word])):
            places = self._having[word]
            if not word.isdigit():  # a number alone names nothing
                found.update(dict.fromkeys(places[:first]))
            looked_up += len(places)
            if looked_up <= _LOOKED_UP // clauses:
                several |= seen.intersection(places)
                seen.update(places)
        found.update(dict.fromkeys(several))
        return islice(found, _SCORED // clauses)


def _consonants(word: str) -> str:
    """What is left where only the vowels were heard otherwise: "croasant"."""
    return "".join(letter for letter, _ in groupby(_VOWELS.sub("", word)))


def clipped_from(word: str, known: Sequence[str]) -> str | None:
    """The one known word that it is the beginning of, as people shorten it: "bici", "refri", "compu"."""
    if not _CLIPPED[0] <= len(word) <= _CLIPPED[1] or word.isdigit():
        return None
    at = bisect_left(known, word)
    fitting = [each for each in known[at : at + _FEW] if each.startswith(word)]
    is_clipped = bool(fitting) and all(len(each) >= len(word) + _CUT for each in fitting)
    return fitting[0] if is_clipped and len(fitting) < _FEW and _alike(fitting) else None


def formed_from(word: str, known: Sequence[str]) -> list[str]:
    """The known words that are formed from a verb as people name it: "limpiar" has "limpiador", "limpia"."""
    if not (verb := _VERB.fullmatch(word)):
        return []
    at = bisect_left(known, verb[1])
    return [
        each for each in known[at : at + _FORMS] if each.startswith(verb[1]) and len(each) < len(word) + 4
    ]


def _alike(words: Sequence[str]) -> bool:
    """Whether all are forms of the shortest: "bicicleta", "bicicletas"."""
    stem = min(words, key=len)[:-1]
    return all(word.startswith(stem) for word in words)


def _places(products: Sequence[Product], indexed: Sequence[_Indexed]) -> dict[str, array[int]]:
    """Of each word the places of the products that have it, those first that it finds first alone."""
    ranked = defaultdict[str, list[tuple[float, bool, int]]](list)
    for place, (product, entry) in enumerate(zip(products, indexed, strict=True)):
        for word, weight in entry.words.items():
            alone = weight * _complete(1 if word in entry.name else 0, entry)
            ranked[word].append((-alone, product.stock == 0, place))
    return {word: array("I", (place for _, _, place in sorted(each))) for word, each in ranked.items()}


def _complete(named: int, product: _Indexed) -> float:
    return 0.95 + 0.05 * named / (len(product.name) or 1)
