"""What a contact wrote, as this assistant reads it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import groupby, pairwise
from string import ascii_lowercase

from conserje_catalog.vocabulary import (
    ANY_CALLED,
    ANY_CONTRARY,
    CALLED,
    HASTY,
    NUMBERS,
    PATTERNS,
    WORDS,
    words_of,
)

_CLAUSE = re.compile(r"[.,;:!?¡¿\n…()+&]+(?!\d)")
_WORD = re.compile(r"[a-z0-9]+(?:[.,][0-9]+)*")
_STAFF = (
    r"(?:personas?|humanos?|humana|alguien|vendedora?|ejecutiv[oa]|encargad[oa]|duen[oa]|asesora?|agente"
    r"|doctora?|gerente|supervisora?)\b"
)
_PERSON = re.compile(
    r"(?<!\bno )(?<!\bno quiero )\b(?:"
    r"(?:habl(?:ar|o|ame|arle)|convers\w+|ati?end\w+|contact\w+|comuni\w+|pas(?:ar|ame|eme)|deriv\w+|llam[ae]\w*)"
    r"(?:\W+\w+){0,3}?\W+"
    + _STAFF
    + r"|(?:quiero|necesito) (?:a )?(?:un |una )?"
    + _STAFF
    + r"|persona real\b|ser humano\b)"
)
_QUESTION = re.compile(
    r"\?|¿|^(?:y |pero )?(?:como|cuando|donde|quien|cual|cuales|(?:por|en|a|de|con|hasta|para) que"
    r"|what|when|where|how|is|are|do|does|quando|onde|se puede|puedo|pueden|puedes)\b"
    r"|\bque (?:hago|debo hacer|puedo hacer|le (?:doy|echo|pongo))\b"
)
_HASTY = re.compile(rf"(?<![0-9] )\b(?:{'|'.join(HASTY)})\b(?!['’-])|(?<=[0-9] )q\b")
_SERVICE = re.compile(r"[a-z]{3,20}(?:an|en)")  # "instalan", "reparten"
_DOING = re.compile(
    r"\b(?:cuanto por|sale|cuesta|vale|valor|precio|cobran?|cobras|saldria|costaria)(?: de| por)?"
    r" ([a-z]{3,20}[aei]r)(?:l[aeo]s?|me)?\b"
)
_DRAWN_OUT = re.compile(r"\b[a-z]{0,10}?([a-z])\1[a-z]{0,10}\b")
_OF_SHOP = re.compile(r"\b(?:ustedes|uds) (?:(?:me|nos|se|los?|las?|les?) ){0,2}([a-z]{3,20}(?:an|en))\b")
_ONE = words_of("un una mi mis el la los las unos unas su tu um uma meu minha my a the")
_DEGREES = words_of("tan muy de tao too very barato barata caro cara caros caras")
_OF_IT = re.compile(r"(?:de|del|para|pa|con|sin|do|da) ")  # "no busco control de play sino de xbox"
_COMPLEMENT = re.compile(
    r"(?:para|pa|pal) (?!(?:que|cuando|hoy|manana|el|la|llevar)\b)(?!\w+[aei]r\b)\w+(?: \w+){0,3}"
)
_SMALL = re.compile(
    r"\b(?:(barat|economic|car|buen|lind|ric|larg|cort|ahor)it(?=[oa]s?\b)|(suave|fuerte|grande|dulce)cit[oa])"
)
_CHILDREN = re.compile(r"\bcabr[oa]s? chic[oa]s?\b|\bpeques?\b")
_ACCENTED = re.compile(r"\b(?:lã|tés?)\b")  # without their accents they are small words
_TEA = re.compile(
    r"(?<=\bhay )te\b|(?<=\bun )te\b|(?<=\bel )te\b|(?<=\bdel )te\b|(?<=\bde )te\b|(?<=\btienen )te\b"
    r"|(?<=\btienes )te\b|(?<=\bvenden )te\b|(?<=\bquiero )te\b|(?<=\bbusco )te\b"
)
_DOZENS = re.compile(r"\b(?:(media)|(dos|2|tres|3|cuatro|4|cinco|5)) docenas?\b(?: de\b)?")
_DOZEN = {"media": 6, "dos": 24, "2": 24, "tres": 36, "3": 36, "cuatro": 48, "4": 48, "cinco": 60, "5": 60}
_MEASURE = re.compile(r"\b(?:kilo|litro|metro)")
_COUNTS = {word: number for word, number in NUMBERS.items() if 1 < number <= 20}
_PARTS_OF = {
    "medio": 0.5,
    "media": 0.5,
    "cuarto": 0.25,
    "un": 0.25,
    "1": 0.25,
    "1/4": 0.25,
    "tres": 0.75,
    "3": 0.75,
}
_HALVES = re.compile(
    rf"\b({'|'.join(_COUNTS)}|[1-9][0-9]?) (kilos?|litros?|metros?)(?: y (medio|cuarto))?\b"
    r"|\b(kilo|litro|metro) y (medio|cuarto)\b"
    r"|\b(medi[oa]|(?:un |1 )?cuarto(?: de)?|1/4(?: de)?|(?:tres|3) cuartos(?: de)?) (kilo|litro|metro)\b"
)
_WHOM = words_of(
    "anos ano anitos meses mes bebe guagua perro perra gato gata kilos kg puede pueden mide pero ya"
)
_LAUGHTER = re.compile(r"(?:ja|je|ji|ha|he){2,20}j?|k{2,20}|x[dD]+|lol")
_THRICE = re.compile("|".join(3 * letter for letter in ascii_lowercase))
_HOW_MUCH = words_of("cuanto cuanta kuanto much")  # "cuánto dura"
_CLAUSES = 10  # of a message: each is looked for by itself
_CHAT = WORDS["greetings"] | WORDS["thanks"] | WORDS["closings"] | WORDS["farewells"] | WORDS["chat"]
ASKING = WORDS["asking"] | WORDS["price"] | WORDS["stock"]
_FOLLOW_UP = (WORDS["price"] | WORDS["stock"]) - {"vale", "sale", "much", "valor"}  # alone these say yes


class Asked:
    """What a contact wrote, as this assistant reads it."""

    def __init__(self, text: str) -> None:
        lower = text.lower()
        plain = _short(lower if lower.isascii() else _unaccented(lower))
        self._text = _spelt_out(plain)
        self.was_hasty = self._text != plain
        self._says: dict[str, bool] = {}
        self._words = _WORD.findall(self._text)
        self._said = frozenset(self._words)
        parts = (_serious(_WORD.findall(part)) for part in _CLAUSE.split(self._text))
        self.clauses = _joined(" ".join(words) for words in parts if words)[:_CLAUSES]

    def says(self, kind: str) -> bool:
        """Whether any clause matches the expression of that name."""
        if kind not in self._says:
            search = PATTERNS[kind].search
            self._says[kind] = any([search(clause) for clause in self.clauses])
        return self._says[kind]

    @property
    def has_words(self) -> bool:
        return any(word.isalpha() for word in self._words)

    @property
    def is_emoji(self) -> bool:
        """Whether it is signs alone, and a picture among them."""
        return not any(map(str.isalnum, self._text)) and any(
            unicodedata.category(sign) == "So" for sign in self._text
        )

    @property
    def is_short(self) -> bool:
        """Whether it may be the name of something."""
        return len(self._said - _CHAT) in (1, 2)

    @property
    def is_one_name(self) -> bool:
        """Whether it is one word that may be a thing's name: "carteras?"."""
        return len(self._words) == 1 and not self.says_little

    @property
    def is_question(self) -> bool:
        return bool(_QUESTION.search(self._text))

    @property
    def topic(self) -> str:
        return (
            "precio"
            if self._said & WORDS["price"]
            else "stock"
            if self._said & WORDS["stock"]
            else "producto"
        )

    @property
    def asks(self) -> bool:
        return bool(self._said & ASKING)

    @property
    def asks_price(self) -> bool:
        return bool(self._said & (WORDS["price"] - _HOW_MUCH))

    @property
    def names_nothing(self) -> bool:
        return self._said <= ASKING | _CHAT

    @cached_property
    def says_little(self) -> bool:
        """Whether no word is left that could name something."""
        return self._said <= ASKING | _CHAT | WORDS["filler"] and not self.says("thing")

    @cached_property
    def says_for_whom(self) -> bool:
        """Whether, but for whom it is to be, no word is left that could name something."""
        said = " ".join(ANY_CONTRARY.sub(" ", clause) for clause in self.clauses).split()
        return all(word in _EMPTY or word.isdecimal() or word in _WHOM for word in said)

    @cached_property
    def called(self) -> Sequence[str]:
        """How a shop may call what is asked in other words: "estacionamiento" of "donde dejo el auto"."""
        clauses = [clause for clause in self.clauses if ANY_CALLED.search(clause)]
        names = [name for name, said in CALLED.items() if any(map(said.search, clauses))] if clauses else []
        return [each for name in names for each in name.split("/")]

    @property
    def service(self) -> str:
        """The verb that asks what the shop does, where the first word that names something may be one."""
        for clause in self.clauses:
            if (of_shop := _OF_SHOP.search(clause)) and of_shop[1] not in _EMPTY:
                return of_shop[1]
            first, *others = naming(clause) or [""]
            is_verb = _SERVICE.fullmatch(first) and f"{first} de" not in clause  # "kuchen de frambuesa"
            done = _DOING.search(clause)
            is_done = done is not None and first.startswith(done[1])  # "cuanto sale plastificar"
            if (is_verb and (self.is_question or others)) or is_done:
                return first
        return ""

    @property
    def follows_up(self) -> bool:
        """Whether this asks for price or stock and names nothing: "¿y cuánto cuesta?"."""
        return bool(self._said & _FOLLOW_UP) and self.says_little

    @property
    def agrees(self) -> bool:
        agreed = bool(self._said & WORDS["yes"]) and self._said <= WORDS["yes"] | ASKING | _CHAT
        return agreed and not self._said & {"no", "nao"}

    @property
    def wants_person(self) -> bool:
        return bool(_PERSON.search(self._text))

    @property
    def wants_total(self) -> bool:
        return bool(self._said & {"total", "todo", "junto", "juntos", "altogether", "serian"})

    @property
    def begins_with_hello(self) -> bool:
        return bool(self._words) and self._words[0] in WORDS["greetings"]

    @property
    def greets(self) -> bool:
        if self._chats_with("greetings"):
            return True
        if self.says("thing"):
            return False
        rest = " ".join(PATTERNS["greeting"].sub(" ", clause) for clause in self.clauses).split()
        asks_how_much = bool(self._said & _FOLLOW_UP)
        asks = not ASKING.isdisjoint(rest)
        heard = self.begins_with_hello or self.says("greeting")
        unknown = len(set(rest) - _EMPTY)
        return heard and not asks_how_much and (not unknown or (unknown == 1 and not asks))

    @property
    def thanks(self) -> bool:
        return bool(self._said & WORDS["thanks"]) and self._ends()

    @property
    def takes_leave(self) -> bool:
        leaves = bool(self._said & (WORDS["farewells"] - {"nos", "hasta", "ate"}))
        return (leaves and self._ends()) or self._chats_with("farewells")

    @property
    def chats(self) -> bool:
        """Whether nothing is asked for: greetings, thanks, farewells."""
        return self.greets or self.thanks or self.takes_leave or self.closes

    @property
    def closes(self) -> bool:
        return self._chats_with("closings") or self.says("leaves")

    def _ends(self) -> bool:
        return not self._said & (ASKING - {"vale", "valor", "sale"}) and "?" not in self._text

    def _chats_with(self, kind: str) -> bool:
        return self._said <= _CHAT and bool(self._said & WORDS[kind])

    def wanted(self) -> Iterator[str]:
        """The clauses that may ask for something, without what is not wanted: "no quiero brownies"."""
        for clause in self.clauses:
            yield from _wanted(clause)

    def unwanted(self) -> Iterator[str]:
        for clause in self.clauses:
            if no := PATTERNS["no"].search(clause):
                yield _until_but(clause[no.end() :])[0]

    def unlike(self) -> Iterator[str]:
        """How it should not be: "que no sean rojas"."""
        for clause in self.clauses:
            if (no := PATTERNS["not_so"].search(clause)) and (
                so := naming_so(_until_but(clause[no.end() :])[0])
            ):
                yield so


