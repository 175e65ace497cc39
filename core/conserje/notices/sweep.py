"""Reads what happened to all tenants', tenant after tenant, each in its order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from conserje.notices import reader
from conserje.notices.reader import BEGINNING, Happened
from conserje.storage.database import Connection
from conserje.storage.notifications import Position

LOOKED_AT = 10_000  # tenants, in a call

# Those from $5 on, up to $6.
NEXT = f"""
SELECT id FROM tenants WHERE id >= $5 AND id <= $6 AND {reader.NEWS.format(message_id="$3", number="$4")}
ORDER BY id LIMIT $7
"""  # noqa: S608 - of our own
LAST = """
SELECT coalesce(max(id), 0) AS id, count(*) FROM (
    SELECT id FROM tenants WHERE id >= $1 ORDER BY id LIMIT $2) AS next
"""


@dataclass(frozen=True, slots=True)
class Sweep:
    """How far somebody is who reads of each tenant what happened after one position and not after another."""

    after: Position = BEGINNING
    until: Position = BEGINNING
    tenant_id: int = 0  # those before it have been read; 0: all have been
    within: Position = BEGINNING  # of that tenant

    def onwards(self, until: Position) -> Sweep:
        """Through all tenants again, or on where the last round is not over."""
        return self if self.tenant_id else Sweep(self.until, until, 1, self.until)


async def read(
    connection: Connection, sweep: Sweep, limit: int, kinds: Collection[str] = ()
) -> tuple[list[tuple[int, Happened]], Sweep]:
    """What happened next, at most so much, with the tenants' ids, and how far that is.

    It may be nothing although something is left: a call looks at some tenants only.
    """
    found: list[tuple[int, Happened]] = []
    if sweep.until == sweep.after:
        return found, Sweep(sweep.until, sweep.until)
    window = await connection.fetchrow(LAST, sweep.tenant_id, LOOKED_AT)
    assert window is not None  # of no tenants, too
    last, count = window
    rows = await connection.fetch(NEXT, *sweep.until, *sweep.after, sweep.tenant_id, last, limit)
    for [tenant_id] in rows:
        begin = sweep.within if tenant_id == sweep.tenant_id else sweep.after
        room = limit - len(found)
        happened, position = await reader.read(connection, tenant_id, begin, sweep.until, room, kinds)
        found += [(tenant_id, each) for each in happened]
        if position != sweep.until:
            return found, replace(sweep, tenant_id=tenant_id, within=position)
        sweep = replace(sweep, tenant_id=tenant_id + 1, within=sweep.after)
        if len(found) == limit:
            return found, sweep
    if len(rows) == limit:
        return found, sweep
    if count < LOOKED_AT:
        return found, Sweep(sweep.until, sweep.until)
    return found, replace(sweep, tenant_id=last + 1, within=sweep.after)
