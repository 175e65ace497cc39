"""What plugins give, checked where it is given: as the contract has it, or an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from itertools import chain
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from conserje.contract.account import Abilities, Finding
from conserje.contract.assistant import Heard, Offer, Reply, Result
from conserje.contract.channel import Answer, Page, Receipt, Webhook
from conserje.contract.limits import Limits, Pace
from conserje.contract.message import Event, Unreadable
from conserje.contract.tool import Offering
from conserje.storage.text import clean

T = TypeVar("T")

MOST_EVENTS = 5000  # of one call of `parse`
PART = 128  # of them, which are read before others have their turn
MAY_BE_NONE = frozenset({"buttons", "rows", "files"})  # of limits; of the others there must be some
LONGEST_CHARACTER = 4  # bytes
MOST_MESSAGES = 20  # of one reply, as the assistant gives them

MOST_OFFERS = 32  # of one tool; each is read by the model in each turn
LONGEST_OFFER, LONGEST_SCHEMA, LONGEST_WITHHELD = 1000, 8000, 1000  # characters
CALLABLE = re.compile(r"[a-z][a-z0-9_]{0,63}")  # the name of a tool, as every model takes it

LONGEST_CATEGORY, MOST_UNITS = 100, 1000  # of what a message is charged as

_SENT = re.compile(r"[\x20-\x7e\t]*").fullmatch

Check = Callable[[Any], bool]
Checked = Callable[[object], T]


class Wrong(TypeError):
    """A plugin gave what its contract does not ask for; `what` quotes nothing of it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"gave {what}")


def nothing(given: object) -> None:
    """Whatever is given, nobody uses it."""


def sound(wanted: Any) -> Checked[Any]:
    """What is given, where it is of this type to its last part. Raises Wrong."""

    found = cache(lambda: _check(wanted))  # each webhook asks, and a Union's hash is dear

    def check(given: Any) -> Any:
        if found()(given):
            return given
        raise _wrong(wanted, given)

    return check


def _wrong(wanted: Any, given: Any) -> Wrong:
    kind, name = type(given), type(given).__name__
    if not is_dataclass(kind) or kind not in (wanted, *get_args(wanted)):
        kinds = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
        return Wrong(f"{name}, not {' or '.join(each.__name__ for each in kinds)}")
    hints = get_type_hints(kind, include_extras=True)
    parts = [each.name for each in fields(kind) if not _check(hints[each.name])(getattr(given, each.name))]
    return Wrong(f"{name} with a wrong {parts[0]}")


names: Checked[Sequence[str]] = sound(Sequence[str])
name: Checked[str | None] = sound(str | None)
text: Checked[str] = sound(str)
truth: Checked[bool] = sound(bool)
answer: Checked[Answer] = sound(Answer)
_receipt: Checked[Receipt] = sound(Receipt)
_found: Checked[Receipt | None] = sound(Receipt | None)
_webhook: Checked[Webhook] = sound(Webhook)
window: Checked[timedelta | None] = sound(timedelta | None)
_limits: Checked[Limits] = sound(Limits)
_pace: Checked[Pace] = sound(Pace)
abilities: Checked[Abilities] = sound(Abilities)
findings: Checked[Sequence[Finding]] = sound(Sequence[Finding])
part: Checked[bytes] = sound(bytes)
result: Checked[Result] = sound(Result)
heard: Checked[Heard] = sound(Heard)
_page: Checked[Page] = sound(Page)
_offering: Checked[Offering] = sound(Offering)
_event: Checked[Event] = sound(Event)
_reply: Checked[Reply] = sound(Reply)


def webhook(given: object) -> Webhook:
    """Raises Wrong, also for a request that nobody could post."""
    hook = _webhook(given)
    words = [hook.method, hook.path, hook.url]
    if isinstance(hook.body, bytes) and _check(Mapping[str, str])(hook.headers):
        words += chain(*hook.headers.items())
        if all(isinstance(each, str) and _SENT(each) for each in words):
            return hook
    odd = "Webhook that cannot be posted"
    raise Wrong(odd)


def receipt(given: object) -> Receipt:
    """As it can be stored: the provider has the message, whatever is odd about what it says of it."""
    return _storable(_receipt(given))


def found(given: object) -> Receipt | None:
    """The same, where there is one."""
    known = _found(given)
    return known and _storable(known)


def _storable(known: Receipt) -> Receipt:
    return replace(
        known,
        provider_id=clean(known.provider_id),
        category=clean(known.category)[:LONGEST_CATEGORY],
        units=min(max(known.units, 1), MOST_UNITS),
    )


def limits(given: object) -> Limits:
    """Raises Wrong, also for limits within which nothing could be said."""
    known = _limits(given)
    if known.unit != "characters" and known.text < LONGEST_CHARACTER:
        little = "Limits with a text of less than a character"
        raise Wrong(little)
    numbers = [(each.name, getattr(known, each.name)) for each in fields(known)]
    small = [
        name
        for name, n in numbers
        if isinstance(n, int | float) and (n < 0 or (n == 0 and name not in MAY_BE_NONE))
    ]
    if small:
        little = f"Limits with a wrong {small[0]}"
        raise Wrong(little)
    return known


def pace(given: object) -> Pace:
    """Raises Wrong, also for one at which nothing would ever leave."""
    known = _pace(given)
    if not (0.001 <= known.each_second <= 10_000 and 0 <= known.burst <= 10_000 and 0 <= known.pause <= 3600):
        odd = "Pace with a wrong number"
        raise Wrong(odd)
    return known


