"""The town: three tenants with an account of every kind, and everybody who writes to them."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import asyncpg
import httpx2
from crash import notary
from crash.contacts import Contact, Post, write
from crash.points import ORDERS
from crash.providers import Meta, Pages, Received, Twilio, meta
from crash.subscriber import Subscriber, subscribed
from crash.verdict import SEND_LIMIT
from installation import Installation, install

from conserje.storage.migrate import migrate
from conserje.tenants import accounts, tenants
from conserje.tenants.keyring import create_keyring
from conserje_fakes.meta import Number
from conserje_fakes.twilio_messages import Habit

TESTS = Path(__file__).parents[1]
SLUGS = ("acme", "bravo", "cobre")
QUIET = "0.15 seconds"
LONGEST_WAIT = "2 seconds"
HABITS: tuple[Habit, ...] = tuple(habit for habit in get_args(Habit) if habit != "late")


@dataclass
class Town:
    """All that is outside the machine."""

    installation: Installation
    twilio: Twilio
    meta: Meta
    pages: Pages
    subscriber: Subscriber
    chance: random.Random
    contacts: list[Contact] = field(default_factory=list)
    over: bool = False
    _serial: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def write(self) -> None:
        """Everybody writes, until it is over and all have said what they had begun to say."""
        posts: dict[str, Post] = {
            "twilio": self.twilio.post,
            "meta": self.meta.post,
            "web": self.pages.post,
        }
        await asyncio.gather(*(self._write(slug, *by) for slug in SLUGS for by in posts.items()))

    async def _write(self, slug: str, channel: str, post: Post) -> None:
        """One contact after the other."""
        while not self.over:
            number = next(self._serial)
            peer = _peer(channel, number)
            contact = Contact(f"c{number}", slug, channel, peer)
            self.contacts.append(contact)
            self.installation.twilio.habit = self.chance.choice(HABITS)
            await write(contact, post, self.chance, lambda: self.over)

    async def look(self, contacts: list[Contact]) -> None:
        """See what the pages of those among `contacts` show who have one."""
        await self.pages.look([each for each in contacts if each.channel == "web"])

    def stamps(self) -> Counter[str]:
        """How often each text was stamped."""
        return notary.stamps(Path(self.installation.environment[notary.STAMPS]))

    def received(self) -> Received:
        """What everybody was sent."""
        return self.twilio.received() | self.meta.received() | self.pages.received()

    def unanswered(self) -> list[Contact]:
        """Who was told that a message is taken and has no answer to it."""
        received = self.received()
        return [
            contact
            for contact in self.contacts
            if not set(contact.acknowledged) <= set("\n".join(received.get(contact.key, ())).split("\n"))
        ]


@asynccontextmanager
async def settled_in(folder: Path, url: str, chance: random.Random) -> AsyncIterator[Town]:
    """A town around an installation in `folder`, on an empty database, with nothing running yet."""
    keyring = folder / "keys" / "master.json"
    create_keyring(keyring)
    await migrate(url)
    # No connection is kept where Postgres dies; asyncpg would complain of each.
    pool = await asyncpg.create_pool(url, min_size=0, server_settings={"role": "conserje_core"})
    async with install(pool, url, keyring, edge_workers=2) as installation:
        port = installation.environment["CONSERJE_LISTEN"].rpartition(":")[2]
        base = f"http://{{slug}}.localhost:{port}"
        limits = httpx2.Limits(max_connections=None)
        async with (
            httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=5, limits=limits, trust_env=False
            ) as http,
            meta(chance) as (at_meta, meta_url),
            subscribed(installation, chance) as subscriber,
        ):
            installation.environment.update(_environment(folder, meta_url))
            town = Town(
                installation, Twilio(installation, base), at_meta, Pages(base, http), subscriber, chance
            )
            for slug in SLUGS:
                await _add(town, slug, f"{base.format(slug=slug)}/bot/meta/webhook")
            yield town
    pool.terminate()


def _peer(channel: str, number: int) -> str:
    """A contact's address; every third one at Meta shows no phone."""
    match channel:
        case "twilio":
            return f"whatsapp:+569{number:08}"
        case "meta":
            return f"569{number:08}" if number % 3 else f"CL.{number:020}"
        case _:
            return f"{channel} {number}"


def _environment(folder: Path, meta_url: str) -> Mapping[str, str]:
    (folder / "orders").mkdir()
    return {
        "PYTHONPATH": f"{notary.install(folder / 'plugins')}:{TESTS}:{os.environ.get('PYTHONPATH', '')}",
        notary.STAMPS: str(folder / "stamps"),
        ORDERS: str(folder / "orders"),
        "CONSERJE_META_BASE_URL": meta_url,
        "CONSERJE_SEND_LIMIT": str(SEND_LIMIT),
        "CONSERJE_LOG_LEVEL": "info",
    }


async def _add(town: Town, slug: str, webhook: str) -> None:
    """A tenant who says back what it hears, at once, with its accounts."""
    installation = town.installation
    await installation.add(slug, quiet=QUIET)
    id = f"{secrets.randbelow(10**15):015}"
    number = Number(id, secrets.token_hex(16), secrets.token_hex(16), webhook)
    async with installation.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "UPDATE tenants SET assistant = 'notary', fallback_assistant = 'notary',"
            " tool_settings = '{\"stamp\": {}}', longest_wait = $2::text::interval WHERE slug = $1",
            slug,
            LONGEST_WAIT,
        )
        tenant = await tenants.get(connection, slug)
        held = {"access_token": number.access_token, "app_secret": number.app_secret}
        sealed = await accounts.seal_credentials(
            connection, installation.vault, tenant.id, "meta", id, json.dumps(held).encode()
        )
        await accounts.add(connection, tenant.id, "meta", id, credentials=sealed)
    town.meta.know(slug, number)
