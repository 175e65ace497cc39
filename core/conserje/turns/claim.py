"""The claim: whether a conversation's turn is thought now, later, or not before an operator has looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from conserje.storage.jobs import Job
from conserje.tenants.entry import Entry
from conserje.turns import late, lease
from conserje.turns.lease import Message

STARTS = 3


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
    entry: Entry, job: Job, row: asyncpg.Record, unanswered: Sequence[Message]
) -> Wait | Hold | Think | None:
    """What is to be done about `unanswered`, of a row of state.LOCK; None: another job comes for it."""
    tenant = entry.tenant
    # Also after the end of another's lease: its holder may be dead.
    if rest := _lease_left(row) or _still_quiet(entry, row["account_id"], unanswered, row["now"]):
        is_last = job.message_id in (0, unanswered[-1].id)  # nobody else's job comes later
        return Wait(rest) if is_last else None
    if row["starts"] >= STARTS:
        cause = row["cause"] or f"The turn was started {STARTS} times without an end."
        return Hold(cause, tenant.held_text)
    written = [message.created_at for message in unanswered]
    age = late.late(tenant, written, row["unparked_at"], row["now"])
    if age and tenant.late_rule == "park":
        return Hold(late.cause(tenant, age))
    return Think(age)


def _lease_left(row: asyncpg.Record) -> timedelta | None:
    """How long another worker may still think this turn; None: nobody does."""
    left: timedelta | None = row["lease_left"]
    return left if left is not None and left > timedelta(0) else None


def _still_quiet(
    entry: Entry, account_id: int, unanswered: Sequence[Message], now: datetime
) -> timedelta | None:
    """How long the contact may still be writing; None: the turn is due."""
    newest = max(message.created_at for message in unanswered)
    account = entry.account(account_id)
    rest = newest + (account.quiet_period_of(entry.tenant) if account else entry.tenant.quiet_period) - now
    over = lease.oldest(unanswered) + entry.tenant.longest_wait <= now
    return None if over or rest <= timedelta(0) else rest
