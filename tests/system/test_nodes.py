"""Several nodes over one Postgres: two edges and two workers behave as one."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from itertools import cycle

import pytest
from installation import Installation, until_taken
from processes import Running, Serving, family, free_port, running, serving
from waiting import LIMIT, until

SHOPS = 2
CONTACTS = 3  # of each shop, at once
TEXTS = 20  # of a contact
PACE = 0.05  # seconds between two messages of a contact: a load, not an overload

Post = Callable[[str], Callable[[bytes], Awaitable[None]]]  # by the contact whose posts they are
TAKEN_BETWEEN = 12  # messages between a kill and the start, and between a start and the next kill


@dataclass
class Node:
    """One process of the four, which comes back as itself."""

    open: Callable[[], AbstractAsyncContextManager[Running]]
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        self.at_work = await self._stack.enter_async_context(self.open())

    async def kill(self) -> None:
        """Its machine loses power."""
        for pid in family(self.at_work.pid):
            os.kill(pid, signal.SIGKILL)
        await self._stack.aclose()

    async def stop(self) -> None:
        """Its operator stops it, and waits."""
        await self._stack.aclose()

    @property
    def edge(self) -> Serving:
        assert isinstance(self.at_work, Serving)
        return self.at_work


@dataclass
class Nodes:
    edges: list[Node]
    workers: list[Node]

    @property
    def said(self) -> str:
        return "".join(node.at_work.said for node in (*self.edges, *self.workers))


@asynccontextmanager
async def nodes(installation: Installation) -> AsyncIterator[Nodes]:
    """Two machines, each with an edge and a worker, and a data directory of its own."""
    both = Nodes([], [])
    for name in ("left", "right"):
        folder = installation.folder / name
        folder.mkdir()
        environment = installation.environment | {
            "CONSERJE_DATA_DIR": str(folder),
            "CONSERJE_LISTEN": f"127.0.0.1:{free_port()}",
            "CONSERJE_OPERATOR_LISTEN": str(folder / "operator.sock"),
            "CONSERJE_CONSOLE_LISTEN": str(folder / "console.sock"),
        }
        both.edges.append(Node(lambda environment=environment: serving(environment)))  # type: ignore[misc]
        both.workers.append(
            Node(
                lambda environment=environment, folder=folder: running(  # type: ignore[misc]
                    environment, "work", log=folder / "work.log"
                )
            )
        )
    async with AsyncExitStack() as stack:
        for node in (*both.edges, *both.workers):
            stack.push_async_callback(node.stop)
            await node.start()
        yield both


@dataclass
class Load:
    """Contacts who write one message after the other, each at the other edge than the last."""

    installation: Installation
    taken: defaultdict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    over: bool = False

    @property
    def count(self) -> int:
        return sum(map(len, self.taken.values()))

    async def more(self, count: int) -> None:
        """Until so many more are acknowledged."""
        enough = self.count + count
        await until(lambda: self.count >= enough)

    async def go_on(self, slug: str, phones: str, post: Post) -> None:
        """One contact after the other writes: one that wrote on and on would be taken for a machine."""
        for number in itertools.count():
            contact = f"{phones}{number // TEXTS:04}"
            if number % TEXTS == 0:
                take = post(contact)
            if self.over:
                return
            text = f"palabra {number}"
            await take(self.installation.message(slug, contact, text))
            self.taken[slug, contact].append(text)
            await asyncio.sleep(PACE)

    @asynccontextmanager
    async def going_on(self, post: Post) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as writers:
            for shop in range(SHOPS):
                for number in range(CONTACTS):
                    phones = f"whatsapp:+5696{shop}{number:02}"
                    writers.create_task(self.go_on(f"shop-{shop}", phones, post))
            try:
                yield
            finally:
                self.over = True

    def answered(self) -> dict[tuple[str, str], list[str]]:
        """What each contact was told, line by line: the assistant says back a burst's messages as lines."""
        told: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        slugs = {account.numbers[0]: slug for slug, account in self.installation.accounts.items()}
        for message in self.installation.twilio.messages:
            told[slugs[message.sender], message.to] += message.body.splitlines()
        return told


async def open_shops(installation: Installation) -> None:
    for shop in range(SHOPS):
        await installation.add(f"shop-{shop}")


