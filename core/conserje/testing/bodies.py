"""Requests whose bodies are not what the provider sends: a field is missing, null, of another type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from urllib.parse import urlencode

from conserje.contract.channel import Malformed, Webhook
from conserje.testing.subject import changed

MISSING = "missing"
_LONG = "x" * 5000
_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, "", " ", _LONG, "\ud83d", [], {}, [1], [[]], [None], {"a": {"b": 1}},
)  # fmt: skip
FEW: tuple[Any, ...] = (None, 7, "", [], {})  # where each costs more
_RUBBISH: tuple[Any, ...] = (None, 7, {}, [])
_ODD_WORDS = ("", " ", _LONG, "-1", "nan", "\0", "💥", "=&", "9" * 400)
_UNCLEAR = (b"", b"{", b"{}", b"[]", b"null", b"[{}]", b"\xff\xfe", b"a=%ff", b"=&=", b"\0", b"&" * 600,
            b"[" * 20_000, b'"' + b"\\ud800" * 9 + b'"')  # fmt: skip

Path = tuple[str | int, ...]


def unclear(hook: Webhook) -> Iterator[tuple[str, Webhook]]:
    """Requests whose bodies say nothing at all."""
    for body in _UNCLEAR:
        yield f"the body is {body[:20]!r}", changed(hook, body=body)


def odd(hook: Webhook) -> Iterator[tuple[str, str, Webhook]]:
    """Each field, what is odd about it, and the request that has it so."""
    if read(hook.body) is None:
        yield from _odd_form(hook)
    for place, what, body in odd_documents(hook.body):
        yield place, what, changed(hook, body=body.encode())


def odd_documents(body: bytes | str, values: tuple[Any, ...] = _ODD) -> Iterator[tuple[str, str, str]]:
    """Each field of a body of JSON, what is odd about it, and the body that has it so."""
    if (document := read(body)) is None:
        return
    for path in list(paths(document)):
        place, around, name = ".".join(map(str, path)), _at(document, path[:-1]), path[-1]
        usual = around[name]
        for value in values:  # in its place for a moment, since copies of the whole cost most of the time
            around[name] = value
            yield place, json.dumps(value)[:30], json.dumps(document)
        around[name] = usual
        yield place, MISSING, json.dumps(_without(document, path))
    for value in values:
        yield "whole", json.dumps(value)[:30], json.dumps(value)


def _odd_form(hook: Webhook) -> Iterator[tuple[str, str, Webhook]]:
    try:
        form = hook.form
    except Malformed:
        return
    for n, (name, _) in enumerate(form):
        yield name, MISSING, _with_form(hook, [*form[:n], *form[n + 1 :]])
        yield name, "there twice", _with_form(hook, [*form, form[n]])
        for value in _ODD_WORDS:
            yield name, repr(value)[:30], _with_form(hook, [*form[:n], (name, value), *form[n + 1 :]])


def read(body: bytes | str) -> Any:
    """The JSON of a body that is an object or a list, else None."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Each field within, in objects and lists."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield (*path, name)
        yield from paths(part, (*path, name))


def together(one: Webhook, other: Webhook) -> Iterator[tuple[str, Webhook]]:
    """Both requests in one: wherever both have a list, the items of both."""
    first, second = read(one.body), read(other.body)
    for path in _lists(first):
        items, more = _at(first, path), _at(second, path)
        if isinstance(more, list) and items != more and any(isinstance(each, dict) for each in items):
            yield ".".join(map(str, path)), _with(one, _set(first, path, [*items, *more]))


def among_rubbish(hook: Webhook) -> Iterator[tuple[str, Webhook]]:
    """A request, in each list of which stand items that make no sense beside its own."""
    document = read(hook.body)
    for path in _lists(document):
        items = _at(document, path)
        if any(isinstance(each, dict) for each in items):
            for rubbish in _RUBBISH:
                name = f"{'.'.join(map(str, path))} has {json.dumps(rubbish)} beside it"
                yield name, _with(hook, _set(document, path, [rubbish, *items]))


def many(hook: Webhook, size: int) -> Iterator[tuple[str, Webhook]]:
    """A request, each list of which is so long that the body has about this size."""
    document = read(hook.body)
    for path in _lists(document):
        if items := _at(document, path):
            times = max(size // len(json.dumps(items)), 1)
            yield ".".join(map(str, path)), _with(hook, _set(document, path, items * times))


def with_fields_of(hook: Webhook, other: Webhook) -> Iterator[Webhook]:
    """A request with one field of another one's in its place, one after the other."""
    document, theirs = read(hook.body), read(other.body)
    for path in paths(document):
        value = _at(theirs, path)
        if isinstance(value, str | int) and value != _at(document, path):
            yield _with(hook, _set(document, path, value))


def _lists(document: Any) -> Iterator[Path]:
    if document is not None:
        yield from (path for path in ((), *paths(document)) if isinstance(_at(document, path), list))


def _at(document: Any, path: Path) -> Any:
    for name in path:
        try:
            document = document[name]
        except (LookupError, TypeError):
            return None
    return document


def _set(document: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    copy = deepcopy(document)
    _at(copy, path[:-1])[path[-1]] = value
    return copy


def _without(document: Any, path: Path) -> Any:
    copy = deepcopy(document)
    del _at(copy, path[:-1])[path[-1]]
    return copy


def _with(hook: Webhook, document: Any) -> Webhook:
    return changed(hook, body=json.dumps(document).encode())


def _with_form(hook: Webhook, form: list[tuple[str, str]]) -> Webhook:
    return changed(hook, body=urlencode(form).encode())
