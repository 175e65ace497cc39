"""Fates: what became of a message, in plain words, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from conserje.conversations import amendments, paces
from conserje.conversations.dialogue import Line
from conserje.conversations.sending import OUTCOME_UNKNOWN
from conserje.delivery.persons import Obstacle
from conserje.rules import consent
from conserje_edge.console.languages import N_

Kind = Literal["good", "warn", "bad", "calm"]

# Of a message that is out, and of one that is in where it waits for somebody.
_OUT: dict[str, tuple[Kind, str]] = {
    "paced": ("calm", N_("On its way")),
    "queued": ("calm", N_("On its way")),
    "sending": ("calm", N_("On its way")),
    "uncertain": ("warn", N_("Not known whether it arrived")),
    "sent": ("calm", N_("Sent")),
    "delivered": ("calm", N_("Delivered")),
    "read": ("good", N_("Read")),
    "failed": ("bad", N_("Not delivered")),
    "refused": ("bad", N_("Not sent")),
    "held": ("bad", N_("Not sent yet")),
}
_IN: dict[str, tuple[Kind, str]] = {
    "waiting": ("warn", N_("Waits for an answer")),
    "thinking": ("calm", N_("The assistant is thinking")),
    "held": ("bad", N_("Waits for one of you")),
    "dropped": ("calm", N_("Left without an answer")),
}

_LATER = N_("It goes out by itself as soon as it can.")
_ASK = N_("Ask them before you try it again: it may be there twice then.")
_WRITE = N_("They have to write first: then you can send it again.")
_AGAIN = N_("Try it again.")
# How the causes begin that core gives itself; a provider's own are shown as they are.
_CAUSES: tuple[tuple[Callable[[str], bool], str, str], ...] = (
    (
        lambda cause: cause.startswith("outside the "),
        N_("They wrote too long ago: by now WhatsApp takes only templates."),
        N_("Wait until they write, or give the phone number a template for it; then try it again."),
    ),
    (lambda cause: cause.startswith(OUTCOME_UNKNOWN), N_("Nobody knows whether it arrived."), _ASK),
    (lambda cause: cause == consent.WANTS_NONE, N_("They want no more messages."), _WRITE),
    (lambda cause: cause == consent.WANTS_NO_MARKETING, N_("They want no offers."), ""),
    (lambda cause: cause == consent.IS_FORGOTTEN, N_("They were forgotten."), ""),
    (lambda cause: cause == amendments.TAKEN_BACK, N_("They took back what it answers."), ""),
    (lambda cause: cause == "dropped by the operator", N_("Somebody gave it up."), ""),
    (lambda cause: cause.startswith("Tried for "), N_("It was not taken for an hour."), _AGAIN),
    (lambda cause: cause == paces.AGED, N_("It waited for more than a day."), _AGAIN),
    (
        lambda cause: "for this month is reached" in cause,
        N_("What you may spend in a month is spent."),
        N_("Raise the limit of the month; then try it again."),
    ),
    (
        lambda cause: "is not on this machine's disk" in cause,
        N_("Its file cannot be read here."),
        _LATER,
    ),
)
_ILL = N_("Your phone number cannot send just now.")
_MENDED = N_(
    "It goes out by itself once the number can send again: the page of phone numbers says what is wrong."
)


# Why nothing can be sent now.
OBSTACLES: dict[Obstacle, str] = {
    "suspended": N_("Your shop is suspended: whoever runs the installation can say why."),
    "forgotten": N_("This person was forgotten: nothing can be sent any more."),
    "opted-out": N_("They want no more messages. Once they write again you can answer."),
    "no-account": N_("The phone number or page of this conversation is gone: nothing can be sent from it."),
    "window-closed": N_(
        "They wrote too long ago: by now only a template may be sent, and this number has none."
        " Wait until they write, or let an owner give the number a template."
    ),
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a message; sentences are not translated yet, `said` is the provider's own."""

    kind: Kind
    label: str
    why: str = ""
    todo: str = ""
    said: str = ""
    again: bool = False  # whether somebody can try it again


def of(line: Line) -> Fate | None:
    """None: there is nothing to say of it."""
    message = line.message
    if message.direction == "in":
        known = _IN.get(message.state)
        return Fate(*known) if known else None
    kind, label = _OUT[message.state]
    waits = message.state in ("queued", "paced")
    if not message.cause:
        return Fate(kind, label, again=message.state == "held")
    kind, label = ("warn", N_("Not sent yet")) if waits else (kind, label)
    if line.fault:
        return Fate("warn", N_("Not sent yet"), _ILL, _MENDED, message.cause, again=message.state == "held")
    why, todo = _meaning(message.cause)
    said = "" if why else message.cause
    todo = todo or (_LATER if waits else _AGAIN if message.state == "held" else "")
    return Fate(kind, label, why, todo, said, again=message.state == "held")


def _meaning(cause: str) -> tuple[str, str]:
    """Why, and what to do, where core says it."""
    return next(((why, todo) for is_it, why, todo in _CAUSES if is_it(cause)), ("", ""))
