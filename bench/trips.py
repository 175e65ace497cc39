"""How often a worker asks Postgres for one turn."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from bench import webhooks
from bench.answers import SHOP
from bench.installation import installed
from bench.place import Place
from bench.relay import relayed

TENANTS = 16
WARM_UP = 5  # turns of each
TURNS, RATE = 200, 20.0  # and how many a second
REST = 5.0  # seconds


@dataclass(frozen=True)
class Trips:
    """Round trips and statements of one turn, without the trips a second of a worker at rest."""

    turns: int
    trips: float
    statements: float
    resting: float


async def measure(place: Place) -> Trips:
    """One worker, messages of new contacts at an even pace. Raises Failed."""
    async with (
        installed(place, webhooks.tenants(TENANTS), SHOP) as installation,
        relayed(place.postgres.sockets, place.folder / "relay") as counts,
        installation.workers(1, place.folder / "relay"),
    ):
        for tenant in installation.tenants:
            await installation.waits(tenant, WARM_UP, RATE)
        before = replace(counts)
        await asyncio.sleep(REST)
        rest, before, began = counts - before, replace(counts), time.monotonic()
        for tenant in installation.tenants:
            await installation.waits(tenant, TURNS // TENANTS, RATE)
        seen, seconds = counts - before, time.monotonic() - began
    turns = TURNS // TENANTS * TENANTS
    return Trips(
        turns,
        (seen.trips - rest.trips / REST * seconds) / turns,
        (seen.statements - rest.statements / REST * seconds) / turns,
        rest.trips / REST,
    )