@pytest.mark.long
async def test_promises_3_4_and_5_each_of_two_edges_and_two_workers_killed_under_load(
    installation: Installation,
) -> None:
    """Every acknowledged message is answered once, in the order of its contact's writing."""
    await open_shops(installation)
    load = Load(installation)
    async with nodes(installation) as both:

        def alternating(_: str) -> Callable[[bytes], Awaitable[None]]:
            edges = cycle(both.edges)
            return lambda request: until_taken_by_one(edges, request)

        async with load.going_on(alternating):
            for victim in (*both.edges, *both.workers):
                await load.more(TAKEN_BETWEEN)
                await victim.kill()
                await load.more(TAKEN_BETWEEN)
                await victim.start()
            await load.more(TAKEN_BETWEEN)
        uncertain = await until_answered(installation)
    for contact, texts in load.taken.items():
        answered = load.answered()[contact]
        assert answered == [text for text in texts if text in answered], "each once, and in order"
        assert {*texts} - {*answered} <= uncertain, "all but what was being sent at a kill"


IN_HAND = """
SELECT count(*) FROM messages WHERE (direction = 'in' AND turn_id IS NULL) OR state IN ('queued', 'sending')
"""
BLOCKED = """
SELECT content, state FROM messages AS waiting WHERE state IN ('queued', 'uncertain', 'held') AND EXISTS (
    SELECT FROM messages WHERE tenant_id = waiting.tenant_id AND conversation_id = waiting.conversation_id
    AND state IN ('uncertain', 'held') AND sequence <= waiting.sequence)
"""


async def until_answered(installation: Installation) -> set[str]:
    """Wait until only that is left which a kill cut, or what stands behind it; its lines.

    Twilio is asked for it after a minute: other tests wait for that.
    """

    async def nothing_else() -> bool:
        in_hand = await installation.pool.fetchval(IN_HAND)
        blocked = await installation.pool.fetch(BLOCKED)
        return bool(in_hand == sum(row["state"] == "queued" for row in blocked))

    await until(nothing_else)
    contents = [json.loads(row["content"]) for row in await installation.pool.fetch(BLOCKED)]
    return {line for content in contents for line in content["text"].splitlines()}


async def until_taken_by_one(edges: cycle[Node], request: bytes) -> None:
    """Post at the next edge, and at the one after it where that is down: as a patient provider does."""
    while True:
        try:
            if 200 <= await next(edges).edge.status(request) < 300:
                return
        except (OSError, IndexError):  # refused, reset, or closed without an answer
            pass
        await asyncio.sleep(0.02)


@pytest.mark.long
async def test_a_rolling_restart_drops_no_request_and_finishes_what_is_in_hand(
    installation: Installation,
) -> None:
    """As nginx has it: what ends before the first byte of an answer goes to the other edge. No edge has to be
    killed for a request that it does not end."""
    await open_shops(installation)
    load = Load(installation)
    answers: Counter[int] = Counter()
    async with nodes(installation) as both:

        def balanced(_: str) -> Callable[[bytes], Awaitable[None]]:
            edges = cycle(both.edges)

            async def post(request: bytes) -> None:
                answers[await balance(edges, request)] += 1

            return post

        async with load.going_on(balanced):
            for node in (*both.edges, *both.workers):
                await load.more(TAKEN_BETWEEN)
                await node.stop()
                assert node.at_work.process.returncode == 0, node.at_work.said
                assert "refused to gracefully stop" not in node.at_work.said  # granian's words
                await load.more(TAKEN_BETWEEN)
                await node.start()
            await load.more(TAKEN_BETWEEN)
        await installation.until_settled()
        assert "others take them over" not in both.said
    assert set(answers) == {200}
    assert load.answered() == load.taken


async def balance(edges: cycle[Node], request: bytes) -> int:
    """The status of the answer. A connection that is made in the moment in which an edge stops is closed
    before anything is read of it.
    """
    while True:
        edge = next(edges).edge
        try:
            reader, writer = await edge.connect()
        except ConnectionRefusedError:
            await asyncio.sleep(0.005)
            continue
        with suppress(ConnectionError), closing(writer):
            writer.write(request)
            if head := await asyncio.wait_for(reader.readline(), LIMIT):
                return int(head.split(b" ", 2)[1])


async def test_promise_2_the_same_event_at_two_edges_at_once_is_answered_once(
    installation: Installation,
) -> None:
    await open_shops(installation)
    written = {f"whatsapp:+5697{number:07}": f"shop-{number % SHOPS}" for number in range(200)}
    waiting = list(written)
    async with nodes(installation) as both:

        async def post_all() -> None:
            while waiting:
                contact = waiting.pop()
                request = installation.message(written[contact], contact, contact)
                await asyncio.gather(*(until_taken(node.edge, request) for node in both.edges))

        await asyncio.gather(*(post_all() for _ in range(8)))
        await installation.until_settled()
    assert installation.replies == {(contact, contact): 1 for contact in written}
