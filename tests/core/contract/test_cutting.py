"""Long text is cut into as few pieces as it fits, where it hurts least."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conserje.contract.cutting import split
from conserje.contract.limits import Unit, length


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("Uno dos.", 8, ["Uno dos."]),
        ("Uno dos. Tres.", 8, ["Uno dos.", "Tres."]),
        ("Uno dos tres. Cuatro cinco", 20, ["Uno dos tres.", "Cuatro cinco"]),
        ("¿Uno? «Dos.» Tres cuatro", 14, ["¿Uno? «Dos.»", "Tres cuatro"]),
        ("uno dos\ntres. cuatro cinco", 20, ["uno dos", "tres. cuatro cinco"]),
        ("uno\n\ndos\ntres cuatro cinco", 22, ["uno", "dos\ntres cuatro cinco"]),
        ("El Sr. Pérez y la Sra. Soto van. Hoy no", 32, ["El Sr. Pérez y la Sra. Soto van.", "Hoy no"]),
        ("Va el Sr. Soto hoy", 15, ["Va el Sr. Soto", "hoy"]),
        ("Hay esto:\n- pan\n- té y café", 21, ["Hay esto:\n- pan", "- té y café"]),
        ("Uno dos. Tres cuatro! Cinco", 14, ["Uno dos. Tres", "cuatro! Cinco"]),  # two are cheaper than three
        ("una palabra larguísima", 12, ["una palabra", "larguísima"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
        ("ab " + "x" * 17, 10, ["ab xxxxxxx", "x" * 10]),
        ("1. a 2. b 3. c", 7, ["1. a", "2. b", "3. c"]),
        ("1. 2. 3. 4. 5.", 6, ["1. 2.", "3. 4.", "5."]),
        ("", 5, []),
        (" \n ", 5, []),
        ("\n" + "hola " * 3, 10, ["hola hola", "hola"]),
    ],
)
def test_text_is_cut_where_it_hurts_least(text: str, limit: int, pieces: list[str]) -> None:
    assert split(text, limit) == pieces


@pytest.mark.parametrize("mark", ["{}.", "{})", "- {}:"])
@pytest.mark.parametrize("limit", [1600, 1601, 1610, 4096])
def test_a_list_is_cut_between_its_items(mark: str, limit: int) -> None:
    items = [f"{mark.format(n)} Producto número {n} con su descripción larga." for n in range(1, 120)]
    pieces = split("\n".join(items), limit)
    assert [line for piece in pieces for line in piece.split("\n")] == items


def test_a_list_on_one_line_keeps_its_numbers_with_what_they_count() -> None:
    pieces = split(" ".join(f"{n}. pan de tipo {n}" for n in range(1, 120)), 300)
    assert not [
        piece for piece in pieces if piece.rsplit(" ", 1)[-1].rstrip(".").isdigit() and piece[-1] == "."
    ]


@pytest.mark.parametrize("rest", ["palabra " * 300, "palabra " * 199 + "fin.", "Una frase entera. " * 90])
def test_no_greeting_leaves_alone(rest: str) -> None:
    pieces = split("Hola.\n\n" + rest, 1600)
    assert (len(pieces), min(map(len, pieces)) > 100) == (2, True)


def test_whole_sentences_go_together() -> None:
    assert all(piece.endswith(".") for piece in split("Una frase entera. " * 200, 1600))


@settings(deadline=None)
@given(st.text(alphabet="ab. \n1)😀", max_size=400), st.integers(5, 60))
def test_no_piece_is_too_long_or_empty_and_no_word_is_lost(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(piece.strip() and len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


UNITS = st.sampled_from(["utf-16", "bytes"])


@settings(deadline=None)
@given(st.text(alphabet="ab. \n1)ñ☕😀\ud83d", max_size=400), st.integers(4, 60), UNITS)
def test_whatever_is_counted_no_piece_is_too_long_and_no_character_is_cut(
    text: str, limit: int, unit: Unit
) -> None:
    pieces = split(text, limit, unit)
    assert all(piece.strip() and length(piece, unit) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@settings(deadline=None)
@given(st.text(alphabet="ab. \n1)", max_size=400), st.integers(4, 60), UNITS)
def test_of_ascii_all_units_are_the_same(text: str, limit: int, unit: Unit) -> None:
    assert split(text, limit, unit) == split(text, limit)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "pan.", "larga", "sí,"]), max_size=80), st.integers(5, 30))
def test_there_are_no_more_pieces_than_words_in_order_need(words: list[str], limit: int) -> None:
    needed, room = 0, -1
    for word in words:
        if room < len(word):
            needed, room = needed + 1, limit
        room -= len(word) + 1
    assert len(split(" ".join(words), limit)) == needed
