"""From a webhook to the call of the provider: how long it takes alone, and beside a flood."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench import webhooks
from bench.installation import Installation, Waits, installed
from bench.place import Place
from bench.webhooks import Tenant

AT_ONCE = "UPDATE tenants SET quiet_period = '0', assistant = 'echo'"
PROVIDER_TAKES = 0.05  # seconds for a message, so that a flood's own share of the slots is in use
WARM_UP = 50
ALONE, ALONE_RATE = 300, 20.0  # messages, and how many a second
BESIDE, BESIDE_RATE = 400, 20.0
FLOOD, WAITING = 14_000, 10_000  # messages posted, and how many must wait when the measuring begins
WATCHED = 5.0  # seconds in which nobody but the flood is there


@dataclass(frozen=True)
class Flood:
    """One tenant's waits alone, and while another's flood waits: at its beginning and at the end."""

    alone: Waits
    beside: Waits
    waiting: tuple[int, int]
    speed: tuple[
        float, float
    ]  # of the flood, answers a second: while nobody else writes, and beside the other
    void: str | None


async def measure_reply(place: Place) -> Waits:
    """An idle installation; the provider answers at once."""
    async with _working(place, provider_takes=0.0) as installation:
        tenant = installation.tenants[0]
        await installation.waits(tenant, WARM_UP, ALONE_RATE)
        return await installation.waits(tenant, ALONE, ALONE_RATE)


async def measure_flood(place: Place) -> Flood:
    """One tenant's waits before and while another has thousands of messages waiting."""
    async with _working(place, PROVIDER_TAKES) as installation:
        quiet, flooded = installation.tenants
        await installation.waits(quiet, WARM_UP, BESIDE_RATE)
        alone = await installation.waits(quiet, BESIDE, BESIDE_RATE)
        await installation.flood(flooded, FLOOD)
        waiting, began = _left(installation, flooded), time.monotonic()
        await asyncio.sleep(WATCHED)
        first, middle = _left(installation, flooded), time.monotonic()
        beside = await installation.waits(quiet, BESIDE, BESIDE_RATE)
        last, end = _left(installation, flooded), time.monotonic()
    speed = (waiting - first) / (middle - began), (first - last) / (end - middle)
    void = None
    if first < WAITING or not last:
        void = f"{first} messages waited when the measuring began, {last} when it ended"
    return Flood(alone, beside, (first, last), speed, void)


def _left(installation: Installation, flooded: Tenant) -> int:
    return FLOOD - len(installation.called(flooded))


@asynccontextmanager
async def _working(place: Place, provider_takes: float) -> AsyncIterator[Installation]:
    """An installation with two tenants and one worker."""
    async with (
        installed(place, webhooks.tenants(2), AT_ONCE, provider_takes) as installation,
        installation.workers(1),
    ):
        yield installation
