"""The predecessors' back office: who logs in by a key gets a token, and reads clients and their numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from other_system import System, open_system
from scene import Scene

from conserje.storage.database import Pool
from conserje.tenants import api_keys

STATS, INTENTS = "/api/ai-analytics/conversation-stats", "/api/ai-analytics/intent-analysis"


@pytest_asyncio.fixture
async def far(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[System]:
    """From another machine, where a key is needed."""
    async with open_system(pool, database_url, keyring, peer="203.0.113.9") as system:
        yield system


async def logged_in(far: System, tenant_id: int | None = None, name: str = "back office") -> dict[str, str]:
    async with far.context.pool.acquire() as connection:
        _, key = await api_keys.add(connection, name, tenant_id=tenant_id, scopes=["read"])
    answer = await far.http.post("/auth/login", json={"username": name, "password": key})
    assert answer.status_code == 200 and answer.json()["token_type"] == "bearer"
    assert answer.headers["cache-control"] == "no-store"
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


async def test_who_logs_in_reads_the_clients(far: System) -> None:
    acme = await far.add("acme")
    await far.add("bravo")
    of_all = await far.http.get("/api/clients", headers=await logged_in(far))
    assert [each["slug"] for each in of_all.json()] == ["acme", "bravo"]
    own = await far.http.get("/api/clients", headers=await logged_in(far, acme, "acme's"))
    assert [(each["slug"], each["name"], each["status"]) for each in own.json()] == [
        ("acme", "Acme", "active")
    ]
    assert (await far.http.get("/api/clients")).status_code == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"username": "back office", "password": "x"}, 401),
        ({"username": "another", "password": None}, 401),
        ({"username": "back office"}, 422),
        ({"username": 1, "password": "x"}, 422),
        ([], 422),
        ({"username": "x" * 5000, "password": "x"}, 413),
    ],
)
async def test_a_wrong_login_is_refused(far: System, body: Any, code: int) -> None:
    async with far.context.pool.acquire() as connection:
        _, key = await api_keys.add(connection, "back office")
    if isinstance(body, dict) and body.get("password", "") is None:
        body["password"] = key  # the key is right, its name is not
    answer = await far.http.post("/auth/login", json=body)
    assert answer.status_code == code and key not in answer.text


async def test_a_key_of_before_the_api_reads_them_too(far: System) -> None:
    await far.add("acme")
    headers = await far.old_key(None)
    assert (await far.http.get("/api/clients", headers=headers)).status_code == 200
    assert (await far.http.get("/api/v1/tenants", headers=headers)).status_code == 403


async def test_the_numbers_are_of_who_may_see_them(scene: Scene, far: System) -> None:
    async with scene.working():
        await scene.write("hola")
        await scene.settled()
    headers = await logged_in(far)
    found = (await far.http.get(STATS, headers=headers)).json()
    assert (found["total_conversations"], found["total_messages"], found["avg_confidence"]) == (1, 2, 1.0)
    assert found["avg_response_time_ms"] >= 0 and found["clients"] == 1
    [intent] = (await far.http.get(f"{INTENTS}?days=7&client=acme", headers=headers)).json()["intents"]
    assert (intent["intent"], intent["count"], intent["avg_confidence"]) == ("parroted", 1, 1.0)
    other = await logged_in(far, await far.add("bravo"), "bravo's")
    assert (await far.http.get(STATS, headers=other)).json()["total_conversations"] == 0
    for slug in ("acme", "nobody", "%00"):
        assert (await far.http.get(f"{STATS}?client={slug}", headers=other)).status_code == 404


@pytest.mark.parametrize("days", ["0", "367", "x", "9" * 5000, "-1", "²"])
async def test_days_that_are_none_are_refused_in_words(far: System, days: str) -> None:
    answer = await far.http.get(STATS, params={"days": days}, headers=await logged_in(far))
    assert answer.status_code == 422 and "from 1 to 366" in answer.json()["detail"]
