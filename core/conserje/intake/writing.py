"""Writes a batch: its events, and the jobs that follow from them, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, TypeGuard

from conserje.conversations import amendments, business, charging, messages, overflow, presses
from conserje.conversations.amendments import Key
from conserje.conversations.business import Spoken
from conserje.conversations.rows import BusinessRow, InboundRow, RejectRow, ReportRow, Row
from conserje.costs.prices import Prices
from conserje.files import table as files
from conserje.intake.packing import pack
from conserje.intake.priority import Flight
from conserje.rules import consent
from conserje.rules.consent import ConversationSign
from conserje.storage import jobs, notifications
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


async def write_plain(connection: Connection, items: Sequence[Item], flight: Flight) -> Sequence[Item]:
    """Store `items` with their jobs by one statement, which is a transaction, where they are all plain.

    Those come back that are left: of a flood, of forgotten contacts, and what was there before.
    """
    rows = [item.row for item in items if _is_plain(item.row)]
    if len(rows) < len(items):
        return items
    await _look(connection, items, flight)
    if (priorities := flight.priorities([row.tenant_id for row in rows])) is None:
        return items
    taken = await messages.take_plain(connection, rows, priorities, [item.quiet_period for item in items])
    left = [item for item, is_taken in zip(items, taken, strict=True) if not is_taken]
    for item in left:
        flight.give_back(item.row.tenant_id)
    return left


def _is_plain(row: Row) -> TypeGuard[InboundRow]:
    """Whether nothing follows from it but a turn."""
    return isinstance(row, InboundRow) and not (
        row.wordless
        or row.amends
        or row.consent
        or row.files
        or row.is_order
        or row.content.startswith(presses.BEGINS)
    )


async def write(connection: Connection, items: Sequence[Item], flight: Flight, prices: Prices) -> None:
    """Store `items` with their jobs; the transaction is the caller's.

    The conversations of signs, and those in which the business spoke, are locked before any message that was
    there already.
    """
    await _look(connection, items, flight)
    new, known, dropped = await _add(connection, items)
    reports = [item.row for item in items if isinstance(item.row, ReportRow)]
    signs = [consent.written(each.row, each.conversation_id) for each in new if each.row.consent]
    signs += await consent.reported(connection, reports)
    spoken = await _hear_business(connection, items, new, signs)
    follows = await consent.follow(connection, signs)
    again, gone = await amendments.amend(connection, [each.row for each in new])
    come, pressed = await _come(connection, known), list[presses.Press]()
    for each in [*new, *come]:
        if each.row.content.startswith(presses.BEGINS):
            pressed.append(_pressed(each))
        elif each.row.is_order:
            kind: notifications.Recorded = "order.received"
            place = (each.row.tenant_id, kind, each.conversation_id)
            await notifications.record(connection, *place, message=each.message_id)
    if pressed:
        await presses.resolve(connection, pressed)
    due = await _turns(connection, [*new, *come], flight)
    due += await files.note(connection, [*map(_sent, new), *map(_spoken, spoken)])
    await files.drop(connection, gone)
    again += await _report(connection, reports, prices)
    await _reject(connection, items, gone, dropped)
    await jobs.enqueue(connection, due + again + follows)


async def _look(connection: Connection, items: Sequence[Item], flight: Flight) -> None:
    if tenants := {item.row.tenant_id for item in items if isinstance(item.row, InboundRow)}:
        await flight.look(connection, tenants)


async def _add(connection: Connection, items: Sequence[Item]) -> tuple[list[_New], list[Item], set[Place]]:
    """Store messages, and the places of those that are edited or taken back and have not come; the messages
    that were not there before, the items of those that were, and the places of those that a contact wrote
    who was forgotten since."""
    inbound = [item for item in items if isinstance(item.row, InboundRow)]
    if not inbound:
        return [], [], set()
    rows = [item.row for item in inbound if isinstance(item.row, InboundRow)]
    places = await messages.take(connection, rows + amendments.to_come(rows))
    taken = list(zip(inbound, rows, places, strict=False))  # nobody waits for what has not come
    new = [
        _New(row, place.conversation_id, place.message_id, item.quiet_period)
        for item, row, place in taken
        if place.message_id
    ]
    known = [item for item, _, place in taken if not place.message_id]
    return new, known, {item.place for item, _, place in taken if not place.conversation_id}


async def _come(connection: Connection, known: Sequence[Item]) -> list[_New]:
    """Those that were there before only because they had been edited."""
    quiet = {item.row: item.quiet_period for item in known}
    rows = [row for row in quiet if isinstance(row, InboundRow)]
    return [
        _New(row, conversation_id, message_id, quiet[row])
        for row, conversation_id, message_id in await amendments.come(connection, rows)
    ]


async def _hear_business(
    connection: Connection, items: Sequence[Item], new: Sequence[_New], signs: Sequence[ConversationSign]
) -> list[tuple[Spoken, int]]:
    """Store what the business said by other ways, in conversations that are locked with those of `signs`;
    what is new, with its id."""
    rows = [item.row for item in items if isinstance(item.row, BusinessRow)]
    if not rows:
        return []
    found = zip(rows, await business.conversations(connection, rows), strict=True)
    places = [(row, place) for row, place in found if place is not None]
    spoken = [(row.tenant_id, place) for row, place in places]
    await business.lock(connection, [*spoken, *((sign.tenant_id, sign.conversation_id) for sign in signs)])
    at = {item.row: n for n, item in enumerate(items)}
    return await business.note(
        connection,
        [
            Spoken(row, place, [each.message_id for each in new if at[each.row] > at[row]])
            for row, place in places
        ],
    )


async def _turns(connection: Connection, new: Sequence[_New], flight: Flight) -> list[Job]:
    """The jobs that answer messages; those of a flood wait elsewhere."""
    turns = [(flight.priority(each.row.tenant_id), each) for each in new if not each.row.wordless]
    await overflow.add(
        connection, [_turn(each, jobs.FLOODED) for priority, each in turns if priority is None]
    )
    return [_turn(each, priority) for priority, each in turns if priority is not None]


async def _reject(
    connection: Connection, items: Sequence[Item], gone: Sequence[Key], dropped: Collection[Place]
) -> None:
    """Keep what could not be read, but not beside what was taken back: now, as `gone` has it, or before; nor
    beside what was dropped."""
    kept = [
        item.row
        for item in items
        if isinstance(item.row, RejectRow)
        and (item.row.tenant_id, item.row.account_id, item.row.beside) not in dropped
    ]
    for row in kept:
        await messages.reject(connection, row)
    beside = [Key(row.tenant_id, row.account_id, row.beside) for row in kept if row.beside]
    await amendments.drop_beside(connection, [*gone, *beside])


def _turn(new: _New, priority: int) -> Job:
    """The job that answers a message: due when its quiet period ends."""
    place = (new.row.tenant_id, new.conversation_id, new.message_id)
    return Job(jobs.CONVERSE, *place, priority, new.quiet_period)


def _sent(new: _New) -> files.Sent:
    row = new.row
    return files.Sent(row.tenant_id, row.account_id, new.conversation_id, new.message_id, row.files)


def _pressed(new: _New) -> presses.Press:
    return presses.Press(new.row.tenant_id, new.conversation_id, new.message_id, new.row.content)


def _spoken(said: tuple[Spoken, int]) -> files.Sent:
    spoken, message_id = said
    row = spoken.row
    return files.Sent(row.tenant_id, row.account_id, spoken.conversation_id, message_id, row.files)


async def _report(connection: Connection, reports: Sequence[ReportRow], prices: Prices) -> list[Job]:
    """Apply status reports; the jobs for deliveries that they let go on."""
    settled = await messages.report(connection, reports) if reports else []
    await charging.correct(connection, prices, reports)
    return [Job(jobs.DELIVER, tenant_id, conversation) for tenant_id, conversation in settled]


async def reject(pool: Pool, item: Item, error: Exception) -> None:
    """Keep raw what Postgres refused."""
    row = item.row
    log.error("An event of account %s was refused by Postgres (%s)", row.account_id, type(error).__name__)
    raw = row.raw if isinstance(row, RejectRow) else pack(row).decode()
    kept = RejectRow(row.tenant_id, row.account_id, row.event_key, raw, f"Postgres: {error}"[:500])
    async with pool.acquire(timeout=5) as connection:
        await messages.reject(connection, kept)
