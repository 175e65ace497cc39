"""Promise 12: what an ill account's provider does not take is held, and leaves once it is mended."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje import AccountFault, Refused, StatusUpdate
from conserje.conversations import held, illness, overdue, recovery
from conserje.conversations.recovery import keep_up
from conserje.storage import jobs
from conserje.storage.database import Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import Scope, acting_for

UNPAID = AccountFault("131042: there is no means of payment")
NO_TOKEN = AccountFault("190: the token has expired", retry=False)


AGE = """
UPDATE messages SET created_at = now() - interval '1 minute', attempted_at = now() - interval '1 minute',
    due_at = NULL WHERE state IS DISTINCT FROM 'sent';
UPDATE conversations SET swept_at = NULL
"""


async def job_of(scene: Scene, kind: str, contact: str) -> Job:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations WHERE peer = $1", contact)
    assert row is not None
    return Job(kind, *row)


async def answer(scene: Scene, contact: str = "ana", text: str = "hola") -> None:
    """A contact writes, and is answered as far as that goes."""
    await scene.write(text, contact)
    await think(scene, contact)


async def think(scene: Scene, *contacts: str) -> None:
    for contact in contacts:
        await scene.conversation.converse(await job_of(scene, jobs.CONVERSE, contact))
        await scene.delivery.deliver(await job_of(scene, jobs.DELIVER, contact))


async def work_off(scene: Scene) -> None:
    """Do all jobs that wait, whenever they are due, as a worker would."""
    await scene.pool.execute("UPDATE illnesses SET due_at = now() WHERE well_at IS NOT NULL")
    await keep_up(scene.pool)
    handlers = {jobs.CONVERSE: scene.conversation.converse, jobs.DELIVER: scene.delivery.deliver}
    while rows := await scene.pool.fetch(
        "WITH taken AS ("
        "DELETE FROM pgqueuer.pgqueuer WHERE entrypoint IN ('converse', 'deliver') RETURNING *)"
        " SELECT entrypoint, payload FROM taken ORDER BY execute_after, id"
    ):
        for row in rows:
            handler = handlers[row["entrypoint"]]
            await handler(Job(row["entrypoint"], *jobs.read_payload(row["payload"])))
        await scene.pool.execute("UPDATE illnesses SET due_at = now() WHERE well_at IS NOT NULL")
        await keep_up(scene.pool)


async def forget_jobs(scene: Scene) -> None:
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")


async def make_due(scene: Scene) -> None:
    await scene.pool.execute("UPDATE illnesses SET due_at = now()")


async def states(scene: Scene) -> list[tuple[str, str | None]]:
    rows = await scene.pool.fetch("SELECT state, cause FROM messages WHERE direction = 'out' ORDER BY id")
    return [tuple(row) for row in rows]


async def the_illness(scene: Scene) -> dict[str, Any]:
    row = await scene.pool.fetchrow(
        "SELECT cause, tries, extract(epoch FROM due_at - now())::float AS due, well_at FROM illnesses"
    )
    return dict(row) if row else {}


async def test_promise_12_replies_of_an_ill_account_are_held_and_leave_in_order_once_one_is_taken(
    scene: Scene,
) -> None:
    await scene.write("uno", "ana")
    await scene.write("dos", "eva")
    for contact in ("ana", "eva"):
        await scene.conversation.converse(await job_of(scene, jobs.CONVERSE, contact))
    scene.post.does.append(UNPAID)
    for contact in ("ana", "eva"):
        await scene.delivery.deliver(await job_of(scene, jobs.DELIVER, contact))
    assert await states(scene) == [("held", str(UNPAID))] * 2
    assert not scene.post.sent
    assert not scene.post.does  # the second one was not even tried
    await make_due(scene)
    await work_off(scene)
    assert scene.post.texts == ["uno", "dos"]
    assert await the_illness(scene) == {}
    assert await scene.pool.fetchval("SELECT count(*) FROM conversations WHERE ill_since IS NOT NULL") == 0


async def test_no_turn_is_thought_while_the_account_is_ill_and_all_are_once_it_is_well(scene: Scene) -> None:
    scene.post.does.append(UNPAID)
    await answer(scene)
    await answer(scene, "eva", "otra")
    await answer(scene, "ana", "¿están?")
    assert len(scene.parrot.heard) == 1
    await make_due(scene)
    await work_off(scene)
    assert scene.post.texts[0] == "hola"
    assert sorted(scene.post.texts) == ["hola", "otra", "¿están?"]


async def test_the_late_rule_decides_about_what_waited(scene: Scene) -> None:
    await scene.pool.execute("UPDATE tenants SET late_rule = 'park'")
    await scene.heard()
    scene.post.does.append(UNPAID)
    await answer(scene)
    await answer(scene, "eva", "otra")
    await scene.pool.execute(
        "UPDATE messages SET created_at = now() - interval '2 hours' WHERE direction = 'in'"
    )
    await make_due(scene)
    await work_off(scene)
    assert scene.post.texts == ["hola"]
    assert await scene.pool.fetchval("SELECT state FROM conversations WHERE peer = 'eva'") == "held"


async def test_what_is_late_stays_held_until_an_operator_sends_it(scene: Scene) -> None:
    scene.post.does.append(UNPAID)
    for contact in ("ana", "eva"):
        await scene.write(f"de {contact}", contact)
        await scene.conversation.converse(await job_of(scene, jobs.CONVERSE, contact))
    for contact in ("ana", "eva"):
        await scene.delivery.deliver(await job_of(scene, jobs.DELIVER, contact))
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '2 hours'")
    await make_due(scene)
    await work_off(scene)
    assert scene.post.texts == ["de ana"]  # which tried
    [_, (state, cause)] = await states(scene)
    assert state == "held"
    assert cause and "held retry" in cause
    async with scene.pool.acquire() as connection:
        [late] = await held.list_all(connection, held.Filter())
        await held.retry(connection, late.id)
    await work_off(scene)
    assert scene.post.texts == ["de ana", "de eva"]


async def test_it_is_tried_after_1_5_15_minutes_then_hourly(scene: Scene) -> None:
    scene.post.does.append(UNPAID)
    await answer(scene)
    assert (await the_illness(scene))["due"] == pytest.approx(60, abs=20)
    for tries, minutes in ((1, 5), (2, 15), (3, 60), (4, 60)):
        await make_due(scene)
        scene.post.does.append(UNPAID)
        await work_off(scene)
        found = await the_illness(scene)
        assert found["tries"] == tries
        assert found["due"] == pytest.approx(minutes * 60, abs=30)
    assert not scene.post.sent


async def test_a_bad_token_is_not_tried_by_itself_but_with_new_credentials(scene: Scene) -> None:
    scene.post.does.append(NO_TOKEN)
    await answer(scene)
    assert (await the_illness(scene))["due"] is None
    await work_off(scene)
    assert not scene.post.sent
    await scene.pool.execute("UPDATE accounts SET credentials = 'v1.new'")
    assert (await the_illness(scene))["due"] <= 0
    await scene.pool.execute("UPDATE accounts SET credentials = NULL")
    await scene.heard()
    await work_off(scene)
    assert scene.post.texts == ["hola"]


async def test_a_held_message_that_is_retried_makes_the_account_well(
    scene: Scene, terminal: Terminal
) -> None:
    scene.post.does.append(NO_TOKEN)
    await answer(scene)
    [message] = await terminal.read("held", "list", "--json")
    assert message["cause"] == str(NO_TOKEN)
    scene.post.does.append(NO_TOKEN)
    for _ in range(2):
        await terminal.type("held", "retry", message["id"])
        await work_off(scene)
    assert scene.post.texts == ["hola"]
    assert await the_illness(scene) == {}


async def test_a_message_that_is_dropped_is_not_sent_when_the_account_is_well(scene: Scene) -> None:
    scene.post.does.append(UNPAID)
    await answer(scene)
    async with scene.pool.acquire() as connection:
        [message] = await held.list_all(connection, held.Filter())
        await held.drop(connection, message.id)
    await make_due(scene)
    await work_off(scene)
    assert not scene.post.sent
    assert await the_illness(scene) == {}


async def test_with_nothing_held_the_oldest_question_tries(scene: Scene) -> None:
    scene.post.does.append(UNPAID)
    await answer(scene)
    await answer(scene, "eva", "otra")
    await answer(scene, "beto", "tercera")
    async with scene.pool.acquire() as connection:
        [message] = await held.list_all(connection, held.Filter())
        await held.drop(connection, message.id)
    scene.post.does.append(UNPAID)
    await make_due(scene)
    await work_off(scene)
    assert len(scene.parrot.heard) == 2
    assert [state for state, _ in await states(scene)] == ["refused", "held"]
    await make_due(scene)
    await work_off(scene)
    assert scene.post.texts == ["otra", "tercera"]


async def test_while_a_reply_tries_no_turn_is_thought_for_what_its_contact_writes(scene: Scene) -> None:
    scene.post.does.append(UNPAID)
    await answer(scene)
    await make_due(scene)
    await keep_up(scene.pool)
    await scene.write("¿están?", "ana")
    await scene.conversation.converse(await job_of(scene, jobs.CONVERSE, "ana"))
    assert len(scene.parrot.heard) == 1
    await work_off(scene)
    assert scene.post.texts == ["hola", "¿están?"]


async def test_a_message_refused_for_its_own_sake_lets_the_next_one_try(scene: Scene) -> None:
    scene.post.does.append(UNPAID)
    for contact in ("ana", "eva"):
        await scene.write(contact, contact)
        await scene.conversation.converse(await job_of(scene, jobs.CONVERSE, contact))
    for contact in ("ana", "eva"):
        await scene.delivery.deliver(await job_of(scene, jobs.DELIVER, contact))
    scene.post.does.append(Refused("no such number"))
    await make_due(scene)
    await work_off(scene)
    assert [state for state, _ in await states(scene)] == ["refused", "sent"]


@pytest.mark.parametrize("died", ["taken", "told", "holding", "trying"])
async def test_a_worker_that_dies_loses_nothing_and_sends_nothing_twice(scene: Scene, died: str) -> None:
    """Whatever was committed by then, the next worker finds by itself."""
    scene.post.does.append(UNPAID)
    await answer(scene)
    match died:
        case "told":  # the fault is written down, the illness is not
            await scene.pool.execute(
                "DELETE FROM illnesses; UPDATE conversations SET ill_since = NULL;"
                "UPDATE messages SET state = 'queued' WHERE direction = 'out'"
            )
        case "taken":
            await answer(scene, "ana", "otra")
        case "holding":
            await scene.pool.execute("UPDATE messages SET state = 'queued' WHERE direction = 'out'")
        case "trying":
            await make_due(scene)
            await keep_up(scene.pool)
    await forget_jobs(scene)
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '1 minute'")
    await scene.pool.execute("UPDATE messages SET attempted_at = created_at WHERE direction = 'out'")
    await overdue.sweep(scene.pool)
    await work_off(scene)
    await make_due(scene)
    await work_off(scene)
    assert scene.post.texts == (["hola", "otra"] if died == "taken" else ["hola"])


class Died(Exception):
    """The worker, as by SIGKILL: nothing that it would have done next is done."""


@pytest.mark.parametrize("commits", range(1, 8))
async def test_a_worker_may_die_after_each_commit(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    made = itertools.count(1)

    @asynccontextmanager
    async def mortal(
        pool: Pool, tenant_id: int, *, impatient: bool = False, aside: bool = False
    ) -> AsyncIterator[Scope]:
        async with acting_for(pool, tenant_id, impatient=impatient, aside=aside) as scope:
            yield scope
        if next(made) == commits:
            raise Died

    monkeypatch.setattr("conserje.delivery.delivery.acting_for", mortal)
    scene.post.does.extend([UNPAID, UNPAID])
    await scene.write("hola")
    await scene.conversation.converse(await job_of(scene, jobs.CONVERSE, "ana"))
    for _ in range(6):
        await forget_jobs(scene)
        await scene.pool.execute(AGE)
        await overdue.sweep(scene.pool)
        with suppress(Died):
            await work_off(scene)
        await make_due(scene)
        with suppress(Died):
            await work_off(scene)
    assert scene.post.texts == ["hola"]
    assert await states(scene) == [("sent", None)]
    assert await the_illness(scene) == {}


async def test_a_conversation_that_came_to_wait_as_the_illness_ended_is_found(scene: Scene) -> None:
    await scene.write("hola")
    await scene.pool.execute("UPDATE conversations SET ill_since = now()")
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '1 minute'")
    await forget_jobs(scene)
    await overdue.sweep(scene.pool)
    await work_off(scene)
    assert scene.post.texts == ["hola"]


async def test_what_waits_for_an_account_is_not_swept(scene: Scene) -> None:
    scene.post.does.append(UNPAID)
    await answer(scene)
    await answer(scene, "eva")
    await forget_jobs(scene)
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '1 minute'")
    await overdue.sweep(scene.pool)
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 0


async def test_the_others_leave_paced(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "AT_ONCE", 3)
    scene.post.does.append(UNPAID)
    for n in range(8):
        await answer(scene, f"c{n}", str(n))
    await forget_jobs(scene)
    await scene.pool.execute("UPDATE illnesses SET well_at = now(), due_at = now()")
    for left in (5, 2, 0):
        await keep_up(scene.pool)
        waiting = "SELECT count(*) FROM conversations WHERE ill_since IS NOT NULL"
        assert await scene.pool.fetchval(waiting) == left
        await scene.pool.execute("UPDATE illnesses SET due_at = now()")
    delays = await scene.pool.fetch(
        "SELECT extract(epoch FROM execute_after - created)::float AS delay FROM pgqueuer.pgqueuer"
        " WHERE entrypoint = 'deliver'"
    )
    assert max(row["delay"] for row in delays) == (2 * recovery.PACE).total_seconds()


FAILED = [
    ({"try_after": 6.0}, "queued", "sent"),
    ({"account_fault": "passing"}, "held", "sent"),
    ({"account_fault": "lasting"}, "held", "held"),
    ({}, "failed", "failed"),
]


@pytest.mark.parametrize(("told", "then", "at_last"), FAILED)
async def test_a_failure_told_by_status_is_judged_as_one_told_at_once(
    scene: Scene, told: dict[str, Any], then: str, at_last: str
) -> None:
    await answer(scene)
    [sent] = scene.post.sent
    entry = await scene.entry()
    account = entry.accounts[0]
    report = StatusUpdate(account.address, "k", "failed", "the first", sent.id, cause="why", **told)
    await scene.intake.take(entry.tenant, [(account, report)])
    await scene.delivery.deliver(await job_of(scene, jobs.DELIVER, "ana"))
    assert await states(scene) == [(then, "why")]
    assert len(scene.post.sent) == 1
    # What is told later of the sending that failed says nothing of the next one.
    again = StatusUpdate(account.address, "k2", "delivered", "the first", sent.id)
    if then != "failed":
        await scene.intake.take(entry.tenant, [(account, again)])
        assert (await states(scene))[0][0] == then
    await scene.pool.execute("UPDATE messages SET due_at = NULL")
    await scene.pool.execute("UPDATE illnesses SET due_at = now() WHERE due_at IS NOT NULL")
    await scene.delivery.deliver(await job_of(scene, jobs.DELIVER, "ana"))
    await work_off(scene)
    assert (await states(scene))[0][0] == at_last


async def test_a_provider_that_is_busy_for_an_hour_by_status_has_the_message_held(scene: Scene) -> None:
    await answer(scene)
    [sent] = scene.post.sent
    entry = await scene.entry()
    account = entry.accounts[0]
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '2 hours'")
    report = StatusUpdate(account.address, "k", "failed", f"P{sent.id}", sent.id, cause="why", try_after=6)
    await scene.intake.take(entry.tenant, [(account, report)])
    assert await states(scene) == [("held", "why")]


async def test_tenant_and_operator_are_told_once(
    scene: Scene, terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.pool.execute("UPDATE tenants SET notice_url = 'https://acme.example/'")
    await scene.heard()
    scene.post.does.extend([UNPAID, UNPAID])
    await answer(scene)
    await make_due(scene)
    await work_off(scene)
    assert await scene.pool.fetchval("SELECT count(*) FROM notices WHERE illness = $1", str(UNPAID)) == 1
    assert [record.getMessage() for record in caplog.records if "is ill" in record.getMessage()] == [
        f"The account post +56 acme of acme is ill: {UNPAID}"
    ]
    [listed] = await terminal.read("account", "list", "acme", "--json")
    assert (listed["ill_of"], bool(listed["ill_since"])) == (str(UNPAID), True)
    async with scene.pool.acquire() as connection:
        assert await illness.count(connection) == [("acme", 1)]


async def test_another_account_of_the_same_tenant_is_answered(scene: Scene) -> None:
    scene.post.does.append(UNPAID)
    await answer(scene)
    await scene.add("bravo")
    await scene.write("hola", "ana", slug="bravo")
    async with scene.working():
        await until(lambda: scene.post.texts == ["hola"])
    assert (await the_illness(scene))["tries"] == 0


async def test_a_message_is_tried_no_sooner_than_it_is_due(scene: Scene) -> None:
    scene.post.does.append(UNPAID)
    await answer(scene)
    await forget_jobs(scene)
    await keep_up(scene.pool)
    await scene.delivery.deliver(await job_of(scene, jobs.DELIVER, "ana"))
    assert not scene.post.sent
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 0
    assert timedelta(0) < recovery.HEARD
