"""`conserje serve`: the server's processes, and what must be right before they start."""

from __future__ import annotations

import asyncio
import gc
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from multiprocessing import connection
from typing import Any

import click
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer, WorkerProcess
from starlette.types import ASGIApp

from conserje.installation import read_settings
from conserje.plugins import fences
from conserje.settings import Settings, SettingsError
from conserje.storage import embedded
from conserje.telemetry import log, service
from conserje.telemetry.pulse import Pulse
from conserje.telemetry.pulse import create as create_pulse
from conserje.telemetry.watchdog import Watchdog, be_watched
from conserje_edge.server import console, operator
from conserje_edge.server.app import create
from conserje_edge.server.resources import open_resources
from conserje_edge.server.supervisor import Supervisor, signals_held_back
from conserje_edge.wire.addresses import (
    CONSOLE_LISTEN,
    LISTEN,
    OPERATOR_LISTEN,
    Address,
    address,
    require_free,
)

RESPAWN_SECONDS = 0.5
STOP_SECONDS = 15  # for requests in hand; then a worker is killed
IDLE_MILLISECONDS = 30_000  # a proxy must close its idle connections sooner
BACKLOG = 2048
IN_HAND = 16_384  # requests at once in one worker; the streams of open pages are most of them


def goes_on(worker: WorkerProcess) -> bool:
    """Whether it has not ended.

    By itself it says so too until granian's other thread, which waits for it as well, has noted its end: on a
    busy machine a worker that has ended would be killed, and said to have refused to stop.
    """
    return not connection.wait([worker.inner.sentinel], timeout=0)


class Server(MPServer):
    """Granian, which by itself ends when one worker dies twice within seconds; this one goes on."""

    def __init__(self, watchdog: Watchdog, **how: Any) -> None:
        super().__init__(**how)
        self._watchdog = watchdog
        self._pulses: dict[int, Pulse] = {}  # of workers that are not watched yet

    def _spawn_workers(self, *arguments: Any, **named: Any) -> None:
        with signals_held_back():
            super()._spawn_workers(*arguments, **named)  # type: ignore[no-untyped-call]
        self._watch()

    def _respawn_workers(self, *arguments: Any, **named: Any) -> None:
        time.sleep(RESPAWN_SECONDS)  # a worker that cannot start must not keep the processor busy
        with signals_held_back():
            super()._respawn_workers(*arguments, **named)
        self._watch()
        self.respawned_wrks.clear()
        if self.interrupt_signal or self.interrupt_children:  # came meanwhile
            self.main_loop_interrupt.set()

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any, *others: Any) -> Any:
        pulse = self._pulses[idx] = create_pulse()
        worker = super()._spawn_worker(idx, target, partial(callback_loader, pulse), *others)
        worker.is_alive = partial(goes_on, worker)  # type: ignore[method-assign]
        return worker

    def _watch(self) -> None:
        for idx, pulse in self._pulses.items():
            self._watchdog.watch(f"Worker {idx + 1}", self.wrks[idx].inner.pid, pulse)
        self._pulses.clear()


def server(where: Address, given: Settings, watchdog: Watchdog) -> Server:
    level = LogLevels.debug if given.log_level == "debug" else LogLevels.warning
    return Server(
        watchdog,
        target="conserje",
        address=where.host,
        port=where.port,
        uds=where.path,
        uds_permissions=0o660,
        interface=Interfaces.ASGI,
        workers=given.workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=IDLE_MILLISECONDS),
        websockets=False,
        backlog=BACKLOG,
        backpressure=IN_HAND,
        log_level=level,
        log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {"_granian": {}}},  # ours has them
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
    )


def _allow_many_connections() -> None:
    """Each stream is a descriptor; the usual limit of 1024 is for programs that use select()."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _check(given: Settings, held: AsyncExitStack) -> None:
    """Open once what each worker will open, so that what is wrong is said once."""
    if not given.database_url:
        embedded.require_made(given.data_dir)
        await held.enter_async_context(embedded.running(given.data_dir))
    async with open_resources() as resources:
        resources.webhooks.plugins.say_broken()


@click.command()
def serve() -> None:
    """Take providers' webhooks, and answer the operator, until stopped.

    \b
    Example:
      CONSERJE_LISTEN=127.0.0.1:8080 conserje serve
    """
    given = read_settings()
    log.set_up(given.log_level)
    _allow_many_connections()
    where, operators, consoles = _addresses(given)
    said = f"Listening on {where}\nFor the operator: {operators}\nFor other systems: {consoles}"
    with asyncio.Runner() as runner:
        held = AsyncExitStack()
        try:
            runner.run(_check(given, held))
            here = fences.of_node(given.data_dir)
            watchdog = Watchdog(given.memory_limit, here.note, here.strikes.suspect)
            processes = server(where, given, watchdog)
            processes.on_startup(lambda: click.echo(said))
            processes.on_startup(service.ready)
            kept = [Supervisor(each.NAME, each.listen, watchdog) for each in (operator, console)]
            gc.collect()
            gc.freeze()  # what is loaded stays, and is one for all that are forked
            with kept[0], kept[1], _looking(watchdog):
                processes.serve(target_loader=_worker, wrap_loader=False)
        finally:
            runner.run(held.aclose())


def _worker(pulse: Pulse) -> ASGIApp:
    """The application of a worker, which is watched from its beginning."""
    be_watched(pulse)
    return create()


@contextmanager
def _looking(watchdog: Watchdog) -> Iterator[None]:
    """Granian has this process's main thread; the watchdog looks from one of its own."""
    stop = threading.Event()
    thread = threading.Thread(target=watchdog.run, args=(stop,), name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _addresses(given: Settings) -> list[Address]:
    """Where the tenants', the operator's and the console's listeners are.

    Raises SettingsError where they cannot be.
    """
    listens = {
        LISTEN: given.listen,
        OPERATOR_LISTEN: given.operator_listen,
        CONSOLE_LISTEN: given.console_listen,
    }
    found: dict[str, Address] = {}
    for setting, listen in listens.items():
        where = address(listen, setting)
        if other := next((name for name, each in found.items() if where.meets(each)), None):
            raise SettingsError(f"{setting}: {where} is for {other}: choose another address.")
        require_free(where, setting)
        found[setting] = where
    return list(found.values())
