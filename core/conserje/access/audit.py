"""The audit: what was done at the console, by whom; it is only added to, in the transaction of the act.

No contact is in it: it says a contact's or a conversation's number, and of what they said or are called which
of it was changed, so that nothing is left of whoever is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from conserje.access.acts import ACTS
from conserje.access.signed import Signed
from conserje.storage.database import Connection

RECORD = """
INSERT INTO audit
    (tenant_id, login_id, who, of_operator, role, act, of, before, after, address, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING
"""

_LINES = """
SELECT audit.id, at, audit.tenant_id, slug AS tenant, who, of_operator, role, act, of, before, after, address,
    request_id
FROM audit LEFT JOIN tenants ON tenants.id = audit.tenant_id
WHERE audit.id < $1{conditions} ORDER BY audit.id DESC LIMIT $2
"""

LAST = 2**63 - 1  # the place after any line


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody did."""

    id: int
    at: datetime
    tenant_id: int | None  # None: to the installation
    tenant: str | None  # its slug; None also where it is gone
    who: str  # the login's e-mail address
    of_operator: bool
    role: str  # as whom
    act: str
    of: str  # to what
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: IPv4Address | IPv6Address | None
    request_id: str


async def record(
    connection: Connection,
    who: Signed,
    act: str,
    *,
    tenant_id: int | None,
    of: str = "",
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    address: IPv4Address | IPv6Address | None,
    request_id: str,
) -> None:
    """Add a line, in the transaction that does it; a conversation is read once in an hour.

    `before` and `after` hold no secret, and say of what the same names are.
    Raises KeyError for an act that nobody has named.
    """
    member = who.member_of(tenant_id)
    role = member.role if member else who.operator_role
    of_operator = member is None and role is not None
    names = ACTS[act].tells == "names"
    told = (_told(before, names), _told(after, names))
    values = (tenant_id, who.login_id, who.email, of_operator, role or "", act, of, *told)
    await connection.execute(RECORD, *values, address, request_id)


def _told(values: Mapping[str, object] | None, names: bool) -> str | None:
    if values is None:
        return None
    return json.dumps({name: None for name in values} if names else dict(values), default=str)


async def reading(
    connection: Connection,
    who: Signed,
    tenant_id: int,
    conversation_id: int,
    *,
    address: IPv4Address | IPv6Address | None,
    request_id: str,
) -> None:
    """An operator reads what a tenant's contacts wrote; for the tenant's own people it is their work."""
    if who.member_of(tenant_id) is None:
        await record(
            connection,
            who,
            "conversation.read",
            tenant_id=tenant_id,
            of=f"conversation {conversation_id}",
            address=address,
            request_id=request_id,
        )


async def list_all(
    connection: Connection,
    tenant_id: int | None = None,
    *,
    act: str = "",
    who: str = "",
    before: int = LAST,
    limit: int = 50,
) -> list[Line]:
    """What was done to a tenant, or all, before that line, newest first."""
    asked = {"audit.tenant_id": tenant_id, "act": act, "who": who}
    given = {column: value for column, value in asked.items() if value}
    # Each of the eight by itself: only so it goes by its own index.
    conditions = "".join(f" AND {column} = ${place}" for place, column in enumerate(given, 3))
    rows = await connection.fetch(_LINES.format(conditions=conditions), before, limit, *given.values())
    return [Line(**row | _read(row)) for row in map(dict, rows)]


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] and json.loads(row[name]) for name in ("before", "after")}
