"""A day of 10,000 conversations: the most memory that all processes had, and what they use at rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench import memory, nginx, webhooks
from bench.answers import SHOP
from bench.cost import Kinds, processor_time, tree
from bench.installation import Installation, installed
from bench.pace import Provider
from bench.place import Place

TENANTS = 32
CONVERSATIONS, RATE = 10_000, 150  # a second: the whole day in little more than a minute
REST = 5.0  # seconds
EVERY = 1.0  # second a look


@dataclass(frozen=True)
class Day:
    """Megabytes by kind when all together were the most; milliseconds of processor time a second at rest."""

    conversations: int
    seconds: float
    peak: Mapping[str, float]
    console: float  # megabytes that only its process has, which are not in the peak
    rest: Mapping[str, float]


@dataclass
class _Watch:
    """Looks at all processes now and then."""

    kinds: Kinds
    console: int
    peak: dict[str, float] = field(default_factory=dict)

    async def watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(EVERY)

    def look(self) -> None:
        seen = {kind: memory.megabytes(*firsts) for kind, firsts in self.kinds.items()}
        seen["server"] -= memory.own_megabytes(self.console)
        if sum(seen.values()) > sum(self.peak.values()):
            self.peak = seen


async def measure(place: Place) -> Day:
    """Two processes that serve, one that works, nginx and Postgres. Raises Failed."""
    async with (
        installed(place, webhooks.tenants(TENANTS), SHOP) as installation,
        installation.workers(1),
        nginx.opened(place.folder / "nginx", installation.port) as front,
    ):
        kinds = {
            "server": [installation.serve.pid],
            "worker": [each.pid for each in installation.working],
            "Postgres": [await place.postgres.pid()],
            "nginx": [front.pid],
        }
        socket = installation.variables["CONSERJE_CONSOLE_LISTEN"]
        (console,) = memory.listening_at(Path(socket), tree(installation.serve.pid)[1:])
        rest = await _rest(kinds)
        watch = _Watch(kinds, console)
        seconds = await _live(installation, front.port, watch)
        return Day(CONVERSATIONS, seconds, watch.peak, memory.own_megabytes(console), rest)


async def _rest(kinds: Kinds) -> dict[str, float]:
    await asyncio.sleep(1)
    before = processor_time(kinds)
    await asyncio.sleep(REST)
    after = processor_time(kinds)
    return {kind: (after[kind] - before[kind]) / 1000 / REST for kind in kinds}


async def _live(installation: Installation, port: int, watch: _Watch) -> float:
    """The day, to its last answer; how many seconds it took."""
    calls, began = installation.stand_in.messages, time.monotonic()
    watching = asyncio.create_task(watch.watch())
    try:
        with closing(Provider(port)) as provider:
            await provider.post_all(installation.tenants, CONVERSATIONS, RATE)
        await installation.until(lambda: len(calls) >= CONVERSATIONS, f"{CONVERSATIONS} messages")
    finally:
        watching.cancel()
    watch.look()
    return time.monotonic() - began
