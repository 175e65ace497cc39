"""The front page: it leads to where the person belongs."""

from __future__ import annotations

from conserje_edge.console.asked import Asked
from conserje_edge.console.place import SIGNED_IN, Place, See, Seen, view


@view(SIGNED_IN)
async def home(asked: Asked) -> See | Seen:
    """The first page of one who has one tenant, or runs the installation; a choice for others."""
    person = asked.person
    if person.operator_role:
        return See("/o/tenants")
    if len(person.memberships) == 1:
        return See(f"/t/{person.memberships[0].slug}/desk")
    return Seen("home.html")


PLACES = (Place("/", home),)
