"""The claim: whether a conversation's turn is thought now, later, or not before an operator has looked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from conserje.conversations.state import Locked
from conserje.conversations.transcript import Message
from conserje.plugins import fences
from conserje.storage.jobs import Job
from conserje.telemetry.clocks import TOLERANCE
from conserje.tenants.entry import Entry
from conserje.turns import late, lease

STARTS = 3
DOUBTFUL = (
    "Nobody knows whether it was answered: it was written before this restored installation resumed, and"
    " another one may have done so."
)


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody may still think it, or still write: this job looks again after `rest`."""

    rest: timedelta


@dataclass(frozen=True, slots=True)
class Hold:
    """An operator has to look; `text` is what the contact is told."""

    cause: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Think:
    """It is due; `late` is the age of its oldest message, where that is too old for the tenant."""

    late: timedelta | None


def decide(
    entry: Entry,
    job: Job,
    conversation: Locked,
    unanswered: Sequence[Message],
    fenced: Callable[[], timedelta | None] = lambda: None,
) -> Wait | Hold | Think | None:
    """What is to be done about `unanswered`, in the locked conversation; None: another job comes for it.

    `fenced` says how long all that could answer are fenced off, once all else is in order; None: one can.
    """
    tenant = entry.tenant
    # Also after the end of another's lease: its holder may be dead.
    rest = _lease_left(conversation) or still_quiet(
        entry, conversation.account_id, unanswered, conversation.now
    )
    struck = fences.struck(turn_of(job)) if conversation.starts and not rest else None
    if rest := rest or (None if struck else fenced()):
        # Nobody else's job comes later; what came last may have been taken back.
        is_last = job.message_id == 0 or job.message_id >= unanswered[-1].id
        return Wait(rest) if is_last else None
    if struck:
        cause = f"{struck.plugin}.{struck.method} stood still over it, and its process was ended."
        return Hold(cause, tenant.held_text)
    if conversation.starts >= STARTS:
        cause = conversation.cause or f"The turn was started {STARTS} times without an end."
        return Hold(cause, tenant.held_text)
    if _is_doubtful(conversation, unanswered):
        return Hold(DOUBTFUL)
    written = [message.created_at for message in unanswered]
    age = late.late(tenant, written, conversation.unparked_at, conversation.now)
    if age and tenant.late_rule == "park":
        return Hold(late.cause(tenant, age))
    return Think(age)


def _is_doubtful(conversation: Locked, unanswered: Sequence[Message]) -> bool:
    """Whether some of it may have been taken by the installation from whose backup this one was restored.

    What was posted here was not; what was fetched, or came out of a spool, may have been.
    """
    resumed, looked_at = conversation.resumed_at, conversation.unparked_at
    return resumed is not None and any(
        message.late
        and message.created_at < resumed
        and (looked_at is None or message.created_at > looked_at)
        for message in unanswered
    )


def turn_of(job: Job) -> str:
    """The turn's name in the pulse."""
    return f"{job.tenant_id}:{job.conversation_id}"


def _lease_left(conversation: Locked) -> timedelta | None:
    """How long another worker may still think this turn; None: nobody does."""
    left = conversation.lease_left
    return left if left and left > timedelta(0) else None


def still_quiet(
    entry: Entry, account_id: int, unanswered: Sequence[Message], now: datetime
) -> timedelta | None:
    """How long the contact may still be writing; None: the turn is due.

    A message from a time that is yet to come was stored before the clock was set back: it is due.
    """
    newest = max(message.created_at for message in unanswered)
    account = entry.account(account_id)
    quiet = account.quiet_period_of(entry.tenant) if account else entry.tenant.quiet_period
    rest = newest + quiet - now
    over = lease.oldest(unanswered) + entry.tenant.longest_wait <= now or newest > now + TOLERANCE
    return None if over or rest <= timedelta(0) else rest
