"""The routes that the predecessors' scripts call."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conserje.tenants import tenants
from conserje_edge.operator.auth import caller
from conserje_edge.operator.context import Context
from conserje_edge.predecessors import bots, messages


def routes(context: Context) -> list[Route]:
    async def list_tenants(request: Request) -> Response:
        """GET /tenants; a tenant's key sees its own."""
        asking = caller(request)
        asking.require("read", asking.tenant_id)
        async with context.pool.acquire() as connection:
            found = await tenants.list_all(connection)
        listed = [
            {
                "id": next(iter(tenant.aliases), tenant.slug),
                "name": tenant.name,
                "slug": tenant.slug,
                "webhook_url": f"/webhook/{tenant.slug}",
                "full_webhook_url": f"{context.settings.tenant_url(tenant.slug)}/bot/twilio/webhook",
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
