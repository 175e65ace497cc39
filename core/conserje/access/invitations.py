"""Invitations, resets and links: by what somebody comes in once who has no password, or not any more.

A link says 256 random bits, of which the row has the hash. To look at it changes nothing: mail servers do.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import asyncpg

from conserje.access import logins, passwords, sign_ins, vouched
from conserje.access.logins import LoginError, normalised
from conserje.access.sign_ins import Address, hash_of
from conserje.access.signed import OperatorRole, TenantRole
from conserje.errors import NotThere
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import INVITE, Job

Kind = Literal["invitation", "reset", "link"]
LASTS = {"invitation": timedelta(hours=72), "reset": timedelta(hours=2), "link": timedelta(hours=1)}
_LONGEST_TOKEN = 100

DROP_FORMER = """
DELETE FROM invitations WHERE kind = 'invitation' AND tenant_id IS NOT DISTINCT FROM $1
    AND (person_id = $2 OR $1 IS NULL AND email = $3)
"""
INVITE_PERSON = """
INSERT INTO invitations (kind, email, name, tenant_id, person_id, role, expires_at)
SELECT 'invitation', lower(email), name, tenant_id, id, role, now() + $3::interval FROM people
WHERE tenant_id = $1 AND id = $2 AND active AND role IS NOT NULL AND login_id IS NULL
RETURNING id
"""
INVITE_OPERATOR = """
INSERT INTO invitations (kind, email, name, operator_role, expires_at)
VALUES ('invitation', $1, $2, $3, now() + $4::interval) RETURNING id
"""
OFFER = """
INSERT INTO invitations (kind, email, name, login_id, expires_at)
VALUES ($1, $2, '', $3, now() + $4::interval) RETURNING id
"""
SET_HASH = "UPDATE invitations SET hash = $2 WHERE id = $1"
SET_DUE = "UPDATE invitations SET due_at = now() WHERE id = $1"

_COLUMNS = """
    invitations.id, kind, email, invitations.name, tenant_id, role, operator_role, person_id, login_id,
    (SELECT tenants.name FROM tenants WHERE tenants.id = tenant_id) AS tenant,
    (SELECT slug FROM tenants WHERE tenants.id = tenant_id) AS slug, expires_at"""
FIND = f"SELECT {_COLUMNS} FROM invitations WHERE hash = $1 AND expires_at > now()"  # noqa: S608 - of our own
TAKE = f"DELETE FROM invitations WHERE hash = $1 AND expires_at > now() RETURNING {_COLUMNS}"  # noqa: S608
OPEN = f"""
SELECT {_COLUMNS} FROM invitations
WHERE kind = 'invitation' AND tenant_id IS NOT DISTINCT FROM $1 AND expires_at > now()
ORDER BY email LIMIT 500
"""  # noqa: S608 - of our own
WITHDRAW = "DELETE FROM invitations WHERE id = $1 AND tenant_id IS NULL AND kind = 'invitation'"

JOIN = """
UPDATE people SET login_id = $4
WHERE tenant_id = $1 AND id = $2 AND active AND role = $3 AND login_id IS NULL RETURNING true
"""
APPOINT = "UPDATE logins SET operator_role = $2 WHERE id = $1"
FORGET_PASSKEYS = "DELETE FROM passkeys WHERE login_id = $1"


class LinkSpent(LoginError, NotThere):
    """The link was used, is too old, or was never one."""


class NotToBeInvited(LoginError, NotThere):
    """There is nobody to be invited: no such person, no role, or a login already."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a link offers: a part in a tenant or in the installation, a new password, or to be signed in."""

    id: int
    kind: Kind
    email: str
    name: str
    tenant_id: int | None
    role: TenantRole | None
    operator_role: OperatorRole | None
    person_id: int | None
    login_id: int | None
    tenant: str | None  # its name
    slug: str | None
    expires_at: datetime


async def invite_person(connection: Connection, tenant_id: int, person_id: int) -> int:
    """Offer a person their part in the tenant; what was offered them before is void. Raises NotToBeInvited.

    The invitation has no link before `make_link`, or until it is mailed.
    """
    await connection.execute(DROP_FORMER, tenant_id, person_id, None)
    lasts = LASTS["invitation"]
    found: int | None = await connection.fetchval(INVITE_PERSON, tenant_id, person_id, lasts)
    if found is None:
        raise NotToBeInvited("There is nobody to invite: give the person a role first.", "person")
    return found


