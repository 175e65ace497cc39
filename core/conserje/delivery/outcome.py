"""What one step of a delivery came to, and what follows from what the provider said."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from conserje.contract.channel import (
    AccountFault,
    OptedOut,
    OutsideWindow,
    Receipt,
    Refused,
    TryLater,
    Unreachable,
)
from conserje.contract.message import Fault, OutboundMessage, Template
from conserje.conversations.sending import LONGEST_PAUSE, OUTCOME_UNKNOWN, PATIENCE, Ending
from conserje.rules.consent import Sign
from conserje.storage.backoff import pause
from conserje.telemetry.clocks import TOLERANCE, apart

FIRST_PAUSE = 1.0  # seconds
UNCERTAIN_FOR = timedelta(minutes=2)  # before a person has to look
LOOK_EVERY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about the next message: send it, or look whether it was sent."""

    message: OutboundMessage
    account_id: int
    attempt: int
    uncertain: bool
    outside: bool  # the provider has said before that the contact wrote too long ago
    created_at: datetime
    now: datetime  # by the database's clock
    tries: bool = False  # whether its account, which is ill, takes messages again
    resent: bool = False  # though nobody knows whether it was sent before
    taken_at: float = field(default_factory=time.monotonic)
    taken_on: float = field(default_factory=time.time)

    @property
    def database_ahead(self) -> timedelta:
        """How far Postgres' clock is ahead of this machine's."""
        return timedelta(seconds=self.now.timestamp() - self.taken_on)

    @property
    def slept(self) -> float:
        """Seconds since the step was taken, also those in which the machine stood still."""
        return max(time.monotonic() - self.taken_at, time.time() - self.taken_on)

    @property
    def waited(self) -> float:
        """Seconds since the message was stored."""
        return (self.now - self.created_at).total_seconds() + time.monotonic() - self.taken_at


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to: a Receipt, or the state to keep with its cause, and when to look again."""

    receipt: Receipt | None = None
    state: Ending | Literal["sent"] = "sent"
    cause: str | None = None
    pause: timedelta | None = None
    outside: bool = False  # the window, as the provider says
    sign: Sign | None = None  # that the contact wants no more
    fault: Fault = ""  # of the account
    resend: bool = False  # it leaves once more, though nobody knows whether it was sent

    @property
    def final(self) -> bool:
        """Whether the message is none to try with any more, though its account may be well."""
        return self.state in ("refused", "held")


def unknown(cause: str) -> Outcome:
    return Outcome(state="uncertain", cause=cause)


def refused(step: Step, error: Refused) -> Outcome:
    """Outside the window it is taken again, once, to leave as a template or to be held."""
    match error:
        case OptedOut():
            sign = Sign("marketing out" if error.marketing else "out", "provider", str(error))
            return Outcome(state="refused", cause=str(error), sign=sign)
        case OutsideWindow() if not isinstance(step.message.content, Template):
            return Outcome(state="held" if step.outside else "queued", cause=str(error), outside=True)
        case Unreachable():
            return Outcome(state="refused", cause=error.cause)
        case _:
            return Outcome(state="refused", cause=str(error))


def at_fault(error: AccountFault) -> Outcome:
    """The message keeps its place until the account is well."""
    return Outcome(state="queued", cause=str(error), fault="passing" if error.retry else "lasting")


def later(step: Step, error: TryLater) -> Outcome:
    """The message keeps its place and is tried again, for an hour."""
    elapsed = step.message.attempted_at - step.created_at
    if elapsed > PATIENCE:
        return Outcome(state="held", cause=f"Tried for {PATIENCE}: {error}")
    longest = LONGEST_PAUSE.total_seconds()
    seconds = min(max(error.after, pause(step.attempt, FIRST_PAUSE, longest)), longest)
    return Outcome(state="queued", cause=str(error), pause=timedelta(seconds=seconds))


def absent(step: Step, providers: Sequence[timedelta]) -> Outcome:
    """The provider says that it has it not, which is believed while the clocks agree.

    What was attempted when, by one clock, is looked for by the times of another.
    """
    skew = apart(step.database_ahead, providers)
    if skew < TOLERANCE:
        return Outcome(state="queued", cause="The provider does not have it: sent again.")
    clocks = "Postgres and the provider" if providers else "Postgres and this machine"
    return still_uncertain(
        step, f"The clocks of {clocks} are {skew.total_seconds():.0f} s apart: set them right."
    )


def still_uncertain(step: Step, cause: str, *, resends: bool = False) -> Outcome:
    """A person has to look in the end; an account that `resends` sends each message once more before."""
    if step.now - step.message.attempted_at <= UNCERTAIN_FOR:
        return Outcome(state="uncertain", cause=cause, pause=LOOK_EVERY)
    if resends and not step.resent:
        return Outcome(state="queued", cause=f"{OUTCOME_UNKNOWN}: sent once more.", resend=True)
    return Outcome(state="held", cause=f"{OUTCOME_UNKNOWN}: {cause}")


def of_both(outcome: Outcome) -> Outcome:
    """The outcome of a message that was sent once more: whether the contact has it, no refusal tells."""
    if not outcome.final or (outcome.cause or "").startswith(OUTCOME_UNKNOWN):
        return outcome
    return replace(outcome, cause=f"{OUTCOME_UNKNOWN} the first time; the second: {outcome.cause}")
