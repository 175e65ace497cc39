"""Tenants: the clients of this installation."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from conserje.operations import tenant_change
from conserje.operations.tenant_change import Changes
from conserje.storage.database import Connection
from conserje.tenants import domains, phones, tenants
from conserje.tenants.tenants import Tenant
from conserje_edge.api.asked import Asked
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Page, Paged, Word, after, page
from conserje_edge.api.problem import Wrong, problem
from conserje_edge.api.tenant_models import (
    ChangedTenant,
    NewTenant,
    TenantListed,
    TenantShown,
    as_column,
    shown_columns,
)


@operation(scope="read")
async def list_tenants(asked: Asked, query: Paged) -> Page[TenantListed]:
    """List the tenants.

    A tenant's key is shown its own.
    """
    [place] = after(query, tuple[Word], ("",))
    async with asked.context.pool.acquire() as connection:
        found = await tenants.page(connection, place, query.limit + 1, asked.caller.tenant_id)

    def listed(tenant: Tenant) -> TenantListed:
        url = asked.context.settings.tenant_url(tenant.slug)
        return TenantListed(
            slug=tenant.slug, name=tenant.name, status=tenant.status, url=url, time_zone=tenant.time_zone
        )

    return page(query, found, listed, lambda tenant: (tenant.slug,))


@operation(
    scope="admin",
    status=HTTPStatus.CREATED,
    whose="operator",
    transaction="core",
    errors=("taken", "refused"),
    tagged=True,
)
async def add_tenant(asked: Asked, body: NewTenant) -> TenantShown:
    """Add a tenant; it is live at once."""
    columns = body.model_dump(exclude_unset=True, exclude_none=True, exclude={"slug", "name", "phones"})
    if base := tenants.reserving_base(body.slug, asked.context.settings.domains):
        raise problem("refused", errors=[Wrong("/body/slug", f"It belongs to the base domain {base}")])
    if body.assistant:
        asked.context.plugins.assistant(body.assistant)  # raises where there is none
    added = await tenants.add(asked.connection, body.slug, body.name, **columns)
    for phone in dict.fromkeys(map(phones.normalised, body.phones)):
        await phones.add(asked.connection, added.id, phone)
    asked.headers["location"] = f"/api/v1/tenants/{added.slug}"
    return await _shown(asked, asked.connection, added)


@operation(scope="read", tagged=True)
async def show_tenant(asked: Asked) -> TenantShown:
    """Show a tenant, with its domains and phones."""
    async with asked.context.pool.acquire() as connection:
        return await _shown(asked, connection, await tenants.get(connection, asked.tenant.slug))


@operation(
    scope="admin",
    transaction="core",
    errors=("taken", "refused", "conflict", "operator-only", "changed-meanwhile"),
    tagged=True,
)
async def change_tenant(asked: Asked, body: ChangedTenant) -> TenantShown:
    """Change a tenant at once: what is not named stays, what is null goes.

    Settings and hours are merged, as RFC 7396 has it. A tenant's key may not change what is the operator's
    to decide: `slug`, `aliases` and what may be spent; nor `notice_url`, where the operator lets addresses in
    private networks be asked.
    """
    connection, slug = asked.connection, asked.tenant.slug
    now = await tenants.lock(connection, asked.tenant.id)
    asked.match(await _shown(asked, connection, now))
    given = body.model_dump(exclude_unset=True)
    if asked.caller.tenant_id is not None:
        _refuse_operators(asked, given)
    aliases = given.pop("aliases", None)
    changes = Changes(
        assistant_settings=given.pop("assistant_settings", {}),
        tools=given.pop("tool_settings", {}),
        hours=given.pop("hours", {}),
        aliases=aliases or (),
        dropped=[] if aliases is None else [each for each in now.aliases if each not in aliases],
        columns={name: as_column(name, value) for name, value in given.items()},
    )
    changed = await tenant_change.change(asked.context, connection, slug, changes)
    return await _shown(asked, connection, changed)


def _refuse_operators(asked: Asked, given: dict[str, object]) -> None:
    """Raises Problem for what a tenant cannot decide."""
    if not_its := tenant_change.operators_only(asked.context.settings, given):
        wrong = [Wrong(f"/body/{name}", "Only the operator may change it") for name in not_its]
        raise problem("operator-only", errors=wrong)


@operation(scope="admin", whose="operator", transaction="core", tagged=True)
async def suspend_tenant(asked: Asked) -> TenantShown:
    """Keep nothing and answer nobody for a tenant; providers are still told that all is well."""
    return await _set_status(asked, "suspended")


@operation(scope="admin", whose="operator", transaction="core", tagged=True)
async def resume_tenant(asked: Asked) -> TenantShown:
    """End a tenant's suspension."""
    return await _set_status(asked, "active")


async def _set_status(asked: Asked, status: Literal["active", "suspended"]) -> TenantShown:
    set_it = tenants.suspend if status == "suspended" else tenants.resume
    await set_it(asked.connection, asked.tenant.slug)
    return await _shown(asked, asked.connection, await tenants.get(asked.connection, asked.tenant.slug))


@operation(
    scope="admin",
    status=HTTPStatus.NO_CONTENT,
    whose="operator",
    transaction="core",
    errors=("still-active", "changed-meanwhile"),
)
async def remove_tenant(asked: Asked) -> None:
    """Remove a tenant with all that is its: accounts, contacts, conversations, products.

    It has to be suspended before. Export it first, if any of it may be wanted again.
    """
    now = await tenants.lock(asked.connection, asked.tenant.id)
    asked.match(await _shown(asked, asked.connection, now))
    if now.active:
        raise problem("still-active", f"{now.slug} is active: POST /tenants/{now.slug}/suspend first.")
    await tenants.remove(asked.connection, now.slug)


async def _shown(asked: Asked, connection: Connection, tenant: Tenant) -> TenantShown:
    return TenantShown(
        **shown_columns(tenant),
        url=asked.context.settings.tenant_url(tenant.slug),
        hours=tenant.hours.written() if tenant.hours else {},
        former_slugs=await tenants.former_slugs(connection, tenant.id),
        domains=await domains.list_all(connection, tenant.id),
        phones=await phones.list_all(connection, tenant.id),
    )


PLACES = (
    Place("/tenants", {"GET": list_tenants, "POST": add_tenant}),
    Place("/tenants/{slug}", {"GET": show_tenant, "PATCH": change_tenant, "DELETE": remove_tenant}),
    Place("/tenants/{slug}/suspend", {"POST": suspend_tenant}),
    Place("/tenants/{slug}/resume", {"POST": resume_tenant}),
)
