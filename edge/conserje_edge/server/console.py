"""The process of the console's listener: the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.routing import Route, Router

from conserje.installation import open_installation
from conserje.plugins import fences
from conserje.telemetry.pulse import Pulse
from conserje.tenants.directory import Directory
from conserje_edge.api import routes as api
from conserje_edge.api.problem import documented
from conserje_edge.operator import health
from conserje_edge.operator.auth import AuthMiddleware, Listener
from conserje_edge.operator.context import Context
from conserje_edge.predecessors import back_office, sending
from conserje_edge.server.listener import Served, serve_until_stopped
from conserje_edge.server.resources import check_keyring_of
from conserje_edge.wire.addresses import CONSOLE_LISTEN
from conserje_edge.wire.hosts import Hosts
from conserje_edge.wire.rates import MINUTE, Window
from conserje_edge.wire.requests import Proxies

NAME = "The console's listener"


def listen(pulse: Pulse) -> None:
    """The whole life of the process."""
    serve_until_stopped(pulse, NAME, CONSOLE_LISTEN, _opened)


@asynccontextmanager
async def _opened() -> AsyncIterator[Served]:
    async with open_context() as context:
        yield Served(application(context), context.settings.console_listen, lambda: None)


@asynccontextmanager
async def open_context() -> AsyncIterator[Context]:
    """The installation that the environment describes, but for what takes messages.

    Raises SettingsError, DatabaseError or VaultError.
    """
    async with open_installation(patient=True) as installation:
        await check_keyring_of(installation)
        settings, pool = installation.settings, installation.pool
        fences.stand(fences.of_node(settings.data_dir))
        async with Directory(pool, installation.url) as directory:
            yield Context(settings, pool, directory, installation.vault, installation.plugins)


def _is_open(path: str) -> bool:
    return api.is_open(path) or back_office.is_open(path)


def application(context: Context) -> AuthMiddleware:
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
    return AuthMiddleware(Router(routes, redirect_slashes=False), hosts, proxies, context.pool, listener)
