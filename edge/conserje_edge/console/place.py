"""Places: the addresses of the console, what is seen there and what is done there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, TypeAlias, get_type_hints

from pydantic import TypeAdapter
from starlette.responses import Response

OPEN = "open"  # to everybody
SIGNED_IN = "signed-in"  # to everybody who is
Transaction = Literal["tenant", "core"] | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A page: its template, and what that is told beside `asked`."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class See:
    """Another page that is to be seen now."""

    url: str


@dataclass(frozen=True, slots=True)
class ShowOnce:
    """What was made, to be shown once by the place at `url`; who reloads that page makes nothing again."""

    url: str
    values: Mapping[str, str]


Answer: TypeAlias = Seen | See | ShowOnce | Response
Function = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """What a place does at one method: who may, in which transaction."""

    function: Function
    act: str
    transaction: Transaction
    path: Mapping[str, TypeAdapter[Any]]  # the path's parameters but the tenant's slug

    @property
    def is_open(self) -> bool:
        return self.act == OPEN

    @property
    def is_act(self) -> bool:
        """Whether it is one of `ACTS`."""
        return self.act not in (OPEN, SIGNED_IN)


@dataclass(frozen=True, slots=True)
class View(Part):
    """What is seen. `audited`: that somebody of the operator's looks at it is kept."""

    audited: bool = False


@dataclass(frozen=True, slots=True)
class Deed(Part):
    """What is done. `upload`: the bytes of the files that may come with it."""

    upload: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """An address, what is seen there and what is done by posting to it."""

    path: str
    get: View | None = None
    post: Deed | None = None
    once: str = ""  # the template of what is shown there once


def view(act: str, *, transaction: Transaction = None, audited: bool = False) -> Callable[[Function], View]:
    """Make a view of `async def f(asked: Asked, <parameters of the path>) -> Seen | See | Response`."""

    def make(function: Function) -> View:
        return View(function, act, transaction, _path(function), audited)

    return make


def deed(
    act: str, *, transaction: Transaction = None, upload: int | None = None
) -> Callable[[Function], Deed]:
    """Make a deed of such a function, which answers See when it is done, and Seen 422 for wrong input.

    What it wrote is undone by an answer above 400 and by an error. The audit is written in its transaction;
    without one the deed calls `asked.audit` in its own.
    """

    def make(function: Function) -> Deed:
        return Deed(function, act, transaction, _path(function), upload)

    return make


def _path(function: Function) -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(function, include_extras=True)
    return {name: TypeAdapter(hint) for name, hint in hints.items() if name not in ("asked", "return")}
