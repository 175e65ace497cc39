"""Sign-ins: in which browsers a login is signed in.

A cookie says 256 random bits; the row has their hash, so that who reads the database cannot come in by it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

from conserje.access.signed import Membership, Signed
from conserje.storage.database import Connection, Pool

IDLE, LONGEST = timedelta(hours=12), timedelta(days=14)
STEPPED_UP_FOR = timedelta(minutes=10)
LONGEST_AGENT = 300  # characters
_LONGEST_TOKEN = 100  # what is longer is none of ours

Address = IPv4Address | IPv6Address

BEGIN = """
INSERT INTO sign_ins (hash, login_id, address, agent, stepped_up_at)
VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN now() ELSE '-infinity' END)
"""

FIND = """
SELECT logins.id AS login_id, email, logins.name, language, operator_role,
    stepped_up_at > now() - $4::interval AS stepped_up, seen_at < now() - interval '1 minute' AS to_note,
    (SELECT json_agg(json_build_array(tenants.id, slug, tenants.name, role, people.id, people.name)
                     ORDER BY slug)
     FROM people JOIN tenants ON tenants.id = tenant_id
     WHERE login_id = logins.id AND active AND role IS NOT NULL) AS memberships
FROM sign_ins JOIN logins ON logins.id = login_id
WHERE hash = $1 AND seen_at > now() - $2::interval AND sign_ins.created_at > now() - $3::interval
"""

NOTE_SEEN = """
UPDATE sign_ins SET seen_at = now(), address = $2
WHERE hash = $1 AND seen_at < now() - interval '1 minute'
"""

STEP_UP = "UPDATE sign_ins SET stepped_up_at = now() WHERE hash = $1"

LIST = """
SELECT hash, address, agent, created_at, seen_at FROM sign_ins
WHERE login_id = $1 AND seen_at > now() - $2::interval AND created_at > now() - $3::interval
ORDER BY seen_at DESC, hash LIMIT 100
"""

END = "DELETE FROM sign_ins WHERE hash = $1"
REVOKE = "DELETE FROM sign_ins WHERE login_id = $1 AND hash = $2"
END_OTHERS = "DELETE FROM sign_ins WHERE login_id = $1 AND hash IS DISTINCT FROM $2"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser in which a login is signed in."""

    hash: bytes
    address: Address | None
    agent: str  # what the browser calls itself
    created_at: datetime
    seen_at: datetime


async def begin(
    connection: Connection, login_id: int, address: Address | None, agent: str, *, has_shown: bool = True
) -> str:
    """Sign a login in; the token for the cookie, which nobody can show again.

    Whoever has not shown just now who they are is asked before they do what is guarded.
    """
    token = secrets.token_urlsafe(32)
    await connection.execute(BEGIN, hash_of(token), login_id, address, agent[:LONGEST_AGENT], has_shown)
    return token


async def find(pool: Pool, token: str, address: Address | None) -> Signed | None:
    """Who is signed in by this token, noting once a minute that they are there; None: nobody any more."""
    if len(token) > _LONGEST_TOKEN:
        return None
    row = await pool.fetchrow(FIND, hash_of(token), IDLE, LONGEST, STEPPED_UP_FOR)
    if row is None:
        return None
    if row["to_note"]:
        await pool.execute(NOTE_SEEN, hash_of(token), address)
    return Signed(
        row["login_id"],
        row["email"],
        row["name"],
        row["language"],
        row["operator_role"],
        tuple(Membership(*each) for each in json.loads(row["memberships"] or "[]")),
        hash_of(token),
        row["stepped_up"],
    )


async def step_up(connection: Connection, sign_in: bytes) -> None:
    """Password or passkey were given again: for ten minutes what is guarded may be done."""
    await connection.execute(STEP_UP, sign_in)


async def list_all(connection: Connection, login_id: int) -> list[SignIn]:
    """Those that stand, the last seen first."""
    return [SignIn(**row) for row in await connection.fetch(LIST, login_id, IDLE, LONGEST)]


async def end(connection: Connection, sign_in: bytes) -> None:
    """Sign out of one browser."""
    await connection.execute(END, sign_in)


async def revoke(connection: Connection, login_id: int, sign_in: bytes) -> None:
    """End one of a login's own, in whichever browser."""
    await connection.execute(REVOKE, login_id, sign_in)


async def end_others(connection: Connection, login_id: int, but: bytes | None = None) -> None:
    """End all of a login's, but one."""
    await connection.execute(END_OTHERS, login_id, but)


def hash_of(token: str) -> bytes:
    """A plain hash is enough for 256 random bits."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
