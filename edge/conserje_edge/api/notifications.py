"""Notifications: what happened to a tenant's, or to all tenants', as webhooks tell it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import Field

from conserje.errors import UnknownTenant
from conserje.notices import reader, sweep
from conserje.notices.reader import Happened
from conserje.notices.sweep import Sweep
from conserje.storage.database import Connection
from conserje.storage.notifications import KINDS, Position
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Given, Shown
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import LONGEST, Number, Paged, after, cursor_of

Kind = Literal[KINDS]  # type: ignore[valid-type]


class Since(Given):
    """Which notifications are asked for."""

    after: Annotated[
        str | None, Field(max_length=LONGEST, description="`next` of the answer before; none: the oldest.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=200, description="How many, at most.")] = 50
    kind: Kind | None = None


class NotificationShown(Shown):
    """What happened; `id` is that of the webhook that tells it."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any] = Field(description="Ids first; of a message what it says now.")


class Feed(Shown):
    """What happened after a place; `next` is the place behind it, also where nothing happened."""

    items: list[NotificationShown]
    next: str


@operation(scope="read", errors=("bad-cursor",))
async def list_notifications(asked: Asked, query: Since) -> Feed:
    """List what happened, oldest first, as subscriptions are told it.

    Ask again with `after` = `next`, as often as you like: nothing is left out, nothing comes twice.
    """
    paged = Paged(limit=query.limit, cursor=query.after)
    place = Position(*after(paged, tuple[Number, Number], reader.BEGINNING))
    async with asked.context.pool.acquire() as connection:
        until = await reader.settled(connection)
        kinds = (query.kind,) if query.kind else ()
        happened, place = await reader.read(connection, asked.tenant.id, place, until, query.limit, kinds)
        told = await reader.contents(connection, asked.tenant, happened)
    items = [NotificationShown(id=each.name, **told[each]) for each in happened if each in told]
    return Feed(items=items, next=cursor_of(place))


@operation(scope="read", whose="operator", errors=("bad-cursor",))
async def list_notifications_of_all(asked: Asked, query: Since) -> Feed:
    """List what happened to all tenants', as the operator's subscriptions are told it.

    Tenant after tenant, each one's oldest first. Ask again with `after` = `next`, also after an empty answer:
    nothing is left out, nothing comes twice.
    """
    paged = Paged(limit=query.limit, cursor=query.after)
    numbers = after(paged, tuple[Number, Number, Number, Number, Number, Number, Number], _ALL_READ)
    place = Sweep(Position(*numbers[:2]), Position(*numbers[2:4]), numbers[4], Position(*numbers[5:]))
    async with asked.context.pool.acquire() as connection:
        place = place.onwards(await reader.settled(connection))
        kinds = (query.kind,) if query.kind else ()
        found, place = await sweep.read(connection, place, query.limit, kinds)
        items: list[NotificationShown] = []
        for tenant_id in dict(found):
            items += await _of(asked, connection, tenant_id, [each for id, each in found if id == tenant_id])
    return Feed(items=items, next=cursor_of((*place.after, *place.until, place.tenant_id, *place.within)))


async def _of(
    asked: Asked, connection: Connection, tenant_id: int, happened: Collection[Happened]
) -> list[NotificationShown]:
    with suppress(UnknownTenant):  # it was removed
        tenant = (await asked.context.directory.by_id(tenant_id)).tenant
        told = await reader.contents(connection, tenant, happened)
        return [NotificationShown(id=each.name, **told[each]) for each in happened if each in told]
    return []


_ALL_READ = (0,) * 7
PLACES = (
    Place("/tenants/{slug}/notifications", {"GET": list_notifications}),
    Place("/notifications", {"GET": list_notifications_of_all}),
)
