"""API keys, of a tenant or of the operator: made, shown once, revoked."""

from __future__ import annotations

from datetime import timedelta

from conserje.tenants import api_keys
from conserje.tenants.refusals import TenantError
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Place, See, Seen, ShowOnce, deed, view

LIVES = {"30": N_("30 days"), "90": N_("90 days"), "365": N_("A year"), "": N_("Until it is revoked")}
SCOPES = {
    "read": N_("See conversations, products and numbers"),
    "write": N_("Change products, knowledge and conversations"),
    "send": N_("Send messages"),
    "export": N_("Export what is known of contacts, and forget them"),
    "admin": N_("Change settings, accounts, keys and subscriptions"),
}
SHOWN = 200


@view("key.read", transaction="core")
async def keys(asked: Asked) -> Seen:
    return await _page(asked, {})


@deed("key.change", transaction="core")
async def make(asked: Asked) -> Seen | ShowOnce:
    """A key with the rights that were ticked."""
    scopes = [scope for scope in api_keys.SCOPES if scope in asked.chosen("scope")]
    if not scopes:
        return await _page(asked, {"scope": asked._("Tick at least one right.")})
    days = asked.given("days")
    life = timedelta(days=int(days)) if days in LIVES and days else None
    try:
        async with asked.connection.transaction():  # the page is made in this one, whatever becomes of it
            made, key = await api_keys.add(
                asked.connection, asked.given("name"), tenant_id=asked.tenant_id, scopes=scopes, life=life
            )
    except TenantError:
        return await _page(asked, {"name": asked._("Write what the key is for, in at most 100 characters.")})
    asked.of, asked.after = f"key {made.id}", {"name": made.name, "scopes": scopes, "days": days}
    return ShowOnce(_path(asked), {"key": key, "name": made.name, "back": _path(asked)})


@deed("key.change", transaction="core")
async def revoke(asked: Asked, key_id: str) -> See:
    await api_keys.revoke(asked.connection, key_id, asked.tenant_id)
    asked.of = f"key {key_id}"
    asked.flash(asked._("Nobody gets in by this key any more."))
    return See(_path(asked))


async def _page(asked: Asked, errors: dict[str, str]) -> Seen:
    found = await api_keys.list_all(asked.connection, asked.tenant_id, limit=SHOWN)
    values = {
        "keys": found,
        "path": _path(asked),
        "errors": errors,
        "scopes": SCOPES,
        "lives": [(days, asked._(label)) for days, label in LIVES.items()],
    }
    return Seen("operator/keys.html", values, 422 if errors else 200)


def _path(asked: Asked) -> str:
    return asked.to("keys") if asked.entry else "/o/keys"


PLACES = tuple(
    place
    for path in ("/t/{slug}/keys", "/o/keys")
    for place in (
        Place(path, keys, make, "operator/key_made.html"),
        Place(path + "/{key_id}/revoke", post=revoke),
    )
)
