"""The table push_keys: the key by which push services know this installation, made at the first need."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conserje.notices.web_push import CURVE
from conserje.storage.database import Connection
from conserje.tenants.vault import Vault

PURPOSE = "push"  # to which it is sealed
BYTES = 32

GET = "SELECT private, public FROM push_keys"
ADD = "INSERT INTO push_keys (private, public) VALUES ($1, $2) ON CONFLICT DO NOTHING"
LOCK = "SELECT private FROM push_keys WHERE split_part(private, '.', 2) <> $1 FOR NO KEY UPDATE"
RESEAL = "UPDATE push_keys SET private = $1"
SEALED_BY = "SELECT count(*) FROM push_keys WHERE split_part(private, '.', 2) = $1"


@dataclass(frozen=True, slots=True)
class PushKey:
    """The key, and its public half as browsers and services write it."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    public: str


async def public(connection: Connection, vault: Vault) -> str:
    """What a browser is to be asked with."""
    row = await connection.fetchrow(GET)
    if row is None:
        private, point = _made()
        await connection.execute(ADD, vault.wrap(PURPOSE, private), point)
        row = await connection.fetchrow(GET)  # of whoever came first
    assert row is not None
    return _written(row["public"])


async def get(connection: Connection, vault: Vault) -> PushKey:
    """The key, which is there where a browser was asked. Raises VaultError."""
    row = await connection.fetchrow(GET)
    assert row is not None
    number = int.from_bytes(vault.unwrap(PURPOSE, row["private"]), "big")
    return PushKey(ec.derive_private_key(number, CURVE), _written(row["public"]))


async def reseal(connection: Connection, vault: Vault) -> None:
    """Seal it by the newest master key. Raises VaultError."""
    async with connection.transaction():
        if sealed := await connection.fetchval(LOCK, vault.sealing_key.id):
            await connection.execute(RESEAL, vault.wrap(PURPOSE, vault.unwrap(PURPOSE, sealed)))


async def is_sealed_by(connection: Connection, key_id: str) -> bool:
    """Whether this master key seals it."""
    return bool(await connection.fetchval(SEALED_BY, key_id))


def _made() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(CURVE)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return key.private_numbers().private_value.to_bytes(BYTES, "big"), point


def _written(point: bytes) -> str:
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()
