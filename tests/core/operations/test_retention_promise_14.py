"""Promise 14: what is past its term is emptied and goes; what waits for somebody stays, whatever its age."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from aging import age, keep, place, prune, talk, would_go
from album import Album, send
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje import Edit, InboundMessage, Revocation, Text
from conserje.contract.message import Content, StatusUpdate, Unreadable
from conserje.conversations import feed, held, listing
from conserje.conversations import retention as conversations
from conserje.conversations.rows import EMPTIED
from conserje.files.folder import path_of
from conserje.operations import retention
from conserje.operations.retention import Retention
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.telemetry import metrics


async def test_what_was_said_is_emptied_first_and_goes_35_days_later(
    scene: Scene, terminal: Terminal
) -> None:
    await talk(scene)
    await age(scene, 364)
    assert await prune(scene) == {}
    await age(scene, 2)
    assert await would_go(scene) == {"contents": 2}
    assert await prune(scene) == {"contents": 2}
    assert await prune(scene) == {}
    listed = (await terminal.type("message", "list", "acme")).stdout
    assert listed.count("[emptied]") == 2 and "hola" not in listed
    await age(scene, 36)
    gone = {"messages": 2, "turns": 1, "conversations": 1, "contacts": 1}
    assert await would_go(scene) == gone
    assert await prune(scene) == gone
    for table in ("messages", "turns", "conversations", "contacts", "identities"):
        assert await scene.pool.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_what_goes_is_counted_and_how_late_it_was(scene: Scene) -> None:
    def count(name: str) -> float:
        return metrics.registry.get_sample_value(name, {"kind": "contents"}) or 0.0

    await talk(scene)
    await age(scene, 375)
    before, late = count("conserje_pruned_rows_total"), []
    async with scene.pool.acquire() as connection:
        async for _ in retention.prune(connection, scene.collector.folder, 0):
            late.append(count("conserje_prune_late_seconds"))
    assert count("conserje_pruned_rows_total") == before + 2
    assert [timedelta(seconds=seconds).days for seconds in late] == [10]
    assert timedelta(seconds=count("conserje_prune_late_seconds")).days == 10
    await prune(scene)
    assert count("conserje_prune_late_seconds") == 0


async def test_how_late_what_went_was_is_said_of_all_tenants(scene: Scene) -> None:
    """One that has nothing to prune, or less, does not hide another that has."""

    def late() -> int:
        found = metrics.registry.get_sample_value("conserje_prune_late_seconds", {"kind": "contents"})
        return timedelta(seconds=found or 0.0).days

    await talk(scene)
    for slug, days in (("bravo", 2), ("charlie", 0)):
        await scene.add(slug)
        await scene.pool.execute(
            "UPDATE tenants SET keep_messages = make_interval(days => 370 - $2::int) WHERE slug = $1",
            slug, days,
        )  # fmt: skip
        await scene.write("hola", slug=slug)
    await scene.pool.execute("UPDATE messages SET turn_id = 0 WHERE direction = 'in' AND turn_id IS NULL")
    await age(scene, 369)
    assert (await prune(scene))["contents"] == 3
    assert late() == 4


async def test_what_cannot_be_pruned_keeps_nothing_else_and_is_told(
    scene: Scene, terminal: Terminal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = "(SELECT count(*) / (SELECT count(*) FROM tenants WHERE id = $1 AND slug <> 'acme') FROM done)"
    broken = conversations.EMPTY_MESSAGES.replace("(SELECT count(*) FROM done)", fails)
    rules = (replace(rule, prune=broken) if rule.kind == "contents" else rule for rule in retention.RULES)
    monkeypatch.setattr(retention, "RULES", tuple(rules))
    await scene.add("bravo")
    await scene.pool.execute("UPDATE tenants SET keep_messages = '10 days'")
    for slug in ("acme", "bravo"):
        await scene.write("hola", slug=slug)
        await unreadable(scene, slug)
    await scene.pool.execute("UPDATE messages SET turn_id = 0")
    await age(scene, 36)
    told = await terminal.type("prune", "--json", code=1)
    assert [tuple(each.values()) for each in json.loads(told.stdout)] == [
        ("acme", "rejects", 1), ("bravo", "rejects", 1), ("bravo", "contents", 1),
    ]  # fmt: skip
    assert "contents of acme could not be pruned" in told.stderr
    assert [each.message for each in caplog.records if "contents of acme" in each.message]


async def test_an_emptied_message_keeps_its_key(scene: Scene) -> None:
    await keep(scene, keep_messages=timedelta(days=7))
    await talk(scene)
    await age(scene, 8)
    assert await prune(scene) == {"contents": 2}
    await scene.write("hola", key="key 0")
    assert await scene.pool.fetchval("SELECT count(*) FROM messages WHERE direction = 'in'") == 1


async def test_what_quotes_nothing_and_says_nothing_is_left(scene: Scene) -> None:
    await talk(scene)
    await scene.pool.execute("UPDATE messages SET quotes = 'P1', cause = 'to +56 9 1234 5678'")
    await age(scene, 366)
    await prune(scene)
    rows = await scene.pool.fetch("SELECT content, quotes, cause, kind FROM messages")
    assert {tuple(row) for row in rows} == {(EMPTIED, None, None, "unknown")}


async def test_what_was_taken_back_stays_so_once_it_is_emptied(scene: Scene) -> None:
    """Promise 13: an edit that comes later, of an emptied message, brings nothing back."""
    await keep(scene, keep_messages=timedelta(days=1))
    await talk(scene)
    entry = await scene.entry()
    account = entry.accounts[0]

    async def say(key: str, said: Content) -> None:
        await scene.intake.take(entry.tenant, [(account, InboundMessage(account.address, key, "ana", said))])

    await say("back", Revocation("key 0"))
    await age(scene, 2)
    assert (await prune(scene))["contents"] == 3
    assert await prune(scene) == {}
    await say("edit", Edit("key 0", Text("words")))
    rows = await scene.pool.fetch("SELECT content FROM messages WHERE content LIKE '%words%'")
    assert [row["content"][:20] for row in rows] == ['{"of":"key 0","conte'], "the edit alone"


async def test_what_comes_late_is_as_old_as_its_coming(scene: Scene) -> None:
    await talk(scene)
    await scene.pool.execute(
        "UPDATE messages SET late_by = '400 days', created_at = created_at - interval '400 days'"
    )
    assert await prune(scene) == {}


async def test_nothing_of_a_tenant_goes_that_never_said_how_long(scene: Scene) -> None:
    await talk(scene)
    await scene.intake.take(
        (entry := await scene.entry()).tenant,
        [(entry.accounts[0], StatusUpdate(entry.accounts[0].address, "s", "read", "P1"))],
    )
    await keep(scene, keep_messages=None, keep_statuses=None)
    await age(scene, 4000)
    assert await would_go(scene) == await prune(scene) == {}


WAITING = {
    "an unanswered message": "UPDATE messages SET turn_id = NULL WHERE direction = 'in'",
    "a queued one": "UPDATE messages SET state = 'queued' WHERE direction = 'out'",
    "an uncertain one": "UPDATE messages SET state = 'uncertain' WHERE direction = 'out'",
    "a held one": "UPDATE messages SET state = 'held' WHERE direction = 'out'",
}
AT_REST_NO_MORE = {
    "a held conversation": "UPDATE conversations SET state = 'held'",
    "one with a person": "UPDATE conversations SET state = 'person', hand_back_at = now() + interval '1 h'",
    "one that waits for its account": "UPDATE conversations SET ill_since = now()",
}


@pytest.mark.parametrize("statement", WAITING.values(), ids=WAITING)
async def test_what_waits_stays_whatever_its_age(scene: Scene, statement: str) -> None:
    await talk(scene)
    await scene.pool.execute(statement)
    await age(scene, 2000)
    foreseen = await would_go(scene)
    assert await prune(scene) == foreseen
    assert foreseen["messages"] == 1 and "conversations" not in foreseen
    [said] = await scene.pool.fetch("SELECT content FROM messages")
    assert said["content"] != EMPTIED


@pytest.mark.parametrize("statement", AT_REST_NO_MORE.values(), ids=AT_REST_NO_MORE)
async def test_all_of_a_conversation_stays_in_which_somebody_waits(scene: Scene, statement: str) -> None:
    await talk(scene)
    await age(scene, 2000)
    await scene.pool.execute(statement)
    assert await would_go(scene) == await prune(scene) == {}


async def test_a_contact_who_wants_no_more_messages_is_not_forgotten(scene: Scene) -> None:
    await talk(scene, "stop")
    await scene.pool.execute("UPDATE contacts SET phone = '+56922223333', vouched_at = now()")
    await age(scene, 399)
    assert (await prune(scene)).keys() == {"contents"}
    await age(scene, 2)
    foreseen = await would_go(scene)
    assert await prune(scene) == foreseen
    assert foreseen.keys() == {"messages", "turns", "names of who wants no messages"}
    assert await would_go(scene) == {}
    [left] = await scene.pool.fetch("SELECT name, phone, vouched_at FROM contacts")
    assert tuple(left) == ("", "", None)
    assert await scene.pool.fetchval("SELECT name FROM identities") == "ana"
    assert await scene.pool.fetchval("SELECT opted_out FROM conversations") == "all"
    await talk(scene)
    assert scene.post.texts[1:] == []


async def test_statuses_go_by_their_own_term(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    for key in ("a", "b"):
        await scene.intake.take(entry.tenant, [(account, StatusUpdate(account.address, key, "read", "P1"))])
        await age(scene, 36 if key == "a" else 34)
    assert await would_go(scene) == await prune(scene) == {"statuses": 1}
    await keep(scene, keep_statuses=timedelta(days=7))
    assert await prune(scene) == {"statuses": 1}


async def unreadable(scene: Scene, slug: str = "acme") -> str:
    entry = await scene.entry(slug)
    event = Unreadable(entry.accounts[0].address, "u", "raw words", "no sense")
    await scene.intake.take(entry.tenant, [(entry.accounts[0], event)])
    return f"r{await scene.pool.fetchval('SELECT id FROM rejects')}"


async def test_what_nobody_could_read_goes_after_35_days_and_is_told_before(scene: Scene) -> None:
    await unreadable(scene)
    async with scene.pool.acquire() as connection:
        await age(scene, 27)
        assert await conversations.rejects_going(connection) == ""
        await age(scene, 2)
        assert await conversations.rejects_going(connection) == "1 of acme"
        assert await prune(scene) == {}
        await age(scene, 7)
        assert await would_go(scene) == await prune(scene) == {"rejects": 1}


async def test_what_was_dropped_says_nothing_and_is_not_taken_again_for_7_days(scene: Scene) -> None:
    reject = await unreadable(scene)
    async with scene.pool.acquire() as connection:
        await held.drop(connection, reject)
        with pytest.raises(held.HeldError):
            await held.drop(connection, reject)
        await unreadable(scene)
        assert await held.list_all(connection, held.Filter()) == []
        assert await listing.latest(connection, (await scene.entry()).tenant.id, 10) == []
        assert [row["raw"] for row in await connection.fetch("SELECT raw FROM rejects")] == [""]
    await age(scene, 6)
    assert await prune(scene) == {}
    await age(scene, 2)
    assert await prune(scene) == {"rejects": 1}


async def test_notices_go_30_days_after_they_ended(scene: Scene) -> None:
    await talk(scene)
    await scene.pool.execute(
        "INSERT INTO notices (tenant_id, conversation_id, turn_id, kind, due_at, sent_at)"
        " SELECT tenant_id, id, n, 'email', CASE n WHEN 3 THEN now() END, CASE n WHEN 1 THEN now() END"
        " FROM conversations, generate_series(1, 3) AS n"
    )
    await age(scene, 29)
    assert await prune(scene) == {}
    await age(scene, 2)
    assert await would_go(scene) == await prune(scene) == {"notices": 2}


@pytest_asyncio.fixture
async def file(scene: Scene) -> AsyncIterator[Path]:
    """A file of a contact's, kept, whose message has its answer."""
    scene.post = Album()
    scene.collector.plugins.channels["post"] = scene.post
    await send(scene)
    tenant_id, conversation_id = await place(scene)
    message = await scene.pool.fetchval("SELECT message_id FROM files")
    await scene.collector.collect(Job(jobs.COLLECT, tenant_id, conversation_id, message))
    await scene.conversation.converse(Job(jobs.CONVERSE, tenant_id, conversation_id))
    await scene.delivery.deliver(Job(jobs.DELIVER, tenant_id, conversation_id))
    path = path_of(scene.collector.folder.path, tenant_id, await scene.pool.fetchval("SELECT id FROM files"))
    assert path.exists()
    yield path


