"""What idle tenants cost: the start and the memory of `serve` with few and with many of them."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import process, webhooks
from bench.postgres import Postgres
from bench.servers import Conserje
from bench.turns import post
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


async def measure_start(postgres: Postgres, conserje: Conserje, folder: Path) -> list[Start]:
    """`serve` with two workers: first with few tenants, then with many more in the same table."""
    tenants = webhooks.tenants(FEW)
    await conserje.install()
    await postgres.create(DATABASE, owner=conserje.owner)
    await conserje.fill(postgres, DATABASE, tenants)
    few = await _start(postgres, conserje, folder, tenants, FEW)
    await postgres.execute(DATABASE, IDLE_TENANTS.format(count=MANY - FEW), "VACUUM ANALYZE tenants")
    many = await _start(postgres, conserje, folder, tenants, MANY)
    await postgres.drop(DATABASE)
    return [few, many]


async def _start(
    postgres: Postgres, conserje: Conserje, folder: Path, tenants: list[Tenant], count: int
) -> Start:
    seen = [await _start_once(postgres, conserje, folder, tenants) for _ in range(STARTS)]
    return Start(count, median(seconds for seconds, _ in seen), median(size for _, size in seen))


async def _start_once(
    postgres: Postgres, conserje: Conserje, folder: Path, tenants: list[Tenant]
) -> tuple[float, float]:
    port = process.free_port()
    command, variables = conserje.command(port, 2), conserje.variables(postgres, DATABASE, port, workers=2)
    began = time.monotonic()
    async with process.serving(command, port, folder / "scale.log", conserje.folder, variables) as serve:
        for tenant in tenants:
            await post(port, webhooks.webhook(tenant, "56900000000", "Hola"))
        seconds = time.monotonic() - began
        return seconds, _megabytes(serve.pid)


def _megabytes(group: int) -> float:
    """The memory of a process group; pages that processes share count once."""
    kilobytes = 0
    for process_folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or is not ours to read
            if os.getpgid(int(process_folder.name)) == group:
                rollup = (process_folder / "smaps_rollup").read_text()
                kilobytes += int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1])  # type: ignore[index]
    return kilobytes / 1000
