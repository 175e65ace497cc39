"""The people of a tenant: who is given leads."""

from __future__ import annotations

from dataclasses import dataclass

from conserje.storage.database import Connection
from conserje.tenants.refusals import TenantError, refusals

# One who was removed comes back with what is known of their leads.
ADD = """
INSERT INTO people (tenant_id, name, email, phone) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, name) DO UPDATE SET email = excluded.email, phone = excluded.phone, active = true
"""
LIST = """
SELECT name, email, phone, role, active, (
    SELECT count(*) FROM leads
    WHERE leads.tenant_id = $1 AND person_id = people.id AND leads.state = 'open') AS open_leads
FROM people WHERE tenant_id = $1 AND (active OR $2) ORDER BY name
"""
LEAVE = "UPDATE people SET active = false WHERE tenant_id = $1 AND name = $2 AND active"
# Nobody needs to know any more who they were.
REMOVE = """
DELETE FROM people WHERE tenant_id = $1 AND name = $2 AND NOT EXISTS (
    SELECT FROM leads WHERE leads.tenant_id = $1 AND person_id = people.id)
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a tenant."""

    name: str
    email: str
    phone: str | None
    role: str | None  # None: does not come in at the console
    active: bool
    open_leads: int


async def add(connection: Connection, tenant_id: int, name: str, email: str, phone: str | None) -> None:
    """Add a person, or change what is known of one. Raises TenantError."""
    with refusals():
        await connection.execute(ADD, tenant_id, " ".join(name.split()), email, phone)


async def list_all(connection: Connection, tenant_id: int, *, gone: bool = False) -> list[Person]:
    """By name; with `gone` also those who were removed and have leads."""
    return [Person(**row) for row in await connection.fetch(LIST, tenant_id, gone)]


async def remove(connection: Connection, tenant_id: int, name: str) -> int:
    """Give this person nothing more; how many leads stay theirs that are open. Raises TenantError."""
    there = {each.name: each for each in await list_all(connection, tenant_id)}
    if name not in there:
        raise TenantError(f"The tenant has no person {name}: see `conserje person list`.", "person")
    await connection.execute(LEAVE, tenant_id, name)
    await connection.execute(REMOVE, tenant_id, name)
    return there[name].open_leads
