"""What the stand-in for Meta keeps: numbers, files, what it took, who wrote when; and what it refuses."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2

from conserje_fakes import meta_files
from conserje_fakes.meta_rules import FILES, Refusal, check, no_such, require
from conserje_fakes.meta_templates import Template
from conserje_fakes.meta_webhooks import Subscriber

Habit = Literal["in order", "late", "doubled", "out of order", "before the answer", "none"]

WINDOW = 24 * 3600.0  # seconds
OUTSIDE_WINDOW = 131047
FAILURES = {
    OUTSIDE_WINDOW: ("Re-engagement message", "More than 24 hours have passed"),
    meta_files.UPLOAD_FAILED: (
        "Media upload error",
        "The file could not be had, or is not what it should be",
    ),
}
PAIR_PACE = 6.0  # seconds for one message to the same contact, beyond what a burst may have
FILE_LIFE = 300.0  # seconds that a file's address lives
HANDED_LIFE = 30 * 86400.0  # seconds that a file lives that was handed in


@dataclass
class Number:
    """A phone number of the stand-in, with its own app and account unless it is given another's."""

    id: str
    access_token: str
    app_secret: str
    webhook: str = ""  # where its events are posted
    account: str = "102290129340398"
    templates: dict[tuple[str, str], Template] = field(default_factory=dict)  # by name and language
    subscribed: bool = True
    status: str = "CONNECTED"
    quality: str = "GREEN"


@dataclass(slots=True)
class Taken:
    """A message that was taken, as it was posted."""

    number: str
    id: str
    body: dict[str, Any]

    @property
    def to(self) -> str:
        return str(self.body.get("to") or self.body["recipient"])

    @property
    def text(self) -> str:
        return str(self.body["text"]["body"]) if "text" in self.body else ""


@dataclass(frozen=True, slots=True)
class Handed:
    """A file that the business has handed in."""

    number: str
    content: bytes
    content_type: str
    name: str
    until: float


@dataclass(slots=True)
class _File:
    number: str
    content: bytes
    content_type: str
    sha256: str
    addresses: dict[str, float] = field(default_factory=dict)  # each with the time of its end


