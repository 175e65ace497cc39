"""Conversations that have something to do and whose job was lost."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from conserje.conversations import overflow
from conserje.conversations.sending import LONGEST_PAUSE
from conserje.conversations.state import LONGEST_LEASE, SWEEP
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job

log = logging.getLogger(__name__)

SWEEP_AFTER = timedelta(seconds=30)
AT_ONCE = 1000  # messages of a kind in one statement: all of a flood would keep a processor from others
REST = 0.05  # seconds between two of them

Place = tuple[int, int]  # tenant and conversation
BEGINNING, END = (0, 0), (2**63 - 1, 0)


async def sweep(pool: Pool) -> None:
    """Enqueue what is due and was not looked at for long."""
    due, places = 0, (BEGINNING, BEGINNING)
    while places != (END, END):
        async with pool.acquire() as connection, connection.transaction():
            more, places = await _look_on(connection, SWEEP_AFTER, places)
        due += more
        await asyncio.sleep(REST if places != (END, END) else 0)
    if due:
        log.info("Looked again at %s conversations", due)
    await overflow.sweep(pool)


async def look(connection: Connection, after: timedelta) -> None:
    """Enqueue what nobody has looked at for so long, in the caller's transaction."""
    places = (BEGINNING, BEGINNING)
    while places != (END, END):
        _, places = await _look_on(connection, after, places)


async def _look_on(
    connection: Connection, after: timedelta, places: tuple[Place, Place]
) -> tuple[int, tuple[Place, Place]]:
    """Enqueue what is due of the next messages behind these places, those without an answer and those not
    delivered; how many conversations, and how far it came."""
    rows = await connection.fetch(SWEEP, after, LONGEST_PAUSE, LONGEST_LEASE, AT_ONCE, *places[0], *places[1])
    due = [(kind, *place) for is_last, kind, *place in rows if not is_last]
    last = {kind: (tenant_id, id) for is_last, kind, tenant_id, id in rows if is_last}
    await jobs.enqueue(
        connection,
        [Job(name, tenant_id, conversation, priority=-1000) for name, tenant_id, conversation in due],
    )
    return len(due), (last.get(jobs.CONVERSE, END), last.get(jobs.DELIVER, END))
