"""Numbers as people write them: "12.990", "1,234.50", "12 mil 500", "quince lucas", "vinte e cinco"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from conserje.contract.opt_out import bare

_TOKEN = re.compile(
    r"(?P<number>[0-9]{1,15}(?:[.,][0-9]{1,15}){0,5})|(?P<word>[^\W\d_]{1,40})|(?P<sign>[^\w\s]|\n)"
)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufe0f\ufeff\u20e3]")
_RAISED = re.compile(r"[⁰¹²³⁴-⁹₀-₉①-⑨⓪]{2,}")  # one alone is an exponent
_DOLLARS = "＄﹩💲💵"
_PARTS = re.compile(r"[.,]")

THOUSANDS = frozenset({"mil", "luca", "lucas", "luquita", "luquitas", "k", "thousand", "grand"})
_MILLIONS = frozenset({"millon", "millones", "milhao", "milhoes", "million", "palo", "palos"})
_DOZENS = frozenset({"docena", "docenas", "dozen", "dozens", "duzia", "duzias"})
_HALVES = frozenset({"medio", "media", "meio", "meia", "half"})
_HALVED = _DOZENS | {"kilo", "kg", "litro", "metro", "quilo", "liter", "litre", "metre", "meter"}
_HALF = frozenset({"media", "meia"})
_AND = frozenset({"y", "e", "and"})
_ALONE = frozenset({"un", "una", "uno", "um", "uma", "one"})  # an article more often than a number

_WRITTEN = """
un una uno um uma one 1|dos dois duas two par 2|tres three 3|cuatro quatro four 4|cinco five 5|seis six 6
|siete sete seven 7|ocho oito eight 8|nueve nove nine 9|diez dez ten 10|once onze eleven 11
|doce doze twelve docena docenas duzia duzias dozen 12|trece treze thirteen 13|catorce quatorze fourteen 14
|quince quinze fifteen 15|dieciseis dezesseis sixteen 16|diecisiete dezessete seventeen 17
|dieciocho dezoito eighteen 18|diecinueve dezenove nineteen 19|veinte vinte twenty 20|veintiuno veintiun 21
|veintidos 22|veintitres 23|veinticuatro 24|veinticinco 25|veintiseis 26|veintisiete 27|veintiocho 28
|veintinueve 29|treinta trinta thirty 30|cuarenta quarenta forty 40|cincuenta cinquenta fifty 50
|sesenta sessenta sixty 60|setenta seventy 70|ochenta oitenta eighty 80|noventa ninety 90
|cien ciento cem cento hundred 100|doscientos duzentos 200|trescientos trezentos 300
|cuatrocientos quatrocentos 400|quinientos quinhentos 500|seiscientos seiscentos 600
|setecientos setecentos 700|ochocientos oitocentos 800|novecientos novecentos 900
"""
_WORDS = {word: int(line.split()[-1]) for line in _WRITTEN.strip().split("|") for word in line.split()[:-1]}


def said_as(word: str) -> int | None:
    """The number that one word is."""
    return int(word) if word.isascii() and word.isdigit() else _WORDS.get(word)


@dataclass(frozen=True, slots=True)
class Token:
    """A word without case and accents, a number, or one sign."""

    text: str
    value: Decimal | None
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, by the places of its first token and of the one after its last."""

    value: Decimal
    first: int
    after: int
    thousands: bool = False  # it is said in thousands, or millions, and so perhaps rounded
    digits: int = 0  # as they are written; 0: in words
    grouped: bool = False


def legible(text: str) -> str:
    """`text` with plain digits and dollars in place of "１００" and "＄", and without what nobody sees."""
    if text.isascii():
        return text
    seen = _UNSEEN.sub("", text)
    raised = _RAISED.sub(lambda run: "".join(str(unicodedata.digit(each)) for each in run[0]), seen)
    return "".join(each if each.isascii() else _plain(each) for each in raised)


def _plain(letter: str) -> str:
    digit = unicodedata.decimal(letter, None)
    return "$" if letter in _DOLLARS else letter if digit is None else str(digit)


