"""Passkeys: a login's keys in its own devices, which open nothing at any other host.

webauthn (py_webauthn) checks what a device signs; what it signs is ours, kept here, and good once.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

import webauthn
from webauthn.helpers import parse_client_data_json
from webauthn.helpers.base64url_to_bytes import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from conserje.access import challenges
from conserje.access.logins import LoginError
from conserje.access.sign_ins import Address
from conserje.errors import NotThere
from conserje.storage.database import Connection, Pool

MOST = 20  # of a login's
LARGEST = 20_000  # characters of what a device answers

ADD = """
INSERT INTO passkeys (id, login_id, public_key, sign_count, name)
SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM passkeys WHERE login_id = $2) < $6
ON CONFLICT DO NOTHING RETURNING true
"""
FIND = "SELECT login_id, public_key, sign_count FROM passkeys WHERE id = $1 FOR UPDATE"
USED = "UPDATE passkeys SET sign_count = $2, used_at = now() WHERE id = $1"
LIST = "SELECT id, name, created_at, used_at FROM passkeys WHERE login_id = $1 ORDER BY created_at, id"
REMOVE = "DELETE FROM passkeys WHERE login_id = $1 AND id = $2 RETURNING name"


class PasskeyRefused(LoginError):
    """What the device answered is not what was asked, or of nobody's."""


class NoPasskey(LoginError, NotThere):
    """The login has no such passkey."""


@dataclass(frozen=True, slots=True)
class Site:
    """For whom a passkey is: the console's host, and its address as browsers know it."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """A key in one of a login's devices."""

    id: bytes
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A key that a device has made, which is nobody's yet."""

    id: bytes
    public_key: bytes
    sign_count: int


async def creation(
    pool: Pool, site: Site, email: str, login_id: int | None, address: Address | None
) -> dict[str, object]:
    """What a browser asks a device to make a key. Raises TooManyTries."""
    challenge = await challenges.ask(pool, login_id, address)
    has = await pool.fetch(LIST, login_id)
    return _options(
        webauthn.generate_registration_options(
            rp_id=site.host,
            rp_name="Conserje",
            user_name=email,
            user_id=hashlib.sha256(email.encode()).digest(),
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=row["id"]) for row in has],
        )
    )


async def created(connection: Connection, site: Site, answer: str, login_id: int | None) -> NewPasskey:
    """The key that a device has made. Raises PasskeyRefused."""
    challenge = await _answered(connection, answer, login_id)
    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        raise _refused() from None
    return NewPasskey(made.credential_id, made.credential_public_key, made.sign_count)


async def keep(connection: Connection, login_id: int, made: NewPasskey, name: str) -> None:
    """The key is the login's. Raises LoginError."""
    name = " ".join(name.split())[:100] or "Passkey"
    values = (made.id, login_id, made.public_key, made.sign_count, name, MOST)
    if not await connection.fetchval(ADD, *values):
        raise LoginError(f"The passkey is there already, or there are {MOST}: remove one first.", "passkey")


async def request(pool: Pool, site: Site, login_id: int | None, address: Address | None) -> dict[str, object]:
    """What a browser asks a device to sign: of whoever comes, or of who is signed in. Raises TooManyTries."""
    challenge = await challenges.ask(pool, login_id, address)
    return _options(
        webauthn.generate_authentication_options(
            rp_id=site.host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
        )
    )


async def check(connection: Connection, site: Site, answer: str, login_id: int | None) -> int:
    """The login whose key has signed; where somebody is signed in, theirs. Raises PasskeyRefused."""
    challenge = await _answered(connection, answer, login_id)
    key_id = _key_id(answer)
    row = await connection.fetchrow(FIND, key_id)
    if row is None or login_id not in (None, row["login_id"]):
        raise _refused()
    try:
        seen = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=row["public_key"],
            credential_current_sign_count=row["sign_count"],
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        raise _refused() from None
    await connection.execute(USED, key_id, seen.new_sign_count)
    whose: int = row["login_id"]
    return whose


async def list_all(connection: Connection, login_id: int) -> list[Passkey]:
    """In the order in which they were made."""
    return [Passkey(**row) for row in await connection.fetch(LIST, login_id)]


async def remove(connection: Connection, login_id: int, key_id: bytes) -> str:
    """It opens nothing any more; its name. Raises NoPasskey."""
    name: str | None = await connection.fetchval(REMOVE, login_id, key_id)
    if name is None:
        raise NoPasskey("There is no such passkey.", "passkey")
    return name


async def _answered(connection: Connection, answer: str, login_id: int | None) -> bytes:
    """The challenge that is answered, which nobody can answer again. Raises PasskeyRefused."""
    challenge = _challenge(answer)
    if not await challenges.answer(connection, challenge, login_id):
        raise _refused()
    return challenge


def _challenge(answer: str) -> bytes:
    """Raises PasskeyRefused."""
    try:
        if len(answer) > LARGEST:
            raise ValueError
        data = json.loads(answer)["response"]["clientDataJSON"]
        return parse_client_data_json(base64url_to_bytes(data)).challenge
    except (WebAuthnException, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise _refused() from None


def _key_id(answer: str) -> bytes:
    """Raises PasskeyRefused."""
    try:
        return base64url_to_bytes(json.loads(answer)["rawId"])
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _refused() from None


def _options(options: object) -> dict[str, object]:
    read: dict[str, object] = json.loads(webauthn.options_to_json(options))  # type: ignore[arg-type]
    return read


def _refused() -> PasskeyRefused:
    return PasskeyRefused("The passkey was not taken: try it once more.", "passkey")
