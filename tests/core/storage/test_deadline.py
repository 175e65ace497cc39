"""How often something that is waited for is looked at."""

from __future__ import annotations

from conserje.storage.deadline import looks


async def test_even_without_time_there_is_one_look() -> None:
    assert [look async for look in looks(0, 60)] == [None]


async def test_looks_end_with_the_time() -> None:
    assert len([look async for look in looks(0.05, 0.02)]) in (2, 3, 4)
