"""Claim, think, settle under any interleaving: each message is answered by one turn, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count, groupby
from typing import Any, cast

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from scene import Scene
from waiting import LIMIT

from conserje import Assistant, Nothing, Reply, Text, Turn, plain
from conserje.contract.message import Content
from conserje.conversations.sending import Free, Leave, Next
from conserje.net.client import client
from conserje.plugins.plugins import Plugins
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.tenants.entry import Entry
from conserje.turns import turn as conversation
from conserje.turns.turn import Conversation

HANDS = 3  # turns of one conversation that may be under way at once, on two workers or more
BLOCKED = 0.03  # seconds: a statement that takes longer waits for a row that another hand has locked
EXAMPLES = 100
PATIENT = "1 minute"  # longer than any script takes

PICK = """
SELECT id, entrypoint, payload, priority FROM pgqueuer.pgqueuer WHERE entrypoint = 'converse' ORDER BY id
"""
# But one that a hand is about to change: the play would wait for the hand, and the hand for the play.
LOSE_LEASES = """
UPDATE conversations SET leased_until = now() - interval '1 second'
WHERE id IN (SELECT id FROM conversations WHERE leased_until > now() FOR UPDATE SKIP LOCKED)
"""
RETRY = "UPDATE conversations SET state = 'open', starts = 0 WHERE state = 'held'"
SAID = """
SELECT direction, content::jsonb ->> 'text' AS text, messages.turn_id, sequence
FROM messages JOIN conversations
  ON conversations.tenant_id = messages.tenant_id AND conversations.id = conversation_id
WHERE peer = $1 ORDER BY direction, sequence, messages.id
"""
TURNS = """
SELECT turns.id FROM turns JOIN conversations
  ON conversations.tenant_id = turns.tenant_id AND conversations.id = conversation_id
WHERE peer = $1
"""

_contacts = count()


@dataclass
class Hand:
    """One job at work, which takes a step (a statement, or the assistant's thinking) when it is let.

    It dies as a process dies: its connection breaks, and nothing that it would do comes to pass.
    """

    job_id: int
    _let: asyncio.Event = field(default_factory=asyncio.Event)
    _waits: asyncio.Event = field(default_factory=asyncio.Event)
    connection: asyncpg.Connection[Any] | None = None
    task: asyncio.Task[None] | None = None
    thinks: bool = False
    dead: bool = False

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            at_hand.set(self)
            try:
                await work()
            finally:
                self._waits.set()

        self.task = asyncio.create_task(run())

    async def turn(self, thinks: bool = False) -> None:
        """Wait to be let."""
        self.thinks = thinks
        self._let.clear()
        self._waits.set()
        await self._let.wait()
        self._waits.clear()

    async def step(self) -> bool:
        """Let it take one step; whether it can take another. Where it is blocked, it goes on by itself."""
        assert self.task is not None
        try:
            await asyncio.wait_for(self._waits.wait(), BLOCKED)
            self._waits.clear()
            self._let.set()
            await asyncio.wait_for(self._waits.wait(), BLOCKED)
        except TimeoutError:
            return False
        return not self.task.done()

    async def die(self) -> None:
        assert self.task is not None
        self.dead = True
        if self.connection:
            self.connection.terminate()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


at_hand: ContextVar[Hand] = ContextVar("at_hand")


class Stepped:
    """A connection whose statements wait until its hand is let."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    def is_closed(self) -> bool:
        return at_hand.get().dead

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._connection, name)

        async def stepped(*args: Any) -> Any:
            await at_hand.get().turn()
            return await call(*args, timeout=LIMIT)  # it may be another hand's lock that it waits for

        return stepped


