"""The log of what a restored installation must not undo, kept beside the backups."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import logging
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, ValidationError

from conserje.conversations.listing import OptedOut
from conserje.operations import shelf
from conserje.operations.archive import BackupError
from conserje.operations.seal import KEY_BYTES
from conserje.rules.consent import Change, Source
from conserje.storage.database import CANNOT_ASK, Connection, Pool, describe
from conserje.tenants.keyring import VaultError, fingerprint
from conserje.tenants.vault import Vault

log = logging.getLogger(__name__)

SUFFIX = ".log"
LOOK_EVERY = 15.0  # seconds
REACH_EVERY = timedelta(seconds=45)  # between two lines that say only how far the log reaches
OVERLAP = timedelta(minutes=15)  # longer than any transaction that notes a will, or forgets a contact
A_BATCH = 1000  # lines
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
A_FILE = 86400.0  # seconds
OLD_AFTER = timedelta(minutes=5)

_MAGIC = b"conserje log 1\n"
_PURPOSE = "log"

# By whom it was wanted is told by hashes alone: those of all addresses of the contact on that channel, as
# forgotten_addresses has them. Of one who was forgotten meanwhile there are none.
CHANGES = """
SELECT consents.id, consents.created_at AS at, consents.tenant_id, conversation_id, account_id, change,
       source,
       ARRAY(SELECT encode(address_digest(consents.tenant_id, account_id, known.name), 'hex')
             FROM (SELECT peer AS name
                   UNION SELECT name FROM identities
                   WHERE identities.tenant_id = consents.tenant_id
                     AND identities.contact_id = conversations.contact_id
                     AND identities.channel = accounts.channel) AS known
             WHERE known.name <> '' ORDER BY 1) AS digests
FROM consents
JOIN conversations ON conversations.tenant_id = consents.tenant_id AND conversations.id = conversation_id
JOIN accounts ON accounts.tenant_id = consents.tenant_id AND accounts.id = account_id
WHERE consents.created_at >= $1 ORDER BY consents.created_at, consents.id
"""

GONE = "SELECT tenant_id, contact_id, forgotten_at AS at FROM forgotten WHERE forgotten_at >= $1"

HASHES = """
SELECT tenant_id, account_id, encode(digest, 'hex') AS digest, forgotten_at AS at, opted_out
FROM forgotten_addresses WHERE forgotten_at >= $1
"""


class Consent(BaseModel):
    """What a contact wanted, and since when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    at: datetime
    tenant_id: int
    conversation_id: int
    account_id: int
    digests: tuple[str, ...]  # of the contact's addresses
    change: Change
    source: Source


class Gone(BaseModel):
    """A contact who was forgotten."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    tenant_id: int
    contact_id: int


class Hash(BaseModel):
    """The hash of a forgotten contact's address, and what they wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    tenant_id: int
    account_id: int
    digest: str
    opted_out: OptedOut | None


