"""Keys to this API: a key itself is shown once, to who makes it."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field

from conserje.tenants import api_keys
from conserje.tenants.api_keys import ApiKey, KeyScope
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Given, Moment, Shown, Slug, Time
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Page, Paged, Word, after, page
from conserje_edge.api.problem import problem

LONGEST_LIFE = 3650  # days


class KeyShown(Shown):
    """A key, without itself."""

    id: str
    name: str
    tenant: str | None = Field(description="The tenant whose it is; null: the operator's.")
    scopes: list[KeyScope]
    uses: Literal["predecessors", "api"] = Field(
        description="Those made before there was an API open the predecessors' routes alone."
    )
    created_at: Time
    expires_at: Time | None
    used_at: Time | None
    used_from: str | None = Field(description="The address from where it was used last.")


class KeyMade(KeyShown):
    """A key that was just made."""

    key: str | None = Field(
        description="The key itself, this once; null to who asks again with its Idempotency-Key."
    )


KeyId = Annotated[str, Field(pattern="^[0-9a-z]{10}$")]


class NewKey(Given):
    """What a key is to be."""

    name: Annotated[str, Field(min_length=1, max_length=100, description="Who will use it.")]
    scopes: Annotated[list[KeyScope], Field(min_length=1, max_length=5, description="What it may do.")]
    days: Annotated[
        int | None,
        Field(
            ge=1, le=LONGEST_LIFE, description="How long it lives; as long as the key that makes it, else."
        ),
    ] = None
    tenant: Annotated[
        Slug | None, Field(description="Whose it is to be; null: whose the key is by which it is made.")
    ] = None


@operation(scope="admin")
async def list_keys(asked: Asked, query: Paged) -> Page[KeyShown]:
    """List the keys.

    A tenant's key is shown its tenant's alone, the operator's all.
    """
    place = after(query, tuple[Moment, Word], api_keys.FIRST)
    async with asked.context.pool.acquire() as connection:
        found = await api_keys.list_all(
            connection, asked.caller.tenant_id, after=place, limit=query.limit + 1
        )
    return page(query, found, _shown, lambda key: (key.created_at, key.id))


@operation(scope="admin", status=HTTPStatus.CREATED, transaction="core", errors=("not-found", "refused"))
async def make_key(asked: Asked, body: NewKey) -> KeyMade:
    """Make a key, and show it this once.

    It has no scope that the key lacks by which it is made, and does not outlive it.
    """
    tenant_id = await _tenant_id(asked, body.tenant)
    life = timedelta(days=body.days) if body.days else None
    made, key = await api_keys.add(
        asked.connection,
        body.name,
        tenant_id=tenant_id,
        scopes=body.scopes,
        life=life,
        maker=asked.caller.key,
    )
    fields = _shown(made).model_dump()
    asked.headers["location"] = f"/api/v1/keys/{made.id}"
    asked.remembered = KeyMade(**fields, key=None)
    return KeyMade(**fields, key=key)


async def _tenant_id(asked: Asked, slug: str | None) -> int | None:
    """Whose the key will be: a tenant's makes keys of that tenant. Raises Problem or UnknownTenant."""
    if slug is None:
        return asked.caller.tenant_id
    tenant_id = (await asked.context.directory.by_slug(slug)).tenant.id
    if asked.caller.tenant_id not in (None, tenant_id):
        raise problem("not-found")
    return tenant_id


@operation(scope="admin", status=HTTPStatus.NO_CONTENT)
async def revoke_key(asked: Asked, id: KeyId) -> None:
    """Let nobody in by a key any more."""
    async with asked.context.pool.acquire() as connection:
        await api_keys.revoke(connection, id, asked.caller.tenant_id)


def _shown(key: ApiKey) -> KeyShown:
    return KeyShown(
        id=key.id,
        name=key.name,
        tenant=key.tenant,
        scopes=[scope for scope in api_keys.SCOPES if scope in key.scopes],
        uses=key.uses,
        created_at=key.created_at,
        expires_at=key.expires_at,
        used_at=key.used_at,
        used_from=str(key.used_from) if key.used_from else None,
    )


PLACES = (
    Place("/keys", {"GET": list_keys, "POST": make_key}),
    Place("/keys/{id}", {"DELETE": revoke_key}),
)
