"""Posts webhooks as Meta does: several updates in one body, signed, again as a whole until it is told 200."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

LARGEST_BATCH = 1000
PATIENCE = 5.0  # seconds for one answer


def sign(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass(slots=True)
class Update:
    """One change that waits to be posted, and whoever waits for its acknowledgement."""

    account: str
    field: str
    value: dict[str, Any]
    acknowledged: asyncio.Future[None]


@dataclass
class Subscriber:
    """A webhook with the app secret that signs its posts. `pauses`: the first and the longest, in seconds."""

    http: httpx2.AsyncClient
    url: str
    secret: str
    pauses: tuple[float, float]
    largest_batch: int = LARGEST_BATCH
    waiting: deque[Update] = field(default_factory=deque)
    posted: list[int | None] = field(default_factory=list)  # the status of each answer; None: there was none
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, account: str, field: str, value: dict[str, Any]) -> asyncio.Future[None]:
        """Have the change posted with the next batch; done when it is acknowledged."""
        acknowledged = asyncio.get_running_loop().create_future()
        self.waiting.append(Update(account, field, value, acknowledged))
        self._news.set()
        return acknowledged

    async def run(self) -> None:
        """Post what waits, one batch at a time, for ever."""
        while True:
            await self._news.wait()
            while self.waiting:
                batch = [self.waiting[n] for n in range(min(len(self.waiting), self.largest_batch))]
                await self._insist(body_of(batch))
                for update in batch:
                    self.waiting.popleft()
                    if not update.acknowledged.done():
                        update.acknowledged.set_result(None)
            self._news.clear()

    async def _insist(self, body: bytes) -> None:
        pause, longest = self.pauses
        while await self.post(body) != 200:
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    async def post(self, body: bytes) -> int | None:
        """Post once; the status that came back."""
        headers = {"content-type": "application/json", "x-hub-signature-256": sign(self.secret, body)}
        try:
            answer = await self.http.send(request(self.http, "POST", self.url, headers, content=body))
            status: int | None = answer.status_code
        except httpx2.TransportError:
            status = None
        self.posted.append(status)
        return status

    async def greets(self, verify_token: str) -> bool:
        """Whether the webhook says again what it is told, as it must before it is used."""
        challenge = str(secrets.randbelow(10**10))
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        try:
            answer = await self.http.send(request(self.http, "GET", self.url, {}, params=query))
        except httpx2.TransportError:
            return False
        return answer.status_code == 200 and answer.text == challenge


def body_of(updates: Sequence[Update]) -> bytes:
    """The updates as one body, an entry for each account; what is not ASCII is escaped."""
    entries: dict[str, list[dict[str, Any]]] = {}
    for update in updates:
        entries.setdefault(update.account, []).append({"field": update.field, "value": update.value})
    listed = [{"id": account, "changes": changes} for account, changes in entries.items()]
    return json.dumps({"object": "whatsapp_business_account", "entry": listed}).encode()


def request(
    http: httpx2.AsyncClient, method: str, target: str, headers: dict[str, str], **given: Any
) -> httpx2.Request:
    url = httpx2.URL(target)
    named = headers | {"Host": url.netloc.decode(), "User-Agent": "facebookexternalua"}
    if url.host == "localhost" or url.host.endswith(".localhost"):  # Python does not resolve these
        url = url.copy_with(host="127.0.0.1")
    return http.build_request(method, url, headers=named, timeout=PATIENCE, **given)
