"""Logins: by what somebody comes in, an operator's or of the people of tenants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from conserje.access.signed import Language, OperatorRole
from conserje.errors import NotThere, OperatorError
from conserje.storage.database import Connection

SENTENCES = {
    "logins_email_check": "An e-mail address is like ana@example.com.",
    "invitations_email_check": "An e-mail address is like ana@example.com.",
    "invitations_name_check": "A name is 1 to 100 characters.",
    "logins_name_check": "A name is 1 to 100 characters.",
    "logins_email_key": "There is a login of this e-mail address already.",
    "logins_operator_role_check": "An operator's role is owner, operator or reader.",
    "logins_language_check": "A language is es, pt or en.",
    "logins_subject_key": "The issuer's account opens another login already.",
    "people_login_key": "The login is of these people already: one of them is enough.",
}

ADD = "INSERT INTO logins (email, name, operator_role) VALUES ($1, $2, $3) RETURNING id"
_LOGIN = """
SELECT logins.id, email, logins.name, language, operator_role, password IS NOT NULL AS has_password, issuer,
    (SELECT count(*) FROM passkeys WHERE login_id = logins.id) AS passkeys, logins.created_at,
    (SELECT max(seen_at) FROM sign_ins WHERE login_id = logins.id) AS seen_at
FROM logins
"""
FIND = _LOGIN + "WHERE email = $1"
GET = _LOGIN + "WHERE logins.id = $1"
OPERATORS = _LOGIN + "WHERE operator_role IS NOT NULL ORDER BY email LIMIT 500"
OWNERS = "SELECT id FROM logins WHERE operator_role = 'owner' ORDER BY id FOR UPDATE"
CHANGE = "UPDATE logins SET operator_role = $2 WHERE id = $1"
REMOVE = "DELETE FROM logins WHERE id = $1"
SET_LANGUAGE = "UPDATE logins SET language = $2 WHERE id = $1"


class LoginError(OperatorError):
    """What was asked of a login cannot be; the text says why."""


class NoLogin(LoginError, NotThere):
    """There is no such login."""


class LastOwner(LoginError):
    """Nobody would be left who could make another owner."""


@dataclass(frozen=True, slots=True)
class Login:
    """A login, without its password."""

    id: int
    email: str
    name: str
    language: Language | None
    operator_role: OperatorRole | None
    has_password: bool
    issuer: str | None  # who vouches for them, too
    passkeys: int
    created_at: datetime
    seen_at: datetime | None  # None: signed in nowhere


def normalised(email: str) -> str:
    """As logins have it: those who type it are not asked how they wrote it the first time."""
    return email.strip().lower()


async def add(
    connection: Connection, email: str, name: str, operator_role: OperatorRole | None = None
) -> int:
    """Make a login, which has neither password nor passkey yet; its id. Raises LoginError."""
    with refusals():
        login_id: int = await connection.fetchval(
            ADD, normalised(email), " ".join(name.split()), operator_role
        )
    return login_id


async def find(connection: Connection, email: str) -> Login | None:
    """The login of this e-mail address, however it is written."""
    row = await connection.fetchrow(FIND, normalised(email))
    return Login(**row) if row else None


async def get(connection: Connection, login_id: int) -> Login:
    """Raises NoLogin."""
    row = await connection.fetchrow(GET, login_id)
    if row is None:
        raise NoLogin("There is no such login: see `conserje login list`.", "login")
    return Login(**row)


async def called(connection: Connection, email: str) -> Login:
    """The login of this e-mail address. Raises NoLogin."""
    found = await find(connection, email)
    if found is None:
        raise NoLogin("There is no such login: see `conserje login list`.", "email")
    return found


async def operators(connection: Connection) -> list[Login]:
    """Those who run the installation, by e-mail address."""
    return [Login(**row) for row in await connection.fetch(OPERATORS)]


async def change_role(connection: Connection, login_id: int, role: OperatorRole | None) -> None:
    """Give an operator another role, or none, in the caller's transaction; they sign in anew.

    Raises LoginError.
    """
    await get(connection, login_id)
    if role != "owner":
        await _refuse_last_owner(connection, login_id)
    with refusals():
        await connection.execute(CHANGE, login_id, role)


async def remove(connection: Connection, login_id: int) -> None:
    """Nobody comes in by it any more; its people of tenants stay, without a login.

    In the caller's transaction. Raises LoginError.
    """
    await get(connection, login_id)
    await _refuse_last_owner(connection, login_id)
    await connection.execute(REMOVE, login_id)


async def set_language(connection: Connection, login_id: int, language: Language | None) -> None:
    """Raises LoginError."""
    with refusals():
        await connection.execute(SET_LANGUAGE, login_id, language)


async def _refuse_last_owner(connection: Connection, login_id: int) -> None:
    """Raises LastOwner. Who takes a role from another owner meanwhile waits, and finds what is left."""
    owners = [row["id"] for row in await connection.fetch(OWNERS)]
    if owners == [login_id]:
        raise LastOwner("The last owner stays: make another owner first.", "role")


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the database refuses into a sentence."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        rule = error.constraint_name or ""
        said = SENTENCES.get(rule, f"The database refuses the row by its rule {rule}.")
        raise LoginError(said, rule.partition("_")[2].rpartition("_")[0]) from None
    except (asyncpg.DataError, ValueError):
        raise LoginError("A value holds characters that the database cannot store.") from None
