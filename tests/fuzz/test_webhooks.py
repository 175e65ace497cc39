"""No stranger's post is accepted, breaks the edge or leaves a trace."""

from __future__ import annotations

from pathlib import Path

from conserje.storage.database import Pool
from fuzz.run import BATCH, opened

POSTS = 3_000
SEED = 5


async def test_promise_1_nothing_is_taken_that_nobody_signed(
    pool: Pool, database_url: str, keyring: Path
) -> None:
    async with opened(pool, database_url, keyring, SEED) as fuzz:
        for _ in range(POSTS // BATCH):
            await fuzz.batch()
    assert fuzz.answers.total() == POSTS
    assert {400, 403, 404, 405, 413} <= set(fuzz.answers)  # they came to all doors