class SteppedPool:
    """The pool of all hands."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Stepped]:
        async with self._pool.acquire() as connection:
            at_hand.get().connection = cast("asyncpg.Connection[Any]", connection)
            try:
                yield Stepped(at_hand.get().connection)  # type: ignore[arg-type]
            finally:
                at_hand.get().connection = None


class Thinker(Assistant[Nothing, Nothing, Nothing]):
    """Says what it heard when its hand is let."""

    name = "parrot"
    Credentials = Settings = Operator = Nothing

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        await at_hand.get().turn(thinks=True)
        return Reply([Text(" ".join(plain(message.content) for message in turn.messages))])


# What may happen next. Which hand or job is meant is a number taken modulo those there are.
which = st.integers(0, HANDS - 1)
OFTEN = {"pick": 2, "step": 2, "go on": 3, "kill": 1}


@dataclass
class AtOnce:
    """Who sends a reply in no time, where it was settled in one round trip."""

    pool: Pool

    def free(self, entry: Entry, account_id: int, content: Content) -> Free:
        return Free(None)

    def leaving(self, entry: Entry, job: Job, message: Next, asked_at: float) -> Leave:
        async def leave() -> None:
            await self.pool.execute("UPDATE messages SET state = 'sent' WHERE id = $1", message.id)

        return leave

    async def take_first(self, connection: Connection, entry: Entry, job: Job) -> None:
        return None


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 3)),
        st.just(("lose the lease", 0)),
        *(st.tuples(st.just(deed), which) for deed, times in OFTEN.items() for _ in range(times)),
    ),
    min_size=10,
    max_size=60,
)


@dataclass
class Play:
    """One conversation and the hands at it."""

    scene: Scene
    slug: str
    contact: str
    conversation: Conversation
    hands: list[Hand] = field(default_factory=list)
    words: count[int] = field(default_factory=count)
    killed: int = 0

    async def act(self, deed: str, number: int) -> None:
        match deed:
            case "write":
                for _ in range(number):
                    await self.scene.write(f"w{next(self.words)}", self.contact, slug=self.slug)
            case "pick":
                await self.pick(number)
            case "lose the lease":
                await self.scene.pool.execute(LOSE_LEASES)
            case _ if self.hands:
                await self.go_on(self.hands[number % len(self.hands)], deed)

    async def go_on(self, hand: Hand, deed: str) -> None:
        match deed:
            case "kill":
                await hand.die()
                self.hands.remove(hand)  # its job stays in the queue
                self.killed += 1
            case "step":
                await hand.step()
            case "go on":  # to the thinking, or to the end
                while await hand.step() and not hand.thinks:
                    pass
        await self.put_away()

    async def put_away(self) -> None:
        """Jobs that have ended leave the queue."""
        for hand in [hand for hand in self.hands if hand.task and hand.task.done()]:
            assert hand.task
            self.hands.remove(hand)
            try:
                await hand.task
            except asyncpg.LockNotAvailableError:  # its job goes back
                continue
            await self.scene.pool.execute("DELETE FROM pgqueuer.pgqueuer WHERE id = $1", hand.job_id)

    async def pick(self, number: int) -> bool:
        """Let a hand take a job that nobody has; whether there is one. Due or not: a job is a hint."""
        taken = {hand.job_id for hand in self.hands}
        free = [row for row in await self.scene.pool.fetch(PICK) if row["id"] not in taken]
        if not free or len(self.hands) == HANDS:
            return False
        row = free[number % len(free)]
        job = Job(jobs.CONVERSE, *jobs.read_payload(row["payload"]), row["priority"])
        hand = Hand(row["id"])
        hand.start(lambda: self.conversation.converse(job))
        self.hands.append(hand)
        return True

    async def finish(self) -> None:
        while self.hands:
            for hand in list(self.hands):
                await self.go_on(hand, "step")

    async def end(self) -> None:
        """Everything ends and time passes; the jobs that are left must be enough."""
        await self.finish()
        for _ in range(100):
            await self.scene.pool.execute(LOSE_LEASES)
            await self.scene.pool.execute(RETRY)  # by an operator's word
            if not await self.pick(0):
                return
            await self.finish()
        raise AssertionError("jobs without an end")


@pytest.mark.timeout(180)
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.generate],  # hands that hang would be shrunk for minutes
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=steps, patient=st.booleans(), sends=st.booleans())
async def test_promises_3_and_4_hold_under_any_interleaving(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, script: list[tuple[str, int]], patient: bool, sends: bool
) -> None:
    """Workers stop at any statement, leases are lost, and messages come while their turn is under way."""
    monkeypatch.setattr(conversation, "RENEWAL", 3600.0)  # leases end by the script's word alone
    monkeypatch.setattr("conserje.conversations.state.LEASE", timedelta(hours=1))
    slug = await tenant(scene, patient)
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    plugins = Plugins({"post": scene.post}, {"parrot": Thinker(Nothing(), client())})
    pool = cast("Pool", SteppedPool(scene.pool))
    contact = f"contact {next(_contacts)}"
    able = (plugins, scene.vault, 60.0, scene.collector.folder)
    turns = Conversation(pool, scene.directory, *able)
    turns.sender = AtOnce(scene.pool) if sends else None
    play = Play(scene, slug, contact, turns)
    for deed, number in [("write", 1), *script]:
        await play.act(deed, number)
    await play.end()
    event(f"killed: {play.killed}")
    await see_answered(scene, contact, next(play.words))


async def tenant(scene: Scene, patient: bool) -> str:
    """The slug of a tenant whose turns take in what comes meanwhile, or of one whose do not."""
    slug = "patient" if patient else "hasty"
    if not await scene.pool.fetchval("SELECT count(*) FROM tenants WHERE slug = $1", slug):
        await scene.add(slug)
        wait = PATIENT if patient else "0"
        await scene.pool.execute(
            "UPDATE tenants SET longest_wait = $2::text::interval WHERE slug = $1", slug, wait
        )
        await scene.heard()
    return slug


async def see_answered(scene: Scene, contact: str, written: int) -> None:
    rows = await scene.pool.fetch(SAID, contact)
    heard = [row for row in rows if row["direction"] == "in"]
    said = [row for row in rows if row["direction"] == "out"]
    assert [row["text"] for row in heard] == [f"w{number}" for number in range(written)]
    turns = [
        (turn_id, " ".join(row["text"] for row in each))
        for turn_id, each in groupby(heard, key=lambda row: row["turn_id"])
    ]
    assert None not in dict(turns), "a message is unanswered"
    assert [(row["turn_id"], row["text"]) for row in said] == turns
    assert len(dict(turns)) == len(turns), "a turn came back"
    assert [row["sequence"] for row in said] == list(range(1, len(said) + 1))
    stored = await scene.pool.fetch(TURNS, contact)
    assert sorted(row["id"] for row in stored) == sorted(dict(turns))