async def test_a_file_goes_with_what_its_message_says(scene: Scene, file: Path) -> None:
    await age(scene, 366)
    foreseen = await would_go(scene)
    assert foreseen["files"] == 1
    assert await prune(scene) == foreseen
    await scene.collector.keep_up()
    assert not file.exists()
    assert await scene.pool.fetchval("SELECT bytes FROM tenant_files") == 0


async def test_a_file_goes_before_its_message_where_the_tenant_wants_that(
    scene: Scene, file: Path, terminal: Terminal
) -> None:
    await keep(scene, keep_files=timedelta(days=30))
    await age(scene, 29)
    assert await prune(scene) == {}
    await age(scene, 2)
    assert await would_go(scene) == await prune(scene) == {"files before their messages": 1}
    await scene.collector.keep_up()
    assert not file.exists()
    assert await scene.pool.fetchval("SELECT bytes FROM tenant_files") == 0
    assert "older than the tenant keeps files" in (await terminal.type("message", "list", "acme")).stdout
    assert await prune(scene) == {}


async def test_what_lies_on_the_disk_and_no_row_means_goes_after_a_day(scene: Scene, file: Path) -> None:
    await scene.pool.execute("DELETE FROM messages")
    await scene.pool.execute(
        "DELETE FROM removed_files"
    )  # as where the worker that had it died, and Postgres too
    assert await prune(scene) == {}
    os.utime(file, (time.time() - 25 * 3600,) * 2)
    assert await prune(scene) == {retention.ON_DISK: 1}
    assert not file.exists()


