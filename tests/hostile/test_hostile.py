"""The hostile day in small: everybody is answered once, and the judge sees who is not."""

from __future__ import annotations

import pytest
from hostile.run import run
from hostile.town import Size

SMALL = Size(tenants=2, rate=4, products=100, history=1000)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_promise_11_beside_strangers_all_are_answered_once_but_who_was_wronged_before() -> None:
    outcome = await run(24, SMALL, with_faults=True)
    lost, twice = sorted(outcome.verdict.wrong)
    assert lost.startswith("lost: c1.2 ") and twice.startswith("twice: c1.3 ")
    silent = [name for name, answers in outcome.strangers["answers"].items() if not answers]
    assert not silent, "they did nothing"
