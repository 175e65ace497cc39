"""The audit's pages: who did what, of a tenant or of all."""

from __future__ import annotations

from operator import itemgetter

from conserje.access import audit
from conserje_edge.console.asked import Asked
from conserje_edge.console.entrance.done import DONE
from conserje_edge.console.place import Place, Seen, view

ON_A_PAGE = 50


@view("audit.read", transaction="core")
async def look(asked: Asked) -> Seen:
    """Newest first, fifty at a time."""
    act, who, after = (asked.query.get(name, "") for name in ("act", "who", "after"))
    before = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else audit.LAST
    lines = await audit.list_all(
        asked.connection, asked.tenant_id, act=act, who=who, before=before, limit=ON_A_PAGE + 1
    )
    done = {name: asked._(said) for name, said in DONE.items()}
    values = {
        "lines": lines[:ON_A_PAGE],
        "next": lines[ON_A_PAGE - 1].id if len(lines) > ON_A_PAGE else None,
        "act": act,
        "who": who,
        "done": done,
        "acts": [("", asked._("Everything")), *sorted(done.items(), key=itemgetter(1))],
    }
    return Seen("entrance/audit.html", values)


PLACES = (Place("/t/{slug}/audit", look), Place("/o/audit", look))
