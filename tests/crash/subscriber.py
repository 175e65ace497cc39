"""A system that is told what happens, of all tenants: takes it, or refuses it now and then."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from crash.contacts import Contact
from installation import Installation
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from conserje.notices import subscriptions
from conserje.notices.subscriptions import Secrets
from conserje_fakes.server import serving

REFUSES = 0.2  # of what it is told
KINDS = ("message.received", "message.sent")


@dataclass
class Subscriber:
    """Keeps what it took, by its names."""

    chance: random.Random
    secrets: Secrets = field(default_factory=Secrets.new)
    texts: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))  # by kind and name

    async def take(self, request: Request) -> Response:
        body = await request.body()
        told = Webhook(self.secrets.signing[0]).verify(body, dict(request.headers))
        if self.chance.random() < REFUSES:
            return Response(status_code=500)
        self.texts[told["type"]][request.headers["webhook-id"]] = json.loads(body)["data"]["text"]
        return Response(status_code=204)

    def untold(self, contacts: Sequence[Contact]) -> set[str]:
        """Acknowledged texts of which it was not told."""
        return {text for each in contacts for text in each.acknowledged} - set(
            self.texts["message.received"].values()
        )

    def faults(
        self, contacts: Sequence[Contact], replies: Collection[str], held: Collection[str]
    ) -> Iterator[str]:
        """Each text once under one name, and none that nobody wrote; so of each reply that has left."""
        written = {text for each in contacts for text in each.written}
        for text in sorted(self.untold(contacts)):
            yield f"untold: {text} was acknowledged"
        said = set(self.texts["message.sent"].values())
        for text in sorted(set(replies) - said - set(held)):
            yield f"untold: {text!r} was sent"
        for kind, known in (("message.received", written), ("message.sent", replies)):
            told = list(self.texts[kind].values())
            for text in sorted(set(told) - set(known)):
                yield f"made up: {kind} of {text!r}"
            if len(told) != len(set(told)):
                yield f"told by several names: {kind}, {len(told) - len(set(told))} times"


@asynccontextmanager
async def subscribed(installation: Installation, chance: random.Random) -> AsyncIterator[Subscriber]:
    """The operator's own system, which is told of every tenant."""
    subscriber = Subscriber(chance)
    route = Route("/", subscriber.take, methods=["POST"])
    async with serving(Starlette(routes=[route])) as url:
        async with installation.pool.acquire() as connection, connection.transaction():
            vault, secrets = installation.vault, subscriber.secrets
            await subscriptions.add(connection, vault, None, url, KINDS, secrets)
        yield subscriber
