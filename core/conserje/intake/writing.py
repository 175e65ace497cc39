"""Writes a batch: its events, and the jobs that follow from them, in one transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from conserje.conversations import messages, overflow
from conserje.conversations.rows import InboundRow, RejectRow, ReportRow, Row
from conserje.files import table as files
from conserje.intake.packing import pack
from conserje.intake.priority import Loads
from conserje.rules import consent
from conserje.rules.consent import ConversationSign
from conserje.storage import jobs, queue
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job

log = logging.getLogger(__name__)


Place = tuple[int, int, bytes]  # tenant, account, event key


@dataclass(frozen=True, slots=True)
class Item:
    """An event of a batch, and for how long its contact may still be writing."""

    row: Row
    quiet_period: timedelta = timedelta(0)

    @property
    def place(self) -> Place:
        return self.row.tenant_id, self.row.account_id, self.row.event_key


class _New(NamedTuple):
    """A message that was not there before, and where it is now."""

    row: InboundRow
    conversation_id: int
    message_id: int
    quiet_period: timedelta


async def write(connection: Connection, items: Sequence[Item], loads: Loads) -> None:
    """Store `items` with their jobs; the transaction is the caller's.

    The conversations of signs are locked before any message that was there already.
    """
    due, signs = await _take(connection, items, loads)
    reports = [item.row for item in items if isinstance(item.row, ReportRow)]
    follows = await consent.follow(connection, signs + await consent.reported(connection, reports))
    await _amend(connection, [item.row for item in items if isinstance(item.row, InboundRow)])
    again = await _report(connection, reports)
    for item in items:
        if isinstance(item.row, RejectRow):
            await messages.reject(connection, item.row)
    await queue.enqueue(connection, due + again + follows)


async def _take(
    connection: Connection, items: Sequence[Item], loads: Loads
) -> tuple[list[Job], list[ConversationSign]]:
    """Store inbound messages; the jobs for what is new, and the signs in it."""
    inbound = [(item.row, item.quiet_period) for item in items if isinstance(item.row, InboundRow)]
    if not inbound:
        return [], []
    load_of = await loads.of(connection, {row.tenant_id for row, _ in inbound}, time.monotonic())
    new = await _add(connection, inbound)
    turns = [(load_of[each.row.tenant_id].one_more(), each) for each in new if not each.row.wordless]
    await overflow.add(
        connection, [_turn(each, jobs.FLOODED) for priority, each in turns if priority is None]
    )
    due = [_turn(each, priority) for priority, each in turns if priority is not None]
    due += await _want_files(connection, new)
    return due, [consent.written(each.row, each.conversation_id) for each in new if each.row.consent]


async def _add(connection: Connection, inbound: Sequence[tuple[InboundRow, timedelta]]) -> list[_New]:
    """Store messages; those that were not there already."""
    places = await messages.take(connection, [row for row, _ in inbound])
    return [
        _New(row, place.conversation_id, place.message_id, quiet_period)
        for (row, quiet_period), place in zip(inbound, places, strict=True)
        if place.message_id
    ]


async def _amend(connection: Connection, rows: Sequence[InboundRow]) -> None:
    """Apply what was edited or taken back; what has no files now has none any more."""
    await messages.amend(connection, rows)
    await files.drop(connection, [row for row in rows if row.amends and not row.files])


def _turn(new: _New, priority: int) -> Job:
    """The job that answers a message: due when its quiet period ends."""
    place = (new.row.tenant_id, new.conversation_id, new.message_id)
    return Job(jobs.CONVERSE, *place, priority, new.quiet_period)


async def _want_files(connection: Connection, new: Iterable[_New]) -> list[Job]:
    """The jobs that collect the files of messages."""
    sent = [
        files.Sent(row.tenant_id, row.account_id, conversation_id, message_id, row.files)
        for row, conversation_id, message_id, _ in new
    ]
    return await files.note(connection, sent)


async def _report(connection: Connection, reports: Sequence[ReportRow]) -> list[Job]:
    """Apply status reports; the jobs for deliveries that they let go on."""
    settled = await messages.report(connection, reports) if reports else []
    return [Job(jobs.DELIVER, tenant_id, conversation) for tenant_id, conversation in settled]


async def reject(pool: Pool, item: Item, error: Exception) -> None:
    """Keep raw what Postgres refused."""
    row = item.row
    log.error("An event of account %s was refused by Postgres (%s)", row.account_id, type(error).__name__)
    raw = row.raw if isinstance(row, RejectRow) else pack(row).decode()
    kept = RejectRow(row.tenant_id, row.account_id, row.event_key, raw, f"Postgres: {error}"[:500])
    async with pool.acquire(timeout=5) as connection:
        await messages.reject(connection, kept)
