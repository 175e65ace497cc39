"""The seal: what was sealed comes back, and nothing that was changed, cut or moved does."""

from __future__ import annotations

import io
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserje.operations import seal
from conserje.operations.seal import KEY_BYTES, SealBroken, Sealer, unsealed

SMALL, TAG = 16, 16
KEY = secrets.token_bytes(KEY_BYTES)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "CHUNK", SMALL)


def sealed(*parts: bytes) -> bytes:
    file = io.BytesIO()
    sealer = Sealer(file, KEY, b"head")
    for part in parts:
        sealer.add(part)
    sealer.end()
    return file.getvalue()


def opened(text: bytes, key: bytes = KEY, head: bytes = b"head") -> bytes:
    return b"".join(unsealed(io.BytesIO(text), key, head))


@given(st.lists(st.binary(max_size=3 * SMALL), max_size=5))
def test_what_was_sealed_comes_back(parts: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(seal, "CHUNK", SMALL)
        assert opened(sealed(*parts)) == b"".join(parts)


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL])
def test_a_part_of_it_is_none(size: int) -> None:
    text = sealed(bytes(size))
    for end in range(len(text)):
        with pytest.raises(SealBroken):
            opened(text[:end])


def test_a_changed_byte_is_found_wherever_it_is() -> None:
    text = sealed(bytes(3 * SMALL))
    for at in range(len(text)):
        changed = text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        with pytest.raises(SealBroken):
            opened(changed)


def test_chunks_stay_in_their_order() -> None:
    text = sealed(bytes(3 * SMALL))
    chunk = SMALL + TAG
    with pytest.raises(SealBroken):
        opened(text[chunk : 2 * chunk] + text[:chunk] + text[2 * chunk :])
    with pytest.raises(SealBroken):
        opened(text + text)


def test_another_head_or_key_opens_nothing() -> None:
    with pytest.raises(SealBroken):
        opened(sealed(b"x"), head=b"other")
    with pytest.raises(SealBroken):
        opened(sealed(b"x"), key=bytes(KEY_BYTES))
