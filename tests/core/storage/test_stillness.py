"""Stillness: a loop that stood still says so, and Postgres is not blamed for it."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from conserje.errors import DirectoryUnavailable
from conserje.storage import stillness
from conserje.storage.stillness import explained, stood_still
from conserje.telemetry.pulse import beating


async def test_a_loop_that_stood_still_knows_it() -> None:
    assert stood_still() == 0
    async with beating():
        time.sleep(0.8)  # noqa: ASYNC251 - which is the point
        assert stood_still() >= 0.5  # before the loop has come round
        stood = asyncio.create_task(asyncio.sleep(2 * stillness.COME_ROUND_EVERY))
        await stood
        assert stood_still() >= 0.5
        assert stood_still(within=0) < 0.5
    assert stood_still() == 0


async def test_only_a_time_limit_is_explained_by_it() -> None:
    away = asyncpg.CannotConnectNowError("the database system is starting up")
    async with beating():
        assert explained(TimeoutError(), "Postgres is silent") == "Postgres is silent"
        time.sleep(1.5)  # noqa: ASYNC251 - which is the point
        assert "this process itself stood still for 1." in explained(TimeoutError(), "Postgres is silent")
        assert explained(away, "Postgres starts") == "Postgres starts"
        with pytest.raises(DirectoryUnavailable) as caught:
            try:
                raise TimeoutError("no answer")
            except TimeoutError:
                raise DirectoryUnavailable("The directory cannot be asked.") from None
        assert "itself stood still" in explained(caught.value, "Postgres is silent")
