"""`conserje work`: answers what was taken."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack

import click
import uvloop

from conserje.files.folder import Folder
from conserje.installation import Installation, explained, open_installation, read_settings, tasks
from conserje.intake.intake import Intake
from conserje.intake.reconcile import Gaps
from conserje.operations.journal import Journal
from conserje.operations.retention import Retention
from conserje.plugins import fences, recording, running
from conserje.plugins.starting import started
from conserje.settings import Settings
from conserje.storage import embedded, queue
from conserje.telemetry.heartbeat import Heartbeat
from conserje.telemetry.pulse import beating
from conserje.telemetry.watchdog import Watchdog
from conserje.tenants.data_keys import check_keyring
from conserje.tenants.directory import Directory
from conserje.work.parent import fork_watched
from conserje.work.worker import LAST_LIMIT, SHUTDOWN_LIMIT, Worker

log = logging.getLogger(__name__)

# Seconds for which a thread, such as a search in a large catalogue, keeps the interpreter from the loop: at
# each step of a turn.
HAND_OVER = 0.0005
# More would wait for the same processors, and each plans every statement of a turn anew. A tenant has three.
CONNECTIONS = 12
END_LIMIT = SHUTDOWN_LIMIT + LAST_LIMIT + 2.0  # seconds; then it is killed, whatever a task does


@click.command()
def work() -> None:
    """Answer messages: think turns and deliver replies, until stopped.

    Any number of these may run, on any number of machines.

    \b
    Example:
      CONSERJE_SLOTS=80 conserje work
    """
    settings = read_settings()
    with asyncio.Runner() as runner:
        held = AsyncExitStack()
        try:
            runner.run(_check(settings, held))
            here = fences.of_node(settings.data_dir)
            watchdog = Watchdog(settings.memory_limit, here.note, here.strikes.suspect)
            gc.collect()
            gc.freeze()  # what is loaded stays, and is one for parent and child
            fork_watched("work", _run, watchdog, END_LIMIT)
        finally:
            runner.run(held.aclose())


async def _check(settings: Settings, held: AsyncExitStack) -> None:
    """Open once what each child will open, so that what is wrong is said once, and here."""
    if not settings.database_url:
        embedded.require_made(settings.data_dir)
        await held.enter_async_context(embedded.running(settings.data_dir))
    async with open_installation() as installation:
        await _check_database(installation)
        installation.plugins.say_broken()
        directory = Directory(installation.pool, installation.url)
        tasks(installation.pool, directory, installation.plugins, installation.vault, settings)  # loads all


async def _check_database(installation: Installation) -> None:
    await queue.require_whole(installation.pool)
    async with installation.pool.acquire() as connection:
        await check_keyring(connection, installation.vault)


def _run() -> None:
    sys.setswitchinterval(HAND_OVER)
    try:
        uvloop.run(_work())
    except Exception as error:
        line = explained(error)
        log.critical("`work` cannot go on: %s", line or "", exc_info=line is None)
        os._exit(1)


async def _work() -> None:
    async with open_installation(connections=CONNECTIONS) as installation:
        settings, pool = installation.settings, installation.pool
        await _check_database(installation)
        fences.stand(fences.of_node(settings.data_dir))
        plugins, vault = installation.plugins, installation.vault
        async with (
            beating(),
            started(plugins),
            Directory(pool, installation.url, memory=settings.directory_memory) as directory,
            Heartbeat(pool, "work", functools.partial(running.tell, plugins)),
            Intake(pool, plugins) as intake,
            Journal(pool, vault, settings.backups),
            Gaps(pool, directory, plugins, vault, intake, settings.fetch_every),
            Retention(installation.url, Folder(settings.files)) as retention,
            recording.heeded(settings.data_dir),
        ):
            jobs = tasks(pool, directory, plugins, vault, settings)
            worker = Worker(pool, installation.url, jobs, settings.slots)

            def stop() -> None:
                worker.stop()
                retention.stop()

            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stop)
            await worker.run()
