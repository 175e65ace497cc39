"""Jobs are in the queue's table as the queue itself would put them there."""

from __future__ import annotations

import struct
from datetime import timedelta

import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver

from conserje.storage import jobs, queue
from conserje.storage.database import Connection
from conserje.storage.jobs import Job

ROWS = """
SELECT to_jsonb(job) - '{id,created,updated,heartbeat,execute_after}'::text[] AS row,
       execute_after - created AS delay
FROM pgqueuer.pgqueuer AS job ORDER BY id
"""
DUE = [
    Job(jobs.CONVERSE, 1, 2, 3, -100, timedelta(seconds=1.5)),
    Job(jobs.DELIVER, 2**62, 2**40, 0, 5),
    Job(jobs.TELL, 0, 0),
]


@pytest.mark.both
async def test_rows_are_those_of_the_queue_s_own_statement(connection: Connection) -> None:
    pgqueuer = queue.queries(AsyncpgDriver(connection))  # type: ignore[arg-type]
    payloads: list[bytes | None] = [
        struct.pack("!qqq", job.tenant_id, job.conversation_id, job.message_id) for job in DUE
    ]
    await pgqueuer.enqueue(
        [job.entrypoint for job in DUE],
        payloads,
        [job.priority for job in DUE],
        [job.delay for job in DUE],
    )
    await jobs.enqueue(connection, DUE)
    rows = [tuple(row) for row in await connection.fetch(ROWS)]
    assert len(rows) == 6
    assert rows[:3] == rows[3:]


async def test_what_is_in_the_queue_is_read_back(connection: Connection) -> None:
    await jobs.enqueue(connection, DUE)
    packed = await connection.fetch("SELECT payload FROM pgqueuer.pgqueuer ORDER BY id")
    read = [jobs.read_payload(row["payload"]) for row in packed]
    assert read == [(job.tenant_id, job.conversation_id, job.message_id) for job in DUE]


async def test_nothing_due_is_no_statement(connection: Connection) -> None:
    await jobs.enqueue(connection, [])
    assert await connection.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 0
