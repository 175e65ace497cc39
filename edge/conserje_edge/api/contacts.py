"""Contacts: who writes to a tenant, what is kept of one, and how one is forgotten."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from conserje.conversations import contacts, handling, paging
from conserje.conversations.contacts import ContactSeen
from conserje.operations import forgetting
from conserje.storage.scope import acting_for
from conserje_edge.api.asked import Asked
from conserje_edge.api.conversations import ConversationShown
from conserje_edge.api.models import Id, Shown, Time
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Number, Page, Paged, after, page
from conserje_edge.operator import exports


class Contacts(Paged):
    """Which contacts are asked for."""

    search: Annotated[
        str,
        Field(
            max_length=100,
            description="Only who has this in the name or an address, of the 5000 heard of last; one page.",
        ),
    ] = ""


class ContactShown(Shown):
    """A person who writes to the tenant."""

    id: int
    name: str
    identities: list[str] = Field(description="Channels with the contact's name there.")
    phone: str | None = Field(description="That the tenant's own site vouches for.")
    since: Time
    last_at: Time | None = Field(description="When a turn or a person was at work last.")


class ContactWhole(ContactShown):
    """A contact with the conversations."""

    conversations: list[ConversationShown]


class ForgottenShown(Shown):
    """What was forgotten of a contact."""

    messages: int
    files: int
    spooled: int = Field(description="Events that waited in the node's spool.")
    backups: str = Field(description="Until when backups hold it.")


@operation(scope="read")
async def list_contacts(asked: Asked, query: Contacts) -> Page[ContactShown]:
    """List the contacts, who came last first."""
    [before] = after(query, tuple[Number], (paging.LAST_ID,))
    tenant_id = asked.tenant.id
    async with acting_for(asked.context.pool, tenant_id) as scope:
        if query.search:
            found = await contacts.latest(scope.connection, tenant_id, query.search, query.limit)
        else:
            found = await paging.seen_contacts(scope.connection, tenant_id, query.limit + 1, before=before)
    return page(query, found, _shown, lambda each: (each.id,))


@operation(scope="read")
async def show_contact(asked: Asked, id: Id) -> ContactWhole:
    """Show a contact, with the conversations."""
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        found = await contacts.get(scope.connection, asked.tenant.id, id)
    talks = await handling.of_contact(asked.context.pool, asked.tenant, id)
    shown = [ConversationShown.of(each) for each in talks]
    return ContactWhole(**_shown(found).model_dump(), conversations=shown)


@operation(scope="export", media="application/json")
async def export_contact(asked: Asked, id: Id) -> Response:
    """Hand out all that is kept of a contact but the files' bytes."""
    return await exports.contact(asked.context.pool, asked.tenant.id, id)


@operation(scope="export", errors=("refused",))
async def forget_contact(asked: Asked, id: Id) -> ForgottenShown:
    """Forget a contact: what was said, names, addresses, files. Nobody can bring it back.

    Whoever wanted no more messages gets none afterwards either.
    """
    settings = asked.context.settings
    async with asked.context.pool.acquire() as connection:
        done = await forgetting.forget_everywhere(connection, settings, asked.tenant.id, id)
    return ForgottenShown(
        messages=done.messages,
        files=done.files,
        spooled=done.spooled,
        backups=forgetting.held_until(settings),
    )


def _shown(found: ContactSeen) -> ContactShown:
    return ContactShown(
        id=found.id,
        name=found.name,
        identities=found.identities,
        phone=found.phone or None,
        since=found.since,
        last_at=found.last_at,
    )


PLACES = (
    Place("/tenants/{slug}/contacts", {"GET": list_contacts}),
    Place("/tenants/{slug}/contacts/{id}", {"GET": show_contact}),
    Place("/tenants/{slug}/contacts/{id}/export", {"GET": export_contact}),
    Place("/tenants/{slug}/contacts/{id}/forget", {"POST": forget_contact}),
)
