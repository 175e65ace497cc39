"""The town of a hostile day: the well-behaved tenants with their contacts, and those that strangers have."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from crash import postgres
from crash.contacts import Contact
from crash.providers import meta
from deployment.units import read
from hostile.attacks import HISTORIAN
from hostile.caller import Target
from installation import Installation, install
from nginx.gate import BASE
from nginx.load import PAUSE, Twilio, behind_nginx
from processes import family
from stuck import install as install_stuck
from waiting import until

from conserje import Product
from conserje.shop import products
from conserje.storage.migrate import migrate
from conserje.storage.pool import connect_pool
from conserje.storage.scope import acting_for
from conserje.tenants import accounts, tenants
from conserje.tenants.keyring import create_keyring

CONTACTS = 10  # of a well-behaved tenant, who write in turn
AHEAD = 15  # levels of nice
TRIED_FOR = 15.0  # seconds that the provider tries to post a message
BOUGHT = {"flood": "echo", "shop": "catalog", "stuck": "stalled", "history": "echo", "machine": "echo"}
BATCH = "batch"  # the tenant at Meta

LONG_PAST = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, event_key,
                      turn_id, sequence, state, provider_id, created_at, sent_at)
SELECT tenant_id, conversations.id, account_id, direction,
       '{"text":"' || repeat('hola ', 10) || n || '","type":"text"}', 'text',
       CASE direction WHEN 'in' THEN decode(md5('h' || n), 'hex') END, n,
       CASE direction WHEN 'out' THEN next_sequence + n END,
       CASE direction WHEN 'out' THEN 'delivered' END, left(direction, 1) || n, at, at
FROM conversations JOIN tenants ON tenants.id = tenant_id AND slug = 'history',
     generate_series(1, $1::int / 2) AS n, unnest(ARRAY['in', 'out']) AS direction,
     LATERAL (SELECT now() - interval '40 days' + n * interval '1 second' AS at) AS time
ORDER BY n, direction
"""
PAST_SAID = "UPDATE conversations SET next_sequence = next_sequence + $1::int"

# Nothing of the well-behaved is without its turn, and no reply's fate is unknown.
SETTLED = """
SELECT NOT EXISTS (
    SELECT FROM messages JOIN tenants ON tenants.id = tenant_id
    WHERE slug LIKE 'good-%'
      AND ((direction = 'in' AND turn_id IS NULL) OR state IN ('queued', 'sending', 'uncertain')))
"""


@dataclass(frozen=True)
class Size:
    """How large a town is."""

    tenants: int = 20  # well-behaved
    rate: float = 10.0  # messages a second of all of them together
    products: int = 5000  # of the shop
    history: int = 50_000  # messages of the long conversation


@dataclass
class Town:
    """An installation behind nginx, with everybody around it."""

    installation: Installation
    doors: Sequence[Twilio]  # of the well-behaved
    target: Target
    rate: float
    contacts: list[Contact] = field(default_factory=list)
    posted: dict[str, datetime] = field(default_factory=dict)  # by text, when it was first posted
    ahead: int = 0  # levels of nice that this process is before all others

    def __post_init__(self) -> None:
        serial = itertools.count(1)
        self.contacts = [
            Contact(f"c{number}", door.slug, "twilio", f"whatsapp:+5691{number:07}")
            for _ in range(CONTACTS)
            for door, number in zip(self.doors, serial, strict=False)
        ]
        self._turns = self._taking_turns()

    def _taking_turns(self) -> Iterator[tuple[Contact, Twilio]]:
        return zip(itertools.cycle(self.contacts), itertools.cycle(self.doors), strict=False)

    async def write(self, over: Callable[[], bool]) -> list[str]:
        """The well-behaved tenants' contacts write, one after the other, until it is over; all that they
        wrote, once each was taken or given up."""
        loop, written = asyncio.get_running_loop(), list[str]()
        began = loop.time()
        async with asyncio.TaskGroup() as posts:
            while not over():
                contact, door = next(self._turns)
                written.append(contact.next_text())
                posts.create_task(self.say(contact, door, written[-1]))
                await asyncio.sleep(began + len(written) / self.rate - loop.time())
        return written

    async def say(self, contact: Contact, door: Twilio, text: str) -> None:
        """Post what a contact wrote until it is taken, as a careful customer's Twilio does."""
        self.posted.setdefault(text, datetime.now(UTC))
        request = door.message(contact.peer, text)
        try:
            async with asyncio.timeout(TRIED_FOR):
                while await door.post(request) != 200:
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            return
        contact.acknowledged.append(text)

    def received(self) -> dict[tuple[str, str], list[str]]:
        """What the well-behaved tenants' contacts were sent, by slug and address."""
        slugs = {door.account.numbers[0]: door.slug for door in self.doors}
        found: dict[tuple[str, str], list[str]] = {}
        for sent in self.installation.twilio.messages:
            if sent.sender in slugs:
                found.setdefault((slugs[sent.sender], sent.to), []).append(sent.body)
        return found

    def called(self) -> dict[str, datetime]:
        """When the provider was first called with the answer to each text."""
        numbers = {door.account.numbers[0] for door in self.doors}
        called: dict[str, datetime] = {}
        for sent in self.installation.twilio.messages:
            if sent.sender in numbers:
                for text in sent.body.split("\n"):
                    called.setdefault(text, sent.created)
        return called

    async def settle(self, limit: float) -> bool:
        """Whether within the limit nothing of the well-behaved tenants is left to be done.

        What Conserje's tables say decides how long is waited, never what is counted.
        """

        async def settled() -> bool:
            await asyncio.sleep(0.25)
            here = not self.installation.is_spooled()
            return here and bool(await self.installation.pool.fetchval(SETTLED))

        try:
            await until(settled, limit)
        except TimeoutError:
            return False
        return True

    def door(self, slug: str) -> Twilio:
        """Of another tenant at the same nginx."""
        return Twilio(self.installation, slug, self.doors[0].gate, self.doors[0].context)

    async def converse_with_machine(self) -> None:
        """For ever: a machine writes to one of ours, and answers until it is told nothing."""
        door = self.door("machine")
        for serial in itertools.count():
            peer = f"whatsapp:+5693{serial:07}"
            told = [""]
            while told:
                heard = len(self._told(door, peer))
                received = f"Su consulta fue recibida con el número {secrets.token_hex(4)}."
                await door.post(door.message(peer, received))
                told = await self._next_told(door, peer, heard)

    async def _next_told(self, door: Twilio, peer: str, heard: int) -> list[str]:
        try:
            await until(lambda: len(self._told(door, peer)) > heard, 5)
        except TimeoutError:
            return []
        return self._told(door, peer)[heard:]

    def _told(self, door: Twilio, peer: str) -> list[str]:
        return self.installation.twilio.sent(door.account.numbers[0], peer)


