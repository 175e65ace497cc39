"""The process of the operator's listener: what it serves, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from starlette.routing import Router

from conserje.installation import explained
from conserje.telemetry.pulse import Pulse, beating
from conserje.telemetry.watchdog import be_watched
from conserje_edge.operator import health, metrics
from conserje_edge.operator.auth import AuthMiddleware
from conserje_edge.operator.context import Context
from conserje_edge.predecessors import routes as predecessors
from conserje_edge.server.resources import open_resources
from conserje_edge.wire.addresses import OPERATOR_LISTEN, Address, address, require_free

log = logging.getLogger(__name__)

STOP_SECONDS = 1.0  # for requests in hand
IDLE_MILLISECONDS = 30_000
SOCKET_PERMISSIONS = 0o660


def listen(pulse: Pulse) -> None:
    """Serve the operator until SIGTERM, or until the process that started this one is gone."""
    be_watched(pulse)
    uvloop.run(_listen())


async def _listen() -> None:
    try:
        async with open_context() as context, beating():
            where = address(context.settings.operator_listen, OPERATOR_LISTEN)
            require_free(where, OPERATOR_LISTEN)  # removes the socket of one that was killed
            await _serve(context, where)
    except Exception as error:
        _give_up(error)


@asynccontextmanager
async def open_context() -> AsyncIterator[Context]:
    """The installation that the environment describes. Raises as `open_resources`."""
    async with open_resources() as resources:
        reception, webhooks = resources.reception, resources.webhooks
        yield Context(
            settings=resources.settings,
            pool=reception.pool,
            directory=reception.directory,
            vault=reception.vault,
            plugins=webhooks.plugins,
            intake=webhooks.intake,
            feed=resources.feed,
            reception=reception,
            webhooks=webhooks,
        )


def application(context: Context) -> AuthMiddleware:
    """The ASGI application."""
    routes = [*health.routes(context), *metrics.routes(context), *predecessors.routes(context)]
    router = Router(routes, redirect_slashes=False)
    return AuthMiddleware(router, context.reception.hosts, context.reception.proxies, context.pool)


async def _serve(context: Context, where: Address) -> None:
    server = _server(application(context), where)
    serving = asyncio.create_task(server.serve())
    stopped = asyncio.create_task(_stopped())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    context.feed.stop()
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait({serving}, timeout=STOP_SECONDS)
    if serving.done():
        serving.result()


def _server(app: AuthMiddleware, where: Address) -> Server:
    server = Server(
        app,
        address=where.host,
        port=where.port,
        uds=where.path,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=IDLE_MILLISECONDS),
        websockets=False,
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


def _give_up(error: Exception) -> NoReturn:
    """End with one line; whoever keeps this process starts another."""
    line = explained(error)
    log.critical("The operator's listener cannot start: %s", line or "", exc_info=line is None)
    os._exit(1)
