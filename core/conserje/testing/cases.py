"""Cases of JSON: what the provider posts and what is read of it, what is sent and what it is asked."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
from pydantic import TypeAdapter

from conserje.contract import channel as errors
from conserje.contract.account import AnyAccount
from conserje.contract.channel import AnyChannel, Receipt, Webhook
from conserje.contract.message import (
    BusinessMessage,
    Event,
    File,
    Ignored,
    InboundMessage,
    Opened,
    OutboundMessage,
    StatusUpdate,
    Unreadable,
    contents,
)

HOST = "https://tienda.bot.example"
ANYTHING = "*"
_FORM = "application/x-www-form-urlencoded"
_KINDS: tuple[Any, ...] = (InboundMessage, BusinessMessage, StatusUpdate, Unreadable, Ignored)
_EVENTS: dict[str, TypeAdapter[Any]] = {each.__name__: TypeAdapter(each) for each in _KINDS}
_FIELD = re.compile(r"\$\{(\w+)\}")
_USUAL = {
    "host", "content-length", "user-agent", "accept", "accept-encoding", "connection", "authorization",
    "content-type",
}  # fmt: skip


def cases(suite: type, folder: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The cases of a folder beside the suite's own file, by their names."""
    if not folder:
        return
    place = _beside(suite) / folder
    found = sorted(place.glob("*.json"))
    assert found, f"There are no cases (*.json) in {place}."
    for path in found:
        yield path.stem, json.loads(path.read_text("utf-8"))


def _beside(suite: type) -> Path:
    return Path(sys.modules[suite.__module__].__file__ or "").parent


def check_incoming(name: str, case: Mapping[str, Any], channel: AnyChannel, account: AnyAccount) -> None:
    """The request of a case is read as its events."""
    from conserje.testing.subject import parse

    hook = request(_filled(case["request"], account), channel.name)
    channel.claims(hook)
    found: list[Event] = list(parse(channel, hook, account))
    wanted = _filled(case["events"], account)
    read = [_shown(each) for each in found]
    assert len(found) == len(wanted), f"{name}: {len(wanted)} events are to be read, and are {read}."
    for n, (event, shown) in enumerate(zip(read, wanted, strict=True)):
        _compare(f"{name}: event {n}", event, _whole(shown))


def request(given: Mapping[str, Any], name: str) -> Webhook:
    """The request that a case says."""
    path = given.get("path", "webhook")
    body, content_type = _body(given)
    headers = ({"content-type": content_type} if content_type else {}) | given.get("headers", {})
    return Webhook(
        given.get("method", "POST"), path, given.get("url", f"{HOST}/bot/{name}/{path}"), headers, body
    )


def _body(given: Mapping[str, Any]) -> tuple[bytes, str]:
    match given:
        case {"json": document}:
            return json.dumps(document).encode(), "application/json"
        case {"form": form}:
            return urlencode([tuple(each) for each in form]).encode(), _FORM
        case {"base64": encoded}:
            return base64.b64decode(encoded), ""
        case _:
            return str(given.get("text", "")).encode(), ""


def _filled(value: Any, account: AnyAccount) -> Any:
    """With the account's credentials where a case has their names."""
    match value:
        case str():
            return _FIELD.sub(lambda found: _credential(account, found[1]), value)
        case dict():
            return {name: _filled(each, account) for name, each in value.items()}
        case list():
            return [_filled(each, account) for each in value]
        case _:
            return value


def _credential(account: AnyAccount, name: str) -> str:
    value = getattr(account.credentials, name)
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


def _shown(event: Event) -> dict[str, Any]:
    name = type(event).__name__
    return {"event": name, **_EVENTS[name].dump_python(event, mode="json")}


def _whole(given: Mapping[str, Any]) -> dict[str, Any]:
    """What an event is to be: what is left out is as the contract has it by default, else not looked at."""
    name = given["event"]
    usual = {each.name: each.default for each in fields(_kind(name)) if each.default is not MISSING}
    shown = json.loads(json.dumps(usual, default=list))
    return {"event": name, **shown, **given}


def _kind(name: str) -> Any:
    return next(each for each in _KINDS if each.__name__ == name)


def _compare(place: str, found: Any, wanted: Any) -> None:
    """What is found is as it is wanted; of objects, only what is said."""
    if wanted == ANYTHING:
        return
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name, value in wanted.items():
            assert name in found, f"{place} has no {name}; it has {sorted(found)}."
            _compare(f"{place}.{name}", found[name], value)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for n, (one, other) in enumerate(zip(found, wanted, strict=True)):
            _compare(f"{place}.{n}", one, other)
    else:
        assert found == wanted, f"{place} is {found!r}; it is to be {wanted!r}."


async def check_outgoing(
    name: str,
    case: Mapping[str, Any],
    made: Callable[[httpx2.AsyncClient], AnyChannel],
    account: AnyAccount,
    to: str,
) -> None:
    """The message of a case is sent by its requests, and its answers mean its outcome."""
    from conserje.testing.provider import Provider

    answers = iter(_filled(case["answers"], account))

    def answer(request: httpx2.Request) -> httpx2.Response:
        given = next(answers, None)
        assert given is not None, f"{name}: the provider is asked once more, {request.method} {request.url}."
        return _answer(given, request)

    provider = Provider(answer)
    async with provider.client() as http:
        outcome = await _outcome(made(http), _message(case["message"], to), account)
    wanted = _filled(case["requests"], account)
    asked = [f"{each.method} {each.url}" for each in provider.requests]
    assert len(asked) == len(wanted), f"{name}: {len(wanted)} requests are to be made, and are {asked}."
    for n, (made_request, said) in enumerate(zip(provider.requests, wanted, strict=True)):
        _compare(f"{name}: request {n}", _asked(made_request, said), said)
    _compare(f"{name}: the outcome", _told(outcome), dict(case["outcome"]))