def naming_so(text: str) -> str:
    """The word of a text that says how something is, colours too."""
    return next((word for word in text.split() if word not in ASKING | _CHAT and word not in _DEGREES), "")


def is_known(whom: str) -> bool:
    """Whether it is somebody whom shops know: "un amigo que fuma", "mi mamá"."""
    who = next((word for word in whom.split() if word not in _ONE), "")
    return who in _EMPTY


def naming(clause: str) -> list[str]:
    """The words of a clause that may name something."""
    words = clause.split()
    if "cafe" in words:
        return [
            word for before, word in pairwise(["", *words]) if word not in _EMPTY or _is_coffee(before, word)
        ]
    return [word for word in words if word not in _EMPTY]


def _is_coffee(before: str, word: str) -> bool:
    """Whether it is to drink, and not how something looks: "tiene café helado", "botas café"."""
    return word == "cafe" and (not before or before in ASKING or before in _ONE)


_EMPTY = ASKING | _CHAT | WORDS["filler"] | WORDS["yes"]


def _joined(clauses: Iterator[str]) -> tuple[str, ...]:
    """The clauses, with for whom it is to be behind what it is: "arneses tienen? pa perro grande"."""
    joined: list[str] = []
    for clause in clauses:
        if joined and clause[0] == "p" and _COMPLEMENT.fullmatch(clause) and naming(joined[-1]):
            joined[-1] += f" {clause}"
        else:
            joined.append(clause)
    return tuple(joined)


