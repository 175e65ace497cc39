"""What idle tenants cost: the start and the memory of `serve` with few and with many of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

from bench import memory, process, webhooks
from bench.place import Place
from bench.posting import post
from bench.webhooks import Tenant

FEW, MANY = 10, 100_000
STARTS = 3
DATABASE = "scale"
IDLE_TENANTS = """
INSERT INTO tenants (slug, name)
SELECT 'cliente-' || n, 'Cliente ' || n FROM generate_series(1, {count}) AS n
"""


@dataclass(frozen=True)
class Start:
    """From the command to the last of one acknowledgement for each active tenant; the median of some."""

    tenants: int
    seconds: float
    megabytes: float  # proportional set size of all of its processes, after that


async def measure_start(place: Place) -> list[Start]:
    """`serve` with two workers: first with few tenants, then with many more in the same table."""
    postgres, conserje = place.postgres, place.conserje
    tenants = webhooks.tenants(FEW)
    await conserje.install()
    await postgres.create(DATABASE, owner=conserje.owner)
    await conserje.fill(postgres, DATABASE, tenants)
    few = await _start(place, tenants, FEW)
    await postgres.execute(DATABASE, IDLE_TENANTS.format(count=MANY - FEW), "VACUUM ANALYZE tenants")
    many = await _start(place, tenants, MANY)
    await postgres.drop(DATABASE)
    return [few, many]


async def _start(place: Place, tenants: list[Tenant], count: int) -> Start:
    seen = [await _start_once(place, tenants) for _ in range(STARTS)]
    return Start(count, median(seconds for seconds, _ in seen), median(size for _, size in seen))


async def _start_once(place: Place, tenants: list[Tenant]) -> tuple[float, float]:
    conserje, port = place.conserje, process.free_port()
    variables = conserje.variables(place.postgres, DATABASE, port, workers=2)
    began = time.monotonic()
    async with process.serving(
        conserje.command(port, 2), port, place.folder / "scale.log", conserje.folder, variables
    ) as serve:
        for tenant in tenants:
            await post(port, webhooks.webhook(tenant, "56900000000", "Hola"))
        seconds = time.monotonic() - began
        return seconds, memory.megabytes(serve.pid)
