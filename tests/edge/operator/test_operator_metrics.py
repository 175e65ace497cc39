"""`/metrics`: the numbers of all processes and of the database, in a form that Prometheus reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from office import Office, open_office
from prometheus_client.parser import text_string_to_metric_families

from conserje.operations import archive
from conserje.storage import jobs
from conserje.storage.database import Pool
from conserje.storage.jobs import Job
from conserje.telemetry import heartbeat, metrics
from conserje_edge.operator import metrics as shown
from conserje_edge.server.operator import application

ACCOUNT = "INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'json', 'json') RETURNING id"
CONVERSATION = "SELECT conversation_for($1, $2, 'json', $3, '{}', '')"
INBOUND = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key, created_at)
VALUES ($1, $2, $3, 'in', '', sha256($4::text::bytea), now() - make_interval(secs => $5))
"""
OUTBOUND = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)
VALUES ($1, $2, $3, 'out', '', $4, $5)
"""
REJECT = "INSERT INTO rejects (tenant_id, account_id, event_key, raw, cause) VALUES ($1, $2, 'x', '', '')"

BEAT = "INSERT INTO heartbeats (process, kind, counted) VALUES ($1, $2, $3)"
DIE = "UPDATE heartbeats SET seen_at = now() - interval '1 minute' WHERE process = $1"

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest_asyncio.fixture
async def office(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Office]:
    async with open_office(pool, database_url, keyring) as office:
        yield office


async def scraped(office: Office) -> Numbers:
    """What a scrape finds; a sample that is there twice is an error."""
    transport = httpx2.ASGITransport(application(office.context), client=("127.0.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: Numbers = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.type in ("counter", "gauge", "histogram") and family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def at(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_what_waits_and_what_is_held(office: Office) -> None:
    pool = office.context.pool
    acme, bravo = await office.add("acme"), await office.add("bravo")
    await office.add("quiet")
    for tenant, waiting in ((acme, 3), (bravo, 1)):
        account = await pool.fetchval(ACCOUNT, tenant)
        conversation = await pool.fetchval(CONVERSATION, tenant, account, "ana")
        for n in range(waiting):
            await pool.execute(INBOUND, tenant, conversation, account, str(n), 10.0 * (n + 1))
        if tenant == bravo:
            held = await pool.fetchval(CONVERSATION, tenant, account, "eva")
            await pool.execute(INBOUND, tenant, held, account, "held", 1000.0)
            await pool.execute("UPDATE conversations SET state = 'held' WHERE id = $1", held)
            await pool.execute(REJECT, tenant, account)
            for n, state in enumerate(("held", "uncertain", "sent", "queued")):
                await pool.execute(OUTBOUND, tenant, conversation, account, n, state)
    async with pool.acquire() as connection:
        await jobs.enqueue(connection, [Job("converse", acme, 1), Job("converse", bravo, 1)])
        await connection.execute("UPDATE pgqueuer.pgqueuer SET execute_after = now() - interval '42 s'")
        await connection.execute("UPDATE tenants SET status = 'suspended' WHERE slug = 'quiet'")
    found = await scraped(office)
    assert found[at("conserje_postgres_up")] == 1
    assert found[at("conserje_tenants", status="active")] == 2
    assert found[at("conserje_tenants", status="suspended")] == 1
    assert found[at("conserje_waiting_messages", tenant="acme")] == 3
    assert found[at("conserje_waiting_messages", tenant="bravo")] == 1
    assert 30 <= found[at("conserje_oldest_waiting_seconds", tenant="acme")] < 40
    assert 10 <= found[at("conserje_oldest_waiting_seconds", tenant="bravo")] < 20
    assert found[at("conserje_held", tenant="bravo")] == 3  # a turn, a message, a reject
    assert found[at("conserje_uncertain_messages")] == 1
    assert found[at("conserje_jobs")] == 2
    assert 42 <= found[at("conserje_oldest_job_seconds")] < 52
    assert not [labels for _, labels in found if ("tenant", "quiet") in labels]


async def test_nothing_waits(office: Office) -> None:
    found = await scraped(office)
    assert found[at("conserje_jobs")] == found[at("conserje_oldest_job_seconds")] == 0
    assert found[at("conserje_processes", kind="work")] == 0
    assert not [name for name, _ in found if name.startswith(("conserje_waiting", "conserje_held"))]


async def test_many_tenants_are_few_labels_and_the_same_sum(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "TENANTS_SHOWN", 2)
    pool = office.context.pool
    for n in range(1, 5):
        tenant = await office.add(f"t{n}")
        account = await pool.fetchval(ACCOUNT, tenant)
        conversation = await pool.fetchval(CONVERSATION, tenant, account, "ana")
        await pool.execute(INBOUND, tenant, conversation, account, "x", 100.0 * n)
    found = await scraped(office)
    waiting = {key: value for key, value in found.items() if key[0] == "conserje_waiting_messages"}
    named = (at("conserje_waiting_messages", tenant=tenant) for tenant in ("t4", "t3", ""))
    assert waiting == dict(zip(named, (1, 1, 2), strict=True))
    assert 200 <= found[at("conserje_oldest_waiting_seconds", tenant="")] < 210


async def test_what_each_process_has_counted(office: Office) -> None:
    """Two edges and a worker on other machines, and one that died; this listener is a process too."""
    metrics.webhook("counted", 200)
    metrics.webhook("counted", 403)
    metrics.webhook("counted", 418)
    metrics.turn("counted", 0.2)
    metrics.turn("counted", 3)
    metrics.delivery("counted", "sent", 0.2)
    metrics.delivery("counted", "refused", 9)
    for process, kind in (("a:1", "edge"), ("b:1", "edge"), ("c:1", "work"), ("d:1", "work")):
        await office.context.pool.execute(BEAT, process, kind, metrics.write())
    await office.context.pool.execute(DIE, "d:1")
    found = await scraped(office)
    assert found[at("conserje_processes", kind="edge")] == 2
    assert found[at("conserje_processes", kind="work")] == 1
    for process in ("a:1", "b:1", "c:1", heartbeat.this_process()):
        for outcome in ("accepted", "forged", "failed"):
            named = at("conserje_webhooks_total", process=process, channel="counted", outcome=outcome)
            assert found[named] == 1
        turns = {"process": process, "assistant": "counted"}
        assert found[at("conserje_turn_seconds_count", **turns)] == 2
        assert found[at("conserje_turn_seconds_sum", **turns)] == pytest.approx(3.2)
        assert found[at("conserje_turn_seconds_bucket", **turns, le="1.0")] == 1
        sent = {"process": process, "channel": "counted"}
        assert found[at("conserje_deliveries_total", **sent, state="refused")] == 1
        assert found[at("conserje_delivery_seconds_count", **sent)] == 1
    assert not [labels for _, labels in found if ("process", "d:1") in labels]


async def test_the_newest_proven_backup_has_an_age(office: Office, tmp_path: Path) -> None:
    given = office.context.settings.model_copy(update={"backups": tmp_path})
    office.context.settings = given
    assert at("conserje_backup_age_seconds") not in await scraped(office)
    key, named = archive.new_key(office.context.vault)
    head = archive.Head(
        node="web1",
        made_at=datetime.now(UTC) - timedelta(hours=1),
        release="1",
        schema_version=1,
        server=18,
        database_bytes=1,
        files=1,
        files_bytes=1,
        unproven=None,
        **named,
    )
    with (tmp_path / "conserje-1.backup").open("wb") as file:
        archive.Writer.begin(file, key, head)
    assert (await scraped(office))[at("conserje_backup_age_seconds")] == pytest.approx(3600, abs=60)


async def test_without_postgres_what_is_here_is_shown(office: Office) -> None:
    metrics.webhook("counted", 503)
    office.context.pool.terminate()
    found = await scraped(office)
    assert found[at("conserje_postgres_up")] == 0
    process = heartbeat.this_process()
    named = at("conserje_webhooks_total", process=process, channel="counted", outcome="unavailable")
    assert found[named] == 1
    assert not [name for name, _ in found if name == "conserje_tenants"]
