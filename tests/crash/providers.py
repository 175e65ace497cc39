"""What is outside: the providers with their habits of posting again, and a page's visitors."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpx2
from crash.contacts import Contact
from installation import Installation
from visitor import Visitor

from conserje_fakes import server as stand_in_server
from conserje_fakes.meta import Habit, Number, StandIn
from conserje_fakes.meta import create as create_meta

RETRIES = "#rc=5&rp=all"  # as a careful customer of Twilio's has it: five more tries, within 15 s
META_HABITS: tuple[Habit, ...] = ("in order", "doubled", "out of order", "before the answer")
LARGEST_BATCH = 6
REPORTED = 0.9  # of the messages that Meta takes
LONGEST_DELAY = 0.1  # seconds between its taking a message and its answer


Received = dict[tuple[str, str], list[str]]  # by slug and peer: the texts sent, in order


def _by_contact(sent: Iterable[tuple[str, str, str]]) -> Received:
    received: Received = {}
    for slug, peer, text in sent:
        received.setdefault((slug, peer), []).append(text)
    return received


@dataclass
class Twilio:
    """Twilio's stand-in as the contacts' provider; what it gives up it never posts again."""

    installation: Installation
    base: str  # of a tenant's webhook, with {slug}

    async def post(self, contact: Contact, texts: Sequence[str]) -> None:
        stand_in = self.installation.twilio
        url = self.base.format(slug=contact.slug) + "/bot/twilio/webhook" + RETRIES
        for text in texts:
            form = stand_in.inbound(self._number(contact), contact.peer, text)
            delivered = await stand_in.deliver(url, list(form.items()))
            if delivered.status == 200:
                contact.acknowledged.append(text)

    def received(self) -> Received:
        slugs = {account.numbers[0]: slug for slug, account in self.installation.accounts.items()}
        return _by_contact((slugs[m.sender], m.to, m.body) for m in self.installation.twilio.messages)

    def _number(self, contact: Contact) -> str:
        return self.installation.accounts[contact.slug].numbers[0]


@dataclass
class Meta:
    """Meta's stand-in: all that waits for a number is one batch, posted again until it is told 200."""

    stand_in: StandIn
    chance: random.Random
    numbers: dict[str, Number] = field(default_factory=dict)  # by slug

    def know(self, slug: str, number: Number) -> None:
        """Let Meta have the tenant's number."""
        self.numbers[slug] = self.stand_in.numbers[number.id] = number

    async def post(self, contact: Contact, texts: Sequence[str]) -> None:
        self.stand_in.habit = self.chance.choice(META_HABITS)
        await self.stand_in.write(self.numbers[contact.slug].id, contact.peer, *texts)
        contact.acknowledged += texts

    def received(self) -> Received:
        slugs = {number.id: slug for slug, number in self.numbers.items()}
        return _by_contact((slugs[taken.number], taken.to, taken.text) for taken in self.stand_in.taken)

    def delivered(self, slug: str) -> set[str]:
        """The texts whose last status was acknowledged."""
        number, reported = self.numbers[slug].id, self.stand_in.reported
        return {
            taken.text for taken in self.stand_in.taken if taken.number == number and taken.id in reported
        }

    @property
    def posted_again(self) -> int:
        return sum(status != 200 for status in self.stand_in.posts)


@asynccontextmanager
async def meta(chance: random.Random) -> AsyncIterator[tuple[Meta, str]]:
    """Meta, and the base URL of its interface."""

    async def before_answer() -> None:
        await asyncio.sleep(chance.uniform(0, LONGEST_DELAY))

    app = create_meta(before_answer=before_answer, largest_batch=LARGEST_BATCH)
    app.state.stand_in.reports = lambda: chance.random() < REPORTED
    async with stand_in_server.serving(app) as url:
        yield Meta(app.state.stand_in, chance), url


@dataclass
class Pages:
    """The visitors' browsers: each posts a message again, by the same id, until it is told 200."""

    base: str  # of a tenant's pages, with {slug}
    http: httpx2.AsyncClient
    posted_again: int = 0
    _visitors: dict[tuple[str, str], Visitor] = field(default_factory=dict)
    _shown: Received = field(default_factory=dict)

    async def post(self, contact: Contact, texts: Sequence[str]) -> None:
        visitor = self._visitors.get(contact.key) or await self._open(contact)
        for text in texts:
            while not await self._took(visitor, text):
                self.posted_again += 1
                await asyncio.sleep(0.1)
            contact.acknowledged.append(text)

    def received(self) -> Received:
        return self._shown

    async def look(self, contacts: Sequence[Contact]) -> None:
        """Load the pages of these anew, to see what they show now."""
        for contact in contacts:
            said = await self._visitors[contact.key].said()
            replies = [line for line in said if line.startswith("tenant: ")]
            self._shown[contact.key] = [line.removeprefix("tenant: ") for line in replies]

    async def _open(self, contact: Contact) -> Visitor:
        # Everybody has an address of their own: a page's posts are limited by it.
        address = str(ip_address("10.0.0.1") + len(self._visitors))
        host = self.base.format(slug=contact.slug).partition("//")[2]
        visitor = self._visitors[contact.key] = Visitor(self.http, host, address)
        while not visitor.cookie:
            with suppress(httpx2.TransportError):
                await visitor.open()
            await asyncio.sleep(0.05)
        return visitor

    async def _took(self, visitor: Visitor, text: str) -> bool:
        try:
            return (await visitor.write(text, key=text.replace(".", "-"))).status_code == 200
        except httpx2.TransportError:
            return False
