"""A process that listens to those with a key: what it serves, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NoReturn

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from starlette.types import ASGIApp

from conserje.installation import explained
from conserje.plugins.plugins import Plugins
from conserje.plugins.starting import started
from conserje.telemetry.pulse import Pulse, beating
from conserje.telemetry.watchdog import be_watched
from conserje_edge.wire.addresses import Address, address, require_free

log = logging.getLogger(__name__)

STOP_SECONDS = 1.0  # for requests in hand
IDLE_MILLISECONDS = 30_000
OPEN = 2048  # requests at once: each open page of the console has one, and granian's own bound is 128
SOCKET_PERMISSIONS = 0o660


@dataclass(frozen=True)
class Served:
    """What such a process serves, what is called first when it stops, and the plugins that it calls."""

    app: ASGIApp
    listen: str
    stop: Callable[[], None]
    plugins: Plugins


def serve_until_stopped(
    pulse: Pulse, name: str, setting: str, opened: Callable[[], AbstractAsyncContextManager[Served]]
) -> None:
    """Serve until SIGTERM, or until the process that started this one is gone."""
    be_watched(pulse)
    uvloop.run(_listen(name, setting, opened))


async def _listen(name: str, setting: str, opened: Callable[[], AbstractAsyncContextManager[Served]]) -> None:
    try:
        async with opened() as served, beating(), started(served.plugins):
            where = address(served.listen, setting)
            require_free(where, setting)  # removes the socket of one that was killed
            await _serve(served, where)
    except Exception as error:
        _give_up(name, error)


async def _serve(served: Served, where: Address) -> None:
    server = _server(served.app, where)
    serving = asyncio.create_task(server.serve())
    stopped = asyncio.create_task(_stopped())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    served.stop()
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait({serving}, timeout=STOP_SECONDS)
    if serving.done():
        serving.result()


def _server(app: ASGIApp, where: Address) -> Server:
    server = Server(
        app,
        address=where.host,
        port=where.port,
        uds=where.path,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=IDLE_MILLISECONDS),
        websockets=False,
        backlog=OPEN,
        backpressure=OPEN,
        log_enabled=False,
    )
    server.uds_permissions = SOCKET_PERMISSIONS
    return server


async def _stopped() -> None:
    """Until SIGTERM, or until the process that started this one is gone."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if parent := multiprocessing.parent_process():
        loop.add_reader(parent.sentinel, stop.set)
    await stop.wait()
    if parent:
        loop.remove_reader(parent.sentinel)


def _give_up(name: str, error: Exception) -> NoReturn:
    """End with one line; whoever keeps this process starts another."""
    line = explained(error)
    log.critical("%s cannot start: %s", name, line or "", exc_info=line is None)
    os._exit(1)