async def invite_operator(connection: Connection, email: str, name: str, role: OperatorRole) -> int:
    """Offer somebody a part in the installation; what was offered them before is void. Raises LoginError."""
    email = normalised(email)
    await connection.execute(DROP_FORMER, None, None, email)
    with logins.refusals():
        found: int = await connection.fetchval(
            INVITE_OPERATOR, email, " ".join(name.split()), role, LASTS["invitation"]
        )
    return found


async def offer_reset(connection: Connection, email: str) -> int:
    """Offer a new password to whoever reads the mail; whether there is a login is seen by who mails it."""
    found: int = await connection.fetchval(OFFER, "reset", normalised(email), None, LASTS["reset"])
    return found


async def offer_link(connection: Connection, email: str) -> str:
    """The token of a link that signs a login in, once. Raises NoLogin."""
    login = await logins.called(connection, email)
    offered = await connection.fetchval(OFFER, "link", login.email, login.id, LASTS["link"])
    return await make_link(connection, offered)


async def make_link(connection: Connection, invitation_id: int) -> str:
    """The token by which it is taken, which nobody can show again; one that was made before is void."""
    token = secrets.token_urlsafe(32)
    await connection.execute(SET_HASH, invitation_id, hash_of(token))
    return token


async def due(connection: Connection, invitation_id: int, tenant_id: int | None) -> Job:
    """It is to be mailed; the job for the end of the transaction."""
    await connection.execute(SET_DUE, invitation_id)
    return Job(INVITE, tenant_id or 0, 0, invitation_id)


async def find(pool: Pool, token: str) -> Invitation:
    """What a link offers, which stays offered. Raises LinkSpent."""
    if len(token) > _LONGEST_TOKEN:
        raise _spent()
    return _read(await pool.fetchrow(FIND, hash_of(token)))


async def open_to(connection: Connection, tenant_id: int | None) -> list[Invitation]:
    """The invitations that nobody has taken yet, of a tenant or of the installation."""
    return [_read(row) for row in await connection.fetch(OPEN, tenant_id)]


async def withdraw(connection: Connection, invitation_id: int) -> None:
    """Nobody comes to run the installation by it any more."""
    await connection.execute(WITHDRAW, invitation_id)


async def take(connection: Connection, token: str) -> Invitation:
    """Take what a link offers, in the caller's transaction; whoever comes later finds it spent.

    Raises LinkSpent.
    """
    return await take_hashed(connection, hash_of(token))


async def take_hashed(connection: Connection, hash_: bytes) -> Invitation:
    """The same of a link of which the hash was kept. Raises LinkSpent."""
    return _read(await connection.fetchrow(TAKE, hash_))


async def join(connection: Connection, invitation: Invitation, login_id: int) -> None:
    """The login has the part that was offered; whoever it is signs in anew.

    Raises LoginError or LinkSpent.
    """
    if invitation.operator_role:
        await connection.execute(APPOINT, login_id, invitation.operator_role)
        return
    with logins.refusals():
        joined = await connection.fetchval(
            JOIN, invitation.tenant_id, invitation.person_id, invitation.role, login_id
        )
    if not joined:
        raise _spent()


async def begin_anew(connection: Connection, login_id: int, stored: str) -> None:
    """Somebody who lost their password has this one, and nothing else opens: whoever had come in is out."""
    await passwords.keep(connection, login_id, stored)
    await connection.execute(FORGET_PASSKEYS, login_id)
    await vouched.drop(connection, login_id)
    await sign_ins.end_others(connection, login_id)


async def enter(connection: Connection, token: str, address: Address | None, agent: str) -> str:
    """Sign in by a link, once; the token for the cookie. Raises LinkSpent."""
    invitation = await take(connection, token)
    if invitation.kind != "link" or invitation.login_id is None:
        raise _spent()
    return await sign_ins.begin(connection, invitation.login_id, address, agent)


def _read(row: asyncpg.Record | None) -> Invitation:
    if row is None:
        raise _spent()
    return Invitation(**row)


def _spent() -> LinkSpent:
    return LinkSpent("The link was used, or is too old: ask for another.", "token")
