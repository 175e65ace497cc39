"""Passwords: argon2, in a thread, two at once, and as long for a login that is not there."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from conserje.access import sign_ins, tries
from conserje.access.logins import LoginError, normalised
from conserje.access.sign_ins import Address
from conserje.access.tries import Attempt
from conserje.storage.database import Connection, Pool

SHORTEST, LONGEST = 12, 1000  # characters
AT_ONCE = 2  # each takes 19 MiB, and a processor for 20 ms

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Of nobody's: what is typed for a login that has none is compared with it, which takes as long.
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$dwIH2/CkuC7MynwLuKPI+w$k+l3yK05auhQ/GfJg8kh+G/pBtdFsDmiapsq04qxtzQ"
_slots = asyncio.Semaphore(AT_ONCE)

FIND = "SELECT id, password FROM logins WHERE email = $1"
OF_LOGIN = "SELECT email, password FROM logins WHERE id = $1"
SET = "UPDATE logins SET password = $2 WHERE id = $1"


class WrongPassword(LoginError):
    """E-mail address and password do not fit; which of them, nobody is told."""


class WeakPassword(LoginError):
    """The password is too easy to guess."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that began: whose, and the token for the cookie."""

    login_id: int
    token: str


async def sign_in(
    pool: Pool, email: str, password: str, address: Address | None, agent: str, former: bytes | None = None
) -> SignedIn:
    """Begin a new sign-in; the browser's former one ends. Raises TooManyTries or WrongPassword."""
    attempt = Attempt.of(email, address)
    await tries.count(pool, attempt)
    row = await pool.fetchrow(FIND, normalised(email)) if storable(email) else None
    fits = await _fits(row["password"] if row else None, password)
    if row is None or not fits:
        raise WrongPassword("E-mail address and password do not fit.")
    async with pool.acquire() as connection, connection.transaction():
        await _renew(connection, row["id"], row["password"], password)
        await tries.forgive(connection, attempt)
        if former:
            await sign_ins.end(connection, former)
        return SignedIn(row["id"], await sign_ins.begin(connection, row["id"], address, agent))


async def check(pool: Pool, login_id: int, password: str, address: Address | None) -> None:
    """Whether somebody who is signed in knows the password. Raises TooManyTries or WrongPassword."""
    row = await pool.fetchrow(OF_LOGIN, login_id)
    attempt = Attempt.of(row["email"] if row else "", address)
    await tries.count(pool, attempt)
    if row is None or not await _fits(row["password"], password):
        raise WrongPassword("This is not the password.")
    async with pool.acquire() as connection:
        await tries.forgive(connection, attempt)


async def hashed(password: str) -> str:
    """What is stored of a new password. Raises WeakPassword; any but a short one is taken."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"A password has {SHORTEST} characters at least: four words will do.", "password")
    async with _slots:
        return await asyncio.to_thread(_hasher.hash, _typed(password))


async def keep(connection: Connection, login_id: int, stored: str) -> None:
    """What `hashed` gave is the login's password from now on."""
    await connection.execute(SET, login_id, stored)


async def _fits(stored: str | None, password: str) -> bool:
    async with _slots:
        known = await asyncio.to_thread(_is_of, stored or NOBODYS, _typed(password[:LONGEST]))
    return known and stored is not None


def _is_of(stored: str, typed: bytes) -> bool:
    try:
        return _hasher.verify(stored, typed)
    except (VerificationError, InvalidHashError):
        return False


async def _renew(connection: Connection, login_id: int, stored: str, password: str) -> None:
    """Where it was hashed at another cost."""
    if _hasher.check_needs_rehash(stored):
        await keep(connection, login_id, await hashed(password))


def _typed(password: str) -> bytes:
    """Keyboards write one letter in several ways."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def storable(text: str) -> bool:
    """Whether Postgres can be asked for it."""
    return "\0" not in text and text.isprintable()
