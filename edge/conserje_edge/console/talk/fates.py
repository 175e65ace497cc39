"""Fates: what became of a message, in plain words, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from conserje.contract.channel import UNREACHABLE
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
# The numbers with which causes of providers begin: what most messages fail of.
_UNREACHED = (
    N_("Their number cannot be reached: it is not on WhatsApp, or switched off."),
    N_("Reach them by another way."),
)
_GONE = (
    N_("They cannot be reached now: they have blocked you, or left, or are there no more."),
    N_("Wait until they write, or reach them by another way."),
)
_BLOCKED = (N_("They have blocked your number."), "")
_TOO_OLD = (_CAUSES[0][1], _CAUSES[0][2])
_WITHHELD = (N_("WhatsApp holds this message back."), N_("Do not send it again today."))
_TOO_MANY = (N_("Too many messages were sent in a short time."), "")
_NOT_CARRIED = (
    N_("This kind of message or file is not taken there."),
    N_("Send it as a picture or a PDF, or in words."),
)
_TEMPLATE = (
    N_("The template is not approved, or does not fit."),
    N_("Ask whoever looks after your phone number."),
)
_FILTERED = (N_("The telephone company held it back."), "")
_OF_PROVIDERS: dict[int, tuple[str, str]] = {
    code: meaning
    for meaning, codes in (
        (_UNREACHED, (131026, 21211, 21614, 30003, 30005, 30006, 63003, 63024, 63032)),
        (_BLOCKED, (30004, 63014)),
        ((N_("They want no more messages."), _WRITE), (21610,)),
        ((N_("They want no offers."), ""), (131050,)),
        (_TOO_OLD, (131047, 63016)),
        (_WITHHELD, (130472, 131049)),
        (_TOO_MANY, (130429, 131048, 131056, 131064, 20429, 21611, 30001, 63017, 63018)),
        (_NOT_CARRIED, (131051, 131053, 12300, 63005, 63019)),
        (_TEMPLATE, (132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016)),
        (_TEMPLATE, (21655, 21656, 63027, 63028)),
        (_FILTERED, (30007,)),
    )
    for code in codes
}
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
    """Why, and what to do, where it is known."""
    of_core = next(((why, todo) for is_it, why, todo in _CAUSES if is_it(cause)), None)
    reason = cause.removeprefix(UNREACHABLE)
    code = reason.removeprefix(": ").partition(":")[0]
    known = _OF_PROVIDERS.get(int(code)) if code.isdecimal() and len(code) < 8 else None
    return of_core or known or (_GONE if reason != cause else ("", ""))
