"""The desk of the operator: who waits for a person, of all tenants."""

from __future__ import annotations

from conserje.conversations import backlog
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import Place, Seen, view

SHOWN = 100


@view("installation.read", transaction="core")
async def desk(asked: Asked) -> Seen:
    """Without words: to read what was said is an act, which the conversation's own page keeps."""
    found = await backlog.theirs(asked.connection, SHOWN + 1)
    return Seen("operator/desk.html", {"found": found[:SHOWN], "more": len(found) > SHOWN})


PLACES = (Place("/o/desk", desk),)
