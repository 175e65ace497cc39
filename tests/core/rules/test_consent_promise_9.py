"""Promise 9: a contact who wants no more gets no more, whatever a plugin or anybody else tries to send."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje import (
    CannotTell,
    Content,
    InboundMessage,
    Note,
    OptedOut,
    OutboundMessage,
    Receipt,
    Reply,
    Template,
    Text,
    TryLater,
    Turn,
    Uncertain,
)
from conserje.conversations.rows import prepare, stored
from conserje.conversations.state import WANTS_NONE
from conserje.intake.intake import Intake
from conserje.intake.packing import pack
from conserje.intake.spool import Spool
from conserje.rules import consent
from conserje.rules.consent import WANTS_NO_MARKETING, Sign, state_after
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.tenants.words import OPTED_IN, OPTED_OUT

GOODBYE = "".join(OPTED_OUT["es"][:2])
WELCOME = "".join(OPTED_IN["es"][:2])

QUEUE = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)
SELECT tenant_id, id, account_id, 'out', $3, next_sequence, 'queued' FROM conversations
WHERE tenant_id = $1 AND id = $2
"""
BLOCKED = """
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE NOT granted AND datname = current_database()
"""
ADVANCE = "UPDATE conversations SET next_sequence = next_sequence + 1 WHERE tenant_id = $1 AND id = $2"


async def place(scene: Scene, sender: str = "ana") -> tuple[int, int]:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations WHERE peer = $1", sender)
    assert row is not None
    return row["tenant_id"], row["id"]


async def queue(scene: Scene, *contents: Content, sender: str = "ana") -> None:
    """Messages to be sent, as an operator's command, an advisor or a hand-over may leave them."""
    where = await place(scene, sender)
    for content in contents:
        await scene.pool.execute(QUEUE, *where, stored(content))
        await scene.pool.execute(ADVANCE, *where)


async def converse(scene: Scene) -> None:
    await scene.conversation.converse(Job(jobs.CONVERSE, *await place(scene)))


async def deliver(scene: Scene) -> None:
    await scene.delivery.deliver(Job(jobs.DELIVER, *await place(scene)))


async def ended(scene: Scene) -> list[tuple[str, str | None]]:
    rows = await scene.pool.fetch(
        "SELECT state, cause FROM messages WHERE direction = 'out' ORDER BY sequence"
    )
    return [tuple(row) for row in rows]


async def test_a_reply_in_the_middle_of_being_thought(scene: Scene) -> None:
    scene.parrot.ready.clear()
    await scene.write("hola")
    thinking = asyncio.create_task(converse(scene))
    await until(lambda: scene.parrot.heard)
    await scene.write("STOP")
    scene.parrot.ready.set()
    await thinking
    await deliver(scene)
    assert scene.post.texts == [GOODBYE]


async def test_a_reply_of_several_messages_that_is_on_its_way(scene: Scene) -> None:
    await scene.write("hola")
    await queue(scene, *(Text(f"parte {n}") for n in range(4)))
    taken = asyncio.Event()
    scene.post.does.append(taken)
    delivering = asyncio.create_task(deliver(scene))
    await until(lambda: not scene.post.does)  # the provider has the first one in hand
    await scene.write("STOP")
    taken.set()
    await delivering
    assert scene.post.texts == ["parte 0", GOODBYE]
    refused = ("refused", WANTS_NONE)
    assert await ended(scene) == [("sent", None), *[refused] * 3, ("sent", None)]


@pytest.mark.parametrize("content", [Text("¡Oferta!"), Template("oferta", "es")], ids=lambda each: each.type)
async def test_what_is_queued_before_and_after(scene: Scene, content: Content) -> None:
    await scene.write("hola")
    await queue(scene, content)
    await scene.write("stop")
    await queue(scene, content)
    await deliver(scene)
    await queue(scene, content)
    await deliver(scene)
    assert scene.post.texts == [GOODBYE]
    assert len(scene.post.sent) == 1


