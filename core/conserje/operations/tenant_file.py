"""The file in which a tenant moves: lines of JSON, sealed by a passphrase."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conserje.errors import OperatorError
from conserje.operations.seal import KEY_BYTES, SealBroken, Sealer, unsealed

SHORTEST = 12  # characters of a passphrase
COST = 2**17  # of what makes a key of it, scrypt's n: 128 MiB
_MAGIC = b"conserje tenant 1\n"
_LONGEST_HEAD = 4096
_SALT_BYTES = 16

Line = dict[str, Any]


class TenantFileError(OperatorError):
    """A tenant cannot be exported or imported; the text says why."""


class _Head(BaseModel):
    """What the passphrase becomes a key with; the costs are bounded, since a file may be a stranger's."""

    model_config = ConfigDict(frozen=True, extra="forbid", val_json_bytes="base64", ser_json_bytes="base64")

    salt: bytes = Field(min_length=_SALT_BYTES, max_length=_SALT_BYTES)
    n: int = Field(ge=2**14, le=2**20)
    r: int = Field(default=8, ge=1, le=16)
    p: int = Field(default=1, ge=1, le=4)

    async def key(self, passphrase: str) -> bytes:
        derived = Scrypt(self.salt, KEY_BYTES, self.n, self.r, self.p)
        return await asyncio.to_thread(derived.derive, passphrase.encode())


@dataclass
class Writer:
    """Adds lines to a file; without `end` it does not open."""

    sealer: Sealer

    @classmethod
    async def begin(cls, file: BinaryIO, passphrase: str) -> Writer:
        """Raises TenantFileError for a passphrase that is too short."""
        if len(passphrase) < SHORTEST:
            raise TenantFileError(f"The passphrase has less than {SHORTEST} characters: take a longer one.")
        head = _Head(salt=secrets.token_bytes(_SALT_BYTES), n=COST)
        text = _MAGIC + head.model_dump_json().encode() + b"\n"
        file.write(text)
        return cls(Sealer(file, await head.key(passphrase), hashlib.sha256(text).digest()))

    def line(self, **fields: object) -> None:
        self.sealer.add(json.dumps(fields).encode() + b"\n")

    def rows(self, table: str, rows: list[str]) -> None:
        """Rows that are JSON already."""
        self.sealer.add(f'{{"table": {json.dumps(table)}, "rows": [{", ".join(rows)}]}}\n'.encode())

    def part(self, content: bytes) -> None:
        """A part of a file."""
        self.line(part=base64.b64encode(content).decode())

    def end(self) -> None:
        self.sealer.end()


async def opened(path: Path, file: BinaryIO, passphrase: str) -> Iterator[Line]:
    """The lines of a file. Raises TenantFileError, also at any line for what is not as it was written."""
    text = file.read(len(_MAGIC)) + file.readline(_LONGEST_HEAD)
    try:
        if not text.startswith(_MAGIC):
            raise TenantFileError(f"{path} is no file of `conserje tenant export`.")
        head = _Head.model_validate_json(text[len(_MAGIC) :])
    except ValidationError:
        raise TenantFileError(f"{path} is damaged: its head cannot be read.") from None
    return _lines(path, unsealed(file, await head.key(passphrase), hashlib.sha256(text).digest()))


def _lines(path: Path, parts: Iterator[bytes]) -> Iterator[Line]:
    waiting, begun = bytearray(), False
    try:
        for part in parts:
            begun = True
            waiting += part
            *lines, rest = waiting.split(b"\n")
            yield from map(json.loads, lines)
            waiting = bytearray(rest)
    except SealBroken as error:
        why = str(error) if begun else "The passphrase is another one's, or the file was changed."
        raise TenantFileError(f"{path} does not open. {why}") from None


def content_of(line: Line) -> bytes:
    return base64.b64decode(line["part"])
