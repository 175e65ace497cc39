"""What a turn costs, and how many there are a second, with one worker and with more."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench import webhooks
from bench.cost import Cost, Meter
from bench.installation import Installation, installed
from bench.place import Place, say

WORKERS = (1, 2, 4)
ROUNDS = 2
TENANTS, EACH = 16, 80  # messages of each: fewer than make a flood
COUNT = TENANTS * EACH
WARM, LAST = COUNT // 4, COUNT * 9 // 10  # of them all caches are warm, and no worker rests yet
SHOP = """
UPDATE tenants SET quiet_period = '0', assistant = 'catalog';
INSERT INTO products (tenant_id, name, price)
SELECT id, 'Alimento para perro ' || n || ' kg', 1000 * n FROM tenants, generate_series(1, 50) AS n
"""


@dataclass(frozen=True)
class Turns:
    """Turns of the assistant `catalog`, each of one message of a new contact, all of which wait."""

    workers: int
    turns: int
    rate: float  # a second
    cost: Cost


async def measure(place: Place) -> list[Turns]:
    """In turn with so many workers, every second round in reverse. Raises Failed."""
    order = [workers for number in range(ROUNDS) for workers in WORKERS[:: -1 if number % 2 else 1]]
    return [await _measure(place, workers) for workers in order]


async def _measure(place: Place, workers: int) -> Turns:
    async with installed(place, webhooks.tenants(TENANTS), SHOP) as installation:
        for tenant in installation.tenants:
            await installation.flood(tenant, EACH)
        async with installation.workers(workers):
            seen = await _watch(installation, workers)
    say(f"turns, {workers} workers: {seen.cost.total / 1000:.2f} ms each, {seen.rate:.0f} a second")
    return seen


async def _watch(installation: Installation, workers: int) -> Turns:
    calls, postgres = installation.stand_in.messages, installation.place.postgres
    kinds = {"worker": [each.pid for each in installation.working], "Postgres": [await postgres.pid()]}
    meter = Meter(postgres, kinds)
    await installation.until(lambda: len(calls) >= WARM, f"{COUNT} messages")
    await meter.begin()
    first, began = len(calls), time.monotonic()
    await installation.until(lambda: len(calls) >= LAST, f"{COUNT} messages", limit=180)
    turns, seconds = len(calls) - first, time.monotonic() - began
    return Turns(workers, turns, turns / seconds, await meter.end(turns))