@pytest.mark.parametrize("habit", [TryLater("429", after=60), Uncertain("hung up")], ids=str)
async def test_what_waits_at_the_provider_s_word(scene: Scene, habit: Exception) -> None:
    """Also what turns out never to have been sent."""
    await scene.write("hola")
    await queue(scene, Text("una respuesta"))
    scene.post.does.append(habit)
    scene.post.found = CannotTell("too early")
    await deliver(scene)
    await scene.write("stop")
    scene.post.found = None
    await scene.pool.execute("UPDATE messages SET due_at = NULL WHERE state = 'uncertain'")
    await deliver(scene)
    assert scene.post.texts == [GOODBYE]


async def test_what_an_operator_retries(scene: Scene, terminal: Terminal) -> None:
    await scene.write("hola")
    await queue(scene, Text("una respuesta"))
    held = await scene.pool.fetchval(
        "UPDATE messages SET state = 'held' WHERE direction = 'out' RETURNING id"
    )
    await scene.write("stop")
    await terminal.type("held", "retry", f"m{held}")
    await deliver(scene)
    assert scene.post.texts == [GOODBYE]


async def test_the_late_apology_and_the_text_for_the_held(scene: Scene) -> None:
    await scene.pool.execute(
        "UPDATE tenants SET late_rule = 'apologise', held_text = 'Te escribimos pronto.'"
    )
    await scene.heard()
    await scene.write("hola")
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '1 hour'")
    await converse(scene)
    await scene.write("¿hola?")
    scene.parrot.fails.extend(ValueError() for _ in range(3))
    for _ in range(4):
        await converse(scene)
    assert [state for state, _ in await ended(scene)] == ["queued"] * 3
    await scene.write("stop")
    await deliver(scene)
    assert scene.post.texts == [GOODBYE]


async def test_a_hand_over_s_words(scene: Scene) -> None:
    scene.parrot.hand_over = True
    await scene.write("quiero hablar con una persona")
    await converse(scene)
    await scene.write("stop")
    await queue(scene, Text("Hola, soy Rosa."))
    await deliver(scene)
    assert scene.post.texts == [GOODBYE]


async def test_an_assistant_that_answers_the_word_itself_is_not_asked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def insist(turn: Turn[Any, Any]) -> Reply:
        return Reply([Text("¡No te vayas!"), Template("oferta", "es")])

    monkeypatch.setattr(scene.parrot, "reply", insist)
    async with scene.working():
        await scene.write("baja")
        await until(lambda: scene.post.sent)
        await scene.write("¿sigues ahí?", sender="ana")
        await scene.write("hola", sender="eva")
        await scene.settled()
    assert len(scene.post.sent) == 3
    assert [message.content for message in scene.post.sent if message.to == "ana"] == [Text(GOODBYE)]


async def test_a_provider_that_says_so_when_it_is_asked_to_send(scene: Scene) -> None:
    await scene.write("hola")
    await queue(scene, Text("uno"), Text("dos"))
    scene.post.does.append(OptedOut("21610: opted out"))
    await deliver(scene)
    assert scene.post.sent == []
    assert await ended(scene) == [("refused", "21610: opted out"), ("refused", WANTS_NONE)]
    await scene.write("¿hola?")
    await converse(scene)
    assert not scene.parrot.heard
    assert await scene.pool.fetchval("SELECT cause FROM consents") == "21610: opted out"


async def test_who_wants_no_marketing_gets_replies_and_no_templates(scene: Scene) -> None:
    await scene.write("hola")
    await queue(scene, Template("oferta", "es"), Text("una respuesta"), Template("oferta", "es"))
    scene.post.does.append(OptedOut("131050: stopped marketing", marketing=True))
    await deliver(scene)
    assert scene.post.texts == ["una respuesta"]
    assert [cause for _, cause in await ended(scene)] == [
        "131050: stopped marketing",
        None,
        WANTS_NO_MARKETING,
    ]


