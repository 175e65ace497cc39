"""Intake: durable when it returns, once for each event, and what cannot be stored kept raw."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest
from scene import Scene
from waiting import LIMIT, until

from conserje.contract.message import (
    Content,
    Ignored,
    InboundMessage,
    Note,
    Reaction,
    StatusUpdate,
    Text,
    Unreadable,
)
from conserje.conversations.rows import InboundRow, stored
from conserje.intake import intake, writing
from conserje.intake.intake import Intake, NotDurable
from conserje.intake.priority import Flight
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job, read_payload
from conserje.storage.pool import connect_storing
from conserje.telemetry import metrics


async def count(pool: Pool, table: str) -> int:
    number: int = await pool.fetchval(f"SELECT count(*) FROM {table}")
    return number


async def test_a_message_comes_with_its_contact_conversation_and_job(scene: Scene) -> None:
    await scene.write("hola", sender="ana")
    row = await scene.pool.fetchrow(
        "SELECT m.content, c.peer, p.name FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        " JOIN contacts p ON p.id = c.contact_id"
    )
    assert row is not None
    assert (row["content"], row["peer"], row["name"]) == (stored(Text("hola")), "ana", "Ana")
    assert await count(scene.pool, "pgqueuer.pgqueuer") == 1


async def test_the_same_event_200_times_at_once_is_one_message_and_one_job(scene: Scene) -> None:
    await asyncio.gather(*(scene.write("hola", key="SM1") for _ in range(200)))
    assert await count(scene.pool, "messages") == 1
    assert await count(scene.pool, "pgqueuer.pgqueuer") == 1


async def test_what_stores_events_is_planned_once(scene: Scene) -> None:
    """Postgres would plan a batch of one anew each time."""
    storing = await connect_storing(scene.url, 1)
    async with Intake(scene.pool, scene.intake.plugins, storing=storing) as intake:
        entry = await scene.entry()
        for n in range(20):
            event = InboundMessage(entry.accounts[0].address, f"SM{n}", "ana", Text("x"))
            await intake.take(entry.tenant, [(entry.accounts[0], event)])
        planned = await storing.fetch(
            "SELECT statement, custom_plans, generic_plans FROM pg_prepared_statements"
        )
    storing.terminate()
    assert max(row["generic_plans"] for row in planned) >= 20
    assert not [row["statement"] for row in planned if row["custom_plans"]]


QUEUED = """
SELECT to_jsonb(job) - '{id,payload,created,updated,heartbeat,execute_after}'::text[] AS same,
       execute_after - created AS delay, payload
