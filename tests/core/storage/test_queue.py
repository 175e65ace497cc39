"""The queue's schema, as a worker finds it."""

from __future__ import annotations

import asyncpg
import pytest
from terminal import Terminal

from conserje.storage import queue
from conserje.storage.database import Pool
from conserje.storage.migrate import migrate

pytestmark = pytest.mark.new_database


async def drop(url: str, index: str) -> None:
    owner = await asyncpg.connect(url, server_settings={"role": "conserje_owner"})
    await owner.execute(f"DROP INDEX pgqueuer.{index}")
    await owner.close()


@pytest.mark.parametrize("index", ["pgqueuer_picked_slot_idx", "pgqueuer_log_job_id_status"])
async def test_work_says_which_index_it_cannot_do_without(
    terminal: Terminal, pool: Pool, database_url: str, index: str
) -> None:
    await drop(database_url, index)
    said = (await terminal.type("work", code=1)).stderr
    assert f"index '{index}' is missing" in said and said.endswith(": run `conserje migrate`.\n")
    assert "pgq " not in said and said.count("\n") == 1
    await migrate(database_url)
    await queue.require_whole(pool)


async def test_an_index_that_makes_it_quick_is_a_warning(
    pool: Pool, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await queue.require_whole(pool)
    assert not caplog.messages
    await drop(database_url, "pgqueuer_ep_ea_idx")
    await queue.require_whole(pool)
    assert "`conserje migrate` makes: CREATE INDEX pgqueuer_ep_ea_idx" in caplog.text