async def test_a_word_that_was_spooled_counts_when_it_is_taken(scene: Scene, tmp_path: Path) -> None:
    await scene.write("hola")
    await queue(scene, Text("una respuesta"))
    entry = await scene.entry()
    account = entry.accounts[0]
    first = prepare(entry.tenant.id, account, InboundMessage(account.address, "1", "eva", Text("hola")))
    async with (
        Spool(tmp_path / "spool", 64 * 1024 * 1024) as spool,
        Intake(scene.pool, scene.intake.plugins, spool) as intake,
    ):
        await spool.keep([pack(first)])
        await intake.take(
            entry.tenant, [(account, InboundMessage(account.address, "2", "ana", Text("stop")))]
        )
        assert await intake._drain(spool) == 2
    await deliver(scene)
    assert scene.post.texts == [GOODBYE]


async def test_a_delivery_waits_for_a_word_that_is_being_taken(scene: Scene) -> None:
    """What is acknowledged before it calls the provider, it must have seen."""
    await scene.write("hola")
    await queue(scene, Text("una respuesta"))
    out = Sign("out", "contact", "stop")
    async with scene.pool.acquire() as connection, connection.transaction():
        await consent.record(connection, *await place(scene), out)
        delivering = asyncio.create_task(deliver(scene))
        await until(lambda: scene.pool.fetchval(BLOCKED))
    await delivering
    assert scene.post.sent == []
    assert await ended(scene) == [("refused", WANTS_NONE)]


async def test_of_many_deliveries_at_once_none_sends_after_the_acknowledgement(scene: Scene) -> None:
    await scene.write("hola")
    await queue(scene, *(Text(f"parte {n}") for n in range(20)))
    scene.post.does.extend([0.01] * 30)
    deliveries = [asyncio.create_task(deliver(scene)) for _ in range(4)]
    await until(lambda: scene.post.sent)
    await scene.write("stop")
    sent = await scene.pool.fetchval("SELECT count(*) FROM messages WHERE state IN ('sending', 'sent')")
    await asyncio.gather(*deliveries)
    await deliver(scene)
    assert scene.post.texts == [*(f"parte {n}" for n in range(sent)), GOODBYE]


deeds = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(["hola", "stop", "alta"])),
    st.tuples(st.just("provider says"), st.sampled_from(["out", "in", "marketing out", "marketing in"])),
    st.tuples(st.sampled_from(["post again", "think", "go on", "deliver", "queue", "refuse"]), st.just("")),
)


