"""Conversations that have something to do and whose job was lost."""

from __future__ import annotations

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


async def sweep(pool: Pool) -> None:
    """Enqueue what is due and was not looked at for long."""
    async with pool.acquire() as connection, connection.transaction():
        due = await look(connection, SWEEP_AFTER)
    if due:
        log.info("Looked again at %s conversations", due)
    await overflow.sweep(pool)


async def look(connection: Connection, after: timedelta) -> int:
    """Enqueue what nobody has looked at for so long, in the caller's transaction; how many conversations."""
    due = await connection.fetch(SWEEP, after, LONGEST_PAUSE, LONGEST_LEASE)
    await jobs.enqueue(
        connection,
        [Job(name, tenant_id, conversation, priority=-1000) for name, tenant_id, conversation in due],
    )
    return len(due)
