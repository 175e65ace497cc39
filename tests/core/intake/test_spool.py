"""The spool: keeps events in order, for all processes of a node, until one of them gives them on."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from waiting import LIMIT as PATIENCE

from conserje.intake.spool import KEEP, Spool
from conserje.storage.sqlite import NodeFileError
from conserje.telemetry import metrics

LIMIT = 64 * 1024 * 1024

# Keeps three events and is killed before it can close anything.
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from conserje.intake.spool import Spool

async def main():
    async with Spool(Path(sys.argv[1]), 10**7) as spool:
        await spool.keep([b"a", b"b"])
        await spool.keep([b"c"])
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    async with Spool(tmp_path / "spool", LIMIT) as spool:
        yield spool


async def test_events_come_back_in_their_order(spool: Spool) -> None:
    assert not spool.busy
    await spool.keep([b"1", b"2"])
    await spool.keep([b"3"])
    assert spool.busy
    rows = await spool.oldest(2)
    assert [event for _, event in rows] == [b"1", b"2"]
    await spool.forget(rows[-1][0])
    assert [event for _, event in await spool.oldest(10)] == [b"3"]
    assert await spool.count() == 1


async def test_its_size_is_told_while_events_wait(spool: Spool) -> None:
    with metrics.showing_spool(spool.size):
        assert metrics.of_process(metrics.write(), metrics.SPOOL) == 0
        await spool.keep([b"1" * 100_000])
        assert metrics.of_process(metrics.write(), metrics.SPOOL) > 100_000
        [(number, _)] = await spool.oldest(5)
        await spool.forget(number)
        await spool.settle()
        assert metrics.of_process(metrics.write(), metrics.SPOOL) == 0
        await spool.keep([b"1"])
    assert metrics.of_process(metrics.write(), metrics.SPOOL) == 0


async def test_it_is_busy_until_it_is_seen_to_be_empty(spool: Spool) -> None:
    await spool.keep([b"1"])
    [(number, _)] = await spool.oldest(5)
    await spool.settle()
    assert spool.busy
    await spool.forget(number)
    assert spool.busy  # whoever forgets may not know of what came meanwhile
    await spool.settle()
    assert not spool.busy


async def test_all_processes_of_a_node_see_one_spool(spool: Spool) -> None:
    async with Spool(spool.folder, LIMIT) as other:
        await spool.keep([b"1"])
        assert other.busy
        await other.keep([b"2"])
        assert [event for _, event in await spool.oldest(5)] == [b"1", b"2"]
        await spool.forget((await spool.oldest(5))[-1][0])
        await spool.settle()
        assert not other.busy


async def test_one_process_drains_and_another_follows_it(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conserje.intake.spool.LOOK_EVERY", 0.01)
    async with Spool(spool.folder, LIMIT) as other:
        await spool.become_drainer()
        follows = asyncio.create_task(other.become_drainer())
        done, _ = await asyncio.wait({follows}, timeout=0.1)
        assert not done
        os.close(spool._lock)  # as the end of a process does
        async with asyncio.timeout(PATIENCE):
            await follows
        spool._lock = os.open(os.devnull, os.O_RDONLY)


async def test_promise_1_what_was_kept_outlives_kill_9(tmp_path: Path) -> None:
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", KILLED, str(tmp_path / "spool")])
    async with Spool(tmp_path / "spool", LIMIT) as spool:
        assert spool.busy
        assert [event for _, event in await spool.oldest(10)] == [b"a", b"b", b"c"]


async def test_nobody_else_can_read_it(spool: Spool) -> None:
    await spool.keep([b"1"])
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    files = list(spool.folder.iterdir())
    assert {file.name for file in files} >= {"events.sqlite", "events.sqlite-wal", "busy", "drainer.lock"}
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_a_full_spool_takes_nothing_and_keeps_what_it_has(tmp_path: Path) -> None:
    async with Spool(tmp_path / "spool", 1) as spool:
        with pytest.raises(NodeFileError, match="full"):
            for n in range(1000):
                await spool.keep([b"%d" % n, b"x" * 10_000])
        kept = await spool.count()
        assert kept == 2 * n
        with pytest.raises(NodeFileError, match="full"):
            await spool.check()
        await spool.forget((await spool.oldest(kept))[-1][0])
        await spool.settle()
        await spool.check()
        await spool.keep([b"again"])
        assert [event for _, event in await spool.oldest(10)] == [b"again"]


async def test_an_empty_spool_gives_the_disk_back(spool: Spool) -> None:
    for _ in range(20):
        await spool.keep([b"x" * 100_000] * 5)
    [*_, (last, _)] = await spool.oldest(1000)
    await spool.forget(last)
    await spool.settle()
    checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
    await spool._file.read(lambda connection: connection.execute(checkpoint).fetchall())
    assert (spool.folder / "events.sqlite").stat().st_size < 1_000_000


async def test_what_was_given_on_is_in_none_of_its_files(spool: Spool) -> None:
    """The write-ahead log had it all until somebody wrote that much again."""
    written = b"what a contact wrote"
    await spool.keep([written, written * 10_000])
    await spool.keep([written])
    files = [file for file in spool.folder.iterdir() if file.is_file()]
    assert any(written in file.read_bytes() for file in files)
    await spool.forget(3)
    await spool.settle()
    assert [file.name for file in files if written in file.read_bytes()] == []


async def test_what_is_dropped_keeps_nobody_from_keeping(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes meanwhile is asked about, too, and what was given on meanwhile is not counted."""
    monkeypatch.setattr("conserje.intake.spool.ASKED_AT_ONCE", 3)
    other = sqlite3.connect(spool.folder / "events.sqlite", timeout=0, isolation_level=None)
    asked = []

    def wanted(event: bytes) -> bool:
        if event == b"zoe 1":
            other.execute("DELETE FROM events WHERE event = ?", (b"zoe 2",))
            other.execute(KEEP, (b"zoe 3",))
        asked.append(event)
        return event.startswith(b"zoe")

    await spool.keep([b"ana 1", b"zoe 1", b"zoe 2", b"ana 2"])
    assert await spool.drop(wanted) == 2
    other.close()
    assert asked == [b"ana 1", b"zoe 1", b"zoe 2", b"ana 2", b"zoe 3"]
    assert [event for _, event in await spool.oldest(10)] == [b"ana 1", b"ana 2"]


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises((NodeFileError, OSError)):
        async with Spool(tmp_path / "spool", LIMIT):
            pass
