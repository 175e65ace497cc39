"""Gaps: what a provider could not post is fetched, taken once, and marked late."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from scene import Scene
from waiting import LIMIT, until

from conserje import (
    Account,
    CannotTell,
    Channel,
    InboundMessage,
    Nothing,
    OutboundMessage,
    Page,
    Receipt,
    Text,
    Utterance,
)
from conserje.intake import reconcile
from conserje.intake.intake import Intake, NotDurable
from conserje.intake.reconcile import Gaps, Lane
from conserje.net.client import client
from conserje.plugins.plugins import Plugins
from conserje.storage import silence
from conserje.storage.database import CANNOT_ASK, Pool

NOW = datetime.now(UTC)
Habit = Callable[[], Coroutine[Any, Any, None]]


class Mailbox(Channel[Nothing, Nothing, Nothing]):
    """A provider that keeps what contacts write; a cursor is how many of them were seen."""

    name = "mailbox"
    Credentials = Settings = Operator = Nothing

    def __init__(self) -> None:
        super().__init__(Nothing(), client())
        self.kept: defaultdict[str, list[InboundMessage]] = defaultdict(list)
        self.asked: list[tuple[str, str | None]] = []
        self.habits: dict[str, Habit] = {}

    def write(self, address: str, text: str, ago: timedelta = timedelta(hours=1)) -> None:
        self.kept[address].append(InboundMessage(address, text, "ana", Text(text), at=NOW - ago))

    async def fetch(self, account: Account[Nothing, Nothing], cursor: str | None) -> Page:
        self.asked.append((account.address, cursor))
        if habit := self.habits.get(account.address):
            await habit()
        seen = int(cursor or 0)
        events = self.kept[account.address][seen : seen + 2]
        return Page(tuple(events), str(seen + len(events)), seen + 2 < len(self.kept[account.address]))

    async def send(self, message: OutboundMessage, account: Account[Nothing, Nothing]) -> Receipt:
        return Receipt(f"P{message.id}")


@pytest.fixture
def mailbox(scene: Scene) -> Mailbox:
    mailbox = Mailbox()
    scene.conversation.plugins.channels["mailbox"] = mailbox
    return mailbox


async def add(scene: Scene, slug: str, *addresses: str) -> None:
    await scene.add(slug)
    await scene.pool.executemany(
        "INSERT INTO accounts (tenant_id, channel, address)"
        " SELECT id, 'mailbox', $2 FROM tenants WHERE slug = $1",
        [(slug, address) for address in addresses],
    )
    await scene.heard()


def asking(scene: Scene, every: float = 300.0, fetch_limit: float = LIMIT) -> Gaps:
    plugins: Plugins = scene.conversation.plugins
    return Gaps(scene.pool, scene.directory, plugins, scene.vault, scene.intake, every, fetch_limit)


async def ask(
    scene: Scene, mailbox: Mailbox, age: float = 0.0, failed: bool = False, fetch_limit: float = LIMIT
) -> None:
    await asking(scene, fetch_limit=fetch_limit).ask_all(Lane(mailbox, failed), age)


async def texts(pool: Pool) -> list[str]:
    return [
        row["text"]
        for row in await pool.fetch("SELECT content::json->>'text' AS text FROM messages ORDER BY id")
    ]


async def test_what_is_no_event_is_kept_raw_and_those_beside_it_are_taken(
    scene: Scene, mailbox: Mailbox
) -> None:
    await add(scene, "bravo", "a")
    mailbox.kept["a"].append(InboundMessage("a", "odd", None, Text("no"), at=NOW))  # type: ignore[arg-type]
    mailbox.write("a", "uno")
    await ask(scene, mailbox)
    assert await texts(scene.pool) == ["uno"]
    [(raw, cause)] = await scene.pool.fetch("SELECT raw, cause FROM rejects")
    assert raw.startswith("InboundMessage(address='a', key='odd', sender=None")
    assert cause == "The channel gave InboundMessage with a wrong sender"
    assert await scene.pool.fetchval("SELECT cursor FROM fetches") == "2"


@pytest.mark.parametrize("given", [None, Page((), None), [Page((), "1")]])  # type: ignore[arg-type]
async def test_what_is_no_page_moves_no_cursor(
    scene: Scene, mailbox: Mailbox, given: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(*_: object) -> object:
        return given

    await add(scene, "bravo", "a")
    monkeypatch.setattr(mailbox, "fetch", fetch)
    await ask(scene, mailbox)
    row = await scene.pool.fetchrow("SELECT cursor, cause FROM fetches")
    assert row is not None
    assert row["cursor"] is None and row["cause"].startswith("The channel gave ")


async def test_what_was_missed_is_taken_in_its_order_and_answered(scene: Scene, mailbox: Mailbox) -> None:
    await add(scene, "bravo", "a")
    for n in range(7):
        mailbox.write("a", f"{n}", timedelta(minutes=20 - n))
    await ask(scene, mailbox)
    assert await texts(scene.pool) == [f"{n}" for n in range(7)]
    assert mailbox.asked == [("a", None), ("a", "2"), ("a", "4"), ("a", "6")]
    async with scene.working():
        await until(lambda: scene.parrot.heard)
    heard = scene.parrot.heard[0].messages
    assert heard[0] == Utterance("contact", Text("0"), NOW - timedelta(minutes=20))  # its age is known
    late_by = await scene.pool.fetchval("SELECT min(late_by) FROM messages WHERE direction = 'in'")
    assert timedelta(minutes=14) <= late_by <= timedelta(minutes=14) + datetime.now(UTC) - NOW


async def test_what_was_posted_already_is_not_taken_again(scene: Scene, mailbox: Mailbox) -> None:
    await add(scene, "bravo", "a")
    entry = await scene.entry("bravo")
    account = entry.accounts_of("mailbox")[0]
    mailbox.write("a", "hola")
    await scene.intake.take(entry.tenant, [(account, mailbox.kept["a"][0])])
    await ask(scene, mailbox)
    await ask(scene, mailbox)
    assert await texts(scene.pool) == ["hola"]
    assert mailbox.asked == [("a", None), ("a", "1")]


async def test_events_of_another_address_are_dropped(scene: Scene, mailbox: Mailbox) -> None:
    await add(scene, "bravo", "a")
    await add(scene, "charly", "b")
    mailbox.write("b", "para b")
    mailbox.kept["a"] = mailbox.kept["b"]
    await scene.pool.execute("UPDATE accounts SET status = 'suspended' WHERE address = 'b'")
    await ask(scene, mailbox)
    assert await texts(scene.pool) == []


async def test_the_cursor_moves_only_behind_what_was_taken(scene: Scene, mailbox: Mailbox) -> None:
    await add(scene, "bravo", "a")
    mailbox.write("a", "hola")

    class Full(Intake):
        async def take(self, tenant: Any, events: Any) -> None:
            raise NotDurable("the disk is full")

    unlucky = asking(scene)
    unlucky.intake = Full(scene.pool, scene.intake.plugins)
    await unlucky.ask_all(Lane(mailbox, False), 0.0)
    assert await scene.pool.fetchval("SELECT cursor FROM fetches") is None
    await ask(scene, mailbox)
    assert await texts(scene.pool) == ["hola"]
    assert await scene.pool.fetchval("SELECT cursor FROM fetches") == "1"


async def test_only_active_accounts_of_active_tenants_are_asked_for(scene: Scene, mailbox: Mailbox) -> None:
    await add(scene, "bravo", "a", "suspended")
    await add(scene, "closed", "b")
    await scene.pool.execute("UPDATE accounts SET status = 'suspended' WHERE address = 'suspended'")
    await scene.pool.execute("UPDATE tenants SET status = 'suspended' WHERE slug = 'closed'")
    await ask(scene, mailbox)
    assert mailbox.asked == [("a", None)]


async def test_several_workers_ask_for_each_account_once(scene: Scene, mailbox: Mailbox) -> None:
    for n in range(12):
        await add(scene, f"tenant-{n}", f"{n}a", f"{n}b")
    await asyncio.gather(*(ask(scene, mailbox, age=30.0) for _ in range(4)))
    assert sorted(address for address, _ in mailbox.asked) == sorted(
        f"{n}{x}" for n in range(12) for x in "ab"
    )


async def test_accounts_are_asked_for_again_when_it_is_time(scene: Scene, mailbox: Mailbox) -> None:
    await add(scene, "bravo", "a")
    await ask(scene, mailbox, age=60.0)
    await ask(scene, mailbox, age=60.0)
    assert len(mailbox.asked) == 1
    await scene.pool.execute("UPDATE fetches SET fetched_at = now() - interval '61 seconds'")
    await ask(scene, mailbox, age=60.0)
    assert len(mailbox.asked) == 2


async def test_thousands_of_tenants_are_read_in_pages(
    scene: Scene, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conserje.intake.reconcile.PAGE", 10)
    await scene.pool.execute(
        "INSERT INTO tenants (slug, name) SELECT 't' || n, 'T' FROM generate_series(1, 105) AS n"
    )
    await scene.pool.execute(
        "INSERT INTO accounts (tenant_id, channel, address)"
        " SELECT id, 'mailbox', slug FROM tenants WHERE slug LIKE 't%'"
    )
    await ask(scene, mailbox)
    assert len({address for address, _ in mailbox.asked}) == len(mailbox.asked) == 105


async def cannot_tell() -> None:
    raise CannotTell("20003: check auth_token.")


async def raises() -> None:
    raise ValueError("a secret")


async def hangs() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("habit", "cause"),
    [
        (cannot_tell, "20003: check auth_token."),
        (raises, "The channel ended with ValueError."),
        (hangs, "There was no answer within 0.3 s."),
    ],
)
async def test_a_provider_that_does_not_answer_is_asked_later_and_its_cause_kept(
    scene: Scene, mailbox: Mailbox, habit: Habit, cause: str
) -> None:
    await add(scene, "bravo", "a", "b")
    mailbox.write("a", "hola")
    mailbox.write("b", "qué tal")
    mailbox.habits["a"] = habit
    await ask(scene, mailbox, fetch_limit=0.3)
    assert await texts(scene.pool) == ["qué tal"]
    entry = await scene.entry("bravo")
    async with scene.pool.acquire() as connection:
        shown = await reconcile.list_all(connection, entry.tenant.id)
    assert {entry.account(number).address: fetch.cause for number, fetch in shown.items()} == {  # type: ignore[union-attr]
        "a": cause,
        "b": None,
    }
    del mailbox.habits["a"]
    await ask(scene, mailbox)  # it is not with the others any more
    assert await texts(scene.pool) == ["qué tal"]
    await ask(scene, mailbox, failed=True)
    assert await texts(scene.pool) == ["qué tal", "hola"]
    assert await scene.pool.fetchval("SELECT count(cause) FROM fetches") == 0


async def test_credentials_that_do_not_open_are_a_cause(scene: Scene, mailbox: Mailbox) -> None:
    await add(scene, "bravo", "a")
    await scene.pool.execute("UPDATE accounts SET credentials = 'v1.odd' WHERE address = 'a'")
    await scene.heard()
    await ask(scene, mailbox)
    assert mailbox.asked == []
    assert "seal them anew" in await scene.pool.fetchval("SELECT cause FROM fetches")


async def test_a_tenant_whose_providers_hang_does_not_delay_the_others(
    scene: Scene, mailbox: Mailbox
) -> None:
    await add(scene, "aaa", *(f"slow {n}" for n in range(6)))
    for n in range(20):
        await add(scene, f"tenant-{n}", f"{n}")
    answering = asyncio.Event()

    async def waits() -> None:
        await answering.wait()

    mailbox.habits |= {f"slow {n}": waits for n in range(6)}
    running = asyncio.create_task(ask(scene, mailbox))
    await until(lambda: len(mailbox.asked) == 21)
    assert len([address for address, _ in mailbox.asked if address.startswith("slow")]) == 1
    answering.set()
    await running
    assert len(mailbox.asked) == 26


async def test_those_that_failed_are_asked_apart_from_the_others(scene: Scene, mailbox: Mailbox) -> None:
    """A worker at work: eight dead providers hold up nobody in the next round."""
    for n in range(8):
        await add(scene, f"dead-{n}", f"dead {n}")
        mailbox.habits[f"dead {n}"] = cannot_tell
    await ask(scene, mailbox)
    mailbox.habits = dict.fromkeys(mailbox.habits, hangs)
    await scene.pool.execute("UPDATE fetches SET fetched_at = now() - interval '1 hour'")
    await add(scene, "well", "well")
    async with asking(scene):
        await until(lambda: ("well", None) in mailbox.asked)


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "LOOK_EVERY", 0.05)


@pytest.mark.usefixtures("brisk")
async def test_it_asks_at_the_start_and_again_and_again(scene: Scene, mailbox: Mailbox) -> None:
    await add(scene, "bravo", "a")
    async with asking(scene, every=0.2):
        await until(lambda: mailbox.asked)
        mailbox.write("a", "hola")
        await until(lambda: texts(scene.pool))
    assert await texts(scene.pool) == ["hola"]


async def test_it_never_asks_where_the_operator_says_so(scene: Scene, mailbox: Mailbox) -> None:
    await add(scene, "bravo", "a")
    never = asking(scene, every=0)
    async with never:
        assert never._tasks == []


async def test_channels_that_cannot_fetch_are_left_alone(scene: Scene) -> None:
    nothing = asking(scene)
    async with nothing:
        assert nothing._tasks == []


@asynccontextmanager
async def cut_off(scene: Scene, url: str) -> AsyncIterator[None]:
    """Postgres lets the application in no more, and ends its connections."""
    superuser = await asyncpg.connect(url)
    try:
        name = await superuser.fetchval("SELECT current_database()")
        await superuser.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 1")
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()"
        )
        yield
        await superuser.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    finally:
        await superuser.close()


@pytest.mark.new_database
@pytest.mark.usefixtures("brisk")
async def test_after_an_outage_all_are_asked_for_at_once(
    scene: Scene, mailbox: Mailbox, database_url: str
) -> None:
    await add(scene, "bravo", "a")

    async def stored() -> bool:
        with suppress(*CANNOT_ASK):  # also the test's own connections were ended
            return await texts(scene.pool) == ["hola"]
        return False

    async with asking(scene) as asked:
        await until(lambda: mailbox.asked)
        async with cut_off(scene, database_url):
            await until(lambda: asked._away_at)  # an outage shorter than its look is none
            mailbox.write("a", "hola")
        await until(stored)
    assert len(mailbox.asked) == 2


@pytest.mark.new_database
@pytest.mark.usefixtures("brisk")
async def test_promise_14_a_silent_installation_asks_nobody(
    scene: Scene, mailbox: Mailbox, database_url: str
) -> None:
    await add(scene, "bravo", "a")
    owner = await asyncpg.connect(database_url, server_settings={"role": "conserje_owner"})
    await owner.execute(silence.NOTE, "x.backup", None, None)
    gaps = Gaps(scene.pool, scene.directory, Plugins({"mailbox": mailbox}, {}), scene.vault, scene.intake, 60)
    await gaps.ask_all(Lane(mailbox, failed=False), 0)
    assert not mailbox.asked
    await silence.end(owner)
    await owner.close()
    await gaps.ask_all(Lane(mailbox, failed=False), 0)
    assert mailbox.asked
