"""Jobs: what is due, as the queue carries it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from conserje.storage.database import Connection

CHANNEL = "conserje_jobs"  # on which the queue tells that it changed

CONVERSE = "converse"
DELIVER = "deliver"
COLLECT = "collect"
NOTIFY = "notify"
SUMMARISE = "summarise"
ACT = "act"
RELEASE = "release"
SEND = "send"
TELL = "tell"
INVITE = "invite"
PUSH = "push"

# The rows that PgQueuer's own statement adds, without the lines in its log, which nobody reads. By itself, or
# in a statement that stores at the same time why something is due.
ADD = """
INSERT INTO pgqueuer.pgqueuer (entrypoint, payload, priority, execute_after, status)
SELECT {entrypoint}, int8send(tenant_id) || int8send(conversation_id) || int8send(message_id), priority,
       now() + delay, 'queued'
FROM {due}
"""
MICROSECOND = timedelta(microseconds=1)

FLOODED = -100  # the priority of a job of a tenant that has very many waiting
LAST = -200  # the priority of what can wait for everything else


@dataclass(frozen=True, slots=True)
class Job:
    """Says that something is due in a conversation; the truth is in our tables.

    `message_id` is the message whose quiet period ends, or whose files are wanted; 0 where no single
    message is meant.
    """

    entrypoint: str
    tenant_id: int
    conversation_id: int
    message_id: int = 0
    priority: int = 0
    delay: timedelta = timedelta(0)


async def enqueue(connection: Connection, jobs: Sequence[Job]) -> None:
    """Add jobs in the connection's own transaction, all by one statement."""
    if jobs:
        await connection.execute(written(jobs))


def written(jobs: Sequence[Job]) -> str:
    """The statement that adds them, to be sent by itself or with others: of numbers and words of ours."""
    rows = (
        f"('{job.entrypoint}', {job.tenant_id:d}, {job.conversation_id:d}, {job.message_id:d},"
        f" {job.priority:d}, interval '{job.delay // MICROSECOND:d} microseconds')"
        for job in jobs
    )
    due = "(entrypoint, tenant_id, conversation_id, message_id, priority, delay)"
    return ADD.format(entrypoint="entrypoint", due=f"(VALUES {', '.join(rows)}) AS due {due}")


_PAYLOAD = struct.Struct("!qqq")


def read_payload(packed: bytes | None) -> tuple[int, int, int]:
    """The ids of tenant, conversation and message. Raises struct.error."""
    tenant_id, conversation_id, message_id = _PAYLOAD.unpack(packed or b"")
    return tenant_id, conversation_id, message_id
