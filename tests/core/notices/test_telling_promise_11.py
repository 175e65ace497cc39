"""Very many notifications to a receiver that refuses half of them: all arrive, and memory stays flat."""

from __future__ import annotations

import os
import random
from datetime import timedelta

import pytest
from scene import Scene
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from waiting import until

from conserje.notices import hosts, subscriptions, telling, tellings
from conserje.notices.hosts import Host
from conserje.notices.subscriptions import Secrets
from conserje.notices.tellings import Filter
from conserje.telemetry import procfs
from conserje_fakes.server import serving

HAPPEN = """
INSERT INTO notifications (tenant_id, kind, data)
SELECT $1, 'account.well', '{"account": 1}' FROM generate_series(1, $2)
"""
MANY = int(os.environ.get("NOTIFICATIONS", "1000"))
FLAT = min(60_000_000, 6_000 * MANY)  # bytes


@pytest.mark.timeout(7200)  # with NOTIFICATIONS=100000
@pytest.mark.parametrize("many", [200, pytest.param(MANY, marks=pytest.mark.long)])
async def test_all_arrive_at_a_receiver_that_refuses_half(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(telling, "PAUSES", (timedelta(milliseconds=100),) * 7)
    chance, taken = random.Random(many), set[str]()
    asked = 0

    async def take(request: Request) -> Response:
        nonlocal asked
        asked += 1
        if chance.random() < 0.5:
            return Response(status_code=500)
        taken.add(request.headers["webhook-id"])
        return Response(status_code=204)

    tenant = (await scene.entry()).tenant.id
    async with serving(Starlette(routes=[Route("/", take, methods=["POST"])])) as url:
        async with scene.pool.acquire() as connection, connection.transaction():
            await hosts.add(connection, tenant, Host.of(url))
            await subscriptions.add(connection, scene.vault, tenant, url, [], Secrets.new())
        before = procfs.resident()
        await scene.pool.execute(HAPPEN, tenant, many)

        async def all_are_there() -> bool:
            """What was refused eight times in a row is told again, as an operator would have it."""
            async with scene.pool.acquire() as connection:
                await tellings.replay(connection, tenant, Filter(state="failed"))
            return len(taken) == many

        async with scene.working():
            await until(all_are_there, limit=300 + many / 20)
    assert many * 1.5 < asked < many * 3
    assert procfs.resident() - before < FLAT
