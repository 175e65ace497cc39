"""The vault: seals and signs with a tenant's data key, and seals data keys with the master keys."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from conserje.tenants.keyring import KEY_BYTES, MasterKey, VaultError, fingerprint, master_keys

VERSION = "v1"
BOUND = "tenant"
NONCE_BYTES = 12


@dataclass
class Vault:
    """Seals with the newest master key, opens with all of them.

    A context begins with the tenant's id, and a wrapped data key that was bound opens for that tenant alone.
    """

    path: Path
    keys: Mapping[str, MasterKey] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Vault:
        """The vault of a keyring file. Raises VaultError."""
        return cls(path, master_keys(path))

    @property
    def sealing_key(self) -> MasterKey:
        return list(self.keys.values())[-1]

    def new_data_key(self) -> str:
        """A random data key, wrapped as release 0.1.0 opens it, too: what the tenant's row holds."""
        head = f"{VERSION}.{self.sealing_key.id}"
        return f"{head}.{_encrypt(self.sealing_key.key, head.encode(), secrets.token_bytes(KEY_BYTES))}"

    def rewrap(self, data_key: str, tenant_id: int) -> str:
        """The same data key, wrapped by the newest master key and bound to its tenant. Raises VaultError."""
        head = f"{VERSION}.{self.sealing_key.id}.{BOUND}"
        plain_key = self._unwrap(data_key, str(tenant_id))
        return f"{head}.{_encrypt(self.sealing_key.key, _framed((head, str(tenant_id))), plain_key)}"

    def seal(self, data_key: str, context: tuple[str, ...], plain: bytes) -> str:
        """`plain`, to be opened only with this data key and in this context. Raises VaultError."""
        return f"{VERSION}.{_encrypt(self._unwrap(data_key, context[0]), _framed(context), plain)}"

    def unseal(self, data_key: str, context: tuple[str, ...], sealed: str) -> bytes:
        """What `seal` was given. Raises VaultError, also for another tenant's, row's or field's text."""
        version, _, text = sealed.partition(".")
        if version != VERSION:
            raise VaultError("The sealed text is of no form that this release knows.")
        plain = _decrypt(self._unwrap(data_key, context[0]), _framed(context), text)
        if plain is None:
            raise VaultError("The sealed text does not open here: it was sealed for another row or changed.")
        return plain

    def sign(self, data_key: str, purpose: str, context: tuple[str, ...]) -> bytes:
        """The signature of `context` that only this data key makes, for one purpose. Raises VaultError."""
        derived = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=f"conserje {purpose}".encode())
        return hmac.digest(derived.derive(self._unwrap(data_key, context[0])), _framed(context), "sha256")

    def wrap(self, purpose: str, key: bytes) -> str:
        """`key`, wrapped by the newest master key for one purpose."""
        head = f"{VERSION}.{self.sealing_key.id}.{purpose}"
        return f"{head}.{_encrypt(self.sealing_key.key, head.encode(), key)}"

    def unwrap(self, purpose: str, wrapped: str) -> bytes:
        """What `wrap` was given. Raises VaultError."""
        head, _, text = wrapped.rpartition(".")
        version, _, named = head.partition(".")
        key_id, _, found = named.partition(".")
        if (version, found) != (VERSION, purpose):
            raise VaultError("The wrapped key is of no form that this release knows.")
        key = _decrypt(self._master(key_id).key, head.encode(), text)
        if key is None:
            raise VaultError(f"The wrapped key does not open by the master key {key_id} in {self.path}.")
        return key

    def refuse_other(self, key_id: str, mark: str) -> None:
        """Raises VaultError unless the keyring has this master key, whose fingerprint is `mark`."""
        if fingerprint(self._master(key_id)) != mark:
            raise VaultError(
                f"The master key {key_id} in {self.path} is another of that name, whose fingerprint is not"
                f" {mark}: CONSERJE_MASTER_KEYS_FILE must name the keyring that sealed this."
            )

    def _unwrap(self, data_key: str, owner: str) -> bytes:
        head, _, text = data_key.rpartition(".")
        version, _, key_id = head.removesuffix(f".{BOUND}").partition(".")
        if version != VERSION:
            raise VaultError("The tenant's data key is of no form that this release knows.")
        associated = _framed((head, owner)) if head.endswith(f".{BOUND}") else head.encode()
        plain_key = _decrypt(self._master(key_id).key, associated, text)
        if plain_key is None:
            raise VaultError(
                f"The tenant's data key does not open: the master key {key_id} in {self.path} is another of "
                "that name, or the row was changed, or it is another tenant's."
            )
        return plain_key

    def _master(self, key_id: str) -> MasterKey:
        if key_id not in self.keys:  # another process may have added it
            self.keys = master_keys(self.path)
        if key_id not in self.keys:
            raise VaultError(
                f"The keyring {self.path} lacks master key {key_id}:"
                " CONSERJE_MASTER_KEYS_FILE must name the one that has it."
            )
        return self.keys[key_id]


def _framed(context: tuple[str, ...]) -> bytes:
    """Each part with its length before it, so that no two contexts read the same."""
    parts = [part.encode() for part in context]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _encrypt(key: bytes, associated: bytes, plain: bytes) -> str:
    nonce = secrets.token_bytes(NONCE_BYTES)
    ciphertext = AESGCM(key).encrypt(nonce, plain, associated)
    return base64.urlsafe_b64encode(nonce + ciphertext).rstrip(b"=").decode()


def _decrypt(key: bytes, associated: bytes, text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], associated)
    except (InvalidTag, binascii.Error, ValueError):
        return None
