"""Whether an amount is said not to be so: "no puedo hacer un 50 %", "no sé si es gratis"."""

from __future__ import annotations

from conserje.contract import amount_words
from conserje.contract.amounts import Amount


def is_denied(amount: Amount, language: str) -> bool:
    """Whether it is said not to be so, or not to be known."""
    before = list(amount.before)
    if amount.kind == "free" and amount.written.casefold() not in amount_words.FREE:
        before = before[:-2]  # "no tiene costo" denies the cost
    no = amount_words.NOT - {"no"} if language == "pt" else amount_words.NOT
    turn = max((n + 1 for n, word in enumerate(before) if word in amount_words.TURNS), default=0)
    for n, word in enumerate(before[turn:], turn):
        if word in no and not amount_words.NO_MATTER & set(before[n + 1 : n + 4]):
            return True
        if word in amount_words.IF and amount_words.WHETHER & set(before[max(n - 2, 0) : n]):
            return True
    if amount_words.UNSURE & set(amount.sentence):
        return True
    after = amount.after[: next((n for n, word in enumerate(amount.after) if word in amount_words.TURNS), 4)]
    return bool(no & {"no", "nao", "not"} & set(after))
