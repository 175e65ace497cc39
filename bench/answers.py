"""What a turn costs, and how many there are a second, with one worker and with more."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench import webhooks
from bench.cost import Cost, Meter
from bench.installation import Installation, installed
from bench.place import Place, say

WORKERS = (1, 2, 4)
TENANTS = 32  # of each fewer messages than make a flood
EACH = 10  # messages of each tenant for a second to be measured
MOST = 80  # of each
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
    """Raises Failed."""
    return [await _measure(place, workers) for workers in WORKERS]


async def _measure(place: Place, workers: int) -> Turns:
    count = min(EACH * place.seconds, MOST)
    async with installed(place, webhooks.tenants(TENANTS), SHOP) as installation:
        for tenant in installation.tenants:
            await installation.flood(tenant, count)
        async with installation.workers(workers):
            seen = await _watch(installation, workers, count * TENANTS)
    say(f"turns, {workers} workers: {seen.cost.total / 1000:.2f} ms each, {seen.rate:.0f} a second")
    return seen


async def _watch(installation: Installation, workers: int, count: int) -> Turns:
    """From a tenth of the messages on, when all is warm, to nine tenths, when none of the workers rests."""
    calls = installation.stand_in.messages
    pids = [each.pid for each in installation.working]
    meter = Meter(
        installation.place.postgres, {"worker": pids, "Postgres": [await installation.place.postgres.pid()]}
    )
    await installation.until(lambda: len(calls) >= count // 10, f"{count} messages")
    await meter.begin()
    first, began = len(calls), time.monotonic()
    await installation.until(lambda: len(calls) >= count * 9 // 10, f"{count} messages", limit=180)
    turns, seconds = len(calls) - first, time.monotonic() - began
    return Turns(workers, turns, turns / seconds, await meter.end(turns))
