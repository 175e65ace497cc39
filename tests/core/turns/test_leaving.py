"""The end of a turn: its reply leaves at once where it may, else by a job, and none is sent twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from core.turns.test_turn import column, due
from scene import Scene
from waiting import until

from conserje import CannotTell, OutboundMessage, Receipt, Reply, Text, TryLater
from conserje.conversations import sending
from conserje.conversations.rows import stored
from conserje.storage import jobs
from conserje.storage.database import Connection
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.tenants.entry import Entry
from conserje.turns import lease

STATES = "SELECT state FROM messages WHERE direction = 'out' ORDER BY sequence"
BEFORE = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state, attempt,
                      attempted_at, due_at)
SELECT tenant_id, id, account_id, 'out', $1, -1, $2, 1, now(), now() + interval '1 minute' FROM conversations
"""
ILL = """
INSERT INTO illnesses (tenant_id, account_id, cause)
SELECT tenant_id, account_id, 'no token' FROM conversations
"""
COMMITTED = """
SELECT messages.state, attempt, leased_until, (SELECT count(*) FROM messages WHERE turn_id IS NULL)
FROM messages JOIN conversations ON conversations.id = conversation_id WHERE messages.id = $1
"""


@pytest.fixture(autouse=True, params=["at once", "by steps"])
def _leaving(scene: Scene, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is plain is settled in one round trip; what is not has its first message in hand all the same."""
    scene.conversation.sender = scene.delivery
    if request.param == "by steps":
        monkeypatch.setattr(scene.delivery, "free", lambda *_: None)


async def asked(scene: Scene) -> Job:
    """Something is to be answered."""
    await scene.write("hola")
    [job] = await due(scene)
    return job


async def test_a_reply_leaves_without_a_job(scene: Scene) -> None:
    await scene.conversation.converse(await asked(scene))
    assert scene.post.texts == ["hola"]
    assert await column(scene, STATES) == ["sent"]
    assert await due(scene, jobs.DELIVER) == []


async def test_all_of_a_reply_leaves_in_order(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def reply(_: object) -> Reply:
        return Reply([Text("uno"), Text("dos"), Text("tres")])

    monkeypatch.setattr(scene.parrot, "reply", reply)
    await scene.conversation.converse(await asked(scene))
    assert scene.post.texts == ["uno", "dos", "tres"]
    assert await column(scene, STATES) == ["sent"] * 3
    assert await due(scene, jobs.DELIVER) == []


async def test_the_turn_and_its_sending_are_committed_before_the_provider_is_called(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []

    async def send(message: OutboundMessage, _: object) -> Receipt:
        found.append(tuple(*await scene.pool.fetch(COMMITTED, message.id)))
        return Receipt("P")

    monkeypatch.setattr(scene.post, "send", send)
    await scene.conversation.converse(await asked(scene))
    assert found == [("sending", 1, None, 0)]


@pytest.mark.parametrize("before", ["queued", "sending", "uncertain"])
async def test_what_waits_before_it_goes_first(scene: Scene, before: str) -> None:
    job = await asked(scene)
    await scene.pool.execute(BEFORE, stored(Text("antes")), before)
    await scene.conversation.converse(job)
    assert scene.post.sent == []
    assert await column(scene, STATES) == [before, "queued"]
    [left] = await due(scene, jobs.DELIVER)
    await scene.pool.execute("UPDATE messages SET state = 'queued', due_at = NULL WHERE sequence = -1")
    await scene.delivery.deliver(left)
    assert scene.post.texts == ["antes", "hola"]


async def test_where_the_account_has_fallen_ill_nothing_leaves(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reply(_: object) -> Reply:
        await scene.pool.execute(ILL)
        return Reply([Text("hola")])

    monkeypatch.setattr(scene.parrot, "reply", reply)
    await scene.conversation.converse(await asked(scene))
    [left] = await due(scene, jobs.DELIVER)
    await scene.delivery.deliver(left)
    assert scene.post.sent == []
    assert await column(scene, STATES) == ["held"]


async def test_who_wants_no_more_meanwhile_gets_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reply(_: object) -> Reply:
        await scene.pool.execute("UPDATE conversations SET opted_out = 'all'")
        return Reply([Text("hola"), Text("adiós")])

    monkeypatch.setattr(scene.parrot, "reply", reply)
    await scene.conversation.converse(await asked(scene))
    assert scene.post.sent == []
    assert await column(scene, STATES) == ["refused", "refused"]


async def test_what_the_provider_does_not_take_yet_comes_again(scene: Scene) -> None:
    scene.post.does.append(TryLater("busy"))
    await scene.conversation.converse(await asked(scene))
    assert await column(scene, STATES) == ["queued"]
    assert len(await due(scene, jobs.DELIVER)) == 1


async def test_of_a_turn_that_is_not_settled_nothing_leaves(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = scene.delivery.take_first

    async def take_first(connection: Connection, entry: Entry, job: Job) -> None:
        await taking(connection, entry, job)
        raise lease.LostLease

    monkeypatch.setattr(scene.delivery, "free", lambda *_: None)
    monkeypatch.setattr(scene.delivery, "take_first", take_first)
    await scene.conversation.converse(await asked(scene))
    assert scene.post.sent == []
    assert await column(scene, STATES) == []


async def test_the_sending_of_a_worker_that_died_is_uncertain_and_found_by_the_job_that_comes_again(
    scene: Scene,
) -> None:
    scene.post.does.append(asyncio.Event())  # which nobody sets
    scene.post.found = CannotTell("nobody knows")
    job = await asked(scene)
    dying = asyncio.create_task(scene.conversation.converse(job))
    await until(lambda: scene.pool.fetchval("SELECT true FROM messages WHERE state = 'sending'"))
    await until(lambda: not scene.post.does)  # the provider is called
    dying.cancel()
    await asyncio.wait({dying})
    await scene.pool.execute("UPDATE messages SET attempted_at = attempted_at - interval '1 minute'")
    await scene.conversation.converse(job)
    [left] = await due(scene, jobs.DELIVER)
    await scene.delivery.deliver(left)
    assert await column(scene, STATES) == ["uncertain"]
    assert scene.post.sent == []


async def test_with_a_worker_no_job_delivers_a_plain_reply(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered: list[Job] = []

    async def deliver(job: Job) -> None:
        delivered.append(job)

    monkeypatch.setattr(scene.delivery, "deliver", deliver)
    async with scene.working():
        for sender in ("ana", "eva", "paz"):
            await scene.write("hola", sender)
        await scene.settled()
    assert len(scene.post.sent) == 3
    assert delivered == []


async def test_the_time_of_a_call_begins_when_its_message_is_taken_in_hand(scene: Scene) -> None:
    """Not with its transaction, which may have waited long for a lock: others would soon count it as over."""
    await scene.write("hola")
    [job] = await due(scene)
    await replace(scene.conversation, sender=None).converse(job)
    place = (job.tenant_id, job.conversation_id)
    async with acting_for(scene.pool, job.tenant_id) as scope:
        message = await sending.find_next(scope.connection, *place)
        assert message is not None
        before = await scope.connection.fetchval("SELECT clock_timestamp()")
        _, attempted_at = await sending.start(scope.connection, *place, message.id, None)
    assert attempted_at >= before
