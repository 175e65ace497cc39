"""Whose login the issuer vouches for: by its verified e-mail address once, and by its subject then.

An address may be given to somebody else there; a subject never is.
"""

from __future__ import annotations

from typing import NamedTuple

from conserje.access import logins
from conserje.access.issuer import Vouched
from conserje.access.logins import NoLogin, normalised
from conserje.storage.database import Connection

FIND = "SELECT id FROM logins WHERE issuer = $1 AND subject = $2"
KEEP_BY_EMAIL = """
UPDATE logins SET issuer = $1, subject = $2 WHERE email = $3 AND issuer IS DISTINCT FROM $1 RETURNING id
"""
KEEP = "UPDATE logins SET issuer = $2, subject = $3 WHERE id = $1"
DROP = "UPDATE logins SET issuer = NULL, subject = NULL WHERE id = $1"


class Whose(NamedTuple):
    """A login, and whether it is opened by the issuer for the first time."""

    login_id: int
    is_new: bool


async def whose(connection: Connection, vouched: Vouched) -> Whose:
    """The login, which is theirs by this issuer from now on. Raises NoLogin: nobody is made by coming."""
    found: int | None = await connection.fetchval(FIND, vouched.issuer, vouched.subject)
    if found is not None:
        return Whose(found, is_new=False)
    if vouched.email is not None:
        with logins.refusals():
            email = normalised(vouched.email)
            found = await connection.fetchval(KEEP_BY_EMAIL, vouched.issuer, vouched.subject, email)
    if found is None:
        raise NoLogin("There is no login of theirs: invite them first.")
    return Whose(found, is_new=True)


async def keep(connection: Connection, login_id: int, vouched: Vouched) -> None:
    """They come in by the issuer from now on. Raises LoginError where another login of theirs does."""
    with logins.refusals():
        await connection.execute(KEEP, login_id, vouched.issuer, vouched.subject)


async def drop(connection: Connection, login_id: int) -> None:
    """The issuer opens the login no more, until somebody comes by its e-mail address again."""
    await connection.execute(DROP, login_id)
