"""What the words of a talk tell of an amount, and of what a product is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

from conserje.contract import amount_words
from conserje.contract.amounts import Amount
from conserje.contract.opt_out import folded

_TELLING = 5  # letters of a word that tells what a percentage is for
_BEGINNING = 6  # letters of a word by which it is known
_CUTS = 10  # ways to cut a product's name
_NEAR = Decimal("0.05")
_ROUNDED, _ROUNDED_BY = Decimal("0.01"), 100


def stems(text: str) -> list[str]:
    """The words that may name a product, by how they begin: a plural, or a verb, names it too."""
    words = folded(text).split()
    return [word.rstrip("s").rstrip("e")[:_BEGINNING] for word in words if len(word) > 2 or word.isdigit()]


def telling(words: Iterable[str]) -> set[str]:
    """The beginnings of the words that tell what something is for."""
    return {word[:_TELLING] for word in words if len(word) > 2 and word not in amount_words.TELLS_NOTHING}


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
