"""`conserje work`: answers what was taken."""

from __future__ import annotations

import asyncio
import signal

import click
import uvloop

from conserje.installation import open_installation, tasks
from conserje.intake.intake import Intake
from conserje.intake.reconcile import Gaps
from conserje.storage import queue
from conserje.telemetry import log
from conserje.telemetry.heartbeat import Heartbeat
from conserje.tenants.data_keys import check_keyring
from conserje.tenants.directory import Directory
from conserje.work.worker import Worker


@click.command()
def work() -> None:
    """Answer messages: think turns and deliver replies, until stopped.

    Any number of these may run, on any number of machines.

    \b
    Example:
      CONSERJE_SLOTS=80 conserje work
    """
    uvloop.run(_work())


async def _work() -> None:
    async with open_installation(connections=20) as installation:
        settings, pool = installation.settings, installation.pool
        log.set_up(settings.log_level)
        await queue.require_whole(pool)
        async with pool.acquire() as connection:
            await check_keyring(connection, installation.vault)
        plugins, vault = installation.plugins, installation.vault
        async with (
            Directory(pool, installation.url) as directory,
            Heartbeat(pool, "work"),
            Intake(pool, plugins) as intake,
            Gaps(pool, directory, plugins, vault, intake, settings.fetch_every),
        ):
            jobs = tasks(pool, directory, plugins, vault, settings)
            worker = Worker(pool, installation.url, jobs, settings.slots)
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, worker.stop)
            await worker.run()
