"""Detours: a browser goes to the issuer and comes back, once, within ten minutes; here is kept why it went.

Its cookie says 256 random bits, of which the row has the hash. All that the issuer is shown comes from them,
so that another browser cannot come back in its place.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from conserje.access import tries
from conserje.access.logins import LoginError
from conserje.access.sign_ins import Address, hash_of
from conserje.access.tries import Attempt
from conserje.storage.database import Connection, Pool

Kind = Literal["sign-in", "step-up", "keep", "join"]
LASTS = timedelta(minutes=10)
BEGUN_AT_MOST = 300  # times in a quarter of an hour from one network
LONGEST_NEXT = 2000  # characters

BEGIN = "INSERT INTO detours (hash, kind, login_id, next, invitation) VALUES ($1, $2, $3, $4, $5)"
_COLUMNS = "kind, login_id, next, invitation, created_at"
FIND = f"SELECT {_COLUMNS} FROM detours WHERE hash = $1 AND created_at > now() - $2::interval"  # noqa: S608
END = f"""
DELETE FROM detours WHERE hash = $1 AND created_at > now() - $2::interval RETURNING {_COLUMNS}
"""  # noqa: S608 - of our own


class DetourOver(LoginError):
    """The browser is on no detour: it came back before, came late, or never went."""


@dataclass(frozen=True, slots=True)
class Detour:
    """Why a browser went to the issuer: to sign in, or to take an invitation (`join`).

    Who is signed in shows once more who they are (`step-up`), or keeps the issuer as a way in (`keep`).
    """

    kind: Kind
    login_id: int | None
    next: str
    invitation: bytes | None  # the hash of its link
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Marks:
    """By what the issuer's answers are known to be for this browser."""

    state: str  # stands in the address by which it comes back
    nonce: str  # stands in the ID token
    verifier: str  # opens the code

    @classmethod
    def of(cls, token: str) -> Marks:
        """Of who has it in their cookie; from a mark nobody finds the token."""
        key = token.encode(errors="surrogateescape")
        return cls(
            *(_written(hmac.digest(key, name, "sha256")) for name in (b"state", b"nonce", b"verifier"))
        )

    @property
    def challenge(self) -> str:
        """What is shown of the verifier before the code is there (RFC 7636, S256)."""
        return _written(hashlib.sha256(self.verifier.encode()).digest())


async def begin(
    pool: Pool,
    kind: Kind,
    address: Address | None,
    *,
    login_id: int | None = None,
    next: str = "/",
    invitation: str | None = None,
) -> str:
    """The token for the cookie. Raises TooManyTries."""
    await tries.count(pool, Attempt(f"detour:{tries.network(address)}", None, BEGUN_AT_MOST))
    token = secrets.token_urlsafe(32)
    next = next if len(next) <= LONGEST_NEXT else "/"
    taken = hash_of(invitation) if invitation is not None else None
    await pool.execute(BEGIN, hash_of(token), kind, login_id, next, taken)
    return token


async def find(pool: Pool, token: str) -> Detour:
    """The one that the browser is on. Raises DetourOver."""
    row = await pool.fetchrow(FIND, hash_of(token), LASTS)
    if row is None:
        raise _over()
    return Detour(**row)


async def end(connection: Connection, token: str) -> Detour:
    """The browser is back, and cannot come back again. Raises DetourOver."""
    row = await connection.fetchrow(END, hash_of(token), LASTS)
    if row is None:
        raise _over()
    return Detour(**row)


def _over() -> DetourOver:
    return DetourOver("That took too long, or was done before: begin anew.")


def _written(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