def _wanted(clause: str) -> Iterator[str]:
    no = PATTERNS["no"].search(clause)
    if no is None:
        yield clause
        return
    if before := clause[: no.start()].strip():
        yield before
    unwanted, after = _until_but(clause[no.end() :])
    if after:
        named = naming(unwanted)[:1] if _OF_IT.match(after) else []
        yield " ".join([*named, after])


def _until_but(text: str) -> tuple[str, str]:
    """What is unwanted, and what is wanted instead: "brownies sino aceite"."""
    but = PATTERNS["but"].search(text)
    return (text[: but.start()], text[but.end() :]) if but else (text, "")


def _serious(words: list[str]) -> list[str]:
    """Without laughter, where more is said: "se comió el collar jaja necesito otro"."""
    return [word for word in words if not _LAUGHTER.fullmatch(word)] or words


def _short(text: str) -> str:
    """Letters that are drawn out are one: "holaaaa"."""
    if text.isascii() and not _THRICE.search(text):
        return text
    runs = ("".join(run) for _, run in groupby(text))
    return "".join(run[0] if len(run) > 2 and run.isalpha() else run for run in runs)


def _unaccented(text: str) -> str:
    """With words of their own for what only an accent tells: "té" is called so in the catalogue's index."""
    if "té" in text or "lã" in text:
        text = _ACCENTED.sub(lambda found: "lana" if found[0] == "lã" else "teh", text)
    return "".join(map(_bare, text))


