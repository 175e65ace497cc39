"""Members: the people of a tenant as those who may come in, each by their role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from conserje.access.logins import LastOwner, LoginError
from conserje.access.signed import TenantRole
from conserje.errors import NotThere
from conserje.storage.database import Connection
from conserje.tenants import people

_MEMBERS = """
SELECT id, name, email, phone, role, login_id IS NOT NULL AS has_login,
    EXISTS (SELECT FROM invitations WHERE invitations.tenant_id = $1 AND person_id = people.id
            AND expires_at > now()) AS invited,
    (SELECT max(seen_at) FROM sign_ins WHERE sign_ins.login_id = people.login_id) AS seen_at
FROM people WHERE tenant_id = $1 AND active
"""
LIST = _MEMBERS + "ORDER BY name LIMIT 500"
GET = _MEMBERS + "AND id = $2"
NAMED = "SELECT id FROM people WHERE tenant_id = $1 AND name = $2 AND active"
SET_ROLE = "UPDATE people SET role = $3 WHERE tenant_id = $1 AND id = $2"
LET_GO = "UPDATE people SET login_id = NULL, role = NULL WHERE tenant_id = $1 AND id = $2"
OWNERS = """
SELECT id FROM people WHERE tenant_id = $1 AND active AND role = 'owner' AND login_id IS NOT NULL
ORDER BY id FOR UPDATE
"""


class NoMember(LoginError, NotThere):
    """The tenant has no such person."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of a tenant's people."""

    id: int
    name: str
    email: str
    phone: str | None
    role: TenantRole | None  # None: is given leads, and does not come in
    has_login: bool
    invited: bool
    seen_at: datetime | None


async def list_all(connection: Connection, tenant_id: int) -> list[Member]:
    """By name."""
    return [Member(**row) for row in await connection.fetch(LIST, tenant_id)]


async def find(connection: Connection, tenant_id: int, name: str) -> int:
    """The id of the person of this name. Raises NoMember."""
    found: int | None = await connection.fetchval(NAMED, tenant_id, " ".join(name.split()))
    if found is None:
        raise _nobody()
    return found


async def get(connection: Connection, tenant_id: int, person_id: int) -> Member:
    """Raises NoMember."""
    row = await connection.fetchrow(GET, tenant_id, person_id)
    if row is None:
        raise _nobody()
    return Member(**row)


async def add(
    connection: Connection, tenant_id: int, name: str, email: str, phone: str | None, role: TenantRole | None
) -> int:
    """A new person; their id. Raises TenantError, or LoginError where somebody has the name."""
    if await connection.fetchval(NAMED, tenant_id, " ".join(name.split())):
        raise LoginError("Somebody has this name already: write another.", "name")
    await people.add(connection, tenant_id, name, email, phone)
    found = await find(connection, tenant_id, name)
    await connection.execute(SET_ROLE, tenant_id, found, role)
    return found


async def change_role(
    connection: Connection,
    tenant_id: int,
    person_id: int,
    role: TenantRole | None,
    *,
    by_operator: bool = False,
) -> TenantRole | None:
    """Give a person another role, in the caller's transaction; the former one. They sign in anew.

    Raises NoMember, or LastOwner, whom only the operator takes the role from.
    """
    former = (await get(connection, tenant_id, person_id)).role
    if role != "owner" and not by_operator:
        await _refuse_last_owner(connection, tenant_id, person_id)
    await connection.execute(SET_ROLE, tenant_id, person_id, role)
    return former


async def remove(connection: Connection, tenant_id: int, person_id: int, *, by_operator: bool = False) -> str:
    """Let a person go, in the caller's transaction: they come in no more, and are given nothing; their name.

    Raises NoMember, or LastOwner.
    """
    name = (await get(connection, tenant_id, person_id)).name
    if not by_operator:
        await _refuse_last_owner(connection, tenant_id, person_id)
    await connection.execute(LET_GO, tenant_id, person_id)
    await people.remove(connection, tenant_id, name)
    return name


async def _refuse_last_owner(connection: Connection, tenant_id: int, person_id: int) -> None:
    """Raises LastOwner. Whoever lets another owner go meanwhile waits, and finds who is left."""
    if [row["id"] for row in await connection.fetch(OWNERS, tenant_id)] == [person_id]:
        raise LastOwner("The last owner stays: make somebody else an owner first.", "role")


def _nobody() -> NoMember:
    return NoMember("The tenant has no such person: see `conserje person list`.", "person")