@asynccontextmanager
async def settled_in(folder: Path, size: Size) -> AsyncIterator[Town]:
    """A town in `folder` with everything running: `serve` with two workers, `work` twice, nginx, Postgres."""
    (folder / "database").mkdir()
    keyring = folder / "keys" / "master.json"
    create_keyring(keyring)
    async with AsyncExitStack() as running:
        server = await running.enter_async_context(postgres.running(folder / "database"))
        await migrate(server.url)
        pool = await running.enter_async_context(await connect_pool(server.url))
        installation = await running.enter_async_context(install(pool, server.url, keyring, edge_workers=2))
        installation.twilio.habit = "none"  # it cannot find the hosts
        at_meta, meta_url = await running.enter_async_context(meta(random.Random(1)))
        at_meta.stand_in.reports = lambda: False
        installation.environment |= {
            "CONSERJE_DOMAINS": BASE,
            "CONSERJE_META_BASE_URL": meta_url,
            "PYTHONPATH": install_stuck(folder / "plugin"),
        }
        await _buy(installation)
        of_meta = await _add_meta(installation)
        await _stock(installation, size.products)
        serve = await running.enter_async_context(installation.serving())
        for _ in range(2):
            await running.enter_async_context(installation.working())
        slugs = [f"good-{number}" for number in range(1, size.tenants + 1)]
        doors = await running.enter_async_context(behind_nginx(installation, folder, serve.listen, *slugs))
        _place_nginx(doors[0].gate.process.pid)
        town = Town(installation, doors, _target(installation, doors, of_meta), size.rate)
        await _lengthen(town, size.history)
        with _elsewhere() as town.ahead:
            yield town


def _place_nginx(first: int) -> None:
    """Have it at the level of its unit."""
    [nice] = read("conserje-nginx.service")["Nice"]
    with suppress(PermissionError):
        for pid in family(first):
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid) + int(nice))


@contextmanager
def _elsewhere() -> Iterator[int]:
    """How many levels of nice this process is before all others meanwhile: it is the contacts and the
    providers, who have machines of their own, and what it waits for a processor is no wait of Conserje's."""
    level = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, level - AHEAD)
    try:
        yield level - os.getpriority(os.PRIO_PROCESS, 0)
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, level)


async def _buy(installation: Installation) -> None:
    for slug, assistant in BOUGHT.items():
        await installation.add(slug, assistant=assistant)


async def _add_meta(installation: Installation) -> tuple[str, str, str]:
    """A tenant with a number at Meta, which has never heard of it: slug, number's id, app secret."""
    id, secret = f"{secrets.randbelow(10**15):015}", secrets.token_hex(16)
    held = json.dumps({"access_token": secrets.token_hex(16), "app_secret": secret}).encode()
    async with installation.pool.acquire() as connection, connection.transaction():
        tenant = await tenants.add(connection, BATCH, "Batch", assistant="echo")
        sealed = await accounts.seal_credentials(connection, installation.vault, tenant.id, "meta", id, held)
        await accounts.add(connection, tenant.id, "meta", id, credentials=sealed)
    return BATCH, id, secret


async def _stock(installation: Installation, count: int) -> None:
    chance = random.Random(2)
    words = ["".join(chance.choices("bcdfglmnprstaeiou", k=7)) for _ in range(2000)]
    listed = [Product(0, f"{' '.join(chance.sample(words, 3))} {n}", Decimal(990), 5) for n in range(count)]
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, "shop")
    async with acting_for(installation.pool, tenant.id) as scope:
        await products.upsert_many(scope.connection, tenant.id, listed)


def _target(installation: Installation, doors: Sequence[Twilio], of_meta: tuple[str, str, str]) -> Target:
    bought = {slug: installation.accounts[slug] for slug in BOUGHT}
    return Target(
        port=doors[0].gate.https_port,
        good=[(door.slug, door.account.numbers[0]) for door in doors],
        bought={slug: (each.numbers[0], each.account_sid, each.auth_token) for slug, each in bought.items()},
        meta=of_meta,
    )


async def _lengthen(town: Town, messages: int) -> None:
    """Have one conversation be long."""
    door = town.door("history")
    await town.say(Contact("h", "history", "twilio", HISTORIAN), door, "h")
    await until(lambda: town.installation.twilio.messages)
    pool = town.installation.pool
    await pool.execute(LONG_PAST, messages)
    await pool.execute(PAST_SAID, messages)
    await pool.execute("ANALYZE messages")
