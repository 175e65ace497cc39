"""The process of the console's listener: the API, and the console itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from conserje.installation import open_installation
from conserje.plugins import fences
from conserje.telemetry.pulse import Pulse
from conserje.tenants.directory import Directory
from conserje_edge.api import routes as api
from conserje_edge.api.problem import documented
from conserje_edge.console.app import Console
from conserje_edge.console.bells import Bells
from conserje_edge.operator import health
from conserje_edge.operator.auth import ALIVE, AuthMiddleware, Listener
from conserje_edge.operator.context import Context
from conserje_edge.predecessors import back_office, sending
from conserje_edge.server.listener import Served, serve_until_stopped
from conserje_edge.server.resources import check_keyring_of
from conserje_edge.wire.addresses import CONSOLE_LISTEN
from conserje_edge.wire.hosts import Hosts
from conserje_edge.wire.rates import MINUTE, Window
from conserje_edge.wire.requests import Proxies

NAME = "The console's listener"
OF_SYSTEMS = ALIVE | {back_office.LOGIN}  # beside what is below /api/


def listen(pulse: Pulse) -> None:
    """The whole life of the process."""
    serve_until_stopped(pulse, NAME, CONSOLE_LISTEN, _opened)


@asynccontextmanager
async def _opened() -> AsyncIterator[Served]:
    async with open_context() as (context, bells):
        yield Served(
            application(context, bells), context.settings.console_listen, bells.stop, context.plugins
        )


@asynccontextmanager
async def open_context() -> AsyncIterator[tuple[Context, Bells]]:
    """The installation that the environment describes, but for what takes messages.

    Raises SettingsError, DatabaseError or VaultError.
    """
    async with open_installation(patient=True) as installation:
        await check_keyring_of(installation)
        settings, pool = installation.settings, installation.pool
        fences.stand(fences.of_node(settings.data_dir))
        directory = Directory(pool, installation.url, memory=settings.directory_memory)
        async with Bells(pool, directory.changes) as bells, directory:
            yield Context(settings, pool, directory, installation.vault, installation.plugins), bells


def _is_open(path: str) -> bool:
    return api.is_open(path) or back_office.is_open(path)


class Listeners:
    """What other systems ask, and what people see: told apart by the path alone."""

    def __init__(self, systems: ASGIApp, people: ASGIApp) -> None:
        self._systems = systems
        self._people = people

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "/api/")
        of_systems = path.startswith("/api/") or path in OF_SYSTEMS
        await (self._systems if of_systems else self._people)(scope, receive, send)


def application(context: Context, bells: Bells) -> Listeners:
    """The ASGI application."""
    settings = context.settings
    routes: list[Route] = [
        *health.alive_routes(),
        *back_office.routes(context),
        *sending.routes(context),
        *api.routes(context),
    ]
    listener = Listener(NAME, _is_open, documented, Window(settings.api_rate, MINUTE))
    hosts, proxies = Hosts(settings.domains), Proxies(settings.trusted_proxies)
    systems = AuthMiddleware(Router(routes, redirect_slashes=False), hosts, proxies, context.pool, listener)
    return Listeners(systems, Console(context, bells))
