"""The node: what this machine keeps in files for the time when Postgres is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from conserje.intake.intake import Intake
from conserje.intake.spool import Spool
from conserje.settings import Settings, SettingsError
from conserje.storage.database import Pool
from conserje.storage.sqlite import NodeFileError
from conserje.telemetry import metrics
from conserje.tenants.replica import Replica

FOLDER, REPLICA = "spool", "roster.sqlite"
MEGABYTE = 1024 * 1024


@dataclass
class Node:
    """The files of this node, open."""

    replica: Replica | None
    spool: Spool | None

    @asynccontextmanager
    async def working(self, pool: Pool, intake: Intake) -> AsyncIterator[None]:
        """As long as this is entered, and no other process of the node does it: drain and copy."""
        work = asyncio.create_task(self._work(pool, intake))
        try:
            yield
        finally:
            work.cancel()
            await asyncio.wait({work})

    async def _work(self, pool: Pool, intake: Intake) -> None:
        if self.spool is None or self.replica is None:
            return
        await self.spool.become_drainer()
        await asyncio.gather(intake.drain(self.spool), self.replica.keep(pool))


def can_do_without_postgres(settings: Settings) -> bool:
    """Whether this node knew its tenants before."""
    return settings.spool == "on" and (settings.data_dir / FOLDER / REPLICA).exists()


@asynccontextmanager
async def open_node(settings: Settings) -> AsyncIterator[Node]:
    """Raises SettingsError where the files cannot be written."""
    if settings.spool == "off":
        yield Node(None, None)
        return
    folder = settings.data_dir / FOLDER
    async with AsyncExitStack() as stack:
        try:
            spool = await stack.enter_async_context(Spool(folder, settings.spool_limit * MEGABYTE))
            replica = await stack.enter_async_context(Replica(folder / REPLICA))
        except (NodeFileError, OSError) as error:
            raise SettingsError(
                f"CONSERJE_DATA_DIR must be writable, unless CONSERJE_SPOOL=off: {error}"
            ) from None
        stack.enter_context(metrics.showing_spool(spool.size))
        yield Node(replica, spool)
