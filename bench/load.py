"""Load by wrk: prepared webhooks over kept connections, every request with its answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from bench.process import output
from bench.webhooks import Tenant

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = 2  # of each tenant
CONNECTING = 1.0  # seconds for all to connect before the first webhook
BEGINNING = 0.2  # the last of them, in which the reading of clocks begins
DRAIN = 1.0  # seconds that wrk stays for the last answers


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw; times in milliseconds."""

    seconds: int
    connections: int
    answers: int
    refused: int
    broken: int
    ran_out: int
    p50: float
    p99: float

    @property
    def accepted(self) -> int:
        return self.answers - self.refused

    @property
    def rate(self) -> float:
        """Accepted webhooks a second.

        A connection sends until its time is up, so each one's last answer, and no other, came after.
        """
        return max(self.accepted - self.connections, 0) / self.seconds

    def fault(self) -> str | None:
        """Why this run says nothing, if it does not."""
        if self.ran_out:
            return "the prepared webhooks ran out: raise --ceiling"
        if self.broken:
            return f"{self.broken} connections broke or waited over 10 s"
        if self.refused:
            return f"{self.refused} of {self.answers} answers were not 2xx"
        if self.answers < self.connections:
            return f"only {self.answers} answers"
        return None


async def drive(
    url: str,
    tenants: Sequence[Tenant],
    webhooks: Path,
    seconds: int,
    begin: Callable[[], Awaitable[None]] | None = None,
) -> Load:
    """Post the tenants' webhooks for `seconds` to `url`, which has {host} in it. Raises Failed.

    A wrk for each tenant, since a TLS connection names its host, and wrk names the same in all of its own.
    `begin` is called when all are connected, before the first webhook.
    """
    first = time.monotonic() + CONNECTING
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    _wrk(url.format(host=t.host), Path(f"{webhooks}.{t.slug}"), first, first + seconds)
                )
                for t in tenants
            ]
            if begin:
                await asyncio.sleep(first - BEGINNING - time.monotonic())
                await begin()
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return _total([task.result() for task in tasks], seconds)


def _total(seen: Sequence[Mapping[str, Any]], seconds: int) -> Load:
    counts: Counter[int] = Counter()
    for one in seen:
        counts.update(dict(one["microseconds"]))
    total = {name: sum(one[name] for one in seen) for name in ("answers", "refused", "broken", "ran_out")}
    p50, p99 = (percentile(counts, part) / 1000 for part in (0.50, 0.99))
    return Load(seconds, CONNECTIONS * len(seen), p50=p50, p99=p99, **total)


async def _wrk(url: str, webhooks: Path, first: float, last: float) -> dict[str, Any]:
    said = await output(
        "wrk",
        f"--connections={CONNECTIONS}",
        "--threads=1",
        f"--duration={ceil(last - time.monotonic() + DRAIN)}s",
        "--timeout=10s",
        f"--script={SCRIPT}",
        url,
        *("--", str(webhooks), str(first), str(last)),
    )
    seen: dict[str, Any] = json.loads(said.splitlines()[-1])
    return seen


def percentile(counts: Mapping[int, int], part: float) -> int:
    """The value below or at which this part of all counted values is; 0 of none."""
    left = ceil(sum(counts.values()) * part)
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return 0
