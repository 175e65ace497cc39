"""The keyring: a file of master keys, of which the newest seals and all open."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conserje.errors import NOT_YOURS, OperatorError

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
                raise VaultError(
                    f"The keyring {path} is there already: `conserje keys new` adds a key to it."
                )
            return _add_key(path, ())
    except OSError as error:
        raise VaultError(_unusable(path, "cannot be written", error) + ".") from None


def add_master_key(path: Path) -> MasterKey:
    """Add a master key to the keyring; from now on it seals. Raises VaultError."""
    read_keyring(path)
    try:
        with _locked(path):
            return _add_key(path, read_keyring(path))
    except OSError as error:
        raise VaultError(_unusable(path, "cannot be written", error) + ".") from None


def remove_master_key(path: Path, key_id: str) -> None:
    """Take a key out of the keyring, for good. Raises VaultError."""
    try:
        with _locked(path):
            _write(path, tuple(key for key in read_keyring(path) if key.id != key_id))
    except OSError as error:
        raise VaultError(_unusable(path, "cannot be written", error) + ".") from None


def read_keyring(path: Path) -> tuple[MasterKey, ...]:
    """The master keys, newest last. Raises VaultError for a file missing, too open or malformed."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise VaultError(_unusable(path, "can be read by others") + f": `chmod 600 {path}`.")
            return _Keyring.model_validate_json(file.read()).keys
    except FileNotFoundError:
        raise VaultError(_unusable(path, "is not there") + ": `conserje keys new` makes one.") from None
    except PermissionError:
        raise VaultError(_unusable(path, NOT_YOURS)) from None
    except OSError as error:
        raise VaultError(_unusable(path, "cannot be read", error) + ".") from None
    except ValidationError:
        raise VaultError(_unusable(path, "is malformed") + ": restore it from your backup.") from None


def _unusable(path: Path, what: str, error: OSError | None = None) -> str:
    why = f" ({error.strerror})" if error else ""
    return f"The keyring {path}, which CONSERJE_MASTER_KEYS_FILE names, {what}{why}"


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
    _write(path, (*keys, new))
    return new


def _write(path: Path, keys: tuple[MasterKey, ...]) -> None:
    """Whole or not at all."""
    content = _Keyring(keys=keys).model_dump_json(indent=1)
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


def fingerprint(key: MasterKey) -> str:
    """By which two copies of a key are compared, and which tells nothing of it."""
    return hashlib.sha256(b"conserje master key " + key.key).hexdigest()[:16]


def master_keys(path: Path) -> dict[str, MasterKey]:
    """The keyring's master keys by their ids, newest last. Raises VaultError."""
    return {key.id: key for key in read_keyring(path)}
