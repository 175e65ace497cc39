"""Clocks that are wrong, and one that is set right: nothing is sent twice, and nobody waits for an hour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from faketime import fast, postgres_fast
from installation import Installation, install, until_taken
from processes import new_folder
from waiting import LIMIT, until

from conserje.storage.migrate import migrate
from conserje.storage.pool import connect_pool
from conserje.tenants.keyring import create_keyring

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

ANA, BEA = "whatsapp:+56911111111", "whatsapp:+56922222222"
HOUR = 3600  # seconds
GIVEN_UP = 120 + 3 * LIMIT  # seconds: an uncertain reply is held after 120, however busy the machine is
WAITED = 3 * LIMIT  # seconds: far from an hour
PUT_OFF = "SELECT true FROM messages WHERE state = 'queued' AND due_at IS NOT NULL"


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder() as folder:
        yield folder


@asynccontextmanager
async def installed(url: str, folder: Path) -> AsyncIterator[Installation]:
    keyring = folder / "keys" / "master.json"
    create_keyring(keyring)
    await migrate(url)
    async with await connect_pool(url) as pool, install(pool, url, keyring) as installation:
        installation.twilio.habit = "none"  # no status settles what is uncertain
        yield installation


async def test_promise_3_a_worker_with_a_fast_clock_sends_nothing_twice(installation: Installation) -> None:
    installation.twilio.habit = "none"
    await installation.add("acme")
    installation.faults.append("hang-up-after-accept")
    async with installation.serving() as server, installation.working(**fast(30)):
        await until_taken(server, installation.message("acme", ANA, "hola"))
        await until(installation.states)
        await installation.until_settled(GIVEN_UP)
    assert installation.replies == {(ANA, "hola"): 1}


async def test_promise_3_with_a_fast_postgres_nothing_is_sent_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        postgres_fast(folder, 30, monkeypatch) as clock,
        installed(clock.url, folder) as installation,
        installation.serving() as server,
        installation.working() as worker,
    ):
        await installation.add("acme")
        installation.faults.append("hang-up-after-accept")
        await until_taken(server, installation.message("acme", ANA, "hola"))
        await until(installation.states)
        await installation.until_settled(GIVEN_UP)
        assert installation.replies == {(ANA, "hola"): 1}
        assert await installation.states() == {"hola": "held"}
        assert "Postgres" in worker.said


async def test_promise_11_a_clock_that_was_an_hour_fast_and_is_set_right_keeps_nobody_waiting(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        postgres_fast(folder, HOUR, monkeypatch) as clock,
        installed(clock.url, folder) as installation,
        installation.serving() as server,
        installation.working(),
    ):
        await installation.add("acme")
        await installation.add("bravo", quiet="3 seconds")
        installation.faults.append("429")
        await until_taken(server, installation.message("acme", ANA, "hola"))
        await until(lambda: installation.pool.fetchval(PUT_OFF))
        await until_taken(server, installation.message("bravo", BEA, "buenas"))
        clock.set(0)
        await until(lambda: len(installation.replies) == 2, WAITED)
        await installation.until_settled(WAITED)
        assert installation.replies == {(ANA, "hola"): 1, (BEA, "buenas"): 1}