def page(address: str) -> Checked[Page]:
    """A check that makes an Unreadable, at this address, of what is no event."""

    def check(given: Any) -> Page:
        if isinstance(given, Page) and isinstance(given.events, tuple | list):
            given = replace(given, events=tuple(_readable(address, each) for each in given.events))
        return _page(given)

    return check


def _readable(address: str, event: Any) -> Event:
    if _check(Event)(event):
        return event  # type: ignore[no-any-return]
    raw = repr(event)
    key = sha256(raw.encode("utf-8", "replace")).hexdigest()
    return Unreadable(address, key, raw, f"The channel {_wrong(Event, event)}")


def offering(name: str) -> Checked[Offering]:
    """A check of what the tool of this name offers in its place, whose words a stranger may have written."""

    def check(given: object) -> Offering:
        known = _offering(given)
        names = [each.name for each in known.offers]
        if len(set(names)) < len(names) or len(names) > MOST_OFFERS:
            many = f"Offering with {len(names)} offers, {len(set(names))} names"
            raise Wrong(many)
        offers = tuple(_offer(name, each) for each in known.offers)
        return Offering(offers, " ".join(clean(known.withheld).split())[:LONGEST_WITHHELD])

    return check


def _offer(tool: str, given: Offer) -> Offer:
    if not CALLABLE.fullmatch(given.name) or not given.name.startswith(f"{tool}_"):
        odd = "Offer with a wrong name"
        raise Wrong(odd)
    try:
        schema = json.dumps(dict(given.parameters), allow_nan=False)
        parameters = _printable(json.loads(schema)) if len(schema) <= LONGEST_SCHEMA else {}
    except (TypeError, ValueError, RecursionError):
        parameters = {}
    if parameters.get("type") != "object":
        odd = "Offer with wrong parameters"
        raise Wrong(odd)
    described = _printable(given.description)[:LONGEST_OFFER]
    return replace(given, description=described, parameters=parameters)


def _printable(given: Any) -> Any:
    """The same in one line, without signs that nobody sees but a model."""
    match given:
        case str():
            return " ".join("".join(sign if sign.isprintable() else " " for sign in given).split())
        case dict():
            return {_printable(name): _printable(value) for name, value in given.items()}
        case list():
            return [_printable(value) for value in given]
        case _:
            return given


def reply(given: object) -> Reply:
    """Raises Wrong, also for more messages than there may be."""
    known = _reply(given)
    if (count := len(known.messages)) > MOST_MESSAGES:
        many = f"Reply with {count} messages"
        raise Wrong(many)
    return known


def parts(into: list[Event]) -> Checked[Iterator[None]]:
    """A check that keeps each event that is one, a part of them with each step, and raises what is wrong with
    the others at the end."""

    def check(given: Any) -> Iterator[None]:
        wrong: Wrong | None = None
        for n, event in enumerate(given, 1):
            if n > MOST_EVENTS:
                many = f"more than {MOST_EVENTS} events"
                raise Wrong(many)
            try:
                into.append(_event(event))
            except Wrong as error:
                wrong = error
            if n % PART == 0:
                yield
        if wrong is not None:
            raise wrong

    return check


@cache
def _check(wanted: Any) -> Check:
    """Whether a value is of this type, to its last part; types as the contract uses them."""
    parts = get_args(wanted)
    match get_origin(wanted):
        case None:
            return _of_dataclass(wanted) if is_dataclass(wanted) else _PLAIN.get(wanted) or _instance(wanted)
        case kind if kind is Annotated:
            return _check(parts[0])
        case kind if kind is Literal:
            return lambda value: isinstance(value, str) and value in parts
        case kind if kind in (Union, UnionType):
            return _of_one(parts)
        case kind if kind in (dict, Mapping):
            return _of_dict(_check(parts[0]), _check(parts[1]))
        case kind if kind in (frozenset, set):
            return _of_each(parts[0], (frozenset, set))
        case _:
            return _of_each(parts[0], (tuple, list))


def _of_dataclass(wanted: Any) -> Check:
    hints = get_type_hints(wanted, include_extras=True)
    checks = [(each.name, _kinds(hints[each.name]), _check(hints[each.name])) for each in fields(wanted)]

    def of_dataclass(value: Any) -> bool:
        if not isinstance(value, wanted):
            return False
        for name, kinds, check in checks:  # each webhook pays for it, and most parts are words
            part = getattr(value, name)
            if type(part) not in kinds and not check(part):
                return False
        return True

    return of_dataclass


def _kinds(wanted: Any) -> frozenset[type]:
    """The kinds all of whose values are of this type, whatever is in them."""
    if get_origin(wanted) in (Union, UnionType):
        return frozenset().union(*map(_kinds, get_args(wanted)))
    return frozenset({wanted} & _WHOLE)


def _of_one(kinds: Sequence[Any]) -> Check:
    checks = {kind: _check(kind) for kind in kinds}

    def of_one(value: Any) -> bool:
        known = checks.get(type(value))
        return known(value) if known else any(check(value) for check in checks.values())

    return of_one


def _of_dict(key: Check, item: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(key(k) and item(v) for k, v in value.items())


def _of_each(part: Any, kinds: Any) -> Check:
    check = _check(part)
    return lambda value: isinstance(value, kinds) and all(map(check, value))


def _instance(wanted: type) -> Check:
    return lambda value: isinstance(value, wanted)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


_WHOLE = {str, bytes, int, bool, NoneType, datetime, timedelta}

_PLAIN: dict[Any, Check] = {
    Any: lambda value: True,
    NoneType: lambda value: value is None,
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: _number,
}
