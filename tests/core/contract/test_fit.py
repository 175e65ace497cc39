"""What a channel can carry: a content is made to fit in one way for all, and an answer finds its choice."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserje.contract.choices import chosen
from conserje.contract.fit import fit, linked, split
from conserje.contract.limits import Limits
from conserje.contract.message import (
    Button,
    Buttons,
    ContactCard,
    Content,
    File,
    List,
    Location,
    Media,
    Order,
    OrderItem,
    Pressed,
    Reaction,
    Row,
    Template,
    Text,
)

WHICH = Buttons("¿Cuál?", (Button("a", "Aceite"), Button("b", "Brownie")))
ROWS = List("Hay:", (Row("1", "Aceite", "10 ml"), Row("2", "Brownie")))
NUMBERED = Text("¿Cuál?\n1. Aceite\n2. Brownie", (Button("a", "Aceite"), Button("b", "Brownie")))


@pytest.mark.parametrize(
    ("content", "limits", "fitting"),
    [
        (WHICH, Limits(buttons=2), [WHICH]),
        (WHICH, Limits(buttons=1, rows=2), [List("¿Cuál?", (Row("a", "Aceite"), Row("b", "Brownie")))]),
        (WHICH, Limits(), [NUMBERED]),
        (WHICH, Limits(buttons=2, button_title=6), [NUMBERED]),
        (WHICH, Limits(buttons=2, body=3), [NUMBERED]),
        (ROWS, Limits(rows=2), [ROWS]),
        (
            ROWS,
            Limits(rows=2, row_description=3),
            [Text("Hay:\n1. Aceite: 10 ml\n2. Brownie", (Button("1", "Aceite"), Button("2", "Brownie")))],
        ),
        (Text("Uno dos. Tres."), Limits(text=8), [Text("Uno dos."), Text("Tres.")]),
        (Reaction("m1", "👍"), Limits(carries=frozenset({"reaction"})), [Reaction("m1", "👍")]),
        (Reaction("m1", "👍"), Limits(), []),
        (ContactCard("Ana", ("+569",)), Limits(), [Text("Ana\n+569")]),
        (
            Location(-33.45, -70.66, "Local", "Calle 1"),
            Limits(),
            [Text("Local\nCalle 1\nhttps://www.google.com/maps?q=-33.450000,-70.660000")],
        ),
        (Template("t", "es", ("Ana",), "Hola Ana"), Limits(), [Text("Hola Ana")]),
        (Template("t"), Limits(), [Template("t")]),
        (Order((OrderItem("p1", 2, Decimal("9.5")),), "CLP"), Limits(), [Text("[order 2 x p1 at 9.5 CLP]")]),
    ],
    ids=str,
)
def test_a_content_is_made_to_fit(content: Content, limits: Limits, fitting: list[Content]) -> None:
    assert fit(content, limits) == fitting


def test_files_go_one_by_one_where_a_message_holds_one_with_the_words_under_the_first() -> None:
    files = (File("a"), File("b"), File("c"))
    assert fit(Media(files, "mira"), Limits(files=2)) == [Media(files[:2], "mira"), Media(files[2:])]
    assert fit(Media(files[:1], "mira esto"), Limits(caption=4)) == [Media(files[:1]), Text("mira esto")]


def test_files_go_as_links_where_a_channel_carries_none() -> None:
    photo = Media((File("https://x/1"), File("https://x/2")), "mira")
    assert linked(photo, Limits()) == Text("mira\nhttps://x/1\nhttps://x/2")
    assert linked(photo, Limits(carries=frozenset({"media"}))) == photo


@pytest.mark.parametrize("written", ["2", " 2. ", "2)", "2️⃣", "la 2", "Opción 2", "brownie", "BROWNIE!"])
def test_the_number_or_the_words_come_back_as_the_choice(written: str) -> None:
    assert chosen(written, NUMBERED) == Pressed("b", "Brownie")


@pytest.mark.parametrize("written", ["3", "0", "2 por favor", "quiero 2", "", "¿brownie o aceite?"])
def test_anything_else_is_no_choice(written: str) -> None:
    assert chosen(written, NUMBERED) is None


def test_a_number_says_nothing_where_none_were_shown() -> None:
    assert chosen("2", WHICH) is None
    assert chosen("aceite", WHICH) == Pressed("a", "Aceite")
    assert chosen("aceite", ROWS) == Pressed("1", "Aceite")
    assert chosen("aceite", Text("Aceite")) is None


def test_of_two_with_the_same_words_none_is_chosen() -> None:
    assert chosen("té", Buttons("¿?", (Button("a", "Té"), Button("b", "Te")))) is None


def test_long_text_is_cut_at_the_ends_of_sentences() -> None:
    assert split("Uno dos. Tres cuatro! Cinco", 14) == ["Uno dos.", "Tres cuatro!", "Cinco"]
    assert split("una palabra larguísima", 12) == ["una palabra", "larguísima"]
    assert split("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


@given(st.text(min_size=1, max_size=400), st.integers(5, 60))
def test_no_piece_is_too_long_and_no_word_is_lost(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