async def test_what_a_row_means_and_what_another_database_has_filled_stays(
    scene: Scene, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other, odd = file.with_name(str(10**9)), file.with_name("notes.txt")
    for path in (other, odd):
        path.write_bytes(b"x")
    for path in (file, other, odd):
        os.utime(path, (time.time() - 25 * 3600,) * 2)
    assert await prune(scene) == {}
    assert file.exists() and other.exists() and odd.exists()
    assert "1 files in" in caplog.text


async def test_an_emptied_message_is_neither_read_nor_shown_on_the_page(scene: Scene) -> None:
    await keep(scene, keep_messages=timedelta(days=2))
    await talk(scene, "hola")
    await age(scene, 3)
    await prune(scene)
    await talk(scene, "otra")
    assert [said.content for said in scene.parrot.heard[-1].history] == []
    tenant_id, conversation_id = await place(scene)
    async with acting_for(scene.pool, tenant_id) as scope:
        rows = await scope.connection.fetch(
            feed.LATEST, tenant_id, conversation_id, 0, feed.LARGEST_LOOK, feed.OVERLAP
        )
    assert len(rows) == 2


async def test_who_writes_while_their_conversation_goes_begins_a_new_one(
    scene: Scene, database_url: str
) -> None:
    await talk(scene)
    await scene.pool.execute("DELETE FROM messages")
    await age(scene, 500)
    tenant_id, conversation_id = await place(scene)
    watcher = await asyncpg.connect(database_url)
    async with scene.pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(conversations.LOCK_CONVERSATIONS, tenant_id, 0)
        assert row and row["ids"] == [conversation_id]
        writing = asyncio.create_task(scene.write("hola otra vez"))
        waits = (
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock'"
        )
        await until(lambda: watcher.fetchval(waits))
        assert await connection.fetchval(conversations.REMOVE_CONVERSATIONS, tenant_id, row["ids"]) == 1
    await writing
    await watcher.close()
    [said] = await scene.pool.fetch("SELECT conversation_id, content FROM messages")
    assert said["conversation_id"] != conversation_id and "otra vez" in said["content"]
    assert await scene.pool.fetchval("SELECT count(*) FROM rejects") == 0


async def test_what_is_written_before_the_lock_keeps_its_conversation(scene: Scene) -> None:
    await talk(scene)
    await scene.pool.execute("DELETE FROM messages")
    await age(scene, 500)
    async with scene.pool.acquire() as writer, writer.transaction():
        await writer.execute(
            "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key)"
            " SELECT tenant_id, id, account_id, 'in', $1, 'k' FROM conversations",
            EMPTIED,
        )
        assert "conversations" not in await prune(scene)
    assert await scene.pool.fetchval("SELECT count(*) FROM messages") == 1


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "FIRST", 0.0)


