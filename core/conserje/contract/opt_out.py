"""The words by which a contact wants nothing more, or wants it again."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Literal

from conserje.contract.message import Content, Edit, Pressed, Text

# Spanish, Portuguese, English. No word of a shop's: CANCELAR alone cancels an order.
OPT_OUT_WORDS = frozenset(
    {
        "baja", "dar de baja", "darme de baja", "dame de baja", "quiero darme de baja",
        "cancelar suscripcion", "no molestar", "no me escriban mas", "no mas mensajes",
        "no quiero mas mensajes", "no quiero recibir mas mensajes",
        "sair", "descadastrar", "cancelar inscricao", "nao quero mais mensagens", "parar mensagens",
        "stop", "stopall", "stop all", "unsubscribe", "opt out", "optout", "revoke",
    }
)  # fmt: skip

# Heard after an opt-out only: ALTA is a word of shops too.
OPT_IN_WORDS = frozenset(
    {
        "alta", "dar de alta", "darme de alta", "suscribir", "suscribirme", "volver",
        "voltar", "inscrever", "quero voltar", "start", "unstop", "subscribe", "opt in", "optin",
    }
)  # fmt: skip


MOST_LETTERS = 4096  # that are remembered


@lru_cache(MOST_LETTERS)
def bare(letter: str) -> str:
    """`letter` without accents.

    One at a time: in a text, Unicode sorts the accents that stand together, each past all others.
    """
    return "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))


class _Folded(dict[int, str]):
    """What stands for each letter, found when one first comes; strangers' letters are kept in bounds."""

    def __missing__(self, code: int) -> str:
        kept = "".join(c if c.isalnum() else " " for c in bare(chr(code)))
        if len(self) < MOST_LETTERS:
            self[code] = kept
        return kept


_FOLDED = _Folded()


def folded(text: str) -> str:
    """`text` without case, accents, signs and needless space, as the words are written here."""
    return " ".join(text.casefold().translate(_FOLDED).split())


LONGEST = 100  # characters: no word is longer, whatever signs and spaces are around it


def wish(content: Content, out: frozenset[str], back: frozenset[str]) -> Literal["", "out", "in"]:
    """What a contact says by a whole message that is one of the words `out` or `back`."""
    match content:
        case Text(text=words) | Pressed(title=words) | Edit(content=Text(text=words)):
            said = folded(words) if len(words) <= LONGEST else ""
            return "out" if said in out else "in" if said in back else ""
        case _:
            return ""
