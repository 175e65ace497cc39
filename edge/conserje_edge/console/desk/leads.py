"""Leads: what contacts want of a tenant's people; given to another, and closed."""

from __future__ import annotations

from conserje.conversations.paging import LAST_ID
from conserje.leads import table as leads
from conserje.leads.table import LeadError, NoLead
from conserje.notices import giving
from conserje.tenants import people
from conserje_edge.console.asked import Asked
from conserje_edge.console.desk.question import Id
from conserje_edge.console.place import Place, See, Seen, deed, view

ROWS = 50


@view("lead.read", transaction="tenant")
async def list_leads(asked: Asked) -> Seen:
    given, place = asked.query, (asked.connection, asked.tenant.id)
    state: leads.State = "closed" if given.get("state") == "closed" else "open"
    person, after = given.get("person") or None, given.get("after", "")
    before = int(after) if after.isascii() and after.isdigit() and len(after) < len(str(LAST_ID)) else LAST_ID
    found = await leads.list_all(*place, state, person, ROWS + 1, before)
    mine = asked.person.member_of(asked.tenant.id)
    values = {
        "state": state,
        "person": person,
        "mine": mine.person if mine else "",
        "leads": found[:ROWS],
        "next": found[ROWS - 1].id if len(found) > ROWS else None,
        "people": [each.name for each in await people.list_all(*place, gone=True)],
    }
    return Seen("desk/leads.html", values)


@view("lead.read", transaction="tenant")
async def show_lead(asked: Asked, lead_id: Id) -> Seen:
    return await _lead(asked, lead_id)


@deed("lead.change", transaction="tenant")
async def give(asked: Asked, lead_id: Id) -> See | Seen:
    place, name = (asked.connection, asked.tenant.id, lead_id), asked.given("person")
    before = await leads.get(*place)
    try:
        await giving.give(asked.transaction, asked.tenant, lead_id, name)
    except NoLead:
        return _is_closed(asked, lead_id)
    except LeadError:
        return await _lead(asked, lead_id, asked._("Nobody here has that name: choose one of the list."))
    asked.of, asked.before, asked.after = f"lead {lead_id}", {"person": before.person}, {"person": name}
    asked.flash(asked._("It is %(name)s's now, who is told by mail.", name=name))
    return See(asked.to("leads", lead_id))


@deed("lead.change", transaction="tenant")
async def close(asked: Asked, lead_id: Id) -> See:
    await leads.get(asked.connection, asked.tenant.id, lead_id)
    try:
        await leads.close(asked.connection, asked.tenant.id, lead_id)
    except NoLead:
        return _is_closed(asked, lead_id)
    asked.of, asked.after = f"lead {lead_id}", {"state": "closed"}
    asked.flash(asked._("It is closed."))
    return See(asked.to("leads"))


async def _lead(asked: Asked, lead_id: int, error: str = "") -> Seen:
    found = await leads.get(asked.connection, asked.tenant.id, lead_id)
    names = [each.name for each in await people.list_all(asked.connection, asked.tenant.id)]
    values = {"lead": found, "people": names, "error": error}
    return Seen("desk/lead.html", values, 422 if error else 200)


def _is_closed(asked: Asked, lead_id: int) -> See:
    """Somebody else has been faster."""
    asked.flash(asked._("It was closed already."), "warn")
    return See(asked.to("leads", lead_id))


PLACES = (
    Place("/t/{slug}/leads", list_leads),
    Place("/t/{slug}/leads/{lead_id}", show_lead),
    Place("/t/{slug}/leads/{lead_id}/give", post=give),
    Place("/t/{slug}/leads/{lead_id}/close", post=close),
)
