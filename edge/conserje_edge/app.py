"""The application that a worker of the server runs, and what it needs for as long as it runs."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import NoReturn

from starlette.routing import Router

from conserje.cli.failure import failed
from conserje.cli.installation import open_installation
from conserje.directory import Directory
from conserje.intake import Intake
from conserje.vault import check_keyring
from conserje_edge.hosts import Hosts
from conserje_edge.requests import Proxies
from conserje_edge.webhooks import Webhooks

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_webhooks() -> AsyncIterator[Webhooks]:
    """The webhooks of the installation that the environment describes.

    Raises SettingsError, DatabaseError or VaultError.
    """
    async with open_installation() as installation:
        settings, pool = installation.settings, installation.pool
        hosts, proxies = Hosts(settings.domains), Proxies(settings.trusted_proxies)
        async with pool.acquire() as connection:
            await check_keyring(connection, installation.vault)
        async with Directory(pool, installation.url) as directory, Intake(pool) as intake:
            webhooks = Webhooks(
                hosts=hosts,
                proxies=proxies,
                directory=directory,
                vault=installation.vault,
                plugins=installation.plugins,
                intake=intake,
                pool=pool,
                body_limit=settings.body_limit,
            )
            yield webhooks
            await webhooks.close()


def create() -> Router:
    """The ASGI application; a router without middleware, since each would cost every webhook."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            with _ended_by_signals():
                try:
                    router.default = await stack.enter_async_context(open_webhooks())
                except Exception as error:
                    _give_up(error)
            _end_with_server()
            gc.collect()
            gc.freeze()  # what is loaded stays; to look through it again and again would cost every webhook
            yield

    router = Router(lifespan=lifespan, redirect_slashes=False)
    return router


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A signal ends a worker that still starts; granian would not hear it and wait for ever."""
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _give_up(error: Exception) -> NoReturn:
    """End this worker; the server starts another. Raising would show every error with its trace."""
    line = failed(error)
    log.critical("A worker cannot start: %s", line.message if line else "", exc_info=line is None)
    os._exit(1)


def _end_with_server() -> None:
    """Stop when the server that started this worker is gone; nobody else would stop it."""
    if server := multiprocessing.parent_process():
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.remove_reader(server.sentinel)
            os.kill(os.getpid(), signal.SIGTERM)

        loop.add_reader(server.sentinel, stop)
