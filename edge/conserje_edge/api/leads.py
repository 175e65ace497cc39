"""Leads: what contacts want of a tenant's people, and whose it is to see to it."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from conserje.contract.tool import Lead
from conserje.conversations import paging
from conserje.leads import table as leads
from conserje.leads.table import LONGEST, Listed, State
from conserje.notices import giving
from conserje.storage.scope import acting_for
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Given, Id, Shown, Time
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Number, Page, Paged, after, page
from conserje_edge.api.problem import problem


class Leads(Paged):
    """Which leads are asked for."""

    state: State | None = None
    person: Annotated[str | None, Field(max_length=100, description="Only this person's.")] = None


class LeadShown(Shown):
    """A lead as a tenant's people see it."""

    id: int
    state: State
    wanted: str
    name: str
    phone: str
    call_at: str = Field(description="When to call, in the contact's words.")
    person: str | None = Field(description="Whose it is.")
    contact: str
    conversation_id: int
    created_at: Time
    given_at: Time | None
    closed_at: Time | None


class NewLead(Given):
    """What somebody wants."""

    conversation_id: Id
    wanted: Annotated[str, Field(min_length=1, max_length=LONGEST["wanted"])]
    name: Annotated[str, Field(max_length=LONGEST["name"])] = ""
    phone: Annotated[str, Field(max_length=LONGEST["phone"])] = ""
    call_at: Annotated[str, Field(max_length=LONGEST["when"])] = ""


class GiveTo(Given):
    """Whose the lead is to be."""

    person: Annotated[str, Field(min_length=1, max_length=100)]


@operation(scope="read")
async def list_leads(asked: Asked, query: Leads) -> Page[LeadShown]:
    """List the leads, newest first."""
    [before] = after(query, tuple[Number], (paging.LAST_ID,))
    wanted = (query.state, query.person, query.limit + 1, before)
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        found = await leads.list_all(scope.connection, asked.tenant.id, *wanted)
    return page(query, found, _shown, lambda each: (each.id,))


@operation(scope="read")
async def show_lead(asked: Asked, id: Id) -> LeadShown:
    """Show a lead."""
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        return _shown(await leads.get(scope.connection, asked.tenant.id, id))


@operation(scope="write", status=HTTPStatus.CREATED, transaction="tenant", errors=("refused",))
async def make_lead(asked: Asked, body: NewLead) -> LeadShown:
    """Keep that the contact of a conversation wants something, and give it to a person by the tenant's rule.

    The same wish of the same contact is the same lead for as long as it is open.
    """
    connection, tenant = asked.connection, asked.tenant
    lead = Lead(body.wanted, body.name, body.phone, body.call_at)
    key = f"api-{secrets.token_hex(8)}"
    lead_id, is_new = await leads.open_lead(connection, tenant.id, body.conversation_id, key, lead)
    if lead_id is None:
        raise problem(
            "refused", "The tenant has no such conversation, or its contact has too many open leads."
        )
    if is_new:
        await giving.give_by_rule(asked.transaction, tenant, lead_id)
    return _shown(await leads.get(connection, tenant.id, lead_id))


@operation(scope="write", transaction="tenant", errors=("refused",))
async def give_lead(asked: Asked, id: Id, body: GiveTo) -> LeadShown:
    """Give an open lead to a person of the tenant, who is told."""
    return _shown(await giving.give(asked.transaction, asked.tenant, id, body.person))


@operation(scope="write", transaction="tenant")
async def close_lead(asked: Asked, id: Id) -> LeadShown:
    """Close a lead: what was wanted is done, or wanted no longer."""
    await leads.close(asked.connection, asked.tenant.id, id)
    return _shown(await leads.get(asked.connection, asked.tenant.id, id))


def _shown(found: Listed) -> LeadShown:
    return LeadShown(
        id=found.id,
        state=found.state,
        wanted=found.wanted,
        name=found.name,
        phone=found.phone,
        call_at=found.call_at,
        person=found.person,
        contact=found.contact,
        conversation_id=found.conversation_id,
        created_at=found.created_at,
        given_at=found.given_at,
        closed_at=found.closed_at,
    )


PLACES = (
    Place("/tenants/{slug}/leads", {"GET": list_leads, "POST": make_lead}),
    Place("/tenants/{slug}/leads/{id}", {"GET": show_lead}),
    Place("/tenants/{slug}/leads/{id}/give", {"POST": give_lead}),
    Place("/tenants/{slug}/leads/{id}/close", {"POST": close_lead}),
)
