"""The neutral message: stored and read back, and made to fit a channel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserje.message import (
    Button,
    Buttons,
    Content,
    File,
    Limits,
    Location,
    Media,
    Pressed,
    Text,
    Unknown,
    fit,
    from_json,
    plain,
    split,
    to_json,
)
from conserje.messages import stored

EACH: list[Content] = [
    Text("hola"),
    Media((File("https://x/1", "image/jpeg"),), "mira"),
    Location(-33.45, -70.66, "Casa"),
    Buttons("¿Cuál?", (Button("a", "Aceite"), Button("b", "Brownie"))),
    Pressed("a", "Aceite"),
    Unknown("sticker", {"x": [1, None]}),
]


@pytest.mark.parametrize("content", EACH, ids=lambda content: content.type)
def test_what_is_stored_is_read_back(content: Content) -> None:
    assert from_json(to_json(content)) == content
    assert plain(content)


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "\udfff\x00"])
def test_what_postgres_cannot_store_is_replaced(text: str) -> None:
    content = from_json(stored(Media((File("r"),), text)))
    assert isinstance(content, Media)
    assert content.caption == text.translate(dict.fromkeys([0, 0xD800, 0xDFFF], "�"))


def test_buttons_become_numbered_text_where_there_are_none() -> None:
    assert fit(EACH[3], Limits(buttons=0)) == [Text("¿Cuál?\n1. Aceite\n2. Brownie")]
    assert fit(EACH[3], Limits(buttons=2)) == [EACH[3]]


def test_long_text_is_cut_at_the_ends_of_sentences() -> None:
    assert split("Uno dos. Tres cuatro! Cinco", 14) == ["Uno dos.", "Tres cuatro!", "Cinco"]
    assert split("una palabra larguísima", 12) == ["una palabra", "larguísima"]
    assert split("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


@given(st.text(min_size=1, max_size=400), st.integers(5, 60))
def test_no_piece_is_too_long_and_no_word_is_lost(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
