"""Promise 13: what a contact took back is neither kept nor answered, whatever the order of arrival."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scene import Scene
from staff import say
from waiting import until

from conserje import Content, Edit, File, InboundMessage, Media, Revocation, Text, TryLater, Unreadable
from conserje.conversations import handling
from conserje.conversations.amendments import TAKEN_BACK
from conserje.conversations.rows import prepare
from conserje.intake.intake import Intake
from conserje.intake.packing import pack
from conserje.intake.spool import Spool
from conserje.storage import jobs
from conserje.storage.jobs import Job

SECRET = "mi clave es 1234"
_keys = itertools.count()

KEPT = """
SELECT (SELECT count(*) FROM messages WHERE direction = 'in' AND strpos(content, $1) > 0)
     + (SELECT count(*) FROM rejects WHERE strpos(raw, $1) > 0)
     + (SELECT count(*) FROM files WHERE strpos(name, $1) > 0)
"""


async def event(
    scene: Scene, content: Content, key: str = "", odd: str = "", sender: str = "ana"
) -> InboundMessage:
    address = (await scene.entry()).accounts[0].address
    key = key or f"amends {next(_keys)}"
    beside = Unreadable(address, f"odd {key}", odd, "odd") if odd else None
    return InboundMessage(address, key, sender, content, provider_id=key, beside=beside)


async def take(scene: Scene, *events: InboundMessage, intake: Intake | None = None) -> None:
    """In one batch."""
    entry = await scene.entry()
    await (intake or scene.intake).take(entry.tenant, [(entry.accounts[0], each) for each in events])


async def job(scene: Scene, kind: str) -> Job:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    return Job(kind, *row)


async def answer(scene: Scene) -> None:
    """The turn and the sending of its reply."""
    await scene.conversation.converse(await job(scene, jobs.CONVERSE))
    await scene.delivery.deliver(await job(scene, jobs.DELIVER))


async def kept(scene: Scene, text: str = SECRET) -> int:
    count: int = await scene.pool.fetchval(KEPT, text)
    return count


def heard(scene: Scene) -> list[list[Content]]:
    return [[said.content for said in turn.messages] for turn in scene.parrot.heard]


async def test_a_message_that_comes_after_its_edit_is_taken_as_edited(scene: Scene) -> None:
    await take(scene, await event(scene, Edit("k", Text("pan"))))
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 0
    await scene.write("hola")
    await take(scene, await event(scene, Text("queso"), "k"))
    async with scene.working():
        await until(lambda: scene.post.texts == ["hola / pan"])
    assert await kept(scene, "queso") == 0


async def test_what_was_said_between_an_edit_and_its_message_comes_before_it(scene: Scene) -> None:
    await take(scene, await event(scene, Edit("k", Text("pan"))))
    await scene.write("hola")
    await answer(scene)
    await take(scene, await event(scene, Text("queso"), "k"))
    await answer(scene)
    assert scene.post.texts == ["hola", "pan"]
    said = [each.content for each in scene.parrot.heard[1].history]
    assert said == [Edit("k", Text("pan")), Text("hola"), Text("hola")]


async def test_what_was_taken_back_before_it_came_is_not_kept(scene: Scene) -> None:
    await take(scene, await event(scene, Revocation("k")))
    picture = Media((File("p", "image/png", SECRET),), SECRET)
    await take(scene, await event(scene, picture, "k", odd=SECRET))
    await answer(scene)
    assert (await kept(scene), scene.post.texts, heard(scene)) == (0, [], [])
    assert await scene.pool.fetchval("SELECT count(*) FROM messages WHERE turn_id = 0") == 1


async def test_an_edit_that_comes_after_its_deletion_brings_nothing_back(scene: Scene) -> None:
    await take(scene, await event(scene, Text("hola"), "k"))
    await take(scene, await event(scene, Revocation("k")))
    await take(scene, await event(scene, Edit("k", Media((File("p", "image/png", SECRET),), SECRET))))
    await answer(scene)
    assert (await kept(scene), scene.post.texts) == (0, [])


async def test_an_edit_that_is_posted_again_does_not_undo_a_later_one(scene: Scene) -> None:
    first = await event(scene, Edit("k", Text("uno")))
    await take(scene, await event(scene, Text("cero"), "k"), first)
    await take(scene, await event(scene, Edit("k", Text("dos"))))
    await take(scene, first)
    await answer(scene)
    assert scene.post.texts == ["dos"]


async def test_what_is_taken_back_in_the_quiet_period_starts_no_turn(scene: Scene) -> None:
    await take(scene, await event(scene, Text(SECRET), "k", odd=SECRET))
    await take(scene, await event(scene, Revocation("k")))
    await answer(scene)
    assert (await kept(scene), scene.post.texts, heard(scene)) == (0, [], [])


async def test_the_rest_is_answered_once_the_last_message_was_taken_back(scene: Scene) -> None:
    await scene.write("hola")
    await take(scene, await event(scene, Text(SECRET), "k"))
    await take(scene, await event(scene, Revocation("k")))
    async with scene.working():
        await until(lambda: scene.post.texts == ["hola"])
    assert heard(scene) == [[Text("hola")]]


@pytest.mark.parametrize("rest", [["hola"], []], ids=["another", "nothing else"])
async def test_what_is_taken_back_while_the_assistant_thinks_is_not_answered(
    scene: Scene, rest: list[str]
) -> None:
    for text in rest:
        await scene.write(text)
    await take(scene, await event(scene, Text(SECRET), "k"))
    scene.parrot.ready.clear()
    thinking = asyncio.create_task(scene.conversation.converse(await job(scene, jobs.CONVERSE)))
    await until(lambda: bool(scene.parrot.heard))
    await take(scene, await event(scene, Revocation("k")))
    scene.parrot.ready.set()
    await thinking
    await scene.delivery.deliver(await job(scene, jobs.DELIVER))
    assert (scene.post.texts, await kept(scene)) == (rest, 0)
    row = await scene.pool.fetchrow("SELECT state, starts, leased_until FROM conversations")
    assert row is not None
    assert tuple(row) == ("open", 0, None)


async def test_what_is_edited_while_the_assistant_thinks_is_thought_about_anew(scene: Scene) -> None:
    await take(scene, await event(scene, Text("queso"), "k"))
    scene.parrot.ready.clear()
    thinking = asyncio.create_task(scene.conversation.converse(await job(scene, jobs.CONVERSE)))
    await until(lambda: bool(scene.parrot.heard))
    await take(scene, await event(scene, Edit("k", Text("pan"))))
    scene.parrot.ready.set()
    await thinking
    await scene.delivery.deliver(await job(scene, jobs.DELIVER))
    assert scene.post.texts == ["pan"]


async def test_a_reply_that_has_not_left_does_not_leave_once_its_message_was_taken_back(scene: Scene) -> None:
    await take(scene, await event(scene, Text(SECRET), "k"))
    scene.post.does.append(TryLater("busy", after=0.0))
    await answer(scene)
    await take(scene, await event(scene, Revocation("k")))
    async with scene.working():
        await scene.write("hola")
        await until(lambda: scene.post.texts == ["hola"])
    row = await scene.pool.fetchrow("SELECT state, cause FROM messages WHERE direction = 'out' ORDER BY id")
    assert row is not None
    assert tuple(row) == ("refused", TAKEN_BACK)


async def test_what_a_reply_that_has_not_left_answers_beside_is_answered_anew(scene: Scene) -> None:
    await take(scene, await event(scene, Text(SECRET), "k"))
    await scene.write("hola")
    await scene.conversation.converse(await job(scene, jobs.CONVERSE))
    await take(scene, await event(scene, Revocation("k")))
    async with scene.working():
        await until(lambda: scene.post.texts == ["hola"])


async def test_a_reply_that_has_left_stays_and_the_message_is_gone(scene: Scene) -> None:
    await take(scene, await event(scene, Text("hola"), "k"))
    await answer(scene)
    await take(scene, await event(scene, Revocation("k")))
    assert (scene.post.texts, await kept(scene, "hola")) == (["hola"], 0)


async def test_what_a_person_says_leaves_whatever_the_contact_takes_back(scene: Scene) -> None:
    entry = await scene.entry()
    await scene.write("hola")
    place = (await job(scene, "")).conversation_id
    await handling.take(scene.pool, entry.tenant, place)
    await say(scene.pool, entry.tenant, place, [Text("soy Eva")])
    await take(scene, await event(scene, Text("gracias"), "k"))
    await scene.conversation.converse(await job(scene, jobs.CONVERSE))
    await take(scene, await event(scene, Revocation("k")))
    await scene.delivery.deliver(await job(scene, jobs.DELIVER))
    assert scene.post.texts == ["soy Eva"]


async def test_what_is_spooled_in_any_order_is_not_kept_once_it_was_taken_back(
    scene: Scene, tmp_path: Path
) -> None:
    async with Spool(tmp_path / "spool", 1 << 20) as spool:
        first = prepare(
            (await scene.entry()).tenant.id,
            (await scene.entry()).accounts[0],
            await event(scene, Revocation("k")),
        )
        await spool.keep([pack(first)])
        async with Intake(scene.pool, scene.intake.plugins, spool) as intake:
            await take(scene, await event(scene, Text(SECRET), "k", odd=SECRET), intake=intake)
            await take(scene, await event(scene, Text("hola"), "o"), intake=intake)
            draining = asyncio.create_task(intake.drain(spool))
            await until(lambda: not spool.busy)
            draining.cancel()
    await answer(scene)
    assert (await kept(scene), scene.post.texts) == (0, ["hola"])


def script(mark: str) -> dict[str, tuple[Content, str]]:
    """What a contact does, by what it is: with its key."""
    words = f"{SECRET} {mark}"
    return {
        "text": (Text(f"{words} a"), f"k {mark}"),
        "edit": (Edit(f"k {mark}", Text(f"{words} b")), f"e1 {mark}"),
        "again": (Edit(f"k {mark}", Media((File("p", "image/png", words),), words)), f"e2 {mark}"),
        "deletion": (Revocation(f"k {mark}"), f"r {mark}"),
        "other": (Text(f"hola {mark}"), f"o {mark}"),
    }


DEEDS = ("text", "edit", "again", "deletion", "other")
OF_CONTACT = "SELECT tenant_id, id FROM conversations WHERE peer = $1"
UNANSWERED = "SELECT count(*) FROM messages WHERE direction = 'in' AND turn_id IS NULL"


async def answer_contact(scene: Scene, contact: str) -> None:
    if row := await scene.pool.fetchrow(OF_CONTACT, contact):
        await scene.conversation.converse(Job(jobs.CONVERSE, *row))
        await scene.delivery.deliver(Job(jobs.DELIVER, *row))


@pytest.mark.timeout(600)
@settings(
    max_examples=40,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    order=st.permutations(DEEDS),
    again=st.lists(st.sampled_from(DEEDS), max_size=3),
    cuts=st.sets(st.integers(1, 7)),
    turns=st.sets(st.integers(0, 7)),
    at_once=st.booleans(),
)
async def test_promise_13_holds_in_whatever_order_things_come(
    scene: Scene, order: Sequence[str], again: list[str], cuts: set[int], turns: set[int], at_once: bool
) -> None:
    """In batches of any size, also at once, some posted again, with turns between them."""
    mark = f"n{next(_keys)}"
    posted = [*order, *again]
    said = script(mark)
    odd = dict.fromkeys(("text", "edit", "again"), f"{SECRET} {mark}")
    events = [await event(scene, *said[name], odd=odd.get(name, ""), sender=mark) for name in posted]
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    batches = [events[start:end] for start, end in itertools.pairwise(edges)]
    already, heard_already = len(scene.post.sent), len(scene.parrot.heard)
    if at_once:
        await asyncio.gather(*(take(scene, *batch) for batch in batches))
    else:
        for n, batch in enumerate(batches):
            await take(scene, *batch)
            if n in turns:
                await answer_contact(scene, mark)
    await answer_contact(scene, mark)
    assert await kept(scene, f"{SECRET} {mark}") == 0
    assert await scene.pool.fetchval(UNANSWERED) == 0
    answers = scene.post.texts[already:]
    assert sum(f"hola {mark}" in text for text in answers) == 1
    gone_before = posted.index("deletion") < posted.index("text")
    if gone_before or at_once or not turns:
        assert all(SECRET not in text for text in answers)
        assert len(scene.parrot.heard) == heard_already + 1
