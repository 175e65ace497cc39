"""A scene: one tenant with one account, whose provider and assistant do as the test says."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

from waiting import LIMIT, SETTLED, until, until_heard

from conserje import (
    Account,
    Assistant,
    Channel,
    InboundMessage,
    Nothing,
    OutboundMessage,
    Receipt,
    Reply,
    Text,
    Turn,
)
from conserje.access.mailing import Mailing
from conserje.conversations import effects, overdue, overflow, paces, recovery
from conserje.delivery.delivery import Delivery
from conserje.delivery.pacing import Pacing
from conserje.files.collector import Collector
from conserje.files.folder import Folder
from conserje.files.quota import Quota
from conserje.intake.intake import Intake
from conserje.net.client import client
from conserje.notices import table as notices
from conserje.notices.notifier import Notifier
from conserje.notices.pushing import Pusher
from conserje.notices.telling import Teller
from conserje.plugins.plugins import Plugins
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.database import Pool
from conserje.telemetry import clocks
from conserje.tenants.directory import Directory
from conserje.tenants.entry import Entry
from conserje.tenants.vault import Vault
from conserje.turns.acting import Acting
from conserje.turns.summary import Summaries
from conserje.turns.turn import Conversation
from conserje.work.worker import Task, Worker


class Post(Channel[Nothing, Nothing, Nothing]):
    """A provider that takes everything, or does what `does` says, once for each entry: raises it, waits
    for it, or for so many seconds."""

    name = "post"
    Credentials = Settings = Operator = Nothing

    def __init__(self) -> None:
        super().__init__(Nothing(), client())
        self.sent: list[OutboundMessage] = []
        self.does: deque[Exception | asyncio.Event | float] = deque()
        self.found: Receipt | Exception | None = None
        self.clock_ahead: timedelta | None = None  # None: it tells no time

    async def send(self, message: OutboundMessage, account: Account[Nothing, Nothing]) -> Receipt:
        if self.does:
            habit = self.does.popleft()
            if isinstance(habit, Exception):
                raise habit
            await (habit.wait() if isinstance(habit, asyncio.Event) else asyncio.sleep(habit))
        self.sent.append(message)
        return Receipt(f"P{message.id}")

    async def find(self, message: OutboundMessage, account: Account[Nothing, Nothing]) -> Receipt | None:
        if self.clock_ahead is not None:
            clocks.note_date(format_datetime(datetime.now(UTC) + self.clock_ahead))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    @property
    def texts(self) -> list[str]:
        return [message.content.text for message in self.sent if isinstance(message.content, Text)]


class Parrot(Assistant[Nothing, Nothing, Nothing]):
    """Says what it heard, all in one message, after `thinking` seconds, and not before it is `ready`."""

    name = "parrot"
    Credentials = Settings = Operator = Nothing

    def __init__(self) -> None:
        super().__init__(Nothing(), client())
        self.heard: list[Turn[Nothing, Nothing]] = []
        self.thinking = 0.0
        self.ready = asyncio.Event()
        self.ready.set()
        self.fails: deque[Exception] = deque()
        self.hand_over = False

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        self.heard.append(turn)
        await asyncio.sleep(self.thinking)
        await self.ready.wait()
        if self.fails:
            raise self.fails.popleft()
        words = [m.content.text for m in turn.messages if isinstance(m.content, Text)]
        return Reply([Text(" / ".join(words))], intent="parroted", confidence=1.0, hand_over=self.hand_over)


@dataclass
class Scene:
    """All that a message meets on its way, in one process."""

    pool: Pool
    url: str
    directory: Directory
    vault: Vault
    post: Post
    parrot: Parrot
    intake: Intake
    conversation: Conversation
    delivery: Delivery
    collector: Collector
    notifier: Notifier
    acting: Acting
    mailing: Mailing
    teller: Teller
    pusher: Pusher
    slug: str = "acme"
    _keys: itertools.count[int] = field(default_factory=itertools.count)

    async def entry(self, slug: str = "acme") -> Entry:
        return await self.directory.by_slug(slug)

    async def add(self, slug: str, quiet: str = "0 seconds") -> Entry:
        """One more tenant, with its account."""
        await self.pool.execute(
            "WITH tenant AS (INSERT INTO tenants (slug, name, assistant, fallback_assistant, quiet_period)"
            " VALUES ($1, $1, 'parrot', 'parrot', $2::text::interval) RETURNING id)"
            " INSERT INTO accounts (tenant_id, channel, address) SELECT id, 'post', '+56 ' || $1 FROM tenant",
            slug,
            quiet,
        )
        return await self.directory.by_slug(slug)

    async def write(self, text: str, sender: str = "ana", key: str = "", slug: str = "acme") -> None:
        """A contact writes."""
        entry = await self.entry(slug)
        account = entry.accounts[0]
        event = InboundMessage(
            account.address, key or f"key {next(self._keys)}", sender, Text(text), name=sender.title()
        )
        await self.intake.take(entry.tenant, [(account, event)])

    async def heard(self) -> None:
        """Wait until the directory has heard of what was changed."""
        await until_heard(self.directory, self.pool)

    async def settled(self) -> None:
        """Wait until nothing waits for an answer or for its fate."""
        await until(lambda: self.pool.fetchval(SETTLED))

    def worker(self, slots: int = 40) -> Worker:
        """A worker that has not begun. A turn that it ends sends its reply by itself; without one, `deliver`
        does."""
        self.conversation.sender = self.delivery
        tasks = (
            Task(
                jobs.CONVERSE,
                self.conversation.converse,
                upkeep=partial(overdue.sweep, self.pool),
                bring=partial(overflow.bring, self.pool),
            ),
            Task(jobs.DELIVER, self.delivery.deliver, upkeep=partial(recovery.keep_up, self.pool)),
            Task(jobs.SEND, self.delivery.deliver, "paced"),
            Task(
                jobs.RELEASE,
                Pacing(self.pool, self.directory, self.conversation.plugins).release,
                "paced",
                partial(paces.recover, self.pool),
            ),
            Task(
                jobs.SUMMARISE,
                Summaries(self.pool, self.directory, self.conversation.thinking).summarise,
                "slow",
            ),
            Task(jobs.ACT, self.acting.act, "slow", partial(effects.recover, self.pool)),
            Task(jobs.COLLECT, self.collector.collect, "slow", self.collector.keep_up),
            Task(jobs.NOTIFY, self.notifier.notify, "slow", partial(notices.recover, self.pool)),
            Task(jobs.INVITE, self.mailing.invite, "slow", self.mailing.recover),
            Task(jobs.TELL, self.teller.tell, "outside", self.teller.look, every=0.05),
            Task(jobs.PUSH, self.pusher.push, "outside", self.pusher.look, every=0.05),
        )
        return Worker(self.pool, self.url, tasks, slots)

    @asynccontextmanager
    async def working(self, slots: int = 40) -> AsyncIterator[Worker]:
        """A worker at work."""
        worker = self.worker(slots)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            await asyncio.wait_for(running, LIMIT)


@asynccontextmanager
async def stage(pool: Pool, url: str, keyring: Path) -> AsyncIterator[Scene]:
    """Everything that works on one database, as one process would have it."""
    post, parrot = Post(), Parrot()
    plugins = Plugins({"post": post}, {"parrot": parrot})
    vault = Vault.read(keyring)
    settings = Settings(data_dir=keyring.parent.parent)
    async with Directory(pool, url) as directory, Intake(pool, plugins) as intake:
        folder = Folder(settings.files)
        conversation = Conversation(pool, directory, plugins, vault, settings.turn_limit, folder)
        yield Scene(
            pool,
            url,
            directory,
            vault,
            post,
            parrot,
            intake,
            conversation,
            Delivery(pool, directory, plugins, vault, settings),
            Collector(pool, directory, plugins, vault, folder, Quota.of(settings)),
            Notifier(pool, directory, vault, settings),
            Acting(pool, directory, conversation.thinking),
            Mailing(pool, settings),
            Teller(pool, directory, vault, settings),
            Pusher(pool, directory, vault, settings),
        )
