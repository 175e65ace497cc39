"""Very many tenants that are all active: how many are forgotten again, and what remembering them takes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench import memory, process, webhooks
from bench.place import Place, say
from bench.posting import FORGED, post_all
from bench.relay import relayed
from bench.webhooks import Tenant

TENANTS = 100_000
AGAIN = 20_000  # of them, by chance, are asked for once more
REST = 5.0  # seconds
PHONE = "56900000000"
DATABASE = "active"


@dataclass(frozen=True)
class Active:
    """A process of `serve` that was asked for each tenant; its memory before and after, in megabytes."""

    tenants: int
    seconds: float
    again: int
    missed: float  # of these, by the statements that they took: none are needed for who is remembered
    before: float
    after: float


async def measure(place: Place) -> Active:
    """Raises Failed."""
    say(f"{TENANTS:,} tenants are made")
    tenants = webhooks.tenants(TENANTS)
    postgres, conserje, port = place.postgres, place.conserje, process.free_port()
    await conserje.install()
    await postgres.create(DATABASE, owner=conserje.owner)
    await conserje.fill(postgres, DATABASE, tenants)
    await postgres.execute(DATABASE, "VACUUM ANALYZE", "CHECKPOINT")
    sockets = place.folder / "relay"
    variables = conserje.variables(postgres, DATABASE, port, workers=1)
    variables["CONSERJE_DATABASE_URL"] = postgres.url(DATABASE, conserje.owner, sockets)
    log, command = place.folder / "active.log", conserje.command(port, 1)
    async with (
        relayed(postgres.sockets, sockets) as counts,
        process.serving(command, port, log, conserje.folder, variables) as serve,
    ):
        before, began = memory.largest(serve.pid), time.monotonic()
        await post_all(port, _forged(tenants), expected=FORGED)
        seconds, after = time.monotonic() - began, memory.largest(serve.pid)
        first = replace(counts)
        await asyncio.sleep(REST)
        rest, first, began = counts - first, replace(counts), time.monotonic()
        await post_all(port, _forged(random.sample(tenants, AGAIN)), expected=FORGED)
        asked = (counts - first).statements - rest.statements / REST * (time.monotonic() - began)
    await postgres.drop(DATABASE)
    return Active(TENANTS, seconds, AGAIN, max(asked, 0), before, after)


def _forged(tenants: Sequence[Tenant]) -> Iterator[bytes]:
    """Signed with another token: the account is looked up and opened, and nothing is stored."""
    return (webhooks.webhook(replace(tenant, auth_token="another"), PHONE, "Hola") for tenant in tenants)
