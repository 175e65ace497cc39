"""The job queue: PgQueuer in a schema of its own, below our transactions and our listeners.

PgQueuer takes a quarter of a second to load: a module that commands use imports this one where it enqueues.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple, Self, TypeVar

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence import qb
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver, NotifyCallback

from conserje.storage.backoff import pause
from conserje.storage.database import CANNOT_ASK, Connection, DatabaseError, Pool, connect_as_core
from conserje.storage.hands import Hands
from conserje.storage.jobs import CHANNEL
from conserje.storage.looks import SparingQueries
from conserje.storage.stillness import LONG, explained, stood_still
from conserje.storage.wakes import MISSED, Wakes

log = logging.getLogger(__name__)

CONNECTIONS = 3  # one takes jobs, while others note ends and heartbeats
CALL_LIMIT = 10.0
LAST_CALL_LIMIT = 2.0
PING_EVERY = 2.0
PING_LIMIT = 2.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds

_ADVICE = re.compile(r"[,.] please ", re.IGNORECASE)  # of the library's own command, which our users lack

T = TypeVar("T")


# Every name is given, so that no variable of the environment (CHANNEL, TRIGGER ...) gets in.
SETTINGS = DBSettings(
    prefix="",
    db_schema="pgqueuer",
    channel=Channel(CHANNEL),
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


def queries(driver: Driver) -> Queries:
    return Queries(driver, qbe=_ENVIRONMENT, qbq=_QUEUE, qbs=_SCHEDULER)


def sparing_queries(driver: QueueDriver, hands: Hands) -> SparingQueries:
    """For whoever takes jobs."""
    return SparingQueries(driver.wakes, hands, driver, qbe=_ENVIRONMENT, qbq=_QUEUE, qbs=_SCHEDULER)


# The library's trigger tells all workers also of each job that ends, which none of them wants to know: they,
# and whoever else listens in the database, would wake for it.
TELL_OF_NEW = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'pgqueuer.pgqueuer'::regclass
            AND tgname = 'tg_pgqueuer_changed' AND tgenabled <> 'D') THEN
        CREATE OR REPLACE TRIGGER conserje_tells_of_new AFTER INSERT ON pgqueuer.pgqueuer
            FOR EACH STATEMENT EXECUTE FUNCTION pgqueuer.fn_pgqueuer_changed();
        ALTER TABLE pgqueuer.pgqueuer DISABLE TRIGGER tg_pgqueuer_changed;
    END IF;
END $$
"""


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
    await connection.execute(TELL_OF_NEW)


async def require_whole(pool: Pool) -> None:
    """Raises DatabaseError where what the queue cannot do without is missing; an index that only makes it
    quick is a warning."""
    async with pool.acquire() as connection:
        pgqueuer = queries(AsyncpgDriver(connection))  # type: ignore[arg-type]
        try:
            await QueueManager(pgqueuer, SETTINGS.channel).verify_structure()
        except RuntimeError as error:
            missing = _ADVICE.split(str(error))[0].removeprefix("The ")
            raise DatabaseError(
                f"The queue's schema is not whole, since the {missing}: run `conserje migrate`."
            ) from None
        for statement in (await pgqueuer.plan_upgrade()).statements:
            log.warning("The queue lacks what `conserje migrate` makes: %s", statement)


