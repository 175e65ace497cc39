"""The pages of channels, at every tenant's host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from http import HTTPStatus

from starlette.routing import BaseRoute, Route, Router
from starlette.types import Message, Receive, Scope, Send

from conserje.conversations.feed import Feed
from conserje.files.uploads import LARGEST
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.telemetry import pulse
from conserje.telemetry.log import place
from conserje_edge.tenant.page_host import PageHost
from conserje_edge.tenant.reception import Reception
from conserje_edge.tenant.uploads import Uploads
from conserje_edge.wire.answers import Problem
from conserje_edge.wire.rates import Limits
from conserje_edge.wire.requests import read_headers

log = logging.getLogger(__name__)

BODY_LIMIT = 64 * 1024  # bytes; what visitors write goes to the webhook
UPLOAD = b"/upload"  # the only page that takes files


class Pages:
    """The ASGI application for everything that is neither a webhook nor a status."""

    def __init__(
        self,
        reception: Reception,
        plugins: Plugins,
        feed: Feed,
        limits: Limits,
        uploads: Uploads,
        console: str = "",
    ) -> None:
        self._reception = reception
        page_hosts = [
            PageHost(channel, reception, feed, limits, uploads, console)
            for channel in plugins.channels.values()
        ]
        self._router = Router(_routes(page_hosts), redirect_slashes=False, default=self._nothing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            _refuse_large(scope)
            await self._router(scope, receive, watched)
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            problem = error if isinstance(error, Problem) else _failure(error)
            if begun:  # a stream: the browser comes again and is told
                log.info("A page ended early: %s", problem.cause or problem.status)
                return
            start, body = self._reception.explain(problem, scope)
            await send(start)
            await send(body)

    async def _nothing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Problem: there is no such page, or nobody at all."""
        await self._reception.entry(read_headers(scope)["host"])
        raise Problem(HTTPStatus.NOT_FOUND)


def _failure(error: BaseException) -> Problem:
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"A page failed: {place(error)}")


def _refuse_large(scope: Scope) -> None:
    most = LARGEST if scope["raw_path"] == UPLOAD else BODY_LIMIT
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and int(value) > most):
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "", (b"connection", b"close"))


def _routes(page_hosts: Iterable[PageHost]) -> list[BaseRoute]:
    """The routes of all channels; of two at one path the channel that comes first by name has it."""
    routes: list[BaseRoute] = []
    taken: dict[str, str] = {}
    for host in sorted(page_hosts, key=lambda host: host.channel.name):
        for route in _pages(host):
            path = route.path if isinstance(route, Route) else ""
            if path in taken:
                log.error("Channel %s: %s is a page of channel %s", host.channel.name, path, taken[path])
            else:
                taken[path] = host.channel.name
                routes.append(_named(route, host.channel.name))
    return routes


def _pages(host: PageHost) -> Sequence[BaseRoute]:
    try:
        return guard.called(host.channel, "", "pages", given.sound(Sequence[BaseRoute]), host)
    except PluginFailed as error:
        log.error("Channel %s has no pages: %s", host.channel.name, error.place)
        return ()


def _named(route: BaseRoute, channel: str) -> BaseRoute:
    """The route; while it runs the pulse says whose it is."""
    if isinstance(route, Route):
        page = route.app

        async def named(scope: Scope, receive: Receive, send: Send) -> None:
            await pulse.awaited(page(scope, receive, send), channel, "pages")

        route.app = named
    return route
