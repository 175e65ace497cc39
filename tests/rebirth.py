"""An installation that is saved, and the one that comes back elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from scene import Scene, stage
from waiting import until

from conserje.operations import backup, restore
from conserje.operations.progress import Progress
from conserje.operations.restore import Order
from conserje.operations.shelf import Keep
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.storage.pool import connect_pool

NO_JOBS = "SELECT count(*) = 0 FROM pgqueuer.pgqueuer"


async def save(scene: Scene, settings: Settings) -> Path:
    assert settings.backups
    order = backup.Order(
        scene.url, settings, scene.vault, settings.backups, Keep.of("7d"), prove=False, progress=Progress()
    )
    return (await backup.make(order)).path


@asynccontextmanager
async def reborn(order: Order) -> AsyncIterator[Scene]:
    """The restored installation."""
    pool = await connect_pool(order.url)
    try:
        keyring = order.settings.keyring
        async with stage(pool, order.url, keyring) as scene:
            scene._keys = itertools.count(1000)  # what was taken before is not taken again
            yield scene
    finally:
        pool.terminate()


async def resume(scene: Scene) -> None:
    async with scene.pool.acquire() as connection, connection.transaction():
        await restore.resume(connection)


async def conversation(scene: Scene, sender: str) -> tuple[int, int]:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations WHERE peer = $1", sender)
    assert row
    return row["tenant_id"], row["id"]


async def leave_undone(scene: Scene) -> None:
    """Ana was answered, Beto was not, and what Carla is answered has not left."""
    async with scene.working():
        await scene.write("hola", sender="ana")
        await until(lambda: scene.post.texts == ["hola"])
        await scene.settled()
    await scene.write("sigo esperando", sender="beto")
    await scene.write("y yo", sender="carla")
    silent = replace(scene.conversation, sender=None)
    await silent.converse(Job(jobs.CONVERSE, *await conversation(scene, "carla")))
    assert scene.post.texts == ["hola"]
