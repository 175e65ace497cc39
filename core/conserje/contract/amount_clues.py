"""What the words of a talk tell of an amount, and of what a product is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

from conserje.contract import amount_words
from conserje.contract.amounts import Amount
from conserje.contract.opt_out import folded

_GROUPED = re.compile(r"(?<=\d)[.,](?=\d{3})")
_TELLING = 5  # letters of a word that tells what a percentage is for
_BEGINNING = 6  # letters of a word by which it is known
_DIMINUTIVES = ("ito", "ita")
_CUTS = 10  # ways to cut a product's name
_HALVES, _QUARTERS = ("medio", "media", "meio", "meia"), ("cuarto", "quarto")
_TO_A_PLACE = 7  # words from what is brought to what that costs
_NEAR = Decimal("0.05")
_ROUNDED, _ROUNDED_BY = Decimal("0.01"), 100


def stems(text: str) -> list[str]:
    """The words that may name a product, by how they begin: a plural, or a verb, names it too."""
    return [_stem(word) for word in folded(_GROUPED.sub("", text)).split() if len(word) > 2 or word.isdigit()]


def _stem(word: str) -> str:
    """Of "arroces" that of "arroz", of "ositos" that of "oso"."""
    one = word.rstrip("s").rstrip("e")
    if len(one) > 4 and one.endswith(_DIMINUTIVES):
        one = one[:-3] + one[-1]
    return (one[:-1] + "z" if one.endswith("c") else one)[:_BEGINNING]


def unwritten(words: Sequence[str]) -> list[Decimal]:
    """How many are meant where no number is written: "una docena", "kilo y medio"."""
    found = [Decimal(12)] if amount_words.DOZENS & set(words) else []
    halves = [n for n in range(2, len(words)) if words[n] in _HALVES and words[n - 1] in ("y", "e")]
    found += (
        [Decimal("1.5")] if any(not words[n - 3 : n - 2] or words[n - 3].isalpha() for n in halves) else []
    )
    quarter = any(one in _QUARTERS and two in ("de", "kilo") for one, two in pairwise(words))
    return [*found, Decimal("0.25")] if quarter else found


def up_to_a_pause(words: Sequence[str]) -> Sequence[str]:
    """Those before the next sign, number, or "y"."""
    end = next((n for n, word in enumerate(words) if not word.isalpha() or word in ("y", "e", "and")), None)
    return words[:end]


def without_aside(words: Sequence[str]) -> list[str]:
    """Without what stands in brackets at their end: "Mario Kart (Nintendo Switch):"."""
    kept = list(words)
    while kept and kept[-1] in amount_words.PRICED:
        kept.pop()
    if not kept or kept[-1] != ")" or "(" not in kept:
        return list(words)
    opened = len(kept) - 1 - kept[::-1].index("(")
    return kept[:opened] + list(words[len(kept) :])


def unjoined(words: Iterable[str]) -> list[str]:
    """Without what people put between the words of a name, or leave out: "la Coca-Cola de 1,5 L"."""
    return [word for word in words if word not in amount_words.JOINS]


def telling(words: Iterable[str]) -> set[str]:
    """The beginnings of the words that tell what something is for."""
    return {
        word.rstrip("s")[:_TELLING]
        for word in words
        if len(word) > 2 and word not in amount_words.TELLS_NOTHING
    }


def is_handed_over(amount: Amount) -> bool:
    """Whether it is what somebody may pay with, and gets change of: "si pagas con $20.000"."""
    pays = bool(amount_words.PAY & set(amount.before[-3:])) and amount.value % 1000 == 0
    return pays and bool(amount_words.CHANGE & set(amount.sentence))


def is_compared(amount: Amount) -> bool:
    """Whether it is said to be more, less, missing or left over."""
    if amount_words.DIFFERENCE & set(amount.sentence) or amount_words.MORE & set(amount.after[:1]):
        return True
    return any(
        one in amount_words.MORE and other in ("que", "than", "do")
        for one, other in pairwise(amount.sentence)
    )


def is_of_one(amount: Amount) -> bool:
    """Whether it is what one of several costs, or some of a packet: "$915 por lata", "$233 el huevo"."""
    if set(amount.after[:1]) & {"los", "las", "os", "as"}:
        return amount.after[1:2] in (("100",), ("1",))
    return bool(amount_words.OF_ONE & set(amount.after[:1]))


def is_of_delivery(amount: Amount) -> bool:
    """Whether it is what bringing costs: "el envío a Temuco sale $4.500"; no total with it."""
    before = amount.before
    last = max((n for n, word in enumerate(before) if word in amount_words.FEES), default=-1)
    around = {*before[max(last - 2, 0) : last], *before[last + 1 :]}
    is_near = last >= 0 and len(before) - last <= _TO_A_PLACE
    return (
        is_near and not amount_words.NO_PRICE_OF & around and not any(word[:1].isdigit() for word in around)
    )


def is_free_from(amount: Amount) -> bool:
    """Whether it is said to be what one must buy for to be brought it free."""
    said = set(amount.sentence)
    is_bound = bool((amount_words.BOUND | amount_words.FROM) & set(amount.before[-3:]))
    return is_bound and bool(amount_words.FREE & said) and bool(amount_words.DELIVERY & said)


def is_total(amount: Amount) -> bool:
    """Whether it is said to be what others come to: "son $6.980 + $2.490 = $9.470"."""
    before = [word for word in amount.before if word != "$"]
    last = max((n for n, word in enumerate(before) if word[:1].isdigit()), default=-1)
    since = before[last + 1 :]
    follows = amount.after[1:2] if amount.after[:1] in (("en",), ("in",), ("no",)) else amount.after[:1]
    return since[-1:] in (["="], [":"]) or bool(amount_words.TOTALS & {*since, *follows})


def tolerance(amount: Amount) -> Decimal:
    """How far it may be from what it rests on: "unos $35.000", "35 lucas"."""
    if amount_words.ABOUT & set(amount.before[-3:]) or amount_words.ABOUT & set(amount.after[:3]):
        return amount.value * _NEAR
    return min(amount.value * _ROUNDED, Decimal(_ROUNDED_BY)) if amount.rounded else Decimal(0)


def cuts_of(name: Sequence[str]) -> set[tuple[str, ...]]:
    """What a name may be cut to: its beginning, or its end, of two words at least."""
    cuts = [name[:end] for end in range(2, len(name))] + [name[begin:] for begin in range(1, len(name) - 1)]
    return {tuple(cut) for cut in cuts[:_CUTS] if sum(word.isalpha() and len(word) > 2 for word in cut) > 1}


def end_of(name: Sequence[str], words: Sequence[str]) -> int:
    """Where the name ends that stands last among the words; 0: it does not."""
    for end in range(len(words), len(name) - 1, -1):
        if words[end - len(name) : end] == name:
            return end
    return 0
