"""The process of the operator's listener: health, metrics, the predecessors' routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.routing import Router

from conserje.telemetry.pulse import Pulse
from conserje_edge.operator import health, metrics
from conserje_edge.operator.auth import AuthMiddleware, Listener
from conserje_edge.operator.context import OperatorContext
from conserje_edge.predecessors import routes as predecessors
from conserje_edge.server.listener import Served, serve_until_stopped
from conserje_edge.server.resources import open_resources
from conserje_edge.wire.addresses import OPERATOR_LISTEN

NAME = "The operator's listener"


def listen(pulse: Pulse) -> None:
    """The whole life of the process."""
    serve_until_stopped(pulse, NAME, OPERATOR_LISTEN, _opened)


@asynccontextmanager
async def _opened() -> AsyncIterator[Served]:
    async with open_context() as context:
        yield Served(
            application(context), context.settings.operator_listen, context.feed.stop, context.plugins
        )


@asynccontextmanager
async def open_context() -> AsyncIterator[OperatorContext]:
    """The installation that the environment describes. Raises as `open_resources`."""
    async with open_resources() as resources:
        reception, webhooks = resources.reception, resources.webhooks
        yield OperatorContext(
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


def application(context: OperatorContext) -> AuthMiddleware:
    """The ASGI application."""
    routes = [*health.routes(context), *metrics.routes(context), *predecessors.routes(context)]
    router = Router(routes, redirect_slashes=False)
    reception = context.reception
    return AuthMiddleware(router, reception.hosts, reception.proxies, context.pool, Listener(NAME))