FROM pgqueuer.pgqueuer AS job ORDER BY id
"""


async def test_what_is_plain_is_one_statement_with_the_same_job(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.pool.execute("UPDATE tenants SET quiet_period = '3 seconds'")
    await scene.heard()
    with monkeypatch.context() as longer:
        longer.setattr(writing, "_is_plain", lambda row: False)
        await scene.write("hola")
    await scene.pool.execute("UPDATE messages SET turn_id = 0")
    scene.intake._loads._known.clear()

    async def unwanted(*_: object) -> None:
        pytest.fail("It is stored by one statement.")

    monkeypatch.setattr(writing, "write", unwanted)
    await scene.write("¿tienen café?")
    first, plain = await scene.pool.fetch(QUEUED)
    assert (first["same"], first["delay"]) == (plain["same"], plain["delay"])
    places = await scene.pool.fetch("SELECT tenant_id, conversation_id, id FROM messages ORDER BY id")
    assert [read_payload(job["payload"]) for job in (first, plain)] == [tuple(place) for place in places]


async def test_who_is_new_needs_no_longer_way(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unwanted(*_: object) -> None:
        pytest.fail("It goes the longer way.")

    monkeypatch.setattr(writing, "write", unwanted)
    await scene.write("hola", sender="ana")
    await asyncio.gather(*(scene.write(f"{n}", sender=who) for n, who in enumerate(["ana", "luz", "luz"])))
    said = await scene.pool.fetch(
        "SELECT peer, content FROM messages JOIN conversations ON conversations.id = conversation_id"
        " ORDER BY peer, messages.id"
    )
    assert [(row["peer"], row["content"]) for row in said] == [
        (who, stored(Text(text))) for who, text in [("ana", "hola"), ("ana", "0"), ("luz", "1"), ("luz", "2")]
    ]
    assert len(await scene.pool.fetch(QUEUED)) == 4


async def test_one_of_several_processes_writes_one_batch_at_a_time_and_past_one_that_waits(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[str]] = []
    write, free = writing.write_plain, asyncio.Event()

    async def write_noting(connection: Connection, items: Sequence[writing.Item], flight: Flight) -> Any:
        batches.append([item.row.contact_address for item in items if isinstance(item.row, InboundRow)])
        if batches[-1] == ["ana"]:
            await free.wait()
        return await write(connection, items, flight)

    monkeypatch.setattr(writing, "write_plain", write_noting)
    monkeypatch.setattr(intake, "LONG_FLIGHT", 3600.0)
    async with Intake(scene.pool, scene.intake.plugins, at_once=1) as taking:
        entry = await scene.entry()
        tasks = []
        for who in ("ana", "luz", "eva"):
            if who == "eva":
                monkeypatch.setattr(intake, "LONG_FLIGHT", 0.0)
            event = InboundMessage(entry.accounts[0].address, who, who, Text("x"))
            tasks.append(asyncio.create_task(taking.take(entry.tenant, [(entry.accounts[0], event)])))
            await until(lambda: taking._queue or batches[len(tasks) - 1 :])
        await asyncio.wait(tasks[1:])
        assert not tasks[0].done()
        free.set()
        await tasks[0]
    assert batches == [["ana"], ["luz", "eva"]]


async def test_who_waits_behind_a_batch_that_waits_needs_nobody_to_write_after_them(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, waits, free = writing.write_plain, asyncio.Event(), asyncio.Event()

    async def write_late(connection: Connection, items: Sequence[writing.Item], flight: Flight) -> Any:
        if not waits.is_set():
            waits.set()
            await free.wait()
        return await write(connection, items, flight)

    monkeypatch.setattr(writing, "write_plain", write_late)
    async with Intake(scene.pool, scene.intake.plugins, at_once=1) as taking:
        entry = await scene.entry()
        account = entry.accounts[0]

        def post(who: str) -> asyncio.Task[None]:
            event = InboundMessage(account.address, who, who, Text("x"))
            return asyncio.create_task(taking.take(entry.tenant, [(account, event)]))

        first = post("ana")
        await waits.wait()
        async with asyncio.timeout(LIMIT):
            await post("luz")
        assert not first.done()
        free.set()
        await first


async def test_who_writes_again_as_soon_as_it_is_stored_waits_for_nobody_else(scene: Scene) -> None:
    entry = await scene.entry()
    async with Intake(scene.pool, scene.intake.plugins, at_once=1) as taking:
        for key in ("1", "2", "3"):
            event = InboundMessage(entry.accounts[0].address, key, "ana", Text(key))
            async with asyncio.timeout(LIMIT):
                await taking.take(entry.tenant, [(entry.accounts[0], event)])
    assert await count(scene.pool, "messages") == 3


@pytest.mark.parametrize("first", ["hola", "baja"])
async def test_what_is_not_plain_or_was_there_goes_the_longer_way_in_order(scene: Scene, first: str) -> None:
    await scene.write("x", sender="ana", key="SM0")
    await asyncio.gather(
        scene.write(first, sender="ana", key="SM1"),
        scene.write("x", sender="ana", key="SM0"),
        scene.write("dos", sender="ana", key="SM2"),
        scene.write("tres", sender="luz", key="SM3"),
    )
    rows = await scene.pool.fetch("SELECT content FROM messages WHERE direction = 'in' ORDER BY id")
    assert [row["content"] for row in rows] == [stored(Text(each)) for each in ("x", first, "dos", "tres")]


async def test_two_intakes_take_an_event_once(scene: Scene) -> None:
    """As two nodes would: batches that overlap, in different orders."""
    entry = await scene.entry()
    account = entry.accounts[0]
    events = [InboundMessage(account.address, f"SM{n}", f"s{n % 7}", Text("x")) for n in range(100)]

    async def post(order: list[InboundMessage]) -> None:
        async with Intake(scene.pool, scene.intake.plugins) as intake:
            await asyncio.gather(*(intake.take(entry.tenant, [(account, event)]) for event in order))

    await asyncio.gather(post(events), post(events[::-1]), post(events[50:] + events[:50]))
    assert await count(scene.pool, "messages") == 100
    assert await count(scene.pool, "contacts") == 7
    assert await count(scene.pool, "conversations") == 7


async def test_the_same_key_at_two_accounts_is_two_messages(scene: Scene) -> None:
    await scene.add("bravo")
    await scene.write("hola", key="SM1")
    await scene.write("hola", key="SM1", slug="bravo")
    assert await count(scene.pool, "messages") == 2


async def test_a_person_known_by_another_name_stays_one_contact(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    for n, (sender, others) in enumerate([("+569", ("CL.1",)), ("CL.1", ()), ("+569", ())]):
        event = InboundMessage(account.address, f"SM{n}", sender, Text("x"), identities=others)
        await scene.intake.take(entry.tenant, [(account, event)])
    assert await count(scene.pool, "contacts") == 1
    assert await count(scene.pool, "conversations") == 1
    assert await scene.pool.fetchval("SELECT peer FROM conversations") == "+569"


async def test_nul_and_lone_surrogates_are_replaced_once_here(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    event = InboundMessage(account.address, "k\x00\ud800", "an\x00a", Text("a\x00\ud800b"), name="A\ud800")
    await scene.intake.take(entry.tenant, [(account, event)])
    assert await scene.pool.fetchval("SELECT content FROM messages") == stored(Text("a��b"))
    assert await scene.pool.fetchval("SELECT peer FROM conversations") == "an�a"


async def test_what_postgres_refuses_stands_alone_in_rejects(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    poison = "".join(random.Random(1).choices("abcdefghijklmnop", k=20_000))  # too long for an index row
    senders = ["ana", poison, "eva"]
    await asyncio.gather(
        *(
            scene.intake.take(
                entry.tenant, [(account, InboundMessage(account.address, sender[:9], sender, Text("x")))]
            )
            for sender in senders
        )
    )
    peers = await scene.pool.fetch("SELECT peer FROM conversations ORDER BY 1")
    assert [row["peer"] for row in peers] == ["ana", "eva"]
    reject = await scene.pool.fetchrow("SELECT cause, raw FROM rejects")
    assert reject is not None
    assert "index row" in reject["cause"]
    assert poison in reject["raw"]


async def test_what_is_odd_of_a_message_is_kept_beside_it(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    odd = Unreadable(account.address, "odd", '{"when": []}', "when is not text.")
    event = InboundMessage(account.address, "SM9", "ana", Text("hola"), beside=odd)
    for _ in range(2):
        await scene.intake.take(entry.tenant, [(account, event)])
    assert await scene.pool.fetchval("SELECT content FROM messages") == stored(Text("hola"))
    rows = await scene.pool.fetch("SELECT raw, cause FROM rejects")
    assert [tuple(row) for row in rows] == [('{"when": []}', "when is not text.")]


async def test_what_concerns_nobody_is_counted_and_not_kept(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    labels = {"channel": account.channel, "kind": "history"}
    before = metrics.registry.get_sample_value("conserje_ignored_total", labels) or 0
    await scene.intake.take(entry.tenant, [(account, Ignored(account.address, "history"))] * 2)
    assert metrics.registry.get_sample_value("conserje_ignored_total", labels) == before + 2
    assert await count(scene.pool, "messages") == await count(scene.pool, "rejects") == 0


@pytest.mark.parametrize(
    ("content", "jobs"),
    [(Text("hola"), 1), (Text(" \n\u200b"), 0), (Reaction("SM1", "👍"), 0), (Note("Pinned a message"), 0)],
)
async def test_what_nobody_wrote_starts_no_turn(scene: Scene, content: Content, jobs: int) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    event = InboundMessage(account.address, "SM9", "ana", content)
    await scene.intake.take(entry.tenant, [(account, event)])
    assert await count(scene.pool, "messages") == 1
    assert await count(scene.pool, "pgqueuer.pgqueuer") == jobs


async def test_an_unreadable_item_is_kept_raw(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    event = Unreadable(account.address, "SM9", '{"odd": 1}', "no sender")
    for _ in range(2):
        await scene.intake.take(entry.tenant, [(account, event)])
    rows = await scene.pool.fetch("SELECT raw, cause FROM rejects")
    assert [tuple(row) for row in rows] == [('{"odd": 1}', "no sender")]


async def test_without_postgres_it_is_not_durable(scene: Scene, database_url: str) -> None:
    await scene.entry()
    await scene.pool.close()
    with pytest.raises(NotDurable):
        await scene.write("hola")


async def test_a_flood_sinks_below_the_first_messages_of_others(scene: Scene) -> None:
    await scene.add("bravo")
    await asyncio.gather(*(scene.write("x", sender=f"s{n}") for n in range(300)))
    await scene.write("hola", slug="bravo")
    rows = await scene.pool.fetch("SELECT priority FROM pgqueuer.pgqueuer ORDER BY id")
    flood, first = [row["priority"] for row in rows[:-1]], rows[-1]["priority"]
    assert first == 0
    assert min(flood) == -100
    assert sum(priority == 0 for priority in flood) < 5


async def test_reports_go_forward_only(scene: Scene) -> None:
    async with scene.working():
        await scene.write("hola")
        await scene.settled()
    entry = await scene.entry()
    account, ours = entry.accounts[0], scene.post.sent[0].id
    for status, expected in [("delivered", "delivered"), ("sent", "delivered"), ("read", "read")]:
        report = StatusUpdate(account.address, f"P:{status}", status, f"P{ours}", ours)  # type: ignore[arg-type]
        await scene.intake.take(entry.tenant, [(account, report)])
        assert await scene.pool.fetchval("SELECT state FROM messages WHERE direction = 'out'") == expected


@pytest.mark.parametrize(
    ("told", "state", "cause"),
    [
        ({"status": "delivered"}, "delivered", None),
        ({"status": "failed", "cause": "131026: unknown"}, "failed", "131026: unknown"),
        ({"status": "failed", "cause": "131000: busy", "try_after": 60.0}, "queued", "131000: busy"),
        (
            {"status": "failed", "cause": "131042: unpaid", "account_fault": "passing"},
            "held",
            "131042: unpaid",
        ),
        (
            {"status": "failed", "cause": "131047: late", "outside_window": True},
            "held",
            "outside the provider's",
        ),
    ],
)
async def test_a_report_by_the_provider_s_id_alone_is_judged_once_that_is_known(
    scene: Scene, told: dict[str, Any], state: str, cause: str | None
) -> None:
    """It may come before the answer that tells the id."""
    await scene.write("hola")
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    ours = await scene.pool.fetchval("SELECT id FROM messages WHERE direction = 'out'")
    entry = await scene.entry()
    account = entry.accounts[0]
    report = StatusUpdate(account.address, "P:1", provider_id=f"P{ours}", **told)
    await scene.intake.take(entry.tenant, [(account, report)])
    await scene.delivery.deliver(Job(jobs.DELIVER, *row))
    found = await scene.pool.fetchrow("SELECT state, cause, provider_id FROM messages WHERE id = $1", ours)
    assert found is not None
    assert (found["state"], (found["cause"] or "").startswith(cause or "")) == (state, True)
    assert len(scene.post.sent) == 1


async def test_a_report_cannot_name_another_accounts_message(scene: Scene) -> None:
    async with scene.working():
        await scene.write("hola")
        await until(lambda: scene.post.sent)
    bravo = await scene.add("bravo")
    account, theirs = bravo.accounts[0], scene.post.sent[0].id
    report = StatusUpdate(account.address, "P", "failed", f"P{theirs}", theirs)
    await scene.intake.take(bravo.tenant, [(account, report)])
    assert await scene.pool.fetchval("SELECT state FROM messages WHERE direction = 'out'") != "failed"


async def test_promise_4_messages_of_one_batch_keep_their_order(scene: Scene) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    texts = [f"n{n}" for n in range(50)]
    batch = [(account, InboundMessage("+56 acme", f"key {text}", "ana", Text(text))) for text in texts]
    await scene.intake.take(entry.tenant, batch[:20])  # of a contact who was unknown
    await scene.intake.take(entry.tenant, batch[20:])
    rows = await scene.pool.fetch("SELECT content::json->>'text' AS text FROM messages ORDER BY id")
    assert [row["text"] for row in rows] == texts


async def test_an_account_removed_while_it_is_written_to_fails_its_own_events_alone(scene: Scene) -> None:
    acme, bravo = await scene.entry(), await scene.add("bravo")
    await scene.pool.execute("DELETE FROM accounts WHERE tenant_id = $1", bravo.tenant.id)
    events = [
        (entry, entry.accounts[0], InboundMessage(entry.accounts[0].address, f"k{n}", "ana", Text("x")))
        for n, entry in enumerate([acme, bravo, acme])
    ]
    ended = await asyncio.gather(
        *(scene.intake.take(entry.tenant, [(account, event)]) for entry, account, event in events),
        return_exceptions=True,
    )
    assert [type(each) for each in ended] == [type(None), NotDurable, type(None)]
    assert await count(scene.pool, "messages") == 2
    assert await count(scene.pool, "rejects") == 0
