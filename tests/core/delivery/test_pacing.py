"""Pacing: many sends leave at their account's pace, and hold up nobody's answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from scene import Post, Scene
from waiting import until

from conserje import Limits, Pace, Template, TryLater
from conserje.conversations import illness, paces
from conserje.conversations.paces import EVERY, ON_ITS_WAY
from conserje.delivery.addressees import Whom
from conserje.delivery.pacing import Pacing
from conserje.delivery.sends import Sent, Wanted, send
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for

FAST = 400.0


class Phones(Post):
    """A provider of telephones that takes so many a second."""

    limits = Limits(carries=frozenset({"template"}))
    each_second = FAST
    burst = 0
    pause = 0.0

    def reach(self, phone: str, address: str) -> str:
        return phone.removeprefix("+")

    def pace(self, address: str) -> Pace:
        return Pace(self.each_second, self.burst, self.pause)


@pytest.fixture
def phones(scene: Scene) -> Phones:
    scene.post = phones = Phones()
    scene.conversation.plugins.channels["post"] = phones
    return phones


async def say(scene: Scene, number: int, text: str = "hola", slug: str = "acme") -> Sent:
    entry = await scene.entry(slug)
    wanted = Wanted(Template("t", text=text), Whom(phone=f"+569{number:08}"), "operator")
    async with acting_for(scene.pool, entry.tenant.id) as scope:
        return await send(scope, entry, scene.conversation.plugins, wanted)


async def release(scene: Scene, sent: Sent) -> None:
    entry = await scene.entry()
    pacing = Pacing(scene.pool, scene.directory, scene.conversation.plugins)
    await scene.pool.execute("UPDATE paces SET job_at = job_at - interval '1 hour'")
    await pacing.release(Job(jobs.RELEASE, entry.tenant.id, sent.conversation))


async def states(scene: Scene) -> dict[str, int]:
    rows = await scene.pool.fetch("SELECT state, count(*) FROM messages WHERE direction = 'out' GROUP BY 1")
    return {row["state"]: row["count"] for row in rows}


async def queued(scene: Scene) -> dict[str, int]:
    rows = await scene.pool.fetch("SELECT entrypoint, count(*) FROM pgqueuer.pgqueuer GROUP BY 1")
    return {row["entrypoint"]: row["count"] for row in rows}


async def wait(scene: Scene, time: timedelta) -> None:
    """Let this time have gone by."""
    await scene.pool.execute("UPDATE paces SET next_at = next_at - $1::interval", time)


async def test_however_many_are_sent_few_are_in_the_queue(scene: Scene, phones: Phones) -> None:
    phones.each_second = 8.0
    for number in range(40):
        sent = await say(scene, number)
    assert await queued(scene) == {"release": 1}
    most = int(8 * ON_ITS_WAY)
    for _ in range(20):
        await release(scene, sent)
        await wait(scene, EVERY)
    assert await states(scene) == {"paced": 40 - most, "queued": most}
    assert (await queued(scene))["send"] == most


async def test_they_leave_at_the_account_s_pace(scene: Scene, phones: Phones) -> None:
    phones.each_second = 0.001
    for number in range(5):
        sent = await say(scene, number)
    left = []
    for _ in range(2):
        await release(scene, sent)
        await release(scene, sent)  # nothing more before its time
        left.append((await states(scene))["queued"])
        await wait(scene, timedelta(seconds=1000))
    assert left == [1, 2]


async def test_all_leave_once_in_the_order_of_their_saying(scene: Scene, phones: Phones) -> None:
    async with scene.working():
        for number in range(60):
            await say(scene, number % 20, str(number))
        await until(lambda: len(phones.sent) == 60)
        await scene.settled()
    said = [int(message.content.text) for message in phones.sent if isinstance(message.content, Template)]
    assert sorted(said) == list(range(60))
    for contact in range(20):
        of_one = [number for number in said if number % 20 == contact]
        assert of_one == sorted(of_one)


async def test_an_answer_leaves_before_what_waits(scene: Scene, phones: Phones) -> None:
    phones.each_second = 0.01
    await say(scene, 1, "primera")
    await say(scene, 2, "segunda")
    await say(scene, 2, "tercera")
    async with scene.working():
        await scene.write("¿hay pan?", "56900000002")
        await until(lambda: "¿hay pan?" in phones.texts)
        await until(lambda: scene.pool.fetchval("SELECT count(*) = 2 FROM messages WHERE state = 'sent'"))
    assert (await states(scene))["paced"] == 2


async def test_after_a_burst_a_contact_is_spared_and_others_are_not(scene: Scene, phones: Phones) -> None:
    phones.burst, phones.pause = 3, 60.0
    for _ in range(6):
        await say(scene, 1)
    await say(scene, 2)
    async with scene.working():
        await until(lambda: len(phones.sent) == 4)
        await until(lambda: scene.pool.fetchval("SELECT job_at IS NOT NULL FROM paces"))
    assert sorted(message.to for message in phones.sent) == ["56900000001"] * 3 + ["56900000002"]
    due = await scene.pool.fetch(
        "SELECT due_at - min(due_at) OVER () AS after, due_at > created_at + '50 s'::interval AS spared"
        " FROM messages WHERE state = 'paced' ORDER BY id"
    )
    assert [round(row["after"].total_seconds()) for row in due] == [0, 60, 120]
    assert all(row["spared"] for row in due)


async def test_a_provider_that_takes_none_is_offered_few(
    scene: Scene, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paces, "PUT_OFF", 5)
    phones.does.extend(TryLater("busy", 300) for _ in range(100))
    for number in range(20):
        sent = await say(scene, number)
    for _ in range(10):
        await release(scene, sent)
        await wait(scene, EVERY)
        for row in await scene.pool.fetch(
            "SELECT tenant_id, conversation_id FROM messages WHERE state = 'queued' AND due_at IS NULL"
        ):
            await scene.delivery.deliver(Job(jobs.SEND, *row))
    assert await states(scene) == {"paced": 15, "queued": 5}
    assert set(await queued(scene)) == {"release", "send"}, "none comes back among the answers"


async def test_patience_begins_when_a_message_may_leave(scene: Scene, phones: Phones) -> None:
    sent = await say(scene, 1)
    await scene.pool.execute("UPDATE messages SET created_at = created_at - interval '3 hours'")
    await release(scene, sent)
    phones.does.append(TryLater("busy"))
    await scene.delivery.deliver(Job(jobs.SEND, (await scene.entry()).tenant.id, sent.conversation))
    assert await states(scene) == {"queued": 1}


async def test_what_waited_for_a_day_waits_for_an_operator(scene: Scene, phones: Phones) -> None:
    sent = await say(scene, 1)
    await scene.pool.execute("UPDATE messages SET created_at = created_at - interval '25 hours'")
    await release(scene, sent)
    assert await states(scene) == {"held": 1}


async def test_an_account_that_is_ill_lets_nothing_leave_until_it_is_well(
    scene: Scene, phones: Phones
) -> None:
    sent = await say(scene, 1)
    entry = await scene.entry()
    place = (entry.tenant.id, entry.accounts[0].id)
    async with acting_for(scene.pool, entry.tenant.id) as scope:
        await illness.fall_ill(scope.connection, *place, sent.conversation, "no payment", "passing")
    await release(scene, sent)
    await scene.pool.execute(
        "DELETE FROM pgqueuer.pgqueuer; UPDATE messages SET due_at = now() - interval '1 h'"
    )
    await paces.recover(scene.pool)
    assert (await states(scene), await queued(scene)) == ({"paced": 1}, {})
    async with acting_for(scene.pool, entry.tenant.id) as scope:
        await illness.recover(scope.connection, *place)
    async with scene.working():
        await paces.recover(scene.pool)
        await until(lambda: phones.sent)


async def test_a_job_that_was_lost_is_made_up_for_once(scene: Scene, phones: Phones) -> None:
    await scene.add("bravo")
    await say(scene, 1)
    await say(scene, 1, slug="bravo")
    await paces.recover(scene.pool)
    assert await queued(scene) == {"release": 2}, "they have just been said"
    await scene.pool.execute(
        "DELETE FROM pgqueuer.pgqueuer; UPDATE messages SET due_at = now() - interval '1 h'"
    )
    await paces.recover(scene.pool)
    await paces.recover(scene.pool)
    assert await queued(scene) == {"release": 2}
    async with scene.working():
        await until(lambda: len(phones.sent) == 2)


async def test_two_looks_at_one_account_are_one(scene: Scene, phones: Phones) -> None:
    phones.each_second = 0.01
    first, second = await say(scene, 1), await say(scene, 2)
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    tenant_id = (await scene.entry()).tenant.id
    pacing = Pacing(scene.pool, scene.directory, scene.conversation.plugins)
    for sent in (first, second):
        await pacing.release(Job(jobs.RELEASE, tenant_id, sent.conversation))
    assert await queued(scene) == {"release": 1, "send": 1}


@pytest.mark.parametrize("wrong", [Pace(0), Pace(float("nan")), Pace(1, pause=-1), None])
async def test_a_channel_that_does_not_know_its_pace_has_that_of_all(
    scene: Scene, phones: Phones, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phones, "pace", lambda address: wrong)
    async with scene.working():
        await say(scene, 1)
        await until(lambda: phones.sent)


async def test_a_tenant_that_is_suspended_keeps_what_waits(scene: Scene, phones: Phones) -> None:
    sent = await say(scene, 1)
    await scene.pool.execute("UPDATE tenants SET status = 'suspended'")
    await scene.heard()
    await release(scene, sent)
    assert await states(scene) == {"paced": 1}
