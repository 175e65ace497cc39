"""The vault: seals and signs with a tenant's data key, and seals data keys with the master keys."""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import hmac
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conserje import tenants
from conserje.database import Connection
from conserje.errors import OperatorError

VERSION = "v1"
NONCE_BYTES = 12
KEY_BYTES = 32


class VaultError(OperatorError):
    """Something cannot be sealed or opened; the text says what to do and holds no key."""


class MasterKey(BaseModel):
    """A key that wraps data keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", val_json_bytes="base64", ser_json_bytes="base64")

    id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    key: bytes = Field(repr=False, min_length=KEY_BYTES, max_length=KEY_BYTES)
    created: datetime


class _Keyring(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: tuple[MasterKey, ...] = Field(min_length=1)


def create_keyring(path: Path) -> MasterKey:
    """Make a keyring file of one new master key. Raises VaultError where there is one already."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path):
            if path.exists():
                raise VaultError(f"There is a keyring already: {path}. `conserje keys new` adds a key to it.")
            return _add_key(path, ())
    except OSError as error:
        raise VaultError(_unusable(path, "cannot be written", error)) from None


def add_master_key(path: Path) -> MasterKey:
    """Add a master key to the keyring; from now on it seals. Raises VaultError."""
    read_keyring(path)
    try:
        with _locked(path):
            return _add_key(path, read_keyring(path))
    except OSError as error:
        raise VaultError(_unusable(path, "cannot be written", error)) from None


def read_keyring(path: Path) -> tuple[MasterKey, ...]:
    """The master keys, newest last. Raises VaultError for a file missing, too open or malformed."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise VaultError(_unusable(path, "can be read by others") + f" Run: chmod 600 {path}")
            return _Keyring.model_validate_json(file.read()).keys
    except FileNotFoundError:
        raise VaultError(_unusable(path, "is not there") + " `conserje keys new` makes one.") from None
    except OSError as error:
        raise VaultError(_unusable(path, "cannot be read", error)) from None
    except ValidationError:
        raise VaultError(_unusable(path, "is malformed") + " Restore it from your backup.") from None


def _unusable(path: Path, what: str, error: OSError | None = None) -> str:
    why = f" ({error.strerror})" if error else ""
    return f"The keyring {path} {what}{why}; CONSERJE_MASTER_KEYS_FILE names it."


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing the keyring; its directory is what does not get replaced."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
        os.fsync(directory)
    finally:
        os.close(directory)


def _add_key(path: Path, keys: tuple[MasterKey, ...]) -> MasterKey:
    created = datetime.now(UTC).replace(microsecond=0)
    new = MasterKey(id=secrets.token_hex(4), key=secrets.token_bytes(KEY_BYTES), created=created)
    content = _Keyring(keys=(*keys, new)).model_dump_json(indent=1)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if path.exists():  # root may add a key to the keyring of the service's user
                os.fchown(file.fileno(), path.stat().st_uid, path.stat().st_gid)
        os.rename(temporary, path.resolve())
    except BaseException:
        os.unlink(temporary)
        raise
    return new


@dataclass
class Vault:
    """Seals with the newest master key, opens with all of them."""

    path: Path
    keys: Mapping[str, MasterKey] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Vault:
        """The vault of a keyring file. Raises VaultError."""
        return cls(path, _by_id(path))

    @property
    def sealing_key(self) -> MasterKey:
        return list(self.keys.values())[-1]

    def new_data_key(self) -> str:
        """A random data key, wrapped: what the tenant's row holds."""
        return self._wrap(secrets.token_bytes(KEY_BYTES))

    def rewrap(self, data_key: str) -> str:
        """The same data key, wrapped by the newest master key. Raises VaultError."""
        return self._wrap(self._unwrap(data_key))

    def seal(self, data_key: str, context: tuple[str, ...], plain: bytes) -> str:
        """`plain`, to be opened only with this data key and in this context. Raises VaultError."""
        return f"{VERSION}.{_encrypt(self._unwrap(data_key), _framed(context), plain)}"

    def unseal(self, data_key: str, context: tuple[str, ...], sealed: str) -> bytes:
        """What `seal` was given. Raises VaultError, also for another tenant's, row's or field's text."""
        version, _, text = sealed.partition(".")
        if version != VERSION:
            raise VaultError("The sealed text is of no form that this release knows.")
        plain = _decrypt(self._unwrap(data_key), _framed(context), text)
        if plain is None:
            raise VaultError("The sealed text does not open here: it was sealed for another row or changed.")
        return plain

    def sign(self, data_key: str, purpose: str, context: tuple[str, ...]) -> bytes:
        """The signature of `context` that only this data key makes, for one purpose. Raises VaultError."""
        derived = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=f"conserje {purpose}".encode())
        return hmac.digest(derived.derive(self._unwrap(data_key)), _framed(context), "sha256")

    def _wrap(self, plain_key: bytes) -> str:
        head = f"{VERSION}.{self.sealing_key.id}"
        return f"{head}.{_encrypt(self.sealing_key.key, head.encode(), plain_key)}"

    def _unwrap(self, data_key: str) -> bytes:
        head, _, text = data_key.rpartition(".")
        version, _, key_id = head.partition(".")
        if version != VERSION:
            raise VaultError("The tenant's data key is of no form that this release knows.")
        plain_key = _decrypt(self._master(key_id).key, head.encode(), text)
        if plain_key is None:
            raise VaultError(
                f"The tenant's data key does not open: the master key {key_id} in {self.path} is another of "
                "that name, or the row was changed."
            )
        return plain_key

    def _master(self, key_id: str) -> MasterKey:
        if key_id not in self.keys:  # another process may have added it
            self.keys = _by_id(self.path)
        if key_id not in self.keys:
            raise VaultError(
                f"The keyring {self.path} lacks master key {key_id}; CONSERJE_MASTER_KEYS_FILE names it."
            )
        return self.keys[key_id]


async def check_keyring(connection: Connection, vault: Vault) -> None:
    """Raises VaultError unless the keyring has every master key that wraps a tenant's data key."""
    for key_id, (count, data_key) in (await tenants.data_keys(connection)).items():
        try:
            vault.rewrap(data_key)
        except VaultError as error:
            if key_id in vault.keys:
                raise
            raise VaultError(
                f"The keyring {vault.path} lacks master key {key_id}, which wraps the data keys of {count} "
                "tenants; CONSERJE_MASTER_KEYS_FILE names it."
            ) from error


def _by_id(path: Path) -> dict[str, MasterKey]:
    return {key.id: key for key in read_keyring(path)}


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