class QueueDriver(AsyncpgPoolDriver):
    """PgQueuer's pool driver: sits out an absent Postgres, and listens again when its connection dies.

    It works by connections of its own, `noting`; `pool` is that of its process.
    """

    def __init__(self, noting: Pool, pool: Pool, url: str) -> None:
        super().__init__(noting)
        self._pools = (noting, pool)
        self._url = url
        self._listeners: list[tuple[str, NotifyCallback]] = []
        self._ear: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self.patient = True  # False: the worker ends, and waits for nobody
        self.wakes = Wakes(self._pass_on)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._patiently(lambda: super(QueueDriver, self).fetch(query, *args))

    async def execute(self, query: str, *args: object) -> str:
        return await self._patiently(lambda: super(QueueDriver, self).execute(query, *args))

    async def notify(self, channel: str, payload: str) -> None:
        await self._patiently(lambda: super(QueueDriver, self).notify(channel, payload))

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._listeners.append((channel, callback))
        if self._ear is None:
            self._ear = asyncio.create_task(self._listen())
        await self._listening.wait()

    async def remove_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._listeners.remove((channel, callback))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ear:
            self._ear.cancel()
            await asyncio.wait({self._ear})

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until Postgres answers: the queue's loop must not end because it was away."""
        for tries in itertools.count(1):
            try:
                async with asyncio.timeout(CALL_LIMIT if self.patient else LAST_CALL_LIMIT):
                    return await call()
            except CANNOT_ASK as error:
                if not self.patient:
                    raise
                log.warning("The queue waits for Postgres: %s", explained(error, type(error).__name__))
            await asyncio.sleep(pause(tries, FIRST_PAUSE, LONGEST_PAUSE))
        raise AssertionError("it is called until it answers")

    async def _listen(self) -> None:
        """Hear notifications for ever, over as many connections as it takes."""
        tries = 0
        while True:
            try:
                await self._listen_once()
            except CANNOT_ASK as error:
                log.warning(
                    "The queue's listener lost its connection: %s", explained(error, type(error).__name__)
                )
                if isinstance(error, TimeoutError) and stood_still() < LONG:
                    self._hang_up()
            tries = 1 if self._listening.is_set() else tries + 1
            self._listening.clear()
            await asyncio.sleep(pause(tries, FIRST_PAUSE, LONGEST_PAUSE))

    def _hang_up(self) -> None:
        """Postgres is silent. Its machine may be gone and another have its place, of which those who
        wait on the pool's connections would hear only after their time limits, one after the other."""
        for pool in self._pools:
            for holder in pool._holders:  # type: ignore[attr-defined] # nothing public ends those in use
                holder.terminate()

    async def _listen_once(self) -> None:
        connection = await connect_as_core(self._url, name="conserje queue")
        try:
            for channel in {channel for channel, _ in self._listeners}:
                await connection.add_listener(channel, self._hear)
            self._listening.set()
            for channel in {channel for channel, _ in self._listeners}:
                self._pass_on(channel, MISSED % channel)
            closed = asyncio.Event()
            connection.add_termination_listener(lambda _: closed.set())
            while not closed.is_set():
                await connection.execute("SELECT 1", timeout=PING_LIMIT)
                # Not asyncio.wait_for: before Python 3.12 it loses a cancellation that comes with the loss.
                with suppress(TimeoutError):
                    async with asyncio.timeout(PING_EVERY):
                        await closed.wait()
        finally:
            connection.terminate()

    def _hear(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        if isinstance(payload, str):
            self.wakes.hear(channel, payload)

    def _pass_on(self, channel: str, payload: str) -> None:
        for wanted, callback in self._listeners:
            if wanted == channel:
                callback(payload)


PRUNE = "DELETE FROM pgqueuer.pgqueuer_log WHERE created < now() - $1::interval"
LOG_KEPT = timedelta(minutes=10)


async def prune(pool: Pool) -> None:
    """Empty the log table, in which the queue writes each job's end."""
    await pool.execute(PRUNE, LOG_KEPT)


LOAD = """
SELECT count(*) AS jobs, coalesce(extract(epoch FROM now() - min(execute_after) FILTER (
    WHERE status = 'queued' AND execute_after <= now())), 0)::float AS oldest
FROM pgqueuer.pgqueuer
"""


class Load(NamedTuple):
    """What is in the queue."""

    jobs: int  # due or not
    oldest: float  # seconds that the oldest is due


async def load(connection: Connection) -> Load:
    row = await connection.fetchrow(LOAD)
    assert row is not None
    return Load(**row)
