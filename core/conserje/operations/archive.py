"""The file of a backup: a head that anybody may read, then sealed entries, each with its sum."""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError

from conserje.errors import OperatorError
from conserje.operations.seal import KEY_BYTES, SealBroken, Sealer, unsealed
from conserje.tenants.keyring import fingerprint
from conserje.tenants.vault import Vault

DATABASE = "database.dump"
FILES = "files/"
LIST = "list.json"

_MAGIC = b"conserje backup 1\n"
_LONGEST_HEAD = 2**16
_PURPOSE = "backup"
_NAME, _PART, _SUM = b"n", b"p", b"s"
_FRAME = struct.Struct("!cI")


class BackupError(OperatorError):
    """A backup cannot be made, read or restored; the text says why."""


class Head(BaseModel):
    """What is said of a backup without opening it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_at: datetime  # whatever was committed until then is in it
    node: str = ""  # whose files are in it; not said before schema 36
    release: str
    schema_version: int
    server: int  # Postgres' major version
    database_bytes: int  # in the server
    files: int | None = None  # that were there then; not said before schema 36
    files_bytes: int
    master_key: str  # which wraps its key, and the fingerprint of that
    fingerprint: str
    key: str  # wrapped
    unproven: str | None  # why nobody restored it to see


class Listed(BaseModel):
    """What is in a backup, as was counted while it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: dict[str, int]
    newest_message: int
    files: int
    vanished: tuple[str, ...] = ()  # files that were removed before they were copied


@dataclass
class Writer:
    """Adds entries to a backup's file."""

    sealer: Sealer
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    @classmethod
    def begin(cls, file: BinaryIO, key: bytes, head: Head) -> Writer:
        text = _MAGIC + head.model_dump_json().encode() + b"\n"
        file.write(text)
        return cls(Sealer(file, key, hashlib.sha256(text).digest()))

    @contextmanager
    def entry(self, name: str) -> Iterator[None]:
        """An entry, to which parts are added inside the block."""
        self._digest = hashlib.sha256()
        self._frame(_NAME, name.encode())
        yield
        self._frame(_SUM, self._digest.digest())

    def add(self, part: bytes) -> None:
        self._digest.update(part)
        self._frame(_PART, part)

    def end(self, listed: Listed) -> None:
        """With the list, without which nothing before it counts."""
        with self.entry(LIST):
            self.add(listed.model_dump_json().encode())
        self.sealer.end()

    def _frame(self, kind: bytes, content: bytes) -> None:
        self.sealer.add(_FRAME.pack(kind, len(content)))
        self.sealer.add(content)


def new_key(vault: Vault) -> tuple[bytes, dict[str, str]]:
    """A key for one backup, and what its head says of it."""
    key, master = secrets.token_bytes(KEY_BYTES), vault.sealing_key
    return key, {
        "master_key": master.id,
        "fingerprint": fingerprint(master),
        "key": vault.wrap(_PURPOSE, key),
    }


def read_head(path: Path) -> Head:
    """Raises BackupError for what is no backup."""
    with _opening(path) as file:
        return _head(path, file)[0]


def _head(path: Path, file: BinaryIO) -> tuple[Head, bytes]:
    """With the digest of its bytes. Raises BackupError."""
    text = file.read(len(_MAGIC)) + file.readline(_LONGEST_HEAD)
    try:
        if not text.startswith(_MAGIC):
            raise BackupError(
                f"{path} is no backup of `conserje backup`, or a release's that is yet to come."
            )
        return Head.model_validate_json(text[len(_MAGIC) :]), hashlib.sha256(text).digest()
    except ValidationError:
        raise BackupError(f"{path} is damaged: its head cannot be read, so take another backup.") from None


@contextmanager
def _opening(path: Path) -> Iterator[BinaryIO]:
    """Raises BackupError."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise BackupError(f"{path} cannot be read ({error.strerror}).") from None


@contextmanager
def reading(path: Path, vault: Vault) -> Iterator[tuple[Head, Iterator[tuple[str, Iterator[bytes]]]]]:
    """The head and the entries, each of which is read to its end before the next.

    Raises BackupError, whatever is wrong with the file, VaultError for a keyring that does not open it.
    """
    with _opening(path) as file:
        head, digest = _head(path, file)
        vault.refuse_other(head.master_key, head.fingerprint)
        key = vault.unwrap(_PURPOSE, head.key)
        try:
            yield head, _entries(_Frames(unsealed(file, key, digest)))
        except SealBroken as error:
            raise BackupError(f"{path} is no whole backup, so take another one: {error}") from None


def _entries(frames: _Frames) -> Iterator[tuple[str, Iterator[bytes]]]:
    name = ""
    while name != LIST:
        kind, content = frames.next()
        if kind != _NAME:
            raise SealBroken("It is not written as this release writes it.")
        name = content.decode()
        yield name, _parts(frames)


def _parts(frames: _Frames) -> Iterator[bytes]:
    digest = hashlib.sha256()
    while (frame := frames.next())[0] == _PART:
        digest.update(frame[1])
        yield frame[1]
    if frame != (_SUM, digest.digest()):
        raise SealBroken("It holds an entry that is not what its sum says.")


@dataclass
class _Frames:
    """The frames of an opened stream."""

    stream: Iterator[bytes]
    _left: bytearray = field(default_factory=bytearray)

    def next(self) -> tuple[bytes, bytes]:
        kind, size = _FRAME.unpack(self._take(_FRAME.size))
        return kind, self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._left) < size:
            try:
                self._left += next(self.stream)
            except StopIteration:
                raise SealBroken("It ends before its list.") from None
        taken = bytes(self._left[:size])
        del self._left[:size]
        return taken


def read_rest(
    head: Head, entries: Iterator[tuple[str, Iterator[bytes]]], take: Callable[[str, Iterator[bytes]], None]
) -> Listed:
    """The list, once every other entry was taken. Raises BackupError, and what `take` raises."""
    for files, (name, parts) in enumerate(entries):
        if name == LIST:
            return _listed(head, parts, files)
        take(name, parts)
    raise AssertionError("the list is the last entry, or there is an error")


def _listed(head: Head, parts: Iterable[bytes], files: int) -> Listed:
    """Each file that there was is an entry, or named as one that vanished."""
    try:
        listed = Listed.model_validate_json(b"".join(parts))
    except ValidationError:
        raise SealBroken("Its list is none that this release reads.") from None
    if listed.files != files:
        raise SealBroken(f"It lists {listed.files} files and has {files}.")
    if head.files is not None and files + len(listed.vanished) != head.files:
        raise SealBroken(f"There were {head.files} files, and nobody knows what became of them all.")
    return listed
