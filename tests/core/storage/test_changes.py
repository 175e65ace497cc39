"""What is heard of changes ends when it is no longer wanted."""

from __future__ import annotations

import asyncio

import pytest

from conserje.storage.changes import Changes


@pytest.mark.parametrize("steps", range(5))
async def test_who_stops_listening_as_word_comes_is_let_go(steps: int) -> None:
    """Whichever step of the loop the word has come to."""

    class Silent:
        async def fetch(self, *args: object) -> list[tuple[str, list[int]]]:
            return [("", [])]

        async def execute(self, *args: object) -> None:
            return None

    heard = Changes("")
    looking = asyncio.create_task(heard._look(Silent(), ""))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    heard._wanted.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    looking.cancel()
    for _ in range(100):
        await asyncio.sleep(0)
    ended = looking.cancelled()
    looking.cancel()
    await asyncio.wait({looking})
    assert ended