def tokens(text: str) -> list[Token]:
    found = []
    for match in _TOKEN.finditer(text):
        written = match[0]
        if match["number"]:
            found.append(Token(written, _value(written), match.start(), match.end()))
        else:
            word = "".join(map(bare, written.casefold())) if match["word"] else written
            found.append(Token(word, None, match.start(), match.end()))
    return found


def _value(written: str) -> Decimal | None:
    """None: it is a date, or an address of the network."""
    parts = _PARTS.split(written)
    if len(parts) == 1:
        return Decimal(written)
    signs = [sign for sign in written if not sign.isdigit()]
    if _groups(parts) and len(set(signs)) == 1:
        return Decimal("".join(parts))
    if len(parts) == 2 or (_groups(parts[:-1]) and len(set(signs[:-1])) == 1 and signs[-1] != signs[0]):
        return Decimal("".join(parts[:-1]) + "." + parts[-1])
    return None


def _groups(parts: Sequence[str]) -> bool:
    return 1 <= len(parts[0]) <= 3 and parts[0][0] != "0" and all(len(part) == 3 for part in parts[1:])


def figures(words: Sequence[Token]) -> list[Figure]:
    """The numbers among the tokens, in their order."""
    found: list[Figure] = []
    place = 0
    while place < len(words):
        figure = _digits(words, place) if words[place].value is not None else _spelled(words, place)
        if figure:
            found.append(figure)
        place = figure.after if figure else place + 1
    return found


def _digits(words: Sequence[Token], place: int) -> Figure | None:
    token = words[place]
    assert token.value is not None
    grouped = token.value >= 1000 and not token.text.isdigit()
    plain = Figure(token.value, place, place + 1, False, sum(map(str.isdigit, token.text)), grouped)
    return _multiplied(words, plain)


def _spelled(words: Sequence[Token], place: int) -> Figure | None:
    """A number in words, with what multiplies it; a lone "uno" is none."""
    if words[place].text == "mil" and [word.text for word in words[place + 1 : place + 2]] == ["pesos"]:
        return Figure(Decimal(1000), place, place + 1, True)  # and not "mil gracias"
    after = words[place + 1].text if place + 1 < len(words) else ""
    if words[place].text in _HALVES and after in _HALVED:
        times = 12 if after in _DOZENS else 1
        return Figure(Decimal(times) / 2, place, place + (2 if times > 1 else 1))
    if not (sum_ := _sum(words, place)):
        return None
    figure = _multiplied(words, sum_)
    return None if sum_.value == 1 and not figure.thousands and words[place].text in _ALONE else figure


def _sum(words: Sequence[Token], place: int) -> Figure | None:
    value, after, last = 0, place, 1000
    while after < len(words):
        step = 2 if value and words[after].text in _AND else 1
        if after + step > len(words):
            break
        part = _WORDS.get(words[after + step - 1].text)
        if part is None or part >= last:
            break
        value, last, after = value + part, _room(part), after + step
    return Figure(Decimal(value), place, after) if value else None


def _room(part: int) -> int:
    """What may follow a part must be smaller than this: tens after hundreds, units after tens."""
    return 100 if part >= 100 else 10 if part >= 20 else 0


def _multiplied(words: Sequence[Token], figure: Figure) -> Figure:
    after = figure.after
    unit = words[after].text if after < len(words) else ""
    if unit in _DOZENS:
        return Figure(figure.value * 12, figure.first, after + 1)
    if unit not in THOUSANDS | _MILLIONS:
        return figure
    times = 1000 if unit in THOUSANDS else 1_000_000
    value, after = figure.value * times, after + 1
    following = [word.text for word in words[after : after + 2]]
    if len(following) == 2 and following[0] in _AND and following[1] in _HALF:
        value, after = value + Decimal(times) / 2, after + 2
    elif unit == "mil" and after < len(words):
        rest = _rest(words, after)
        if rest and rest.value < 1000:
            value, after = value + rest.value, rest.after
    return Figure(value, figure.first, after, True, figure.digits, figure.grouped)


def _rest(words: Sequence[Token], place: int) -> Figure | None:
    """What follows the thousands: "12 mil 500", "doce mil quinientos"."""
    number = words[place].value
    if number is not None:
        return Figure(number, place, place + 1) if number >= 100 and number == int(number) else None
    return _sum(words, place)
