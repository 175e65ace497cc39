"""The job queue: PgQueuer in a schema of its own, below our transactions and our listeners."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence import qb
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver

CONVERSE = "converse"
DELIVER = "deliver"
COLLECT = "collect"
NOTIFY = "notify"

# Every name is given, so that no variable of the environment (CHANNEL, TRIGGER ...) gets in.
SETTINGS = DBSettings(
    prefix="",
    db_schema="pgqueuer",
    channel=Channel("conserje_jobs"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.balanced,  # the queue survives a crash of Postgres, its log need not
    widen_id=True,
)
_ENVIRONMENT = qb.QueryBuilderEnvironment(settings=SETTINGS)
_QUEUE = qb.QueryQueueBuilder(settings=SETTINGS)
_SCHEDULER = qb.QuerySchedulerBuilder(settings=SETTINGS)


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


_PAYLOAD = struct.Struct("!qqq")


def read_payload(packed: bytes | None) -> tuple[int, int, int]:
    """The ids of tenant, conversation and message. Raises struct.error."""
    tenant_id, conversation_id, message_id = _PAYLOAD.unpack(packed or b"")
    return tenant_id, conversation_id, message_id


def queries(driver: Driver) -> Queries:
    return Queries(driver, qbe=_ENVIRONMENT, qbq=_QUEUE, qbs=_SCHEDULER)


async def enqueue(
    connection: asyncpg.Connection[Any] | PoolConnectionProxy[Any], jobs: Sequence[Job]
) -> None:
    """Add jobs in the connection's own transaction, all by one statement."""
    if jobs:
        await queries(AsyncpgDriver(connection)).enqueue(  # type: ignore[arg-type]
            [job.entrypoint for job in jobs],
            [_PAYLOAD.pack(job.tenant_id, job.conversation_id, job.message_id) for job in jobs],
            [job.priority for job in jobs],
            [job.delay for job in jobs],
        )


async def install(connection: asyncpg.Connection[Any]) -> None:
    """Install or upgrade PgQueuer's schema and let conserje_core use it."""
    pgqueuer = queries(AsyncpgDriver(connection))
    if await pgqueuer.schema_is_installed():
        await pgqueuer.upgrade()
    else:
        await pgqueuer.install()
    await connection.execute(
        # Unlogged like its table, it is broken on a standby that is promoted before it has flushed it.
        "ALTER SEQUENCE pgqueuer.pgqueuer_log_id_seq SET LOGGED;"
        "GRANT USAGE ON SCHEMA pgqueuer TO conserje_core;"
        "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA pgqueuer TO conserje_core;"
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA pgqueuer TO conserje_core"
    )
