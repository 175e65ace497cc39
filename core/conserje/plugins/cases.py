"""Cases: what a recording keeps, in the form in which `conserje.testing` runs it, and in disguise."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx2
from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter, ValidationError

from conserje.contract.account import AnyAccount
from conserje.contract.channel import (
    UNSIGNED_LIMIT,
    AccountFault,
    AnyChannel,
    Malformed,
    Receipt,
    Refused,
    TryLater,
    Uncertain,
    Webhook,
)
from conserje.contract.message import Event, OutboundMessage, contents
from conserje.net.exchanges import Exchange
from conserje.plugins import guard, redaction
from conserje.plugins.disguise import HOST, WORDY_NAME, Disguise
from conserje.plugins.guard import PluginFailed

Case = dict[str, Any]

DIRECTIONS = ("incoming", "outgoing")
OUTCOMES = (Refused, AccountFault, TryLater, Uncertain)
ANYTHING = "*"  # what a case has for what is not compared
MOST_DOUBTS = 64  # words of one request that may be the provider's own, each of which is tried

_CONTENT_TYPES = {"form": "application/x-www-form-urlencoded", "json": "application/json"}
_WORDS = re.compile("[A-Za-z][A-Za-z._/-]{0,40}")
_PLACE = re.compile(r"\$\{\w+\}")
_LETTER = re.compile("[A-Za-z]")
_NUMBER = re.compile("[0-9]{7,}")
_OF_THE_WAY = ("x-forwarded", "x-real-ip", "x-request-id")
_NAMES_KINDS = {"type", "status", "kind", "consent", "content_type", "account_fault", "category"}


class Unfit(Exception):
    """Nothing can be kept of it; the text says why, and nothing of what is in it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What an operator wants to be kept, until when, and the key by which it is disguised."""

    slug: str
    channel: str
    until: float  # seconds since the epoch
    key: str
    keep_words: bool = False


@dataclass(frozen=True, slots=True)
class _Body:
    """A body that can be kept: JSON or a form, or none."""

    kind: str  # "json", "form", ""
    value: Any = None

    def disguised(self, by: Disguise) -> _Body:
        if self.kind == "form":
            return _Body("form", [[name, by.text(value, name)] for name, value in self.value])
        return _Body(self.kind, by.value(self.value))

    def packed(self) -> bytes:
        if self.kind == "form":
            return urlencode([tuple(each) for each in self.value]).encode()
        return json.dumps(self.value, ensure_ascii=False).encode() if self.kind else b""

    def said(self) -> Case:
        return {self.kind: self.value} if self.kind else {}


async def incoming(
    asking: Asking, channel: AnyChannel, hook: Webhook, account: AnyAccount, events: Sequence[Event]
) -> Case:
    """A request that verified, and what is read of it in disguise. Raises Unfit.

    Words are replaced but for those without which it would be read as something else: the provider's own.
    """
    by = _disguise(asking, channel, account)
    by.phones |= set(_phones(_whose(events), account.address))
    by.said |= set(_said([asdict(each) for each in events]))
    body, headers = _body_of(hook.headers, hook.body), _plain_headers(hook, by)
    posted = _Posted(channel, hook, account, body, by, _shape(events), headers)
    for name in posted.headers:
        posted.leave_out(name)
    if (read := posted.read()) is None:
        raise Unfit("It would be read as something else without its phones and words.")
    for doubtful in [] if asking.keep_words else _doubts(posted):
        await asyncio.sleep(0)  # others' posts come in between
        by.said.add(doubtful)
        if again := posted.read():
            read = again
        else:
            by.said.discard(doubtful)
    request, found = read
    case = {"request": request, "events": [_event(each) for each in found]}
    return _sure({**case, "address": by.text(account.address)}, by)


async def outgoing(
    asking: Asking,
    channel: AnyChannel,
    message: OutboundMessage,
    account: AnyAccount,
    exchanges: Sequence[Exchange],
    outcome: Receipt | Exception,
) -> Case:
    """A message, what the provider was asked and answered, and what came of it, in disguise. Raises Unfit."""
    by = replace(_disguise(asking, channel, account), by_names=True)
    plain: Any = contents.dump_python(message.content, mode="json")
    by.phones |= set(_phones([message.to], account.address))
    by.said |= set(_said(plain))
    said, address = _message(message, by.value(plain), by), by.text(account.address)
    answers = [_answer(answer, by) for _, answer in exchanges]
    known = {address, *_leaves(said), *_leaves(answers)}
    case = {
        "message": said,
        "answers": answers,
        "requests": [_request(request, by, known) for request, _ in exchanges],
        "outcome": _outcome(outcome, by),
        "address": address,
    }
    return _sure(case, by)


def _message(message: OutboundMessage, content: Case, by: Disguise) -> Case:
    """Raises Unfit."""
    try:
        contents.validate_python(content)
    except ValidationError:
        raise Unfit("The message is none any more without its words.") from None
    said: Case = {"id": message.id, "to": by.text(message.to), "content": content}
    said["status_url"] = by.text(message.status_url)
    if message.quotes:
        said["quotes"] = by.text(message.quotes)
    if message.opener and "files" in content:
        said["files"] = {each["ref"]: "other bytes" for each in content["files"]}
    return said


def kind_of(case: Case) -> str:
    """By what it is named."""
    if "message" in case:
        kind: str = case["message"]["content"]["type"]
        error: str = case["outcome"].get("error", "")
        return f"{kind}-{error.lower()}" if error else kind
    first: Case = next(iter(case["events"]), {"event": "nothing"})
    return str(first.get("content", {}).get("type") or first["event"].lower())


def _sure(case: Case, by: Disguise) -> Case:
    """Raises Unfit for a case in which something stands that never may, however it came there."""
    if by.betrays(json.dumps(case, ensure_ascii=False)) or by.betrays(json.dumps(case)):
        raise Unfit("A credential or a phone would stand in it.")
    return case


def _disguise(asking: Asking, channel: AnyChannel, account: AnyAccount) -> Disguise:
    credentials: BaseModel = account.credentials
    typed = str | SecretStr | SecretBytes
    named = {name: _plain(value) for name, value in credentials if isinstance(value, typed)}
    known = {*redaction.strings(credentials), *redaction.secrets(credentials)}
    others = (known | {*redaction.secrets(channel.operator)}) - {*named.values()}
    return Disguise(bytes.fromhex(asking.key), named, others, asking.slug, asking.keep_words)


def _plain(value: str | SecretStr | SecretBytes) -> str:
    return next(redaction.secrets(value), value if isinstance(value, str) else "")


def _body_of(headers: Mapping[str, str], body: bytes) -> _Body:
    if not body:
        return _Body("")
    if len(body) > UNSIGNED_LIMIT:
        raise Unfit("Its body has more than 64 KiB.")
    hook = Webhook("", "", "", headers, body)
    with suppress(Malformed, RecursionError):
        if "urlencoded" in headers.get("content-type", ""):
            return _Body("form", [list(each) for each in hook.form])
        if isinstance(hook.json, dict | list):
            return _Body("json", hook.json)
    raise Unfit("Its body is neither JSON nor a form.")


@dataclass
class _Posted:
    """A request that verified, which is to be read in disguise as it was."""

    channel: AnyChannel
    hook: Webhook
    account: AnyAccount
    body: _Body
    by: Disguise
    shape: list[Any]  # of its events
    headers: Mapping[str, str]

    def leave_out(self, name: str) -> None:
        """A header, unless it says what the request is."""
        before = self.headers
        self.headers = {other: value for other, value in before.items() if other != name}
        if not self.read():
            self.headers = before

    def read(self) -> tuple[Case, list[Event]] | None:
        """The request and its events, both in disguise; None: it is read as something else, or not at all."""
        query = "&".join(
            f"{name}={quote_plus(self.by.text(value, name), safe='${}')}" for name, value in self.hook.query
        )
        usual = f"https://{HOST}/bot/{self.channel.name}/{self.hook.path}"
        url, body = f"{usual}?{query}" if query else usual, self.body.disguised(self.by)
        kind = {"content-type": _CONTENT_TYPES[body.kind]} if body.kind else {}
        posted = Webhook(self.hook.method, self.hook.path, url, {**self.headers, **kind}, body.packed())
        other = self._other()
        try:
            events = guard.parsed(self.channel, self.account.tenant, posted, other)
        except (Malformed, PluginFailed):
            return None
        own = [each for each in events if each.address == other.address]
        said: Case = {"method": self.hook.method, "path": self.hook.path}
        said |= {"url": url} if query else {}
        said |= {"headers": dict(self.headers)} if self.headers else {}
        return (said | body.said(), own) if _shape(own) == self.shape else None

    def _other(self) -> AnyAccount:
        """The account in disguise."""
        places: dict[str, str | SecretStr] = {}
        for name in self.by.fields:
            is_secret = isinstance(getattr(self.account.credentials, name), SecretStr)
            places[name] = SecretStr(f"${{{name}}}") if is_secret else f"${{{name}}}"
        credentials = self.account.credentials.model_copy(update=places)
        return replace(self.account, address=self.by.text(self.account.address), credentials=credentials)


def _plain_headers(hook: Webhook, by: Disguise) -> dict[str, str]:
    """Those that say in plain words what the request is; all others may be a secret or a place."""
    return {
        name: value
        for name, value in hook.headers.items()
        if name.startswith("x-") and not name.startswith(_OF_THE_WAY)
        if _WORDS.fullmatch(value) and by.text(value, name) == value
    }


def _doubts(posted: _Posted) -> list[str]:
    """The words of one sign or more that stand there as they were."""
    leaves = [*_leaves(posted.body.value), *(value for _, value in posted.hook.query)]
    kept = (each for each in leaves if _LETTER.search(each) and posted.by.text(each) == each)
    doubts = list(dict.fromkeys(kept))
    if len(doubts) > MOST_DOUBTS:
        raise Unfit("It has more words than can be tried one by one.")
    return doubts


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _leaves(each)
        case list() | tuple():
            for each in value:
                yield from _leaves(each)


def _whose(events: Sequence[Event]) -> list[Any]:
    """The addresses of those who wrote, and whom was written to."""
    names = ("sender", "contact", "identities")
    return [getattr(each, name) for each in events for name in names if hasattr(each, name)]


def _phones(value: Any, address: str) -> Iterator[str]:
    for each in (address, *_leaves(value)):
        if each.isascii() and " " not in each and "://" not in each:
            yield from _NUMBER.findall(each)


def _said(value: Any, name: str = "") -> Iterator[str]:
    """What people wrote, by the names that the contract has for it."""
    match value:
        case str() if WORDY_NAME.search(name) and name != "address" and _LETTER.search(value):
            yield value
        case dict():
            for each, inner in value.items():
                yield from _said(inner, each)
        case list() | tuple():
            for each in value:
                yield from _said(each, name)


def _shape(events: Sequence[Event]) -> list[Any]:
    """What was read, without what was said in it."""
    return [(type(each).__name__, _masked(asdict(each))) for each in events]


def _masked(value: Any, name: str = "") -> Any:
    match value:
        case None | bool():
            return value
        case dict():
            return {each: _masked(inner, each) for each, inner in value.items()}
        case list() | tuple():
            return [_masked(each, name) for each in value]
        case str():
            return value if name in _NAMES_KINDS else bool(value)
        case _:
            return True


def _event(event: Event) -> Case:
    """An event as a case says it: without what is as the contract has it by default."""
    shown = TypeAdapter(type(event)).dump_python(event, mode="json")
    for each in fields(event):
        if each.default is not MISSING and getattr(event, each.name) == each.default:
            del shown[each.name]
    return {"event": type(event).__name__, **shown}


def _request(request: httpx2.Request, by: Disguise, known: Collection[str]) -> Case:
    """A request; what the channel makes of what is disguised, a digest, say, is not compared."""
    said: Case = {"method": request.method, "url": by.text(str(request.url))}
    with suppress(httpx2.RequestNotRead, Unfit):  # a file's bytes: they are not looked at
        body = _body_of(request.headers, request.content)
        said |= replace(body, value=_compared(body.value, body.disguised(by).value, known)).said()
    return said


def _compared(plain: Any, disguised: Any, known: Collection[str]) -> Any:
    match plain, disguised:
        case dict(), dict():
            pairs = zip(plain.values(), disguised.items(), strict=True)
            return {name: _compared(one, other, known) for one, (name, other) in pairs}
        case list(), list():
            return [_compared(one, other, known) for one, other in zip(plain, disguised, strict=True)]
        case _:
            words = str(disguised)
            is_sure = plain == disguised or _PLACE.fullmatch(words) or any(words in each for each in known)
            return disguised if is_sure else ANYTHING


def _answer(answer: httpx2.Response | Exception, by: Disguise) -> Case:
    if isinstance(answer, Exception):
        return {"error": type(answer).__name__}
    said: Case = {"status": answer.status_code}
    if (after := answer.headers.get("retry-after", "")).isdigit():
        said["headers"] = {"retry-after": after}
    with suppress(httpx2.ResponseNotRead, httpx2.StreamConsumed, Unfit):
        said |= _body_of(answer.headers, answer.content).disguised(by).said()
    return said


def _outcome(outcome: Receipt | Exception, by: Disguise) -> Case:
    if isinstance(outcome, Receipt):
        told = asdict(outcome)
        return {"receipt": told | {"provider_id": by.text(outcome.provider_id)}}
    more = ("after", "retry", "marketing")
    kept = {name: getattr(outcome, name) for name in more if hasattr(outcome, name)}
    return {"error": type(outcome).__name__, **kept}
