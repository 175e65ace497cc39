"""What is done beside a worker's loop leaves the interpreter to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from conserje.cli import work

USUAL = 0.005  # seconds


@pytest.fixture(autouse=True)
def interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(USUAL)
    yield
    sys.setswitchinterval(before)


def test_promise_11_a_search_beside_the_loop_keeps_the_interpreter_for_less_than_a_step_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[float] = []

    async def work_once() -> None:
        found.append(sys.getswitchinterval())

    monkeypatch.setattr(work, "_work", work_once)
    work._run()
    assert found[0] <= USUAL / 10