@dataclass
class Play:
    """One contact's conversation, acted by a script; what is sent or asked against its will is an error."""

    scene: Scene
    sender: str
    state: str | None = None  # as the rules have it
    changes: list[str] = field(default_factory=list)
    confirmed: int = 0
    words: int = 0
    last: InboundMessage | None = None
    thinking: list[asyncio.Task[None]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    refuse: bool = False
    wrong: list[str] = field(default_factory=list)  # a plugin's exceptions would be caught

    async def row(self) -> asyncpg.Record:
        row = await self.scene.pool.fetchrow(
            "SELECT tenant_id, id, opted_out, (SELECT confirmation_id FROM consents"
            " WHERE conversation_id = conversations.id ORDER BY id DESC LIMIT 1) AS last"
            " FROM conversations WHERE peer = $1",
            self.sender,
        )
        assert isinstance(row, asyncpg.Record)
        return row

    async def send(self, message: OutboundMessage, account: Any) -> Receipt:
        row = await self.row()
        if row["opted_out"] == "all" and message.id != row["last"]:
            self.wrong.append(f"sent: {message}")
        if row["opted_out"] == "marketing" and isinstance(message.content, Template):
            self.wrong.append(f"sent: {message}")
        if self.refuse:
            self.refuse = False
            self.hear("out", "provider")
            raise OptedOut("21610")
        return Receipt(f"P{message.id}")

    async def reply(self, turn: Turn[Any, Any]) -> Reply:
        if self.state == "all":
            self.wrong.append(f"asked: {turn}")
        self.asked.set()
        await self.go.wait()
        return Reply([Text("una respuesta"), Template("oferta")])

    def hear(self, change: Any, source: Any) -> None:
        after = state_after(self.state, change, source)  # type: ignore[arg-type]
        if after != self.state:
            self.changes.append(change)
            self.confirmed += source == "contact"
        self.state = after

    async def act(self, deed: str, said: str) -> None:
        match deed:
            case "write":
                await self.post(InboundMessage("", f"{self.sender} {self.words}", self.sender, Text(said)))
                if said != "hola":
                    self.hear("out" if said == "stop" else "in", "contact")
            case "provider says":
                change: Any = said
                content = Note(said) if "marketing" in said else Text(said)
                key = f"{self.sender} {self.words}"
                await self.post(InboundMessage("", key, self.sender, content, consent=change))
                self.hear(change, "provider")
            case "post again" if self.last:
                await self.post(self.last)
            case "think" | "go on" | "deliver":
                await {"think": self.think, "go on": self.go_on, "deliver": self.deliver}[deed]()
            case "queue":
                await queue(self.scene, Text("hola"), Template("oferta"), sender=self.sender)
            case "refuse":
                self.refuse = True

    async def post(self, event: InboundMessage) -> None:
        entry = await self.scene.entry()
        account = entry.accounts[0]
        self.words += event is not self.last
        self.last = event
        await self.scene.intake.take(entry.tenant, [(account, event)])

    async def think(self) -> None:
        row = await self.row()
        job = Job(jobs.CONVERSE, row["tenant_id"], row["id"])
        self.asked.clear()
        self.thinking.append(asyncio.create_task(self.scene.conversation.converse(job)))
        asked = asyncio.create_task(self.asked.wait())
        await asyncio.wait({self.thinking[-1], asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()

    async def go_on(self) -> None:
        self.go.set()
        await asyncio.gather(*self.thinking)
        self.thinking.clear()
        self.go.clear()

    async def deliver(self) -> None:
        row = await self.row()
        await self.scene.delivery.deliver(Job(jobs.DELIVER, row["tenant_id"], row["id"]))

    async def end(self) -> None:
        """Everything ends; nothing may wait, and each change is confirmed once."""
        await self.go_on()
        await self.think()
        await self.go_on()
        await self.deliver()
        assert self.wrong == []
        row = await self.row()
        assert row["opted_out"] == self.state
        where = (row["tenant_id"], row["id"])
        trail = await self.scene.pool.fetch(
            "SELECT change, confirmation_id FROM consents WHERE tenant_id = $1 AND conversation_id = $2"
            " ORDER BY id",
            *where,
        )
        assert [each["change"] for each in trail] == self.changes
        assert sum(each["confirmation_id"] is not None for each in trail) == self.confirmed
        waiting = await self.scene.pool.fetchval(
            "SELECT count(*) FROM messages WHERE tenant_id = $1 AND conversation_id = $2"
            " AND (direction = 'in' AND turn_id IS NULL OR state IN ('queued', 'sending', 'uncertain'))",
            *where,
        )
        assert waiting == 0
        order = await self.scene.pool.fetch(
            "SELECT sequence FROM messages WHERE tenant_id = $1 AND conversation_id = $2"
            " AND direction = 'out' ORDER BY sequence",
            *where,
        )
        assert [each["sequence"] for each in order] == list(range(1, len(order) + 1))


_contacts = count()


@pytest.mark.timeout(180)
@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=st.lists(deeds, max_size=12))
async def test_under_any_script(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, script: list[tuple[str, str]]
) -> None:
    play = Play(scene, f"contact {next(_contacts)}")
    monkeypatch.setattr(scene.post, "send", play.send)
    monkeypatch.setattr(scene.parrot, "reply", play.reply)
    for deed, said in [("write", "hola"), *script]:
        await play.act(deed, said)
    await play.end()
    event(f"opted out {play.changes.count('out')} times")
