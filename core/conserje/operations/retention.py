"""Retention: what is kept no longer goes, tenant by tenant, beside the work and never before it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import NamedTuple, Self

import asyncpg

from conserje.access import retention as access
from conserje.conversations import retention as conversations
from conserje.conversations import rights
from conserje.costs import retention as costs
from conserje.errors import OperatorError
from conserje.files import retention as files
from conserje.files import showcase
from conserje.files.folder import Folder, NoRoom
from conserje.leads import retention as leads
from conserje.notices import retention as notices
from conserje.shop import retention as shop
from conserje.storage import pruning
from conserje.storage.database import CANNOT_ASK, Connection, connect_as_core, describe
from conserje.storage.pruning import Batch, Key, Rule
from conserje.telemetry import metrics
from conserje.telemetry.log import place
from conserje.tenants import idempotency

log = logging.getLogger(__name__)

LOCK = 0x6B6565706E6F6D6F  # "keepnomo": whoever has it prunes
FIRST, EVERY = 60.0, 6 * 3600.0  # seconds after the start of a worker, and between two rounds
REST, QUICK = 4.0, 0.25  # times what a batch took, until the next: beside the work, and when it is asked for
CALL_LIMIT = 30.0  # seconds for one batch
OUT_OF_TIME = (TimeoutError, asyncpg.QueryCanceledError)
ON_DISK = "files without a message"
NAMED = 5  # of what failed

# Leads behind conversations, whose foreign key would read past all of them that had just gone.
RULES = (
    *notices.RULES, *conversations.RULES, *leads.RULES, *files.RULES, *showcase.RULES, *rights.RULES,
    *shop.RULES, *costs.RULES, *idempotency.RULES, *access.RULES,
)  # fmt: skip
"""Each room's own, in the order in which they go."""

TENANTS = "SELECT id, slug FROM tenants WHERE id > $1 ORDER BY id LIMIT 1000"


class PruningError(OperatorError):
    """Some of what is due could not be let go; the text says of whom."""

    def __init__(self, failed: Sequence[str]) -> None:
        more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
        super().__init__(f"{', '.join(failed[:NAMED])}{more} could not be pruned: the log says why.")


class Pruned(NamedTuple):
    """How many rows of a kind went, or are due; files on the disk are no tenant's."""

    tenant: str
    kind: str
    rows: int


async def due(connection: Connection) -> AsyncIterator[Pruned]:
    """What would go now."""
    async for tenant_id, slug in _tenants(connection):
        for rule in RULES:
            if rows := await pruning.count(connection, rule, tenant_id):
                yield Pruned(slug, rule.kind, rows)


async def prune(connection: Connection, folder: Folder, rest: float) -> AsyncIterator[Pruned]:
    """Let go what is due, batch by batch, with a rest after each of so many times what it took.

    What fails is logged, and keeps nothing else. Raises PruningError at the end then, NoRoom, and what says
    that Postgres cannot answer.
    """
    failed: list[str] = []
    late = dict.fromkeys((rule.kind for rule in RULES), 0.0)
    async for tenant_id, slug in _tenants(connection):
        for rule in RULES:
            try:
                async for batch in _prune(connection, rule, tenant_id, rest):
                    late[rule.kind] = max(late[rule.kind], _seconds(batch.late))
                    metrics.pruned(rule.kind, batch.rows, late[rule.kind])
                    yield Pruned(slug, rule.kind, batch.rows)
            except Exception as error:
                if isinstance(error, CANNOT_ASK) and not isinstance(error, OUT_OF_TIME):
                    raise  # nor could any other be pruned
                failed.append(f"{rule.kind} of {slug}")
                log.error("The %s cannot be pruned, the others can: %s", failed[-1], place(error))
    for kind, seconds in late.items():
        metrics.pruned(kind, 0, seconds)
    async for rows in files.remove_nameless(connection, folder):
        metrics.pruned(ON_DISK, rows, 0.0)
        yield Pruned("", ON_DISK, rows)
    if failed:
        raise PruningError(failed)


async def _prune(connection: Connection, rule: Rule, tenant_id: int, rest: float) -> AsyncIterator[Batch]:
    """The batches that had something."""
    key: Key | None = rule.first
    while key is not None:
        began = time.monotonic()
        batch = await pruning.prune(connection, rule, tenant_id, key)
        if batch.rows:
            yield batch
        key = batch.next_key if batch.rows or batch.next_key != key else None
        await asyncio.sleep((time.monotonic() - began) * rest)


def _seconds(late: timedelta | None) -> float:
    return (late or timedelta()).total_seconds()


async def _tenants(connection: Connection) -> AsyncIterator[tuple[int, str]]:
    after = 0
    while rows := await connection.fetch(TENANTS, after):
        for after, slug in rows:
            yield after, slug


@dataclass
class Retention:
    """Prunes for as long as it is entered, of all workers one."""

    url: str
    folder: Folder
    _keeping: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._keeping.add(asyncio.create_task(self._keep_on()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        await asyncio.wait(self._keeping)

    def stop(self) -> None:
        """At once: what a batch has not committed is undone."""
        for task in self._keeping:
            task.cancel()

    async def _keep_on(self) -> None:
        pause = FIRST
        while True:
            await asyncio.sleep(pause)
            pause = EVERY
            try:
                await self._be_the_one()
            except (*CANNOT_ASK, asyncpg.PostgresError) as error:
                log.warning("Nothing is pruned for now: %s", describe(error))
                pause = FIRST
            except Exception as error:  # a fault of ours must not end the keeping
                log.error("Pruning failed: %s", place(error))

    async def _be_the_one(self) -> None:
        """Prune again and again, where no other worker does. The lock goes with the connection."""
        connection = await connect_as_core(self.url, name="conserje retention", command_timeout=CALL_LIMIT)
        try:
            while await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
                await self._round(connection)
                await asyncio.sleep(EVERY)
        finally:
            connection.terminate()

    async def _round(self, connection: Connection) -> None:
        rows = 0
        try:
            async for pruned in prune(connection, self.folder, REST):
                rows += pruned.rows
        except NoRoom as error:
            log.error("Files cannot be looked through: %s", error)
        except PruningError as error:
            log.error("%s", error)
        if rows:
            log.info("%d rows went, or were emptied, whose term is over", rows)
        if going := await conversations.rejects_going(connection):
            log.warning("What nobody could read goes within 7 days (%s): see `conserje held list`", going)
