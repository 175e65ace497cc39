"""A contact: names and numbers, what they want, their leads and conversations; handed out, and forgotten."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from conserje.conversations import contacts, handling, notes
from conserje.leads import table as leads
from conserje.operations import forgetting
from conserje.rules import consent
from conserje.rules.consent import Sign
from conserje.storage.scope import acting_for
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import See, Seen, deed, view
from conserje_edge.operator import exports

SHOWN = 50  # leads, notes
CHANGES = {
    "out": N_("wants no more messages"),
    "in": N_("wants messages again"),
    "marketing out": N_("wants no offers"),
    "marketing in": N_("wants offers again"),
}
SOURCES = {
    "contact": N_("said so here"),
    "provider": N_("by WhatsApp or the network"),
    "operator": N_("noted by one of you"),
}
WANTS = {None: N_("everything"), "marketing": N_("answers, and no offers"), "all": N_("nothing any more")}


@view("contact.read", transaction="tenant", audited=True)
async def contact(asked: Asked, contact: int) -> Seen:
    asked.of = f"contact {contact}"
    return await _seen(asked, contact)


async def _seen(asked: Asked, contact: int) -> Seen:
    connection, tenant_id = asked.connection, asked.tenant.id
    found = await contacts.get(connection, tenant_id, contact)
    values = {
        "contact": found,
        "talks": await handling.find_of(connection, asked.tenant, contact),
        "signs": await consent.of_contact(connection, tenant_id, contact),
        "leads": await leads.of_contact(connection, tenant_id, contact, SHOWN),
        "notes": await notes.of_contact(connection, tenant_id, contact, SHOWN),
        "longest_name": contacts.LONGEST_NAME,
    }
    return Seen("talk/contact.html", {**values, "changes": CHANGES, "sources": SOURCES, "wants": WANTS})


@deed("contact.change", transaction="tenant")
async def rename(asked: Asked, contact: int) -> See:
    asked.of, name = f"contact {contact}", asked.given("name")
    before = await contacts.get(asked.connection, asked.tenant.id, contact)
    await contacts.rename(asked.connection, asked.tenant.id, contact, name)
    asked.before, asked.after = {"name": before.name}, {"name": name}
    asked.flash(asked._("The name is kept."))
    return See(asked.to("contacts", contact))


@deed("contact.change", transaction="tenant")
async def decide(asked: Asked, contact: int, conversation: int) -> See:
    """Note what they want, who said so elsewhere; they are not told."""
    asked.of = f"conversation {conversation}"
    talks = await handling.find_of(asked.connection, asked.tenant, contact)
    wanted = asked.given("wanted")
    if wanted in ("out", "in") and any(each.id == conversation for each in talks):
        sign = Sign("out" if wanted == "out" else "in", "operator", "console")
        await consent.record(asked.connection, asked.tenant.id, conversation, sign)
        asked.after = {"consent": wanted}
        asked.flash(asked._("It is noted. They are not told."))
    return See(asked.to("contacts", contact))


@deed("contact.export")
async def export(asked: Asked, contact: int) -> Response:
    """All that is kept of them but the files' bytes."""
    asked.of = f"contact {contact}"
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        await contacts.get(scope.connection, asked.tenant.id, contact)
        await asked.audit(scope.connection)
    return await exports.contact(asked.context.pool, asked.tenant.id, contact)


@view("contact.forget", transaction="tenant")
async def forget_page(asked: Asked, contact: int) -> Seen:
    found = await contacts.get(asked.connection, asked.tenant.id, contact)
    until = forgetting.held_until(asked.context.settings)
    return Seen("talk/forget.html", {"contact": found, "backups": until, "unsaid": False})


@deed("contact.forget")
async def forget(asked: Asked, contact: int) -> See | Seen:
    """Nobody can bring them back, so that they tick that they know."""
    asked.of, tenant_id = f"contact {contact}", asked.tenant.id
    async with acting_for(asked.context.pool, tenant_id) as scope:
        found = await contacts.get(scope.connection, tenant_id, contact)
        if not asked.given("sure"):
            until = forgetting.held_until(asked.context.settings)
            values = {"contact": found, "backups": until, "unsaid": True}
            return Seen("talk/forget.html", values, HTTPStatus.UNPROCESSABLE_ENTITY)
        await asked.audit(scope.connection)
    async with asked.context.pool.acquire() as connection:
        await forgetting.forget_everywhere(connection, asked.context.settings, tenant_id, contact)
    asked.flash(asked._("They are forgotten."))
    return See(asked.to("desk"))
