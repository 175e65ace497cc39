"""What a contact wants to be told or called for later: kept as a lead, where there is a tool for that."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from conserje import Reply, Text, Turn, in_language
from conserje_catalog import choices
from conserje_catalog.asked import Asked

_TOOL = "lead"
_LONGEST = 300  # characters
_NO = r"(?<!\bno )(?<!\bnao )(?<!\bdont )(?<!\bdo not )"

# Over an Asked's clauses: no accents, no signs, one space between words.
_TELL = re.compile(
    _NO + r"\b(?:avis(?:a|e|en|ar|as)?[mn](?:e|os)\b|(?:me|nos) avis(?:an?|as|es?|en|ar|arian?|arias)\b"
    r"|avis(?:ar|arme|arnos) cuando\b|avise(?:m)? (?:me )?quando\b|me avis(?:a|e|em|am) quando\b"
    r"|let me know when\b|tell me when\b|notify me\b)"
)
_CALL = re.compile(
    _NO + r"\b(?:(?:me|nos) (?:llam(?:an|en|e|aran|arian)|pueden? llamar|podrian? llamar)\b"
    r"|llam(?:ame|enme|eme|arme|arnos)\b|me lig(?:uem|ue|a|am)\b|me pod(?:em|e) ligar\b"
    r"|(?:can|could) you call me\b|call me\b)"
)
_WHEN = re.compile(
    r"\b(?:hoy|manana|pasado manana|lunes|martes|miercoles|jueves|viernes|sabado|domingo|a las? \d|despues de"
    r"|amanha|hoje|as \d|tomorrow|today|monday|tuesday|wednesday|thursday|friday|saturday|sunday|at \d)"
)


class _Said(NamedTuple):
    """What is answered, by language: once it arrives, and of a call."""

    tell: str
    call: str


_SAID = {
    "es": _Said("Listo, te aviso cuando llegue.", "Listo, le paso el recado al equipo para que te llamen."),
    "pt": _Said("Pronto, aviso você quando chegar.", "Pronto, passo o recado à equipe para que liguem."),
    "en": _Said("Done, you will be told when it arrives.", "Done, I have asked our team to call you."),
}


async def kept(turn: Turn[Any, Any], text: str, asked: Asked) -> Reply | None:
    """The answer to who wants to be told or called; None: nobody does, or no lead can be kept."""
    clause, call = _found(asked)
    if not clause:
        return None
    said = in_language(_SAID, turn.tenant.locale)
    if not any(offer.name == _TOOL for offer in turn.tools.offers):
        return Reply((Text(said.call),), "llamada", 0.9, hand_over=True) if call else None
    when = _WHEN.search(clause) if call else None
    wanted = " ".join(text.split())[:_LONGEST]
    if not call and turn.history:
        shown = choices.shown(turn.history, await turn.products.all())[:1]
        wanted = " ".join([wanted, *(f"({product.name})" for product in shown)])
    arguments = {"wanted": wanted, "when": clause[when.start() :][:100] if when else ""}
    result = await turn.tools.call(_TOOL, arguments)
    if result.failed:
        return None
    return Reply((Text(said.call if call else said.tell),), "llamada" if call else "aviso", 0.9)


def _found(asked: Asked) -> tuple[str, bool]:
    """The clause that says so, and whether a call is wanted."""
    for clause in asked.clauses:
        for pattern in (_CALL, _TELL):
            if pattern.search(clause):
                return clause, pattern is _CALL
    return "", False
