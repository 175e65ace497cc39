"""The seal of a stream: chunks, each of which opens in its own place alone, and the last one as the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conserje.errors import OperatorError

KEY_BYTES = 32
CHUNK = 2**20
_TAG = 16


class SealBroken(OperatorError):
    """What was sealed is not what is there; the text says how."""


@dataclass
class Sealer:
    """Seals what is added, into a file, by a key that seals nothing else: its nonces are numbers."""

    file: BinaryIO
    key: bytes = field(repr=False)
    associated: bytes
    _waiting: bytearray = field(default_factory=bytearray)
    _number: int = 0

    def add(self, part: bytes) -> None:
        self._waiting += part
        while len(self._waiting) > CHUNK:
            self._put(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def end(self) -> None:
        """What was added is all."""
        self._put(bytes(self._waiting), last=True)

    def _put(self, chunk: bytes, *, last: bool) -> None:
        self.file.write(AESGCM(self.key).encrypt(_nonce(self._number, last), chunk, self.associated))
        self._number += 1


def unsealed(file: BinaryIO, key: bytes, associated: bytes) -> Iterator[bytes]:
    """What a Sealer was given, in parts. Raises SealBroken, also where the end is missing."""
    cipher, chunk = AESGCM(key), file.read(CHUNK + _TAG)
    for number in count():
        after = file.read(CHUNK + _TAG)
        yield _opened(cipher, number, chunk, associated, last=not after)
        if not after:
            return
        chunk = after


def _opened(cipher: AESGCM, number: int, chunk: bytes, associated: bytes, *, last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, last), chunk, associated)
    except (InvalidTag, ValueError):
        if last:
            raise SealBroken("It is cut off, or changed near its end.") from None
        raise SealBroken(f"It is changed, or cut, near byte {number * (CHUNK + _TAG):,}.") from None


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
