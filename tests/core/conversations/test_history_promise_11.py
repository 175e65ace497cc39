"""A long history costs nothing: no statement touches more pages when ten times as much was said before."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from album import Album
from pages import Pages, counting
from past import lengthen, tidy
from scene import Scene, stage
from staff import say
from terminal import Terminal

from conserje import (
    Account,
    AccountFault,
    BusinessMessage,
    Edit,
    File,
    InboundMessage,
    Limits,
    Media,
    Nothing,
    Pressed,
    Reaction,
    Revocation,
    Template,
    Text,
)
from conserje.contract.channel import Page, Uncertain
from conserje.contract.message import Consent, Content, Event, Status, StatusUpdate, Unreadable
from conserje.contract.short_ids import short
from conserje.conversations import (
    backlog,
    contacts,
    dialogue,
    effects,
    feed,
    handling,
    held,
    illness,
    listing,
    overdue,
    paces,
    paging,
    recovery,
    summaries,
)
from conserje.conversations.feed import Feed
from conserje.conversations.held import Filter
from conserje.conversations.rows import digest
from conserje.delivery.addressees import Whom
from conserje.delivery.pacing import Pacing
from conserje.delivery.sends import SendRefused, Wanted, send
from conserje.files import links, uploads
from conserje.files.quota import Quota
from conserje.files.table import Kept
from conserje.files.uploads import Stored, Upload
from conserje.intake.intake import CONNECTIONS
from conserje.intake.reconcile import Gaps, Lane
from conserje.intake.writing import Place
from conserje.leads import table as leads
from conserje.notices import table as notices
from conserje.rules import consent as consents
from conserje.rules.consent import Sign
from conserje.storage import jobs
from conserje.storage.database import Connection
from conserje.storage.jobs import Job
from conserje.storage.pool import connect_pool, connect_storing
from conserje.storage.scope import acting_for
from conserje.tenants.entry import Entry
from conserje.turns import turn

pytestmark = [pytest.mark.new_database, pytest.mark.timeout(3600)]

LONG = int(os.environ.get("HISTORY", "100000"))  # messages of one conversation, conversations of one tenant
SHORT = max(LONG // 10, 5000)  # the conversations that are looked through where a contact is searched for
MOST = 3  # times as many pages
FEW = 12  # pages: below that an index that is a level higher is not told from growth
DEAD = 20  # pages of rows that are dead and stay while autovacuum looks, whatever was said before
AGAIN = 5  # days of two talks each: from the sixth run on Postgres may have a plan for whatever arguments

DAY = timedelta(hours=24)
CONTEXT = timedelta(days=30)  # that an assistant reads
HELLO = Text("hola")
PEERS = (("acme", "ana"), ("bravo", f"c{SHORT // 2}"))


class Provider(Album):
    """It has a window, files to send, and messages that it could not post."""

    def limits_of(self, address: str) -> Limits:
        return Limits(carries=frozenset({"media", "template"}))

    def window(self, address: str) -> timedelta:
        return DAY

    def reach(self, phone: str, address: str) -> str:
        return phone

    async def fetch(self, account: Account[Nothing, Nothing], cursor: str | None) -> Page:
        return Page((), "cursor")


@dataclass
class Day:
    """All that is done about messages in a day, beside what was said before."""

    scene: Scene
    provider: Provider
    terminal: Terminal
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def key(self) -> str:
        return f"key {next(self._numbers)}"

    async def pass_by(self, slug: str, peer: str) -> None:
        """A day in the conversation with one contact."""
        entry = await self.scene.entry(slug)
        place = await self.place(entry, peer)
        await self.talk(entry, peer, place)
        await self.write_first(entry, peer, place)
        await self.send_files(entry, peer, place)
        await self.upload(entry, peer, place)
        await self.doubt(entry, peer, place)
        await self.amend(entry, peer, place)
        await self.pass_on(entry, peer, place)
        await self.part(entry, peer, place)
        await self.ail(entry, peer, place)
        await self.keep_up()
        async with acting_for(self.scene.pool, entry.tenant.id) as scope:  # as --follow does
            await listing.latest(scope.connection, entry.tenant.id, 500)

    async def place(self, entry: Entry, peer: str) -> tuple[int, int]:
        conversation = await self.scene.pool.fetchval(
            "SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = (SELECT contact_id"
            " FROM identities WHERE tenant_id = $1 AND channel = 'post' AND name = $2)",
            entry.tenant.id,
            peer,
        )
        return entry.tenant.id, conversation

    async def take(self, entry: Entry, *events: Event) -> None:
        await self.scene.intake.take(entry.tenant, [(entry.accounts[0], event) for event in events])

    async def write(
        self,
        entry: Entry,
        peer: str,
        said: Content = HELLO,
        *,
        quotes: str = "",
        identities: tuple[str, ...] = (),
    ) -> str:
        """A contact writes; the key of what it wrote."""
        key, address = self.key(), entry.accounts[0].address
        event = InboundMessage(
            address, key, peer, said, identities=identities, provider_id=key, name="Ana", quotes=quotes
        )
        await self.take(entry, event)
        return key

    async def report(self, entry: Entry, status: Status, *, ours: bool, consent: Consent = "") -> None:
        """The provider tells what became of the last message, by our id or by its own."""
        sent, address = self.provider.sent[-1].id, entry.accounts[0].address
        event = StatusUpdate(address, self.key(), status, f"P{sent}", sent if ours else None, consent=consent)
        await self.take(entry, event)

    async def talk(self, entry: Entry, peer: str, place: tuple[int, int]) -> None:
        """What a contact writes is answered, sent, reported and seen."""
        stranger = self.key()
        await self.write(entry, stranger)
        await self.scene.conversation.converse(Job(jobs.CONVERSE, *await self.place(entry, stranger)))
        await self.scene.delivery.deliver(Job(jobs.DELIVER, *await self.place(entry, stranger)))
        key = await self.write(entry, peer, quotes="I10", identities=(f"other {peer}",))
        await self.write(entry, peer, Edit(key, Text("buenas")))
        await self.write(entry, peer, Reaction("O11", "👍"))
        await self.write(entry, peer, Pressed(short("nothing that was offered"), "Sí"))
        await self.write(entry, peer, Revocation("nothing"))
        await self.take(entry, Unreadable(entry.accounts[0].address, self.key(), "odd", "no sender"))
        await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
        await self.scene.delivery.deliver(Job(jobs.DELIVER, *place))
        await self.report(entry, "delivered", ours=True)
        await self.report(entry, "read", ours=False)
        await self.sum_up(place)
        follower = Feed(self.scene.pool, self.scene.directory.changes)
        await follower.conversation(entry.tenant.id, entry.accounts[0].id, "post", peer)
        async with aclosing(follower.follow(*place, 0)) as looks:
            await anext(looks)
        await feed.wake_contact(self.scene.pool, entry.tenant.id, entry.accounts[0].id, "post", peer)
        async with acting_for(self.scene.pool, entry.tenant.id) as scope:
            found = await listing.exchange(
                scope.connection, entry.tenant.id, entry.accounts[0].id, digest(key)
            )
            assert found and found.replies
            await listing.exchange_at(scope.connection, *place, found.message.id)

    async def write_first(self, entry: Entry, peer: str, place: tuple[int, int]) -> None:
        """The business writes of its own accord: to who wrote, to who did not, in vain; and it leaves."""
        plugins = self.scene.conversation.plugins
        contact = await self.scene.pool.fetchval(
            "SELECT contact_id FROM conversations WHERE id = $1", place[1]
        )
        said = await self.scene.pool.fetchval(
            "SELECT max(id) FROM messages WHERE tenant_id = $1 AND conversation_id = $2"
            " AND provider_id IS NOT NULL",
            *place,
        )
        for whom, quotes in (
            (Whom(conversation=place[1]), said),
            (Whom(contact=contact), None),
            (Whom(phone=f"+5691{next(self._numbers):07}"), None),
        ):
            wanted = Wanted(Template("t", text="hola"), whom, "operator", quotes)
            async with acting_for(self.scene.pool, entry.tenant.id) as scope:
                sent = await send(scope, entry, plugins, wanted)
            await self.scene.pool.execute(
                "UPDATE messages SET due_at = due_at - interval '1 hour' WHERE state = 'paced'"
            )
            await paces.recover(self.scene.pool)
            pacing = Pacing(self.scene.pool, self.scene.directory, plugins)
            await pacing.release(Job(jobs.RELEASE, place[0], sent.conversation))
            await self.scene.delivery.deliver(Job(jobs.SEND, place[0], sent.conversation))
        with suppress(SendRefused):
            async with acting_for(self.scene.pool, entry.tenant.id) as scope:
                await send(scope, entry, plugins, Wanted(HELLO, whom, "operator"))

    async def sum_up(self, place: tuple[int, int]) -> None:
        """What was said is summed up, as a job does it, and then anew."""
        for text in ("a", "b"):
            async with acting_for(self.scene.pool, place[0]) as scope:
                assert await summaries.ask(scope.connection, *place, 2**62, CONTEXT)
                if past := await summaries.past(scope.connection, *place, CONTEXT):
                    await summaries.keep(scope.connection, *place, past, text)

    async def send_files(self, entry: Entry, peer: str, place: tuple[int, int]) -> None:
        """A contact sends a file, which is kept, and taken back."""
        key = await self.write(entry, peer, Media((File("a", "image/png"),)))
        message = await self.scene.pool.fetchval(
            "SELECT message_id FROM files WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1", place[0]
        )
        await self.scene.collector.collect(Job(jobs.COLLECT, *place, message))
        await self.write(entry, peer, Revocation(key))
        await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
        await self.scene.delivery.deliver(Job(jobs.DELIVER, *place))

    async def upload(self, entry: Entry, peer: str, place: tuple[int, int]) -> None:
        """A visitor of a page hands a file in, twice since the answer was lost, and sees it; the site says
        who they are."""
        pool, who, key = self.scene.pool, [peer.encode()], self.key()
        async with acting_for(pool, entry.tenant.id) as scope:
            await uploads.look(scope.connection, entry.tenant.id, who)
        for _ in range(2):
            async with pool.acquire() as connection:
                id = await uploads.next_id(connection)
            upload = Upload(id, "a.png", Kept(1, b"x", "image/png"), who)
            said = InboundMessage(entry.accounts[0].address, key, peer, Media((File(f"kept:{id}"),)))

            async def keep(connection: Connection, at: Place, upload: Upload = upload) -> Stored:
                return await uploads.store(connection, at, upload, Quota(2**40, 2**40))

            stored = await self.scene.intake.take_with(entry.tenant, entry.accounts[0], said, keep)
        async with acting_for(pool, entry.tenant.id) as scope:
            found = await scope.connection.fetch(links.NAMED_OF_PAGE, *place, [stored.file_id])
            assert found
            await contacts.vouch(scope.connection, *place, "Ana", "+56912345678")
        await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
        await self.scene.delivery.deliver(Job(jobs.DELIVER, *place))
        await pool.execute("DELETE FROM uploads")  # each day is a new one

    async def amend(self, entry: Entry, peer: str, place: tuple[int, int]) -> None:
        """What is edited comes after that, what is answered is taken back before its answer leaves, and the
        business writes by another way."""
        early, address = self.key(), entry.accounts[0].address
        await self.write(entry, peer, Edit(early, Text("buenas")))
        await self.take(entry, InboundMessage(address, early, peer, HELLO))
        await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
        await self.write(entry, peer, Revocation(early))
        key = self.key()
        earlier = datetime.now(UTC) - timedelta(minutes=10)  # or it would be the provider's greeting
        await self.take(entry, BusinessMessage(address, key, peer, Text(key), at=earlier))
        await handling.give(self.scene.pool, entry.tenant, place[1])

    async def doubt(self, entry: Entry, peer: str, place: tuple[int, int]) -> None:
        """A sending whose end nobody saw is looked for, and a turn is thought for long."""
        await self.write(entry, peer)
        self.scene.parrot.thinking = 1.5 * turn.RENEWAL
        await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
        self.scene.parrot.thinking = 0.0
        self.provider.does.append(Uncertain("cut"))
        self.provider.found = None
        await self.scene.delivery.deliver(Job(jobs.DELIVER, *place))

    async def tell(self, entry: Entry, job: Job) -> None:
        """The shop is told by webhook, the second time, and by mail."""
        pool, tenant = self.scene.pool, entry.tenant
        if notice := await notices.claim(pool, job):
            await notices.waiting(pool, tenant.id, notice)
            await notices.failed(pool, tenant, [notice], "busy", timedelta(0))
            await notices.come_back(pool, job)
        if notice := await notices.claim(pool, job):
            await notices.sent(pool, tenant.id, [notice])
        if told := await notices.collect(pool, job, "a@acme.example"):
            await notices.names(pool, tenant.id, [each.conversation_id for each in told])
            await notices.sent(pool, tenant.id, told)

    async def pass_on(self, entry: Entry, peer: str, place: tuple[int, int]) -> None:
        """The assistant hands over, the shop is told, a person writes and gives back."""
        await self.write(entry, peer)
        self.scene.parrot.hand_over = True
        await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
        self.scene.parrot.hand_over = False
        await self.tell(entry, Job(jobs.NOTIFY, *place))
        await self.write(entry, peer)
        await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
        person = self.scene.pool, entry.tenant
        await handling.list_all(*person, "person", 50)
        ids = await say(*person, place[1], [Text("ya voy")])
        await handling.message_states(*person, place[1], ids)
        await handling.give(*person, place[1])
        await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
        for again in (False, True):
            assert (await handling.take(*person, place[1])).again == again
        await handling.give(*person, place[1])
        await self.scene.delivery.deliver(Job(jobs.DELIVER, *place))

    async def part(self, entry: Entry, peer: str, place: tuple[int, int]) -> None:
        """A contact wants no more messages, and then again; a turn and a message are held, and let go."""
        await self.write(entry, peer, Text("stop"))
        await self.write(entry, peer)
        await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
        await self.write(entry, peer, Text("start"))
        await self.scene.delivery.deliver(Job(jobs.DELIVER, *place))
        await self.report(entry, "failed", ours=False, consent="marketing out")
        async with acting_for(self.scene.pool, place[0]) as scope:
            await consents.record(scope.connection, *place, Sign("in", "operator", "said so"))
        for act in (held.retry, held.drop):
            await self.write(entry, peer)
            await self.hold(
                "UPDATE conversations SET state = 'held' WHERE tenant_id = $1 AND id = $2", *place
            )
            await self.release(act, f"t{place[1]}")
            await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
            sent = self.provider.sent[-1].id
            await self.hold(
                "UPDATE messages SET state = 'held' WHERE tenant_id = $1 AND id = $2", place[0], sent
            )
            await self.release(act, f"m{sent}")
            await self.scene.delivery.deliver(Job(jobs.DELIVER, *place))

    async def ail(self, entry: Entry, peer: str, place: tuple[int, int]) -> None:
        """The provider takes nothing of the account for a while; what waited leaves once it does."""
        for _ in range(2):
            await self.write(entry, peer)
            self.provider.does.append(AccountFault("no payment"))
            await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
            await self.scene.delivery.deliver(Job(jobs.DELIVER, *place))
            self.provider.does.clear()
        for _ in range(3):
            await self.scene.pool.execute("UPDATE illnesses SET due_at = now()")
            await recovery.keep_up(self.scene.pool)
            await self.scene.delivery.deliver(Job(jobs.DELIVER, *place))
            await self.scene.conversation.converse(Job(jobs.CONVERSE, *place))
            await self.scene.delivery.deliver(Job(jobs.DELIVER, *place))
        async with self.scene.pool.acquire() as connection:
            await illness.of_all(connection, 5)
            await illness.count(connection)
            await illness.try_now(connection, place[0], "post", entry.accounts[0].address)

    async def hold(self, statement: str, *arguments: int) -> None:
        async with self.scene.pool.acquire() as connection:
            await connection.execute(statement, *arguments)

    async def release(self, act: Callable[..., Awaitable[None]], held_id: str) -> None:
        async with self.scene.pool.acquire() as connection:
            await held.list_all(connection, Filter(kinds="tm"))
            await held.count(connection, Filter(kinds="tm"))
            await held.get(connection, held_id)
            await act(connection, held_id)

    async def keep_up(self) -> None:
        """What brings back what was lost, asks providers, and counts what waits."""
        await self.scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")  # whose workers do their part
        await overdue.sweep(self.scene.pool)
        await self.scene.collector.keep_up()
        await notices.recover(self.scene.pool)
        scene = self.scene
        gaps = Gaps(scene.pool, scene.directory, scene.conversation.plugins, scene.vault, scene.intake, 0)
        await gaps.ask_all(Lane(self.provider, False), 0)
        async with scene.pool.acquire() as connection:
            await backlog.held(connection)
            await backlog.waiting(connection)
            await backlog.uncertain(connection)

    async def read(self, slug: str, peer: str) -> None:
        """What an operator looks at."""
        place = await self.place(await self.scene.entry(slug), peer)
        await self.terminal.type("conversation", "list", slug)
        await self.terminal.type("conversation", "list", slug, "--held")
        await self.terminal.type("conversation", "list", slug, "--waiting")
        await self.terminal.type("conversation", "list", "--since", "1h")
        await self.terminal.type("conversation", "list", "--waiting")
        await self.terminal.type("conversation", "show", slug, str(place[1]))
        await self.terminal.type("message", "list", slug)
        await self.terminal.type("message", "list", slug, "--contact", "ana", "--links")
        await self.terminal.type("message", "list", slug, "--contact", "nobody", code=1)
        await self.terminal.type("message", "export", slug, "--since", "2100-01-01")
        [contact, *_] = await self.terminal.read("contact", "list", slug, "--search", peer, "--json")
        await self.terminal.type("contact", "show", slug, str(contact["id"]))
        await self.leaf_back(place, contact["id"])
        await self.terminal.type("tenant", "list")
        await self.terminal.type("tenant", "show", slug)

    async def leaf_back(self, place: tuple[int, int], contact_id: int) -> None:
        """What people look at in the console: the end of a talk, its middle, its beginning; the contact."""
        pool = self.scene.pool
        span = "SELECT min(id), max(id) FROM messages WHERE tenant_id = $1 AND conversation_id = $2"
        ends = await pool.fetchrow(span, *place)
        assert ends is not None
        async with acting_for(pool, place[0]) as scope:
            for before in (paging.LAST_ID, sum(ends) // 2, ends[0] + dialogue.PAGE):
                await dialogue.part(scope.connection, *place, before)
            await effects.of_turn(scope.connection, *place, ends[0])
            await consents.of_contact(scope.connection, place[0], contact_id)
            await leads.of_contact(scope.connection, place[0], contact_id, 50)


@asynccontextmanager
async def staged(url: str, keyring: Path, terminal: Terminal) -> AsyncIterator[Day]:
    pool, storing = await connect_pool(url), await connect_storing(url, CONNECTIONS)
    async with stage(pool, url, keyring) as scene:
        scene.intake.storing = storing
        provider = Provider()
        scene.post = provider
        scene.intake.plugins.channels["post"] = provider
        for slug, peer in (("acme", "ana"), ("bravo", "c0")):
            await scene.add(slug)
            await scene.write("hola", peer, slug=slug)
        await pool.execute(
            "UPDATE tenants SET notice_email = 'a@acme.example', notice_url = 'https://acme.example/'"
        )
        await scene.heard()
        yield Day(scene, provider, terminal)
    storing.terminate()
    pool.terminate()


async def passed(day: Day, pages: Pages) -> dict[str, int]:
    """The pages that each statement touches, in one day and in the next one.

    In a single day a busy machine may leave more rows behind, or autovacuum keep them.
    """
    pages.most()
    days = []
    for _ in range(AGAIN):
        await tidy(day.scene.url)
        for slug, peer in PEERS:
            await day.pass_by(slug, peer)
        days.append(pages.most())
    for slug, peer in PEERS:
        await day.read(slug, peer)
    touched = pages.most()
    for statement in {each for one in days for each in one}:
        each_day = [one[statement] for one in days if statement in one]
        twice = [min(pair) for pair in itertools.pairwise(each_day)] or each_day
        touched[statement] = max(*twice, touched.get(statement, 0))
    return touched


async def test_a_day_costs_the_same_whatever_was_said_before(
    database_url: str, keyring: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "ATTEND_AFTER", 0.05)
    monkeypatch.setattr(turn, "RENEWAL", 0.1)  # each leaves a row behind that is read until it is vacuumed
    monkeypatch.setattr(overdue, "SWEEP_AFTER", timedelta(0))  # however long the days take
    monkeypatch.setattr(notices, "LOST_AFTER", timedelta(hours=1))  # or those of other days would be found
    monkeypatch.setattr(notices, "MAILED_EVERY", timedelta(hours=1))  # or several days are one mail
    with counting(monkeypatch) as pages:
        async with staged(database_url, keyring, terminal) as day:
            await lengthen(database_url, 0, SHORT)
            few = await passed(day, pages)
            await lengthen(database_url, SHORT, LONG)
            many = await passed(day, pages)
    grown = {
        " ".join(statement.split()): (few.get(statement, 0), touched)
        for statement, touched in many.items()
        if touched > MOST * max(few.get(statement, 0), FEW) + DEAD
    }
    assert not grown
