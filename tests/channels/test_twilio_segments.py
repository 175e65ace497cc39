"""Segments of an SMS: what is paid."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conserje_twilio.segments import segments

law = settings(deadline=None)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("ñ¿¡üÑ@_\n" * 20, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 153, 3),  # of an odd number of places: none is cut in two
        ("á" * 70, 1),
        ("á" * 71, 2),
        ("a" * 134 + "í", 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 67, 3),
        ("¿Tienen café? ☕", 1),
    ],
)
def test_segments(text: str, count: int) -> None:
    assert segments(text) == count


@law
@given(st.text(max_size=700), st.text(max_size=20))
def test_more_text_takes_no_fewer_segments(text: str, more: str) -> None:
    assert 1 <= segments(text) <= segments(text + more)
