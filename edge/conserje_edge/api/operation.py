"""Operations: functions that answer a method of a path, described by their annotations."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter

from conserje.tenants.api_keys import KeyScope
from conserje_edge.api.models import Given, Shown

Function = Callable[..., Awaitable[Any]]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
ALWAYS = ("no-key", "old-key", "too-many-requests", "failed", "unavailable")


@dataclass(frozen=True, slots=True)
class Operation:
    """What may be asked, by whom, and what comes of it."""

    function: Function
    name: str
    status: HTTPStatus
    scope: KeyScope
    whose: Literal["operator", "any"]
    transaction: Literal["tenant", "core"] | None
    errors: tuple[str, ...]
    tagged: bool
    media: str  # of an answer that is no model
    path: Mapping[str, TypeAdapter[Any]]  # the path's parameters but the tenant's slug
    query: type[Given] | None
    body: type[Given] | None
    answer: type[Shown] | None  # None: nothing, or of `media`

    @property
    def tag(self) -> str:
        return self.function.__module__.rpartition(".")[2]

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def text(self) -> str:
        return (inspect.getdoc(self.function) or "").partition("\n")[2].strip()


@dataclass(frozen=True, slots=True)
class Place:
    """A path below `/api/v1`, and the operations of its methods."""

    path: str
    operations: Mapping[Method, Operation]


def operation(
    *,
    scope: KeyScope,
    status: HTTPStatus = HTTPStatus.OK,
    whose: Literal["operator", "any"] = "any",
    transaction: Literal["tenant", "core"] | None = None,
    errors: tuple[str, ...] = (),
    tagged: bool = False,
    media: str = "",
) -> Callable[[Function], Operation]:
    """Make an operation of `async def f(asked: Asked, <parameters of the path>, query: .., body: ..)`.

    `whose` operator: a tenant's key is refused. `transaction`: it runs in one, of the tenant or of core, and
    is done once under an Idempotency-Key. `errors` are codes beside those that are always possible. `tagged`:
    the answer gets an ETag. `media`: it returns a Response of this type instead of a model.
    """

    def make(function: Function) -> Operation:
        hints = get_type_hints(function, include_extras=True)
        answer = hints.pop("return")
        query, body = hints.pop("query", None), hints.pop("body", None)
        del hints["asked"]
        return Operation(
            function, function.__name__, status, scope, whose, transaction, errors, tagged, media,
            path={name: TypeAdapter(hint) for name, hint in hints.items()},
            query=query,
            body=body,
            answer=None if media or answer is type(None) else answer,
        )  # fmt: skip

    return make
