"""The end of a turn in one round trip: it leaves what the steps before it would, and else changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from core.turns.test_turn import due
from plans import fill, pages
from scene import Scene

from conserje import Reply, Text
from conserje.contract.message import Content
from conserje.conversations import settling, state
from conserje.conversations.effects import Proposed
from conserje.conversations.sending import Free, Next
from conserje.rules.consent import Sign
from conserje.shop import asked
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import Scope as Acting
from conserje.storage.scope import acting_for
from conserje.turns import lease
from conserje.turns.called import Called
from conserje.turns.lease import Claim, Thought

TABLES = {
    "conversations": "id", "messages": "id", "turns": "id", "notices": "id", "notifications": "id",
    "asked": "key", "pgqueuer.pgqueuer": "id",
}  # fmt: skip
ASKED = "INSERT INTO asked SELECT id, key, 'x', 1, '2020-01-01' FROM tenants, unnest($1::text[]) AS key"
TOLD = "UPDATE tenants SET notice_email = 'ana@acme.example', notice_url = 'https://acme.example/told'"
HELLO, BYE = Text("hola"), Text("adiós")
MINUTE = timedelta(minutes=1)
REPLIES = {
    "one": Reply([HELLO]),
    "three": Reply([HELLO, Text("¿qué tal?"), BYE]),
    "that quotes": Reply([HELLO, BYE], quote=True),
    "with all that is kept": Reply(
        [HELLO], intent="gr\x00eeting", confidence=0.5, usage={"in\x00put": 3}, told="so\x00me"
    ),
    "with questions": Reply([HELLO], unanswered=["¿tienen wifi?", "¿arriendan?", "hola, ¿tienen WIFI?", "x"]),
    "with questions that say nothing": Reply([HELLO], unanswered=["", "?"]),
    "a hand-over": Reply([HELLO, BYE], intent="per\x00sona", hand_over=True),
    "a hand-over with a question": Reply([HELLO], hand_over=True, unanswered=["¿tienen wifi?"]),
}
CALLED = (Called("tool", "clock", "{}", "noon", False, timedelta(seconds=1)),)
NOT_PLAIN = {
    "of an earlier lease": "UPDATE conversations SET epoch = epoch + 1",
    "opted out": "UPDATE conversations SET opted_out = 'all'",
    "opted out of marketing": "UPDATE conversations SET opted_out = 'marketing'",
    "forgotten": "UPDATE conversations SET peer = ''",
    "waits for its account": "UPDATE conversations SET ill_since = now()",
    "its account is ill": (
        "INSERT INTO illnesses (tenant_id, account_id, cause) SELECT tenant_id, id, 'x' FROM accounts"
    ),
    "edited": """UPDATE messages SET content = '{"type":"text","text":"buenas"}' WHERE direction = 'in'""",
    "taken back": "UPDATE messages SET turn_id = 0 WHERE direction = 'in'",
    "long ago": "UPDATE messages SET created_at = now() - interval '2 minutes' WHERE direction = 'in'",
    "a note": "UPDATE messages SET kind = 'note' WHERE direction = 'in'",
    "more was written": (
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key)"
        " SELECT tenant_id, id, account_id, 'in', '{}', 'x' FROM conversations"
    ),
} | {
    f"something is {state}": (
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)"
        f" SELECT tenant_id, id, account_id, 'out', '{{}}', -1, '{state}' FROM conversations"
    )
    for state in ("queued", "sending", "uncertain")
}  # fmt: skip


async def claimed(scene: Scene, *texts: str) -> tuple[Job, Claim]:
    for text in texts or ("hola",):
        await scene.write(text)
    [*_, job] = await due(scene)
    claim = await scene.conversation._claim(await scene.entry(), job)
    assert claim is not None
    return job, claim


def thought(reply: Reply) -> Thought:
    return Thought(reply, "parrot", timedelta(seconds=2), "the first one was busy", CALLED)


async def at_once(
    scene: Scene, job: Job, claim: Claim, reply: Reply, since: timedelta | None = None
) -> Next | None:
    said: Sequence[Content] = reply.messages
    return await lease.settle_at_once(
        scene.pool, await scene.entry(), job, claim, thought(reply), said, since=since, followed=True
    )


async def rows(place: Pool | Connection) -> list[list[dict[str, Any]]]:
    return [
        [dict(row) for row in await place.fetch(f"SELECT * FROM {table} ORDER BY {key}")]
        for table, key in TABLES.items()
    ]


def comparable(found: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """Without what the hour and the sequences give."""
    given = {"id", "conversation_id", "turn_id", "epoch", "event_key", "provider_id", "quotes"}
    return [
        [{k: v for k, v in row.items() if k not in given and not hasattr(v, "tzinfo")} for row in table]
        for table in found
    ]


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize("told", ["SELECT", TOLD], ids=["nobody is told", "somebody is told"])
async def test_it_leaves_what_the_steps_leave(
    scene: Scene, reply: Reply, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "KEPT", 2)
    await scene.pool.execute(told)
    await scene.pool.execute(ASKED, [*map(asked.key_of, ("wifi", "carpas"))])
    await scene.heard()
    job, claim = await claimed(scene, "hola", "¿tienen pan?")
    await scene.pool.execute("UPDATE messages SET provider_id = 'P' || id")
    claim = replace(claim, unanswered=tuple(replace(m, provider_id=f"P{m.id}") for m in claim.unanswered))
    async with scene.pool.acquire() as connection:
        undone = connection.transaction()
        await undone.start()
        scope, said = Acting(connection), reply.messages
        await scene.conversation._store(scope, await scene.entry(), job, claim, thought(reply), said)
        step = await scene.delivery._take_next(connection, await scene.entry(), job)
        await jobs.enqueue(connection, scope.due)
        by_steps = await rows(connection)
        await undone.rollback()
    first = await at_once(scene, job, claim, reply, MINUTE)
    assert first is not None
    found = await rows(scene.pool)
    assert comparable(found) == comparable(by_steps)
    messages = found[1]
    assert [m["quotes"] for m in messages] == [m["quotes"] for m in by_steps[1]]
    assert [m["state"] for m in messages if m["state"]] == ["sending"] + ["queued"] * (
        len(reply.messages) - 1
    )
    assert (first.id, first.content) == (messages[2]["id"], HELLO)
    leaving: Any = scene.delivery.leaving(await scene.entry(), job, first, 0.0)
    assert leaving.args[2].taken_at == 0.0  # from before the question, however long the answer took
    same = {"taken_at": 0.0, "taken_on": 0.0, "now": first.now, "created_at": first.now}
    [_, _, mine] = leaving.args
    theirs: Any = step
    then = {"id": first.id, "attempted_at": first.now, "status_url": mine.message.status_url}
    assert replace(mine, **same) == replace(theirs, **same, message=replace(theirs.message, **then))


@pytest.mark.parametrize("so", NOT_PLAIN.values(), ids=NOT_PLAIN)
async def test_what_is_not_plain_is_left_as_it_is(scene: Scene, so: str) -> None:
    job, claim = await claimed(scene)
    await scene.pool.execute(so)
    before = await rows(scene.pool)
    assert await at_once(scene, job, claim, REPLIES["one"], MINUTE) is None
    assert await rows(scene.pool) == before


async def test_where_there_is_no_window_it_is_the_same_how_long_ago_the_contact_wrote(scene: Scene) -> None:
    job, claim = await claimed(scene)
    await scene.pool.execute(NOT_PLAIN["long ago"])
    assert await at_once(scene, job, claim, REPLIES["one"])


async def test_what_says_nothing_is_settled_by_steps(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "SETTLE", "SELECT nobody asks this")
    scene.conversation.sender = scene.delivery
    job, claim = await claimed(scene)
    assert await scene.conversation._settle(await scene.entry(), job, claim, thought(Reply([]))) is None
    assert await scene.pool.fetchval("SELECT count(*) FROM turns") == 1


def test_what_the_contact_wants_and_what_a_tool_does_follow_by_steps() -> None:
    plain = thought(REPLIES["a hand-over with a question"])
    assert plain.is_plain
    assert not replace(plain, sign=Sign("out", "contact", "stop")).is_plain
    assert not replace(plain, effects=[Proposed("book", "{}")]).is_plain


@pytest.mark.parametrize("reply", [Reply([BYE]), Reply([BYE], hand_over=True, unanswered=["¿abren?"])])
async def test_what_is_plain_is_settled_without_a_look(
    scene: Scene, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "LOCK", "SELECT nobody asks this")
    scene.conversation.sender = scene.delivery
    job, claim = await claimed(scene)
    assert await scene.conversation._settle(await scene.entry(), job, claim, thought(reply)) is None
    assert scene.post.texts == ["adiós"]
    assert scene.delivery.free(await scene.entry(), claim.account_id, BYE) == Free(None)


async def test_another_tenant_s_name_on_the_connection_changes_nothing(scene: Scene) -> None:
    bravo = await scene.add("bravo")
    job, claim = await claimed(scene)
    turn = lease.settled(await scene.entry(), claim, thought(REPLIES["one"]), [HELLO])
    read = ([each.id for each in claim.unanswered], [each.words for each in claim.unanswered])
    rest = (job.conversation_id, claim.epoch, *read, None, False, *vars_of(turn))
    before = await rows(scene.pool)
    async with scene.pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL conserje.tenant = '{job.tenant_id}'")
        assert await connection.fetch(settling.SETTLE, bravo.tenant.id, *rest) == []
    async with acting_for(scene.pool, bravo.tenant.id) as scope:
        await scope.connection.execute("SET LOCAL ROLE conserje_core")
        assert await scope.connection.fetch(settling.SETTLE, bravo.tenant.id, *rest) == []
    assert await rows(scene.pool) == before


def vars_of(turn: settling.Settled) -> tuple[Any, ...]:
    return tuple(getattr(turn, name) for name in turn.__slots__)


NEWEST = "SELECT tenant_id, id FROM conversations ORDER BY tenant_id DESC, id DESC LIMIT 1"
WAITING = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key)
SELECT tenant_id, id, account_id, 'in', '{}', decode(md5('k'), 'hex')
FROM conversations WHERE (tenant_id, id) = ($1, $2) RETURNING id
"""


async def test_promise_11_it_costs_the_same_whatever_was_said_before(connection: Connection) -> None:
    async def settled() -> int:
        [place] = await connection.fetch(NEWEST)
        waiting = await connection.fetchval(WAITING, *place)
        turn = settling.Settled(
            1, "parrot", None, None, "{}", None, MINUTE, MINUTE, ["{}", "{}"], None, None, None, None
        )
        read = ([waiting], ["{}"])
        return await pages(connection, settling.SETTLE, *place, 0, *read, MINUTE, False, *vars_of(turn))

    await fill(connection, 1, 1)
    few = await settled()
    await fill(connection, 2, 40)
    await connection.execute("SET LOCAL ROLE conserje_owner; ANALYZE turns, conversations, messages")
    await connection.execute("SET LOCAL ROLE conserje_core")
    assert await settled() <= 2 * few
