"""The application that a worker of the server runs, and what it needs for as long as it runs."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from conserje.conversations.feed import Feed
from conserje.files.folder import Folder
from conserje.files.quota import Quota
from conserje.installation import explained
from conserje.plugins import recording, running
from conserje.plugins.starting import started
from conserje.telemetry.heartbeat import Heartbeat
from conserje.telemetry.pulse import beating
from conserje_edge.server.resources import open_resources
from conserje_edge.server.supervisor import ENDING
from conserje_edge.tenant.files import Files
from conserje_edge.tenant.pages import Pages
from conserje_edge.tenant.pictures import BELOW, Pictures
from conserje_edge.tenant.shared import SharedWebhooks
from conserje_edge.tenant.uploads import Uploads
from conserje_edge.tenant.webhooks import Webhooks

log = logging.getLogger(__name__)


@dataclass
class TenantHosts:
    """What is asked for by its path: a tenant's webhook, a shared one, a file, a picture, or a page."""

    webhooks: Webhooks
    shared: SharedWebhooks
    files: Files
    pictures: Pictures
    pages: Pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: bytes = scope["raw_path"]
        if path.startswith(b"/bot/"):
            await self.webhooks(scope, receive, send)
        elif path.startswith(b"/webhook/"):
            await self.shared(scope, receive, send)
        elif path.startswith(b"/files/"):
            await self.files(scope, receive, send)
        elif path.startswith(BELOW):
            await self.pictures(scope, receive, send)
        else:
            await self.pages(scope, receive, send)


def tenant_hosts(
    webhooks: Webhooks, feed: Feed, folder: Folder, quota: Quota, console: str = ""
) -> TenantHosts:
    """All that a tenants' listener serves; the folder is that of the files that contacts sent, the console's
    origin may show its pages."""
    reception = webhooks.reception
    uploads = Uploads(reception.pool, reception.vault, webhooks.intake, folder, quota)
    pages = Pages(reception, webhooks.plugins, feed, webhooks.limits, uploads, console)
    files, pictures = Files(reception, folder.path), Pictures(reception)
    return TenantHosts(webhooks, SharedWebhooks(webhooks), files, pictures, pages)


def create() -> ASGIApp:
    """The ASGI application; a request passes no router and no middleware, which would cost every webhook."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            _end_on_signals()
            try:
                resources = await stack.enter_async_context(open_resources())
                await stack.enter_async_context(resources.working_for_node())
            except Exception as error:
                _give_up(error)
            await stack.enter_async_context(beating())
            await stack.enter_async_context(started(resources.webhooks.plugins))
            folder, quota = Folder(resources.settings.files), Quota.of(resources.settings)
            console = resources.settings.console_url
            router.default = tenant_hosts(resources.webhooks, resources.feed, folder, quota, console)
            told = functools.partial(running.tell, resources.webhooks.plugins)
            await stack.enter_async_context(Heartbeat(resources.reception.pool, "edge", told))
            await stack.enter_async_context(recording.heeded(resources.settings.data_dir))
            gc.collect()
            gc.freeze()  # what is loaded stays; to look through it again and again would cost every webhook
            _end_with_server()
            _call_on_signals(resources.feed.stop)
            yield

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await (router if scope["type"] == "lifespan" else router.default)(scope, receive, send)

    router = Router(lifespan=lifespan)
    return application


def _end_on_signals() -> None:
    """A signal ends a worker that still starts, also one held back since it was forked.

    Until `_call_on_signals`, with nothing in between: granian's own handlers would hear it for nobody.
    """
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _call_on_signals(stop: Callable[[], None]) -> None:
    """Granian, told to stop, waits for the streams that are open, and tells nobody that it does.

    Its own handler, which the loop calls, hears nothing where the loop ends first, as it does before it
    serves: till then a signal ends the worker, which has nothing in hand. Told thrice, it waits for its own
    thread, which waits for the interpreter: it is told once.
    """
    loop = asyncio.get_running_loop()

    def end(number: int, _: object) -> None:
        if not _is_served(loop):
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        for each in ENDING:
            signal.signal(each, _heard_already)
        signal.set_wakeup_fd(-1)  # the loop hears of no other
        loop.call_soon_threadsafe(stop)

    for number in ENDING:
        signal.signal(number, end)


def _heard_already(number: int, _: object) -> None:
    """Not SIG_IGN: of a signal that came a moment before Python would raise that it is ignored."""


def _is_served(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether granian waits in the loop for its end: in `_main`, which comes after its `startup`."""
    return any(
        getattr(work := task.get_coro(), "__name__", "") == "_main"
        and getattr(work, "cr_await", None) is not None
        for task in asyncio.all_tasks(loop)
    )


def _give_up(error: Exception) -> NoReturn:
    """End this worker; the server starts another. Raising would show every error with its trace."""
    line = explained(error)
    log.critical("A worker cannot start: %s", line or "", exc_info=line is None)
    os._exit(1)


def _end_with_server() -> None:
    """Stop when the server that started this worker is gone; nobody else would stop it."""
    if server := multiprocessing.parent_process():
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.remove_reader(server.sentinel)
            os.kill(os.getpid(), signal.SIGTERM)

        loop.add_reader(server.sentinel, stop)
