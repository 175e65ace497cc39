"""Tenants: the clients of this installation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from conserje.tenants import tenants
from conserje.tenants.tenants import Status, Tenant
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Shown
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Page, Paged, Word, after, page


class TenantListed(Shown):
    """A tenant in a list."""

    slug: str
    name: str
    status: Status
    url: Annotated[str, Field(description="Its public address.")]
    time_zone: str


@operation(scope="read")
async def list_tenants(asked: Asked, query: Paged) -> Page[TenantListed]:
    """List the tenants.

    A tenant's key is shown its own.
    """
    [place] = after(query, tuple[Word], ("",))
    async with asked.context.pool.acquire() as connection:
        found = await tenants.page(connection, place, query.limit + 1, asked.caller.tenant_id)

    def shown(tenant: Tenant) -> TenantListed:
        url = asked.context.settings.tenant_url(tenant.slug)
        return TenantListed(
            slug=tenant.slug, name=tenant.name, status=tenant.status, url=url, time_zone=tenant.time_zone
        )

    return page(query, found, shown, lambda tenant: (tenant.slug,))


PLACES = (Place("/tenants", {"GET": list_tenants}),)
