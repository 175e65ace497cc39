"""A form's fields: the short way for what is plain finds what the standard library finds in everything."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conserje.contract import form
from conserje.contract.form import MOST_FIELDS, read_fields

PARTS = [
    b"a", b"=", b"&", b"+", b"%41", b"%C3%B1", b"%c3", b"%3D", b"%26", b"%25", b"%00", b"%01", b"%0A", b"%7f",
    b"%", b"%2", b"%zz", b" ", b"_", b";", b"~", b"\n", b"\x00", b"\x01", "ñ".encode(), b"\xff",
]  # fmt: skip
written = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=9)), min_size=1, max_size=5)
bodies = st.one_of(
    st.lists(st.sampled_from(PARTS), max_size=12).map(b"".join),
    written.map(lambda fields: urlencode(fields).encode()),
)


@settings(max_examples=2000, deadline=None)
@given(bodies)
def test_every_body_says_what_it_says_to_the_standard_library(body: bytes) -> None:
    try:
        expected = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError:
        with pytest.raises(ValueError):
            read_fields(body)
        return
    assert read_fields(body) == expected


def test_what_a_provider_posts_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "parse_qsl", None)
    said = [("Body", "¿Pan & café = 100 %?\n+1"), ("From", "whatsapp:+56911111111"), ("Body", "")]
    assert read_fields(urlencode(said).encode()) == said


@pytest.mark.parametrize("body", [b"a=%01&b=1", b"a=b=c", b"a&b=1", b"&a=1"])
def test_the_rest_takes_the_long_one(body: bytes) -> None:
    assert read_fields(body) == parse_qsl(body.decode(), keep_blank_values=True)


def test_too_many_fields_are_refused() -> None:
    assert len(read_fields(b"&".join([b"a=1"] * MOST_FIELDS))) == MOST_FIELDS
    with pytest.raises(ValueError, match="Max number of fields"):
        read_fields(b"&".join([b"a=1"] * (MOST_FIELDS + 1)))