class StandIn:
    """The state of one stand-in; a test in the same process reads it and calls `write`.

    `now` tells the time in seconds. `pair_burst` is how many messages a contact may get at once; None:
    any number. `pauses` are the first and the longest between two posts of the same batch, in seconds.
    """

    def __init__(
        self,
        numbers: Iterable[Number],
        *,
        habit: Habit = "in order",
        late: float = 2.0,
        rate: int | None = None,
        window: float | None = WINDOW,
        refuse_late: bool = False,
        pair_burst: int | None = None,
        pauses: tuple[float, float] = (0.05, 0.5),
        largest_batch: int = 1000,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.numbers = {number.id: number for number in numbers}
        self.habit = habit
        self.late = late
        self.rate = rate
        self.window = window
        self.refuse_late = refuse_late
        self.pair_burst = pair_burst
        self.pauses = pauses
        self.largest_batch = largest_batch
        self.now = now
        self.taken: list[Taken] = []
        self.read: list[dict[str, Any]] = []  # read marks
        self.stopped_marketing: set[tuple[str, str]] = set()  # by number and contact
        self.reported: set[str] = set()  # ids of messages whose last status was acknowledged
        self.reports: Callable[[], bool] = lambda: True  # whether a message's fate is ever told
        self._written: dict[tuple[str, str], float] = {}  # when a contact wrote last to a number
        self._received: set[tuple[str, str]] = set()  # by number and message
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._owed: dict[tuple[str, str], float] = {}  # until when a contact's burst is used up
        self.handed_in: dict[str, Handed] = {}  # the business's own files, by id
        self._files: dict[str, _File] = {}
        self._subscribers: dict[tuple[str, str], Subscriber] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_connections=None))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    def sent(self, number: str, to: str) -> list[str]:
        """The texts taken from `number` to `to`, in order."""
        return [taken.text for taken in self.taken if (taken.number, taken.to) == (number, to)]

    async def write(self, number: str, contact: str, *texts: str) -> None:
        """`contact` writes; returns when all of it is acknowledged."""
        written = [self.receive(number, contact, {"type": "text", "text": {"body": text}}) for text in texts]
        await asyncio.gather(*(acknowledged for _, acknowledged in written))

    def receive(
        self, number: str, contact: str, message: Mapping[str, Any], name: str = "Ana"
    ) -> tuple[str, asyncio.Future[None]]:
        """Take any message of a contact's, by phone or user id: its id, and its acknowledgement to come."""
        id = "wamid." + secrets.token_urlsafe(24)
        # A user id is always there; the phone is not where the contact has a username.
        phone, user_id = contact.isdecimal(), f"CL.{contact}" if contact.isdecimal() else contact
        who = {"user_id": user_id} | ({"wa_id": contact} if phone else {})
        named = {"from_user_id": user_id} | ({"from": contact} if phone else {})
        written = {**named, "id": id, **message}
        written.setdefault("timestamp", str(int(self.now())))
        self._written[number, contact] = self.now()
        self._received.add((number, id))
        contacts = [{"profile": {"name": name}, **who}]
        return id, self.tell(number, "messages", {"contacts": contacts, "messages": [written]})

    def tell(self, number: str, field: str, value: Mapping[str, Any]) -> asyncio.Future[None]:
        """Have any change of the number's posted; done when it is acknowledged."""
        owner = self.numbers[number]
        metadata = {"display_phone_number": "15550783881", "phone_number_id": number}
        whole = {"messaging_product": "whatsapp", "metadata": metadata, **value}
        return self.subscriber(owner).tell(owner.account, field, whole)

    def subscriber(self, number: Number) -> Subscriber:
        """Whom the number's events are posted to; numbers with one app and one webhook share it."""
        place = number.webhook, number.app_secret
        if place not in self._subscribers:
            subscriber = Subscriber(self._http, *place, self.pauses, largest_batch=self.largest_batch)
            self._subscribers[place] = subscriber
            self._begin(subscriber.run())
        return self._subscribers[place]

    @property
    def posts(self) -> list[int | None]:
        """The status of each answer to a post."""
        return [status for subscriber in self._subscribers.values() for status in subscriber.posted]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits to be posted."""
        return not any(subscriber.waiting for subscriber in self._subscribers.values())

    def keep_file(self, number: str, content: bytes, content_type: str, sha256: str = "") -> str:
        """A contact's file; its id."""
        id = str(secrets.randbelow(10**15) + 10**15)
        digest = sha256 or hashlib.sha256(content).hexdigest()
        self._files[id] = _File(number, content, content_type, digest)
        return id

    def take_file(self, number: Number, content: bytes, content_type: str, name: str) -> str:
        """A file that the business hands in; its id. Raises Refusal."""
        meta_files.check_upload(content, content_type)
        id = str(secrets.randbelow(10**15) + 10**15)
        self.handed_in[id] = Handed(number.id, content, content_type, name, self.now() + HANDED_LIFE)
        return id

    def _check_id(self, taken: Taken) -> None:
        """Raises Refusal for a file's id that is not one that this number was handed."""
        kind = taken.body.get("type", "text")
        if isinstance(said := taken.body.get(kind), dict) and kind in FILES and "id" in said:
            known = self.handed_in.get(said["id"])
            is_own = known and known.number == taken.number and self.now() < known.until
            require(
                is_own,
                f"Param {kind}['id'] is not a valid whatsapp business account media attachment ID",
            )

    def _trouble_with_id(self, taken: Taken) -> int:
        kind = taken.body.get("type", "text")
        if kind not in FILES or "id" not in taken.body[kind]:
            return 0
        return meta_files.unfit(kind, self.handed_in[taken.body[kind]["id"]].content_type)

    def locate(self, owner: Number, id: str, base: str) -> dict[str, Any]:
        """Raises Refusal."""
        file = self._files.get(id)
        if file is None or not self._is_of(owner, file):
            raise no_such(id)
        mark = secrets.token_urlsafe(16)
        file.addresses[mark] = self.now() + FILE_LIFE
        return {
            "url": f"{base}/_files/{id}?mark={mark}",
            "mime_type": file.content_type,
            "sha256": file.sha256,
            "file_size": len(file.content),
            "id": id,
            "messaging_product": "whatsapp",
        }

    def file(self, owner: Number, id: str, mark: str) -> tuple[bytes, str] | None:
        """The bytes and their type, for as long as the address lives."""
        file = self._files.get(id)
        if file is None or not self._is_of(owner, file) or file.addresses.get(mark, 0.0) < self.now():
            return None
        return file.content, file.content_type

    def _is_of(self, owner: Number, file: _File) -> bool:
        """Whether the token that asks is the file's number's; numbers of one app may share it."""
        return self.numbers[file.number].access_token == owner.access_token

    def owner(self, authorization: str) -> Number:
        """The number whose token this is. Raises Refusal."""
        token = authorization.removeprefix("Bearer ")
        for number in self.numbers.values():
            if authorization.startswith("Bearer ") and secrets.compare_digest(
                token.encode(), number.access_token.encode()
            ):
                return number
        raise Refusal(190, "Error validating access token", 401)

    def authenticate(self, authorization: str, id: str) -> Number:
        """The number `id`, if the token is for it. Raises Refusal."""
        self.owner(authorization)
        number = self.numbers.get(id)
        if number is None or f"Bearer {number.access_token}" != authorization:
            raise no_such(id)
        return number

    async def accept(self, number: Number, body: dict[str, Any]) -> dict[str, Any]:
        """Take a message or a read mark; the answer. Raises Refusal."""
        self._check_rate(number)
        if body.get("status") == "read":
            return self._mark_read(number, body)
        check(body)
        taken = Taken(number.id, "wamid." + secrets.token_urlsafe(24), body)
        if body.get("type") == "template":
            self._check_template(number, taken)
        is_open = body.get("type") == "template" or self._is_open(taken)
        if not is_open and not self.refuse_late:
            raise Refusal(OUTSIDE_WINDOW, FAILURES[OUTSIDE_WINDOW][0])
        if body.get("type") == "reaction":
            known = {(each.number, each.id) for each in self.taken} | self._received
            require((number.id, body["reaction"]["message_id"]) in known, "message_id is not known", 131009)
        self._check_id(taken)
        self._check_pair(taken)
        self.taken.append(taken)
        trouble = self._trouble_with_id(taken) or await meta_files.trouble(self._http, body)
        code = trouble if is_open else OUTSIDE_WINDOW
        await self._start_report(taken, code)
        contact = {"input": taken.to, "wa_id" if "to" in body else "user_id": taken.to}
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": taken.id}]}

    def _mark_read(self, number: Number, body: dict[str, Any]) -> dict[str, Any]:
        require((number.id, body.get("message_id")) in self._received, "message_id is not known")
        require(
            body.get("typing_indicator", {"type": "text"}) == {"type": "text"}, "typing_indicator is none"
        )
        self.read.append(body)
        return {"success": True}

    def _check_rate(self, number: Number) -> None:
        recent, now = self._recent[number.id], time.monotonic()
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if self.rate is not None and len(recent) >= self.rate:
            raise Refusal(130429, "Rate limit hit", 429)
        recent.append(now)

    def _check_pair(self, taken: Taken) -> None:
        """A contact may get a burst, which is paid back at the pair's pace."""
        if self.pair_burst is None:
            return
        pair, now = (taken.number, taken.to), self.now()
        owed = max(self._owed.get(pair, now), now) + PAIR_PACE
        if owed > now + self.pair_burst * PAIR_PACE:
            raise Refusal(131056, "(Business Account, Consumer Account) pair rate limit hit")
        self._owed[pair] = owed

    def _check_template(self, number: Number, taken: Taken) -> None:
        given = taken.body["template"]
        known = number.templates.get((given.get("name"), given.get("language", {}).get("code")))
        require(known, "Template name does not exist in the translation", 132001)
        assert known is not None
        known.check(given.get("components", ()))
        by_user_id = "recipient" in taken.body
        require(not (by_user_id and known.category == "AUTHENTICATION"), "Needs a phone number", 131062)
        stopped = known.category == "MARKETING" and (number.id, taken.to) in self.stopped_marketing
        require(not stopped, "User has stopped marketing messages", 131050)

    def _is_open(self, taken: Taken) -> bool:
        written = self._written.get((taken.number, taken.to))
        return self.window is None or (written is not None and self.now() - written < self.window)

    async def _start_report(self, taken: Taken, code: int) -> None:
        """Tell what becomes of a message, which fails with `code`; 0: it arrives."""
        if self.habit == "none" or not self.reports():
            return
        steps = ["failed"] if code else ["sent", "delivered"]
        if self.habit == "out of order":
            steps.reverse()
        if self.habit == "doubled":
            steps = [step for step in steps for _ in range(2)]
        if self.habit == "late":
            self._begin(self._report_late(taken, steps, code))
            return
        told = [self._report(taken, step, code) for step in steps]
        if self.habit == "before the answer":
            await asyncio.gather(*told)

    async def _report_late(self, taken: Taken, steps: Sequence[str], code: int) -> None:
        await asyncio.sleep(self.late)
        for step in steps:
            self._report(taken, step, code)

    def _report(self, taken: Taken, step: str, code: int) -> asyncio.Future[None]:
        status: dict[str, Any] = {
            "id": taken.id,
            "status": step,
            "timestamp": str(int(self.now())),
            "recipient_id" if "to" in taken.body else "recipient_user_id": taken.to,
        }
        if mark := taken.body.get("biz_opaque_callback_data"):
            status["biz_opaque_callback_data"] = mark
        if step == "failed":
            title, details = FAILURES[code]
            error = {"code": code, "title": title, "message": title}
            status["errors"] = [error | {"error_data": {"details": details}}]
        else:
            status["pricing"] = {"billable": True, "pricing_model": "PMP", "category": "service"}
        acknowledged = self.tell(taken.number, "messages", {"statuses": [status]})
        if step in ("delivered", "failed"):
            acknowledged.add_done_callback(lambda _: self.reported.add(taken.id))
        return acknowledged

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def error_json(refusal: Refusal) -> bytes:
    error: dict[str, Any] = {
        "message": f"(#{refusal.code}) {refusal}",
        "type": "OAuthException",
        "code": refusal.code,
        **({"error_subcode": refusal.subcode} if refusal.subcode else {}),
        "error_data": {"messaging_product": "whatsapp", "details": str(refusal)},
        "fbtrace_id": secrets.token_urlsafe(12),
    }
    return json.dumps({"error": error}).encode()
