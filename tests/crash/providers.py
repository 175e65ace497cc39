"""What is outside: the providers with their habits of posting again, and a page's visitors."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import httpx2
from crash.batch import HEADER, sign
from crash.contacts import Contact
from installation import Installation
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from visitor import Visitor

from conserje_fakes import server as stand_in_server

RETRIES = "#rc=5&rp=all"  # as a careful customer of Twilio's has it: five more tries, within 15 s
LARGEST_BATCH = 6
REPORTED = 0.9  # of the messages that the batch provider takes
LONGEST_DELAY = 0.1  # seconds between its taking a message and its answer
AGAIN_AFTER = (0.05, 0.5)  # seconds; the first and the longest pause before a batch is posted again


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
class BatchAccount:
    """A tenant's account at the batch provider: what it has still to post, and what it was sent."""

    slug: str
    address: str
    secret: str
    outbox: deque[dict[str, Any]] = field(default_factory=deque)
    waiting: dict[str, asyncio.Future[None]] = field(default_factory=dict)  # message id: acknowledged
    received: list[tuple[str, str]] = field(default_factory=list)  # to, text
    delivered: set[str] = field(default_factory=set)  # texts whose last status was acknowledged


@dataclass
class BatchProvider:
    """Posts all that waits for an account as one batch, again and again, until it is answered with 200."""

    base: str  # of a tenant's webhook, with {slug}
    http: httpx2.AsyncClient
    chance: random.Random
    accounts: dict[str, BatchAccount] = field(default_factory=dict)  # by slug
    posted_again: int = 0
    _ids: itertools.count[int] = field(default_factory=itertools.count)

    async def post(self, contact: Contact, texts: Sequence[str]) -> None:
        account, taken = self.accounts[contact.slug], []
        for text in texts:
            id = f"in{next(self._ids)}"
            account.outbox.append({"kind": "message", "id": id, "from": contact.peer, "text": text})
            taken.append(account.waiting.setdefault(id, asyncio.get_running_loop().create_future()))
        await asyncio.gather(*taken)
        contact.acknowledged += texts

    def received(self) -> Received:
        return _by_contact(
            (account.slug, to, text) for account in self.accounts.values() for to, text in account.received
        )

    async def post_batches(self, account: BatchAccount) -> None:
        """One batch at a time, for ever."""
        while True:
            batch = [account.outbox[n] for n in range(min(len(account.outbox), LARGEST_BATCH))]
            if not batch:
                await asyncio.sleep(0.02)
                continue
            await self._insist(account, json.dumps({"address": account.address, "events": batch}).encode())
            for event in batch:
                account.outbox.popleft()
                self._note(account, event)

    async def _insist(self, account: BatchAccount, body: bytes) -> None:
        host = self.base.format(slug=account.slug).partition("//")[2]
        headers = {"host": host, "content-type": "application/json", HEADER: sign(account.secret, body)}
        pause, longest = AGAIN_AFTER
        while True:
            try:
                answer = await self.http.post("/bot/batch/webhook", content=body, headers=headers)
                if answer.status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            self.posted_again += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    def _note(self, account: BatchAccount, event: dict[str, Any]) -> None:
        """The event was acknowledged."""
        if event["kind"] == "message":
            account.waiting.pop(event["id"]).set_result(None)
        elif event["status"] == "delivered":
            account.delivered.add(event["text"])

    async def take(self, request: Request) -> JSONResponse:
        """A message is sent: it counts from here on, whoever dies before the answer."""
        sent = await request.json()
        account = next(each for each in self.accounts.values() if each.address == sent["from"])
        account.received.append((sent["to"], sent["text"]))
        id = f"out{next(self._ids)}"
        if self.chance.random() < REPORTED:
            report = {"kind": "status", "id": id, "ref": sent["ref"], "text": sent["text"]}
            account.outbox.extend({**report, "status": status} for status in ("sent", "delivered"))
        await asyncio.sleep(self.chance.uniform(0, LONGEST_DELAY))
        return JSONResponse({"id": id})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Its own interface, at the base URL that it is given."""
        app = Starlette(routes=[Route("/messages", self.take, methods=["POST"])])
        async with stand_in_server.serving(app) as url:
            yield url


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
