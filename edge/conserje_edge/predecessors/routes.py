"""The routes that the predecessors' scripts call."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conserje.tenants import accounts, tenants
from conserje.tenants.tenants import Tenant
from conserje_edge.operator.auth import caller
from conserje_edge.operator.context import OperatorContext
from conserje_edge.predecessors import bots, messages
from conserje_edge.predecessors.bots import NUMBERS


def _webhook(context: OperatorContext, tenant: Tenant, own: Sequence[str]) -> str | None:
    """Where a provider of the tenant's posts, or else its page; None where nothing is installed."""
    installed = context.plugins.channels
    at_providers = [name for name in own if name in installed and not installed[name].per_tenant]
    every_tenant_s = sorted(name for name, channel in installed.items() if channel.per_tenant)
    names = [*sorted(at_providers, key=lambda name: name != NUMBERS), *every_tenant_s]
    return f"{context.settings.tenant_url(tenant.slug)}/bot/{names[0]}/webhook" if names else None


def routes(context: OperatorContext) -> list[Route]:
    async def list_tenants(request: Request) -> Response:
        """GET /tenants; a tenant's key sees its own."""
        asking = caller(request)
        asking.require("read", asking.tenant_id)
        async with context.pool.acquire() as connection:
            found = await tenants.list_all(connection)
            channels = await accounts.channels(connection)
        listed = [
            {
                "id": next(iter(tenant.aliases), tenant.slug),
                "name": tenant.name,
                "slug": tenant.slug,
                "webhook_url": f"/webhook/{tenant.slug}",
                "full_webhook_url": _webhook(context, tenant, channels.get(tenant.id, ())),
                "status": tenant.status,
            }
            for tenant in found
            if asking.tenant_id in (None, tenant.id)
        ]
        return JSONResponse({"status": "success", "total_tenants": len(listed), "tenants": listed})

    return [
        Route("/tenants", list_tenants, methods=["GET"]),
        *messages.routes(context),
        *bots.routes(context),
    ]
