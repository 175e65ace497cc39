"""Two machines that answer each other are not let go on, and who writes again is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from plans import fill, pages
from scene import Post, Scene

from conserje import InboundMessage, Text
from conserje.contract.assistant import Contact, Utterance
from conserje.contract.message import Content, Pressed
from conserje.conversations import handling, state
from conserje.conversations.transcript import Message
from conserje.storage import jobs
from conserje.storage.database import Connection
from conserje.storage.jobs import Job
from conserje.telemetry import metrics
from conserje.turns import loop
from conserje.turns.lease import Claim

BUSY = "Gracias por escribirnos, le atenderemos a la brevedad."


async def say(scene: Scene, *texts: str, sender: str = "ana") -> None:
    """A contact writes these, each after the answer to the one before."""
    for text in texts:
        await scene.write(text, sender)
        await scene.settled()


async def states(scene: Scene) -> list[str]:
    return [row[0] for row in await scene.pool.fetch("SELECT state FROM conversations ORDER BY id")]


async def loops(scene: Scene) -> list[str]:
    return [
        row[0]
        for row in await scene.pool.fetch(
            "SELECT cause FROM turns WHERE assistant = 'loop-breaker' ORDER BY id"
        )
    ]


async def test_the_same_text_three_times_is_not_answered_again_and_a_person_is_told(scene: Scene) -> None:
    await scene.pool.execute("UPDATE tenants SET notice_email = 'ana@example.com'")
    await scene.heard()
    async with scene.working():
        await say(scene, "hola", BUSY, BUSY, BUSY.upper(), "otra cosa")
    assert scene.post.texts == ["hola", BUSY, BUSY]
    assert await states(scene) == ["person"]
    assert await loops(scene) == [loop.REPEATED]
    assert await scene.pool.fetchval("SELECT count(*) FROM notices") == 1
    assert 'conserje_turn_seconds_count", {"assistant": "loop-breaker"}' in metrics.write()


async def test_several_messages_at_a_time_are_the_same_as_often(scene: Scene) -> None:
    async with scene.working():
        for n in range(3):
            await scene.pool.execute("UPDATE tenants SET quiet_period = '1 minute'")
            await scene.heard()
            await scene.write(BUSY)
            await scene.write(f"Su número es el {n}")
            await scene.pool.execute("UPDATE tenants SET quiet_period = '0'")
            await scene.heard()
            [conversation] = await scene.pool.fetch("SELECT tenant_id, id FROM conversations")
            await scene.conversation.converse(Job(jobs.CONVERSE, *conversation))
            await scene.settled()
    assert len(scene.post.texts) == 2
    assert await states(scene) == ["person"]


def claim(*said: Content, every: timedelta = timedelta(seconds=10), turns: int = 0) -> Claim:
    """What a contact said, each but the last followed by an answer."""
    now = datetime.now(UTC)
    at = [now - every * (len(said) - n) for n in range(len(said))]
    history = [
        each
        for written, when in zip(said[:-1], at, strict=False)
        for each in (Utterance("contact", written, when), Utterance("assistant", Text("¿Sí?"), when))
    ]
    return Claim(
        epoch=1,
        turn_id=1,
        conversation_id=1,
        account_id=1,
        contact=Contact(1, "Ana"),
        unanswered=(Message(9, said[-1], at[-1]),),
        history=tuple(history),
        claimed_at=now,
        late=None,
        recent_turns=turns,
        recent_since=now - state.RECENT,
    )


@pytest.mark.parametrize(
    "said",
    [
        [BUSY, BUSY],
        ["hola", "hola", "hola", "hola"],
        ["gracias", "gracias", "gracias"],
        ["12345678901234567890"] * 3,
        [BUSY, "otra cosa", BUSY, BUSY],
        [f"{BUSY} {word}" for word in ("uno", "dos", "tres")],
    ],
    ids=lambda said: said[-1][:20],
)
def test_a_person_may_write_again(said: list[str]) -> None:
    assert loop.found(claim(*map(Text, said))) is None


def test_the_hour_in_a_text_makes_it_no_other() -> None:
    assert loop.found(claim(*(Text(f"{BUSY} Hora: 12:0{n}") for n in range(3)))) == loop.REPEATED


def test_what_is_chosen_may_be_chosen_again() -> None:
    assert loop.found(claim(*[Pressed("more", "Ver más productos")] * 3)) is None


def test_what_was_written_long_ago_does_not_count() -> None:
    assert loop.found(claim(*[Text(BUSY)] * 3, every=timedelta(minutes=4))) is None
    assert loop.found(claim(*[Text(BUSY)] * 3, every=timedelta(minutes=3))) == loop.REPEATED


async def test_after_40_turns_in_10_minutes_a_contact_is_a_person_s(scene: Scene) -> None:
    async with scene.working():
        await say(scene, *(f"mensaje {n}" for n in range(43)))
        await say(scene, "hola", sender="eva")
    assert scene.post.texts == [*(f"mensaje {n}" for n in range(40)), "hola"]
    assert await states(scene) == ["person", "open"]
    assert await loops(scene) == [loop.TOO_MANY]


TURNS = """
INSERT INTO turns (tenant_id, conversation_id, id, assistant, waited, thought, settled_at)
SELECT tenant_id, id, nextval('turn_ids'), $1, '0', '0', now() - $2::interval
FROM conversations, generate_series(1, $3)
"""


@pytest.mark.parametrize(
    ("assistant", "age", "answered"),
    [
        ("parrot", timedelta(minutes=9), False),
        ("parrot", timedelta(minutes=11), True),
        ("person", timedelta(minutes=1), True),
    ],
)
async def test_only_an_assistant_s_turns_of_late_count(
    scene: Scene, assistant: str, age: timedelta, answered: bool
) -> None:
    async with scene.working():
        await say(scene, "hola")
        await scene.pool.execute(TURNS, assistant, age, loop.TURNS)
        await say(scene, "¿siguen ahí?")
    assert (len(scene.post.texts) == 2) is answered


async def test_a_contact_s_turns_count_in_all_its_conversations(scene: Scene) -> None:
    entry = await scene.entry()
    await scene.pool.execute(
        "INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'post', '+57')", entry.tenant.id
    )
    async with scene.working():
        await say(scene, "hola")
        await scene.pool.execute(TURNS, "parrot", timedelta(minutes=1), loop.TURNS)
        await scene.heard()
        entry = await scene.entry()
        other = next(account for account in entry.accounts if account.address == "+57")
        event = InboundMessage("+57", "k", "ana", Text("por la otra"))
        await scene.intake.take(entry.tenant, [(other, event)])
        await scene.settled()
    assert scene.post.texts == ["hola"]


async def test_who_was_given_back_is_answered_again(scene: Scene) -> None:
    async with scene.working():
        await say(scene, BUSY, BUSY, BUSY)
        [id] = await scene.pool.fetchval("SELECT array_agg(id) FROM conversations")
        entry = await scene.entry()
        await handling.give(scene.pool, entry.tenant, id)
        await say(scene, BUSY)
    assert scene.post.texts == [BUSY] * 3
    assert await states(scene) == ["open"]


async def test_what_a_machine_s_address_writes_is_kept_and_not_answered(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Post, "automatic", lambda self, sender: sender.isdigit())
    async with scene.working():
        await say(scene, "Su clave es 1234", "Oferta", sender="2345")
        await say(scene, "hola")
    assert scene.post.texts == ["hola"]
    assert await states(scene) == ["open", "open"]
    [machine, _] = await scene.pool.fetch("SELECT DISTINCT assistant, cause FROM turns ORDER BY 1")
    assert tuple(machine) == ("machine", state.MACHINE)
    assert await scene.pool.fetchval("SELECT count(*) FROM messages WHERE direction = 'in'") == 3
    assert 'conserje_turn_seconds_count", {"assistant": "machine"}' in metrics.write()


async def test_two_workers_together_answer_no_more_often(scene: Scene) -> None:
    async with scene.working(), scene.working():
        await say(scene, BUSY, BUSY)
        await asyncio.gather(*(scene.write(BUSY) for _ in range(5)))
        await scene.settled()
    assert scene.post.texts[:2] == [BUSY, BUSY]
    assert len(scene.post.texts) == 2


async def test_a_claim_costs_the_same_whatever_was_said_before(connection: Connection) -> None:
    await fill(connection, 1, 1)

    async def claimed() -> int:
        newest = await connection.fetchrow(
            "SELECT tenant_id, id FROM conversations ORDER BY tenant_id DESC, id DESC LIMIT 1"
        )
        assert newest is not None
        told = (state.LEASE, state.RECENT, loop.TURNS, timedelta(days=30))
        return await pages(connection, state.LEASE_OUT, *newest, *told)

    await connection.execute(TURNS, "parrot", timedelta(hours=1), 100)
    few = await claimed()
    await fill(connection, 2, 20)
    await connection.execute(TURNS, "parrot", timedelta(hours=1), 2000)
    await connection.execute("SET LOCAL ROLE conserje_owner; ANALYZE turns, conversations")
    await connection.execute("SET LOCAL ROLE conserje_core")
    assert await claimed() <= 3 * few
