"""Optional arguments: a method is given those that its signature names, whatever stands around it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from doorway import Moody

from conserje.contract import signatures
from conserje.contract.channel import Channel
from conserje.contract.signatures import wants


def wraps(inner: Callable[..., Any], around: Callable[..., Any]) -> Callable[..., Any]:
    return functools.wraps(inner)(around)


class Methods:
    def old(self, hook: object) -> None: ...
    def new(self, hook: object, account: object) -> None: ...
    def by_name(self, hook: object, *, account: object = None) -> None: ...
    def elsewhere(self, account: object, hook: object) -> None: ...
    def by_place(self, hook: object, account: object, /) -> None: ...
    def whatever(self, hook: object, *args: Any, **account: Any) -> None: ...
    @staticmethod
    def static(hook: object, account: object) -> None: ...
    @classmethod
    def of_class(cls, hook: object, account: object) -> None: ...
    async def awaited(self, hook: object, account: object) -> None: ...

    partial = functools.partialmethod(new, None)
    filled = functools.partialmethod(by_name, account=None)
    cached = functools.lru_cache(new)
    open_wrapper = wraps(new, lambda *args, **named: None)
    narrow_wrapper = wraps(new, lambda self, hook: None)
    places_alone = wraps(new, lambda *args: None)
    twice = wraps(open_wrapper, lambda self, hook, account: None)
    narrow_inside = wraps(wraps(new, lambda self, hook: None), lambda *args, **named: None)
    unsaid = lambda *args, **named: None  # noqa: E731


WANTED = ("new", "by_name", "elsewhere", "static", "of_class", "awaited", "partial", "filled", "cached")
TOLD = ("open_wrapper", "twice")
NOT = ("old", "by_place", "whatever", "narrow_wrapper", "places_alone", "narrow_inside", "unsaid")


@pytest.mark.parametrize("name", [*WANTED, *TOLD])
def test_what_names_the_argument_and_can_be_given_it_wants_it(name: str) -> None:
    assert wants(getattr(Methods, name), "account")


@pytest.mark.parametrize("name", NOT)
def test_what_cannot_be_given_it_does_not(name: str) -> None:
    assert not wants(getattr(Methods, name), "account")


@pytest.mark.parametrize("odd", [None, 7, "account", print, object(), property(lambda self: None)])
def test_what_is_no_method_wants_nothing(odd: Any) -> None:
    assert not wants(odd, "account")


def test_what_is_wrapped_in_itself_is_looked_at_once() -> None:
    def around(hook: object, account: object) -> None: ...

    around.__wrapped__ = around  # type: ignore[attr-defined]
    assert not wants(around, "account")


def test_the_base_class_wants_nothing() -> None:
    assert not wants(Channel.parse, "account")
    assert not wants(Channel.attend, "contact")


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        if name == "parse":
            raise SystemExit(3)
        return super().__getattribute__(name)


class Hostile(Moody, metaclass=Meta):
    """Exits when its class is looked at."""


def test_promise_8_a_class_that_cannot_even_be_looked_at_is_given_nothing() -> None:
    assert not signatures.of_class(Hostile, "parse", "account")


class Fresh(Moody):
    """Nobody has looked at it yet."""


def test_a_class_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def look(method: object, name: str) -> bool:
        asked.append(name)
        return True

    monkeypatch.setattr(signatures, "wants", look)
    for _ in range(3):
        assert signatures.of_class(Fresh, "parse", "account")
    assert asked == ["account"]
