"""How long an acknowledgement takes through nginx at a usual pace."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from statistics import quantiles

from bench import webhooks
from bench.nginx import trusting_all
from bench.posting import body_length
from bench.process import Failed
from bench.webhooks import Tenant

RATE = 200  # webhooks a second, of all tenants in turn
WARM_UP, MEASURED = 2 * RATE, 6 * RATE  # webhooks

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Pace:
    """Times from sending a webhook to its answer, in milliseconds."""

    webhooks: int
    p50: float
    p99: float


async def measure(url: str, tenants: Sequence[Tenant]) -> Pace:
    """Post at an even pace, whatever the answers do, over kept connections. Raises Failed."""
    with closing(Provider(int(url.rstrip("/").rpartition(":")[2]))) as provider:
        await provider.post_all(tenants, WARM_UP)
        percentiles = quantiles(await provider.post_all(tenants, MEASURED), n=100)
    return Pace(MEASURED, percentiles[49], percentiles[98])


@dataclass
class Provider:
    """Posts to nginx over kept connections, each webhook when it is its time."""

    port: int
    _free: defaultdict[str, list[Connection]] = field(default_factory=lambda: defaultdict(list))

    async def post_all(self, tenants: Sequence[Tenant], count: int, rate: float = RATE) -> list[float]:
        """How long each webhook took, in milliseconds; each is of another contact. Raises Failed."""
        requests = [
            webhooks.webhook(tenants[n % len(tenants)], f"5697{n:07d}", "Hola, ¿atienden hoy?")
            for n in range(count)
        ]
        began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as posts:
                tasks = []
                for n, request in enumerate(requests):
                    await asyncio.sleep(began + n / rate - time.monotonic())
                    tasks.append(posts.create_task(self._post(tenants[n % len(tenants)].host, request)))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _post(self, host: str, request: bytes) -> float:
        sent = time.monotonic()
        try:
            reader, writer = self._free[host].pop() if self._free[host] else await self._connect(host)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            took = time.monotonic() - sent
            await reader.readexactly(body_length(head))
        except (OSError, EOFError) as error:
            raise Failed(f"A webhook could not be posted ({error}).") from None
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Failed(f"A webhook was answered with {head.splitlines()[0]!r}.")
        self._free[host].append((reader, writer))
        return took * 1000

    async def _connect(self, host: str) -> Connection:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=trusting_all(), server_hostname=host)

    def close(self) -> None:
        for connections in self._free.values():
            for _, writer in connections:
                writer.close()
