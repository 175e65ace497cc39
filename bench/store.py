"""What the store alone costs a message, in batches of one and more, against Postgres' bare inserts."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice

from bench import bare, webhooks
from bench.cost import Cost, Meter
from bench.place import Place, say

from conserje import InboundMessage, Text
from conserje.intake.intake import CONNECTIONS, Intake
from conserje.net.client import client
from conserje.plugins import plugins
from conserje.storage.pool import connect_pool, connect_storing
from conserje.tenants.directory import Directory
from conserje.tenants.entry import Entry

TENANTS = 2_048  # so many that none of them floods
SIZES = (1, 4, 32, 128)
TOGETHER = 32  # rows of pgbench's large inserts
ROUNDS = 3
SECONDS = 1
DATABASE = "store"
TEXT = "Hola, ¿tienen alimento para cachorro?"  # as pgbench's


@dataclass(frozen=True)
class Stored:
    """What one of so many that are stored together costs; `name` is whose rows they are."""

    name: str
    together: int
    cost: Cost

    @property
    def kind(self) -> tuple[str, int]:
        return self.name, self.together


async def measure(place: Place) -> list[Stored]:
    """All sizes and pgbench's in turn. Raises Failed."""
    seen = []
    async with _opened(place) as (intake, entries):
        await _put(intake, entries, TENANTS)  # contacts and conversations, which later messages find
        for number in range(ROUNDS):
            for size in SIZES[:: -1 if number % 2 else 1]:
                seen.append(Stored("conserje", size, await _measure(place, intake, entries, size)))
            for rows in (1, TOGETHER):
                run = await bare.measure(place.postgres, place.folder, 2 * SECONDS, rows)
                seen.append(Stored("pgbench", rows, run.cost))
            say(f"round {number + 1} of {ROUNDS}")
    return seen


@asynccontextmanager
async def _opened(place: Place) -> AsyncIterator[tuple[Intake, Iterator[Entry]]]:
    """The intake as `serve` has it, without a spool, and tenants in turn."""
    postgres, conserje = place.postgres, place.conserje
    tenants = webhooks.tenants(TENANTS)
    await conserje.install()
    await postgres.create(DATABASE, owner=conserje.owner)
    await conserje.fill(postgres, DATABASE, tenants)
    url = postgres.url(DATABASE, conserje.owner)
    async with (
        client() as http,
        await connect_pool(url) as pool,
        await connect_storing(url, CONNECTIONS) as storing,
        Directory(pool, url) as directory,
        Intake(pool, plugins.load({}, http), storing=storing) as intake,
    ):
        yield intake, cycle([await directory.by_slug(tenant.slug) for tenant in tenants])
    await postgres.drop(DATABASE)


async def _measure(place: Place, intake: Intake, entries: Iterator[Entry], size: int) -> Cost:
    meter = Meter(place.postgres, {"server": [os.getpid()], "Postgres": [await place.postgres.pid()]})
    await meter.begin()
    count, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        await _put(intake, entries, size)
        count += size
    return await meter.end(count)


async def _put(intake: Intake, entries: Iterator[Entry], size: int) -> None:
    """Have messages of as many tenants stored, which come at once and so are one batch."""
    await asyncio.gather(*(_take(intake, entry) for entry in islice(entries, size)))


async def _take(intake: Intake, entry: Entry) -> None:
    (account,) = entry.accounts
    message = InboundMessage(account.address, secrets.token_hex(16), "whatsapp:+56911111111", Text(TEXT))
    await intake.take(entry.tenant, [(account, message)])