def _spelt_out(text: str) -> str:
    """What is typed in haste, as it is written: "k tal", "dnd estan"."""
    text = _DRAWN_OUT.sub(lambda found: _as_said(found[0]), text)
    if "it" in text:
        text = _SMALL.sub(lambda found: found[1] or found[2], text)
    if "chic" in text or "peque" in text:
        text = _CHILDREN.sub("nino", text)
    if " te " in f" {text} ":
        text = _TEA.sub("teh", text)
    if _MEASURE.search(text):
        text = _HALVES.sub(_in_figures, text)
    if "docena" in text:
        text = _DOZENS.sub(lambda found: str(_DOZEN[found[1] or found[2]]), text)
    return _HASTY.sub(lambda found: HASTY[found[0]], text)


def _in_figures(found: re.Match[str]) -> str:
    """How much is wanted by measure: "dos kilos y medio" is "2.5 kilos", "medio kilo" "0.5 kilos"."""
    count, unit, rest, one, more, part, of = found.groups()
    much = _PARTS_OF[part.split()[0]] if part else float(_COUNTS.get(count, count or 1))
    return f"{much + _PARTS_OF.get(rest or more, 0.0):g} {unit or one or of}"


def _as_said(word: str) -> str:
    """Without its double letters, where that is small talk: "aloo", "graciass", "sii"."""
    plain = "".join(letter for letter, _ in groupby(word))
    return plain if plain in _CHAT or plain == "si" else word


@lru_cache(maxsize=4096)
def _bare(letter: str) -> str:
    """By itself: in a text, Unicode sorts the accents that stand together, each past all others."""
    return "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
