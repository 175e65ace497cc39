"""The table devices: browsers that tell whoever is signed in there that somebody waits."""

from __future__ import annotations

from urllib.parse import urlsplit

from conserje.errors import OperatorError
from conserje.notices import pushes
from conserje.notices.web_push import AUTH_BYTES, Address, is_key
from conserje.storage.database import Connection

MOST = 10  # of a login
LONGEST = 1000  # characters of an endpoint

LOCK = "SELECT FROM logins WHERE id = $1 FOR NO KEY UPDATE"
# The same browser was told for another sign-in until now: it shows its secret. Whoever knows an endpoint
# alone takes nothing from anybody.
MOVE = """
DELETE FROM devices
WHERE md5(endpoint) = md5($2) AND endpoint = $2 AND p256dh = $3 AND auth = $4 AND sign_in <> $1
"""
KEEP = """
INSERT INTO devices (sign_in, login_id, endpoint, p256dh, auth)
SELECT hash, login_id, $2, $3, $4 FROM sign_ins WHERE hash = $1
ON CONFLICT (sign_in) DO UPDATE
SET endpoint = excluded.endpoint, p256dh = excluded.p256dh, auth = excluded.auth, created_at = now()
"""
# One login has so many at most, those that came last.
DROP_FORMER = """
DELETE FROM devices WHERE login_id = $1 AND sign_in IN (
    SELECT sign_in FROM devices WHERE login_id = $1 ORDER BY created_at DESC, sign_in OFFSET $2)
"""
REMOVE = "DELETE FROM devices WHERE sign_in = $1 RETURNING true"
REMOVE_ENDPOINT = "DELETE FROM devices WHERE md5(endpoint) = md5($1) AND endpoint = $1"
IS_KEPT = "SELECT EXISTS (SELECT FROM devices WHERE sign_in = $1)"
ANY = "SELECT EXISTS (SELECT FROM devices)"


class NoDevice(OperatorError):
    """What a browser said of itself is none."""


async def keep(connection: Connection, login_id: int, sign_in: bytes, address: Address) -> None:
    """Tell this browser from now on, for as long as the sign-in stands; in the caller's transaction.

    Raises NoDevice.
    """
    _check(address)
    place = (sign_in, address.endpoint, address.p256dh, address.auth)
    await connection.execute(LOCK, login_id)
    await connection.execute(MOVE, *place)
    await connection.execute(KEEP, *place)
    await connection.execute(DROP_FORMER, login_id, MOST)
    await pushes.begin(connection)


async def remove(connection: Connection, sign_in: bytes) -> bool:
    """Tell the sign-in's browser nothing more; whether it was told until now."""
    return bool(await connection.fetchval(REMOVE, sign_in))


async def remove_gone(connection: Connection, endpoint: str) -> None:
    """Its service knows it no longer."""
    await connection.execute(REMOVE_ENDPOINT, endpoint)


async def is_kept(connection: Connection, sign_in: bytes) -> bool:
    """Whether the sign-in's browser is told."""
    return bool(await connection.fetchval(IS_KEPT, sign_in))


async def are_kept(connection: Connection) -> bool:
    """Whether any is told."""
    return bool(await connection.fetchval(ANY))


def _check(address: Address) -> None:
    """Raises NoDevice. Where its host is, is looked at when it is asked."""
    if not _is_https(address.endpoint):
        raise NoDevice("A push service's address begins with https:// and has at most 1000 characters.")
    if not is_key(address.p256dh) or len(address.auth) != AUTH_BYTES:
        raise NoDevice("These are no keys of a browser's: let it make others.")


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        fits = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.fragment
    except ValueError:
        return False
    return fits and parts.scheme == "https" and len(url) <= LONGEST and url.isascii() and url.isprintable()
