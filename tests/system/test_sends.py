"""Many sends by the API, with keys repeated and workers killed: each is once at the provider."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from installation import Installation
from other_system import System, open_system
from waiting import until

from conserje.storage.database import Pool

pytestmark = pytest.mark.timeout(3600)  # with SENDS=10000

MANY = int(os.environ.get("SENDS", "120"))
DEATHS = max(MANY // 500, 2)  # of workers
MOST_JOBS = 200  # in the queue at once: two seconds' worth of the account, and what goes with it
AT_ONCE = 8
PATIENCE = 300.0  # seconds for whole processes on a busy machine
PART = 500  # contacts that are made at once

# Each has written to the tenant just now.
CONTACTS = """
WITH talk AS MATERIALIZED (
    SELECT tenant_id, accounts.id AS account_id, n, conversation_for(
        tenant_id, accounts.id, 'twilio', 'whatsapp:+569' || lpad(n::text, 8, '0'), '{}', '') AS id
    FROM accounts, generate_series($1::int, $2::int) AS n)
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, event_key, turn_id)
SELECT tenant_id, id, account_id, 'in', '{"text":"hola","type":"text"}', 'text',
       decode(lpad(n::text, 8, '0'), 'hex'), 0
FROM talk
"""
LEFT = "SELECT count(*) FROM messages WHERE state IN ('paced', 'queued', 'sending', 'uncertain')"
STATES = "SELECT state, count(*) FROM messages WHERE direction = 'out' GROUP BY 1"


async def post_all(system: System) -> None:
    """Each send twice, under its key."""
    numbers = iter(range(1, MANY + 1))

    async def post() -> None:
        for n in numbers:
            body = {"phone": f"+569{n:08}", "content": {"type": "text", "text": f"aviso {n}"}}
            headers = {"idempotency-key": f"aviso-{n}"}
            first, again = await asyncio.gather(
                *(system.ask("POST", "/tenants/acme/messages", json=body, headers=headers) for _ in range(2))
            )
            assert {first.status_code, again.status_code} <= {202, 409}, first.text
            later = await system.ask("POST", "/tenants/acme/messages", json=body, headers=headers)
            assert later.status_code == 202

    await asyncio.gather(*(post() for _ in range(AT_ONCE)))


async def kill_workers(installation: Installation) -> None:
    """Some work and die without a word; the last one works on."""
    for death in range(DEATHS):
        enough = partial(_has_sent, installation, 10 * (death + 1))
        async with installation.working() as worker:
            await until(enough, PATIENCE)
            worker.process.kill()
            await worker.process.wait()


async def most_jobs(pool: Pool, seen: list[int]) -> None:
    while True:
        seen.append(await pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer"))
        await asyncio.sleep(0.2)


async def test_promise_3_each_send_is_once_at_the_provider(
    installation: Installation, pool: Pool, database_url: str, keyring: Path
) -> None:
    await installation.add("acme")
    for first in range(1, MANY + 1, PART):
        await pool.execute(CONTACTS, first, min(first + PART - 1, MANY))
    jobs: list[int] = []
    async with open_system(pool, database_url, keyring) as system:
        watching = asyncio.create_task(most_jobs(pool, jobs))
        posting = asyncio.create_task(post_all(system))
        await kill_workers(installation)
        async with installation.working():
            await posting
            await until(lambda: _is_over(pool), PATIENCE + MANY / 10)
        watching.cancel()
    said = Counter(message.body for message in installation.twilio.messages)
    assert said == Counter({f"aviso {n}": 1 for n in range(1, MANY + 1)})
    states = {row["state"]: row["count"] for row in await pool.fetch(STATES)}
    assert not states.keys() - {"sent", "delivered", "read"}, states
    assert max(jobs) <= MOST_JOBS


def _has_sent(installation: Installation, many: int) -> bool:
    return len(installation.twilio.messages) >= many


async def _is_over(pool: Pool) -> bool:
    left: int = await pool.fetchval(LEFT)
    return left == 0
