"""Posts updates as the Bot API does: those of one chat and kind in their order, each until it is told 2xx."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx2

PATIENCE = 10.0  # seconds for one answer
KEPT = 24 * 3600.0  # seconds that an update waits for its 2xx
BY_DEFAULT = frozenset(
    {"message", "edited_message", "callback_query", "my_chat_member", "channel_post", "edited_channel_post"}
)
BESIDE = frozenset({"message_reaction", "chat_member", "message_reaction_count"})  # only where they are named

Called = Callable[
    [str, Mapping[str, Any]], Awaitable[object]
]  # a method that an answer names, and its fields


@dataclass(slots=True)
class Update:
    """One update that waits, and whoever waits for its acknowledgement."""

    id: int
    kind: str
    value: dict[str, Any]
    until: float
    acknowledged: asyncio.Future[None]


@dataclass(slots=True)
class Webhook:
    """Where a bot's updates go, as setWebhook had it."""

    url: str
    secret: str = ""
    allowed: frozenset[str] = BY_DEFAULT
    connections: int = 40

    def takes(self, kind: str) -> bool:
        return kind in self.allowed


@dataclass
class Poster:
    """A bot's updates on their way. `edge` is where every host is reached, as DNS and nginx would have it;
    `pauses`: the first and the longest between two posts of one update, in seconds.
    """

    http: httpx2.AsyncClient
    edge: str
    now: Callable[[], float]
    called: Called
    pauses: tuple[float, float]
    webhook: Webhook | None = None
    next_id: int = 1
    statuses: list[int | None] = field(default_factory=list)  # of each answer; None: there was none
    last_error: str = ""
    last_error_at: float = 0.0
    dropped: int = 0
    _queues: dict[tuple[int, str], deque[Update]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pending(self) -> int:
        return sum(map(len, self._queues.values()))

    def set(self, webhook: Webhook | None) -> None:
        self.webhook = webhook
        self._changed.set()

    def drop(self) -> None:
        """Forget what waits."""
        for queue in self._queues.values():
            for update in queue:
                update.acknowledged.cancel()
            queue.clear()

    def tell(self, chat: int, kind: str, value: dict[str, Any]) -> asyncio.Future[None]:
        """Have an update posted, in order behind those of its chat and kind; done when it is acknowledged.

        A kind that the webhook does not take is never told, as if it were.
        """
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not (self.webhook or Webhook("")).takes(kind):
            acknowledged.set_result(None)
            return acknowledged
        update = Update(self.next_id, kind, value, self.now() + KEPT, acknowledged)
        self.next_id += 1
        queue = self._queues.setdefault((chat, kind), deque())
        queue.append(update)
        if len(queue) == 1:
            task = asyncio.create_task(self._run(queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return acknowledged

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, queue: deque[Update]) -> None:
        while queue:
            await self._insist(queue[0])
            if queue and queue[0].acknowledged.done():
                queue.popleft()

    async def _insist(self, update: Update) -> None:
        pause, longest = self.pauses
        fails = 0
        while not update.acknowledged.done():
            if self.now() > update.until:
                self.dropped += 1
                update.acknowledged.cancel()
            elif self.webhook is None:
                self._changed.clear()
                await self._changed.wait()
            elif 200 <= (await self.post(self.webhook, update) or 0) < 300:
                update.acknowledged.set_result(None)
            else:
                await asyncio.sleep(pause if fails else 0)  # the second post follows at once
                pause, fails = min(pause * 2, longest) if fails else pause, fails + 1

    async def post(self, webhook: Webhook, update: Update) -> int | None:
        """Post once; the status that came back."""
        url = httpx2.URL(webhook.url)
        headers = {
            "host": url.netloc.decode(),
            "content-type": "application/json",
            "x-forwarded-proto": "https",
        }
        if webhook.secret:
            headers["x-telegram-bot-api-secret-token"] = webhook.secret
        body = json.dumps({"update_id": update.id, update.kind: update.value}).encode()
        target = self.edge + url.raw_path.decode()
        try:
            answer = await self.http.post(target, content=body, headers=headers, timeout=PATIENCE)
        except httpx2.TransportError:
            self._fail("Connection closed")
            return None
        self.statuses.append(answer.status_code)
        if answer.is_success:
            await self._obey(answer)
        else:
            self._fail(f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}")
        return answer.status_code

    def _fail(self, cause: str) -> None:
        self.last_error, self.last_error_at = cause, self.now()

    async def _obey(self, answer: httpx2.Response) -> None:
        """An answer may name a method, whose result nobody is told."""
        kind = answer.headers.get("content-type", "").partition(";")[0]
        fields: object = {}
        if kind == "application/json":
            fields = _json(answer.content)
        elif kind == "application/x-www-form-urlencoded":
            fields = dict(parse_qsl(answer.text))
        if isinstance(fields, dict) and isinstance(method := fields.pop("method", None), str):
            await self.called(method, fields)


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return {}