def _answer(given: Mapping[str, Any], request: httpx2.Request) -> httpx2.Response:
    if "error" in given:
        kind: type[httpx2.RequestError] = getattr(httpx2, given["error"])
        raise kind("The case says so.", request=request)
    body, content_type = _body(given)
    headers = ({"content-type": content_type} if content_type else {}) | given.get("headers", {})
    return httpx2.Response(given.get("status", 200), headers=headers, content=body)


def _message(given: Mapping[str, Any], to: str) -> OutboundMessage:
    files = given.get("files", {})

    def opener(file: File) -> Opened | None:
        if file.ref not in files:
            return None
        said = files[file.ref]
        content = base64.b64decode(said["base64"]) if isinstance(said, dict) else str(said).encode()
        return Opened(len(content), _once(content))

    return OutboundMessage(
        id=given.get("id", 7),
        to=given.get("to", to),
        content=contents.validate_python(given["content"]),
        status_url=given.get("status_url", f"{HOST}/bot/status?message={given.get('id', 7)}"),
        attempted_at=_time(given.get("attempted_at")),
        owned=frozenset(given.get("owned", ())),
        quotes=given.get("quotes", ""),
        opener=opener if files else None,
    )


def _time(said: str | None) -> datetime:
    return datetime.fromisoformat(said) if said else datetime.now(UTC)


async def _once(content: bytes) -> Any:
    yield content


async def _outcome(channel: AnyChannel, message: OutboundMessage, account: AnyAccount) -> Receipt | Exception:
    try:
        return await channel.send(message, account)
    except Exception as error:
        return error


def _asked(request: httpx2.Request, said: Mapping[str, Any]) -> dict[str, Any]:
    """A request in the form in which a case says it."""
    found: dict[str, Any] = {
        "method": request.method,
        "url": str(request.url),
        "headers": dict(request.headers),
    }
    if "form" in said:
        found["form"] = [list(each) for each in Webhook("", "", "", _FORM_HEADERS, request.content).form]
    elif "json" in said:
        found["json"] = json.loads(request.content)
    elif "base64" in said:
        found["base64"] = base64.b64encode(request.content).decode()
    elif "text" in said:
        found["text"] = request.content.decode("utf-8", "replace")
    return found


_FORM_HEADERS = {"content-type": _FORM}


def _told(outcome: Receipt | Exception) -> dict[str, Any]:
    """What came of a message in the form in which a case says it."""
    if isinstance(outcome, Receipt):
        shown = {"provider_id": outcome.provider_id, "category": outcome.category, "units": outcome.units}
        return {"receipt": shown}
    told: dict[str, Any] = {"error": type(outcome).__name__, "cause": str(outcome)}
    return told | {
        name: getattr(outcome, name) for name in ("after", "retry", "marketing") if hasattr(outcome, name)
    }


def incoming_case(hook: Webhook, events: Sequence[Event]) -> dict[str, Any]:
    """A request and what was read of it as a case; nothing is taken out of it."""
    said: dict[str, Any] = {
        "method": hook.method,
        "path": hook.path,
        "url": hook.url,
        "headers": dict(hook.headers),
    }
    return {"request": said | _spelled(hook.headers, hook.body), "events": [_brief(each) for each in events]}


def _brief(event: Event) -> dict[str, Any]:
    """An event without what is as the contract has it by default."""
    usual = _whole({"event": type(event).__name__})
    return {
        name: value
        for name, value in _shown(event).items()
        if name == "event" or name not in usual or usual[name] != value
    }


def outgoing_case(
    message: OutboundMessage,
    exchanges: Sequence[tuple[httpx2.Request, httpx2.Response | Exception]],
    outcome: Receipt | Exception,
) -> dict[str, Any]:
    """A message, what the provider was asked and answered, and what came of it, as a case."""
    said: dict[str, Any] = {
        "id": message.id,
        "to": message.to,
        "content": json.loads(contents.dump_json(message.content)),
    }
    said["status_url"] = message.status_url
    said |= {"quotes": message.quotes} if message.quotes else {}
    return {
        "message": said,
        "answers": [_spelled_answer(answer) for _, answer in exchanges],
        "requests": [_spelled_request(request) for request, _ in exchanges],
        "outcome": _told(outcome),
    }


def _spelled_request(request: httpx2.Request) -> dict[str, Any]:
    kept = {name: value for name, value in request.headers.items() if name not in _USUAL}
    return {"method": request.method, "url": str(request.url), "headers": kept} | _spelled(
        request.headers, request.content
    )


def _spelled_answer(answer: httpx2.Response | Exception) -> dict[str, Any]:
    if isinstance(answer, Exception):
        return {"error": type(answer).__name__}
    kept = {name: value for name, value in answer.headers.items() if name in ("retry-after", "location")}
    return {"status": answer.status_code, "headers": kept} | _spelled(answer.headers, answer.content)


def _spelled(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """A body in the form in which a case says it."""
    kind = headers.get("content-type", "")
    with_form = Webhook("", "", "", _FORM_HEADERS, body)
    try:
        if "urlencoded" in kind:
            return {"form": [list(each) for each in with_form.form]}
        text = body.decode("utf-8")
        return {"json": json.loads(text)} if text.lstrip().startswith(("{", "[")) else {"text": text}
    except (ValueError, errors.Malformed):
        return {"base64": base64.b64encode(body).decode()}