@pytest.mark.usefixtures("_at_once")
async def test_one_worker_prunes_beside_the_work(
    scene: Scene, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, be_the_one = [], Retention._be_the_one

    async def ended(self: Retention) -> None:
        await be_the_one(self)
        rounds.append(self)

    monkeypatch.setattr(Retention, "_be_the_one", ended)
    await talk(scene)
    await age(scene, 366)
    other = await asyncpg.connect(database_url)
    assert await other.fetchval("SELECT pg_try_advisory_lock($1)", retention.LOCK)
    async with Retention(database_url, scene.collector.folder):
        await until(lambda: rounds)  # it has found that another does it
        assert await would_go(scene) == {"contents": 2}
    await other.close()
    async with Retention(database_url, scene.collector.folder):
        await until(lambda: _nothing_to_do(scene))


async def _nothing_to_do(scene: Scene) -> bool:
    return await would_go(scene) == {}


@pytest.mark.usefixtures("_at_once")
async def test_it_stops_in_the_middle_and_what_was_begun_is_undone(
    scene: Scene, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk(scene)
    await age(scene, 366)
    slow = conversations.EMPTY_MESSAGES.replace("(SELECT count(*) FROM done)", "pg_sleep(600)")
    assert slow != conversations.EMPTY_MESSAGES
    rules = tuple(
        rule if rule.kind != "contents" else type(rule)(rule.kind, rule.table, rule.count, slow)
        for rule in retention.RULES
    )
    monkeypatch.setattr(retention, "RULES", rules)
    watcher = await asyncpg.connect(database_url)
    async with Retention(database_url, scene.collector.folder) as working:
        await until(
            lambda: watcher.fetchval(
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                " AND datname = current_database()"
            )
        )
        working.stop()
    await watcher.close()
    assert await scene.pool.fetchval("SELECT count(*) FROM messages WHERE content = $1", EMPTIED) == 0


async def test_the_command_tells_what_would_go_and_lets_it_go(scene: Scene, terminal: Terminal) -> None:
    await talk(scene)
    await age(scene, 366)
    expected = [{"tenant": "acme", "kind": "contents", "rows": 2}]
    assert await terminal.read("prune", "--dry-run", "--json") == expected
    assert await terminal.read("prune", "--json") == expected
    assert "Nothing is older" in (await terminal.type("prune")).stderr