class _Line(BaseModel):
    """What a line of the log says: how far it reaches, what somebody wants, or who was forgotten."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    until: datetime
    consent: Consent | None = None
    gone: Gone | None = None
    hash: Hash | None = None

    @property
    def says_how_far(self) -> bool:
        """Whether all that was before it is told: it says nothing else, and comes behind what does."""
        return not (self.consent or self.gone or self.hash)


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    master_key: str
    fingerprint: str
    key: str  # wrapped


@dataclass(frozen=True, slots=True)
class Told:
    """What a log says: up to when it reaches, and all changes, the oldest first."""

    until: datetime | None
    consents: list[Consent]
    gone: list[Gone]
    hashes: list[Hash]


@dataclass
class Journal:
    """Writes for as long as it is entered, should there be a folder for it."""

    pool: Pool
    vault: Vault
    folder: Path | None
    _writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self.folder:
            self._writing = asyncio.create_task(self._write(self.folder))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writing:
            self._writing.cancel()
            await asyncio.wait({self._writing})

    async def _write(self, folder: Path) -> None:
        file: _File | None = None
        since: datetime | None = None
        while True:
            try:
                if file is None or file.is_full:
                    file = await asyncio.to_thread(_File.begin, folder, self.vault, since)
                await file.go_on(self.pool)
                since = file.since
            except (*CANNOT_ASK, asyncpg.PostgresError) as error:
                log.warning("The log of consents waits for Postgres: %s", describe(error))
            except (VaultError, BackupError) as error:
                file = None  # nobody knows how its last line ends, or which of its nonces were used
                log.error("The log of consents cannot be written: %s", error)
            await asyncio.sleep(LOOK_EVERY)


@dataclass
class _File:
    """One file of the log, which nobody else writes, and nobody after a line that was not written whole."""

    path: Path
    key: bytes = field(repr=False)
    digest: bytes
    since: datetime  # what happened before is in another
    _known: set[_Line] = field(default_factory=set)
    _lines: int = 0
    _told_until: datetime | None = None
    _began: float = field(default_factory=time.monotonic)

    @classmethod
    def begin(cls, folder: Path, vault: Vault, since: datetime | None = None) -> _File:
        """A new file, which goes on from then, or where the others end. Raises BackupError or VaultError."""
        since = since or _reach(folder, vault)
        key, master = secrets.token_bytes(KEY_BYTES), vault.sealing_key
        head = _Head(master_key=master.id, fingerprint=fingerprint(master), key=vault.wrap(_PURPOSE, key))
        text = _MAGIC + head.model_dump_json().encode() + b"\n"
        at, node = f"{datetime.now(UTC):%Y%m%dT%H%M%S}Z", socket.gethostname()
        name = f"consents-{at}-{node}-{secrets.token_hex(4)}{SUFFIX}"
        with _told(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _append(folder / name, text, os.O_CREAT | os.O_EXCL)
            shelf.keep_names(folder)
        return cls(folder / name, key, hashlib.sha256(text).digest(), since)

    @property
    def is_full(self) -> bool:
        return time.monotonic() - self._began > A_FILE

    async def go_on(self, pool: Pool) -> None:
        """Write what is new, and how far that reaches. Raises BackupError where it cannot be written."""
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            now: datetime = await connection.fetchval("SELECT now()")
            next_since = now - OVERLAP
            since = min(self.since, next_since)  # of a clock that was ahead
            lines: list[_Line] = []
            async for line in _changes(connection, since):
                if line not in self._known:
                    lines.append(line)
                if len(lines) == A_BATCH:
                    await asyncio.to_thread(self._add, lines, next_since)
                    lines = []
        if lines or self._told_until is None or abs(now - self._told_until) >= REACH_EVERY:
            await asyncio.to_thread(self._add, [*lines, _Line(until=now)], next_since)
            self._told_until = now
        self.since = next_since
        self._known = {line for line in self._known if line.until >= next_since}

    def _add(self, lines: list[_Line], next_since: datetime) -> None:
        """Those that are found again are known once the disk has them. Raises BackupError."""
        sealed = [
            base64.b64encode(
                AESGCM(self.key).encrypt(
                    _nonce(self._lines + n), line.model_dump_json().encode(), self.digest
                )
            )
            for n, line in enumerate(lines)
        ]
        with _told(self.path.parent):
            _append(self.path, b"".join(line + b"\n" for line in sealed))
        self._lines += len(lines)
        self._known.update(line for line in lines if line.until >= next_since)


async def _changes(connection: Connection, since: datetime) -> AsyncIterator[_Line]:
    async for row in connection.cursor(CHANGES, since, prefetch=A_BATCH):
        yield _Line(until=row["at"], consent=Consent(**row))
    async for row in connection.cursor(GONE, since, prefetch=A_BATCH):
        yield _Line(until=row["at"], gone=Gone(**row))
    async for row in connection.cursor(HASHES, since, prefetch=A_BATCH):
        yield _Line(until=row["at"], hash=Hash(**row))


def _reach(folder: Path, vault: Vault) -> datetime:
    """From when on a new file has to tell: everything, where the others cannot be read."""
    try:
        until = _until(line for path in files(folder) for line in _lines(path, vault))
    except (BackupError, VaultError) as error:
        log.warning("The log of consents is written anew: %s", error)
        until = None
    return until - OVERLAP if until else EARLIEST


def _until(lines: Iterable[_Line]) -> datetime | None:
    """How far they reach. What a clock that was ahead has told counts for nothing."""
    now = datetime.now(UTC)
    return max((line.until for line in lines if line.says_how_far and line.until <= now), default=None)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(f"The folder {folder} takes nothing ({error.strerror}).") from None


def _append(path: Path, text: bytes, how: int = 0) -> None:
    """Returns once the disk has it; a file that vanished is not made anew, without its head."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | how, 0o600)
    with os.fdopen(handle, "ab") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def read(folder: Path, vault: Vault) -> Told:
    """All files of the log that are in a folder. Raises BackupError or VaultError."""
    lines = {line for path in files(folder) for line in _lines(path, vault)}
    consents = {line.consent for line in lines if line.consent}
    return Told(
        _until(lines),
        sorted(consents, key=lambda each: (each.at, each.id)),
        [line.gone for line in lines if line.gone],
        [line.hash for line in lines if line.hash],
    )


