"""What is held, of all tenants: by its cause, and all of one cause tried again or dropped at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlencode

from conserje.conversations import held as holding
from conserje.conversations.held import Filter
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Place, See, Seen, deed, view

PATH = "/o/held"
MOST_CAUSES, ON_A_PAGE = 100, 50
KINDS = {
    "t": N_("Not answered"),
    "m": N_("Not sent"),
    "r": N_("Not understood"),
    "e": N_("Not done by a tool"),
}
UNREAD = "r"  # cannot be tried again: whoever sent it has to


@view("installation.read", transaction="core")
async def held(asked: Asked) -> Seen:
    """The causes; or, with a cause or a tenant in the address, what is held so."""
    wanted = _filter(asked.query)
    if not _says_which(wanted):
        causes = await holding.causes(asked.connection, MOST_CAUSES)
        return Seen("operator/held.html", {"causes": causes, "kinds": KINDS})
    found = await holding.list_all(asked.connection, wanted, holding.LARGEST)
    values = {
        "wanted": wanted,
        "found": found[:ON_A_PAGE],
        "kinds": KINDS,
        "count": await holding.count(asked.connection, wanted),
        "at_once": len(found),
        "uncertain": sum(each.uncertain for each in found),
        "unread": UNREAD,
    }
    return Seen("operator/held_matching.html", values)


@deed("held.change", transaction="core")
async def change(asked: Asked, verb: Literal["retry", "drop"]) -> See:
    """Of one, by its id, or of all that match; all of the installation is nobody's wish."""
    given = {name: asked.given(name) for name in ("id", "tenant", "cause", "kind")}
    wanted = _filter(given)
    if given["id"]:
        found = [await holding.get(asked.connection, given["id"])]
    elif _says_which(wanted):
        found = await holding.list_all(asked.connection, wanted, holding.LARGEST)
    else:
        found = []
    if verb == "retry":
        done = await holding.retry_all(asked.connection, found)
        asked.flash(asked.ngettext("%(num)s is tried again.", "%(num)s are tried again.", done))
    else:
        done = await holding.drop_all(asked.connection, found)
        asked.flash(asked.ngettext("%(num)s is dropped.", "%(num)s are dropped.", done))
    asked.of, asked.after = f"held {given['id'] or 'ones'}", {**given, verb: done}
    left = {name: given[name] for name in ("tenant", "cause", "kind") if given["id"] and given[name]}
    return See(f"{PATH}?{urlencode(left)}" if left else PATH)


def _filter(given: Mapping[str, str]) -> Filter:
    kind = given.get("kind", "")
    kinds = kind if kind in KINDS else "".join(KINDS)
    return Filter(given.get("tenant") or None, given.get("cause") or None, kinds=kinds)


def _says_which(wanted: Filter) -> bool:
    return wanted.tenant is not None or wanted.cause is not None


PLACES = (Place(PATH, held), Place(PATH + "/{verb}", post=change))
