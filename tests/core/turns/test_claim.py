"""The claim in one round trip: it finds what the look before it would, and else changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from core.turns.test_turn import due
from plans import fill, pages
from scene import Scene

from conserje import plain
from conserje.conversations import claiming, state
from conserje.conversations.rows import EMPTIED
from conserje.conversations.transcript import READ
from conserje.storage.database import Connection
from conserje.storage.jobs import Job
from conserje.storage.scope import LOCK_LIMIT
from conserje.turns import lease, loop
from conserje.turns.lease import Claim

CONVERSATIONS = "SELECT * FROM conversations ORDER BY id"
SAID = """
UPDATE conversations SET leased_until = NULL, starts = 0;
UPDATE messages SET turn_id = 7, provider_id = 'P1'
"""
SUMMARY = """
INSERT INTO summaries (tenant_id, conversation_id, text, covers, since, made_at)
SELECT tenant_id, id, 'Quiere pan.', 0, now(), now() FROM conversations
"""
NOT_PLAIN = {
    "held": "UPDATE conversations SET state = 'held'",
    "a person's": "UPDATE conversations SET state = 'person', turn_id = 1, hand_back_at = now()",
    "opted out": "UPDATE conversations SET opted_out = 'all'",
    "forgotten": "UPDATE conversations SET peer = ''",
    "somebody thinks": "UPDATE conversations SET leased_until = now() + interval '1 second'",
    "somebody has tried": "UPDATE conversations SET starts = 1",
    "waits for its account": "UPDATE conversations SET ill_since = now()",
    "its account is ill": (
        "INSERT INTO illnesses (tenant_id, account_id, cause) SELECT tenant_id, id, 'x' FROM accounts"
    ),
    "late": "UPDATE messages SET created_at = now() - interval '2 hours'",
    "fetched": "UPDATE messages SET late_by = '1 second'",
    "answered": "UPDATE messages SET turn_id = 1",
}


async def at_once(scene: Scene, job: Job) -> Claim | None:
    return await lease.lease_at_once(scene.pool, await scene.entry(), job, loop.TURNS)


async def with_a_past(scene: Scene) -> Job:
    """What is due in a conversation with a past and a summary, where something is quoted."""
    await scene.write("antes")
    await scene.pool.execute(SAID)
    await scene.pool.execute(SUMMARY)
    await scene.write("hola")
    await scene.write("¿tienen pan?")
    _, asks, last = await due(scene)
    await scene.pool.execute("UPDATE messages SET quotes = 'P1' WHERE id = $1", asks.message_id)
    return last


async def test_it_finds_what_the_look_before_it_finds(scene: Scene) -> None:
    job, entry = await with_a_past(scene), await scene.entry()
    claim = await at_once(scene, job)
    assert claim is not None
    assert [plain(each.content) for each in claim.unanswered] == ["hola", "¿tienen pan?"]
    assert (claim.unanswered[0].quoted, claim.summary) == (claim.history[0].content, "Quiere pan.")
    await scene.pool.execute("UPDATE conversations SET leased_until = NULL, starts = 0")
    looked = await scene.conversation._look_and_claim(entry, job)
    assert looked is not None
    assert looked.claimed_at - claim.claimed_at < timedelta(minutes=1)
    clock = {"claimed_at": claim.claimed_at, "recent_since": claim.recent_since}
    assert replace(looked, epoch=looked.epoch - 1, **clock) == claim  # type: ignore[arg-type]


async def test_what_is_plain_is_claimed_without_a_look(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.write("hola")
    [job] = await due(scene)
    monkeypatch.setattr(state, "LOCK", "SELECT nobody asks this")
    assert await scene.conversation._claim(await scene.entry(), job)


@pytest.mark.parametrize("so", NOT_PLAIN.values(), ids=NOT_PLAIN)
async def test_what_is_not_plain_is_left_as_it_is(scene: Scene, so: str) -> None:
    await scene.write("hola")
    [job] = await due(scene)
    await scene.pool.execute(so)
    before = await scene.pool.fetch(CONVERSATIONS)
    assert await at_once(scene, job) is None
    assert await scene.pool.fetch(CONVERSATIONS) == before


async def test_a_message_that_is_not_the_last_is_left_to_the_last_one_s_job(scene: Scene) -> None:
    await scene.write("uno")
    await scene.write("dos")
    first, last = await due(scene)
    assert await at_once(scene, first) is None
    assert await at_once(scene, last)


async def test_a_job_of_no_single_message_takes_whatever_waits(scene: Scene) -> None:
    await scene.write("uno")
    await scene.write("dos")
    job = replace((await due(scene))[0], message_id=0)
    claim = await at_once(scene, job)
    assert claim is not None
    assert len(claim.unanswered) == 2
    await scene.pool.execute("UPDATE conversations SET leased_until = NULL, starts = 0")
    await scene.pool.execute("UPDATE messages SET turn_id = 7")
    assert await at_once(scene, job) is None


async def test_what_nobody_can_answer_now_is_given_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the lease's end, but the fence's is waited for."""
    await scene.write("hola")
    [job] = await due(scene)
    monkeypatch.setattr(type(scene.conversation.thinking), "fenced", lambda *_: timedelta(seconds=9))
    assert await scene.conversation._claim(await scene.entry(), job) is None
    [row] = await scene.pool.fetch(CONVERSATIONS)
    assert (row["leased_until"], row["starts"]) == (None, 0)
    _, again = await due(scene)
    assert again.delay > timedelta(seconds=8)


async def test_another_tenant_s_name_on_the_connection_changes_nothing(scene: Scene) -> None:
    """The tenant is named before anything is read."""
    await scene.add("bravo")
    await scene.write("hola")
    await scene.write("de bravo", slug="bravo")
    mine, theirs = await due(scene)
    async with scene.pool.acquire() as connection:
        try:
            for left in (mine, theirs):
                await connection.execute(f"SET conserje.tenant = '{left.tenant_id}'")
                crossed = await connection.fetchrow(
                    claiming.CLAIM, mine.tenant_id, theirs.conversation_id, theirs.message_id, *rest()
                )
                assert crossed is None
            own = await connection.fetchrow(
                claiming.CLAIM, mine.tenant_id, mine.conversation_id, mine.message_id, *rest()
            )
            assert own is not None
            assert [each["content"] for each in own["unanswered"]] == ['{"text":"hola","type":"text"}']
        finally:
            await connection.execute("RESET conserje.tenant")


def rest() -> tuple[object, ...]:
    """What a claim is told beside whose and which."""
    day = timedelta(days=1)
    return (LOCK_LIMIT, state.LEASE, state.RECENT, loop.TURNS, READ, day, EMPTIED, day)


WAITING = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key)
SELECT tenant_id, id, account_id, 'in', '{"type":"text","text":"hola"}', decode(md5('k'), 'hex')
FROM conversations WHERE (tenant_id, id) = ($1, $2) RETURNING id
"""


async def test_promise_11_it_costs_the_same_whatever_was_said_before(connection: Connection) -> None:
    async def claimed() -> int:
        place = await connection.fetchrow(
            "SELECT tenant_id, id FROM conversations ORDER BY tenant_id DESC, id DESC LIMIT 1"
        )
        assert place is not None
        newest = await connection.fetchval(WAITING, *place)
        return await pages(connection, claiming.CLAIM, *place, newest, *rest())

    await fill(connection, 1, 1)
    few = await claimed()
    await fill(connection, 2, 40)
    await connection.execute("SET LOCAL ROLE conserje_owner; ANALYZE turns, conversations, messages")
    await connection.execute("SET LOCAL ROLE conserje_core")
    assert await claimed() <= 3 * few