def _lines(path: Path, vault: Vault) -> Iterator[_Line]:
    """A last line that is half written is left out: whoever wrote it was killed."""
    try:
        with path.open("rb") as file:
            yield from _opened(path, file, vault)
    except FileNotFoundError:
        return  # no backup that is kept needs it any more
    except OSError as error:
        raise BackupError(f"The log {path} cannot be read ({error.strerror}).") from None


def _opened(path: Path, file: BinaryIO, vault: Vault) -> Iterator[_Line]:
    text = file.read(len(_MAGIC)) + file.readline()
    if not text.endswith(b"\n"):
        return
    try:
        if not text.startswith(_MAGIC):
            raise BackupError(f"{path} is no log of this release's: move it away.")
        head = _Head.model_validate_json(text[len(_MAGIC) :])
        vault.refuse_other(head.master_key, head.fingerprint)
        cipher, digest = AESGCM(vault.unwrap(_PURPOSE, head.key)), hashlib.sha256(text).digest()
        for number, line in enumerate(file):
            if not line.endswith(b"\n"):
                return
            opened = cipher.decrypt(_nonce(number), base64.b64decode(line), digest)
            yield _Line.model_validate_json(opened)
    except (InvalidTag, ValidationError, binascii.Error, ValueError):
        raise BackupError(f"The log {path} was changed: move it away, or take its copy.") from None


def files(folder: Path) -> list[Path]:
    """The oldest first."""
    return sorted(folder.glob(f"consents-*{SUFFIX}"))


def master_key(path: Path) -> str | None:
    """The id of that which wraps a file's key; None: it does not say. Raises FileNotFoundError."""
    with path.open("rb") as file:
        text = file.read(len(_MAGIC)) + file.readline()
    try:
        return _Head.model_validate_json(text[len(_MAGIC) :]).master_key
    except ValidationError:
        return None


def drop(folder: Path, before: datetime) -> None:
    """Remove files that nobody has written to since then: no kept backup is older."""
    for path, written in _written(folder):
        if written < before:
            path.unlink(missing_ok=True)


def _written(folder: Path) -> Iterator[tuple[Path, datetime]]:
    """The files, and when each was written to."""
    for path in files(folder):
        with contextlib.suppress(FileNotFoundError):  # another machine's backup has removed it
            yield path, datetime.fromtimestamp(path.stat().st_mtime, UTC)


def warning(folder: Path) -> str | None:
    """What an operator has to do about the log; None: nothing."""
    written = [at for _, at in _written(folder)]
    if any(abs(datetime.now(UTC) - at) < OLD_AFTER for at in written):
        return None
    return (
        f"Nobody writes the log of consents in {folder}: see that `conserje work` runs with CONSERJE_BACKUPS,"
        " and what it logs."
    )
