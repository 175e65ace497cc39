"""A path of the API: reads what is asked, lets the operation do it, and writes the answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

import asyncpg
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as Connected

from conserje.errors import OperatorError
from conserje.storage import scope
from conserje.storage.database import describe
from conserje.storage.scope import Scope
from conserje.tenants import idempotency
from conserje.tenants.entry import Entry
from conserje.tenants.idempotency import Answered
from conserje_edge.api.asked import Asked, etag
from conserje_edge.api.models import Given, Shown
from conserje_edge.api.operation import Method, Operation
from conserje_edge.api.problem import Wrong, of_error, problem
from conserje_edge.operator.auth import Caller, caller
from conserje_edge.operator.context import Context
from conserje_edge.wire.hosts import SLUG
from conserje_edge.wire.requests import read_body

JSON = "application/json"
_JSON_TYPE = re.compile(r"application/(?:merge-patch\+)?json\s*(?:;.*)?", re.IGNORECASE)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")  # Postgres keeps none
_KEY = re.compile(rf"[\x21-\x7e]{{1,{idempotency.LONGEST}}}")

G = TypeVar("G", bound=Given)


@dataclass(frozen=True)
class Endpoint:
    """An ASGI application for one path."""

    context: Context
    operations: Mapping[Method, Operation]

    async def __call__(self, scope: Connected, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except OperatorError as error:
            if told := of_error(error, "query" if request.method == "GET" else "body"):
                raise told from None
            raise
        except asyncpg.DataError as error:
            raise problem("invalid", f"Postgres cannot store it: {describe(error)}.") from None
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        """Raises Problem or OperatorError."""
        operation = self._operation(request.method)
        asking = caller(request)
        if asking.key and asking.key.uses != "api":
            raise problem("old-key")
        path = dict(request.path_params)
        slug = path.pop("slug", None)
        entry = await self._entry(asking, slug) if slug is not None else None
        _require(asking, operation)
        asked = Asked(
            asking, self.context, request.state.request_id, entry, given=dict(request.headers),
            if_match=request.headers.get("if-match"),
        )  # fmt: skip
        arguments = _of_path(operation, path)
        if operation.query:
            arguments["query"] = _of_query(operation.query, request)
        body = b""
        if operation.body:
            body = await self._body(request)
            arguments["body"] = _of_body(operation.body, body)
        if not operation.transaction:
            return _response(operation, asked, await operation.function(asked, **arguments))
        return await self._transact(operation, asked, arguments, request, body)

    def _operation(self, method: str) -> Operation:
        found = next((each for name, each in self.operations.items() if name == method), None)
        if found is None:
            raise problem("method-not-allowed", "", (b"allow", ", ".join(self.operations).encode()))
        return found

    async def _entry(self, asking: Caller, slug: str) -> Entry:
        """The tenant in the path. Another's is not there, for who has a tenant's key."""
        if not SLUG.match(slug):
            raise problem("not-found")
        entry = await self.context.directory.by_slug(slug)
        if asking.tenant_id not in (None, entry.tenant.id):
            raise problem("not-found")
        return entry

    async def _body(self, request: Request) -> bytes:
        if not _JSON_TYPE.fullmatch(request.headers.get("content-type", JSON)):
            raise problem("media-type")
        return await read_body(request.headers, request.receive, self.context.settings.body_limit)

    async def _transact(
        self, operation: Operation, asked: Asked, arguments: dict[str, Any], request: Request, body: bytes
    ) -> Response:
        once = _once(asked, request, body)
        try:
            return await self._done_once(operation, asked, arguments, once)
        finally:
            if asked.entry and operation.transaction == "core":
                self.context.directory.changed(asked.entry.tenant.id)

    async def _done_once(
        self, operation: Operation, asked: Asked, arguments: dict[str, Any], once: idempotency.Asked | None
    ) -> Response:
        async with self._transaction(operation, asked) as asked.scope:
            connection = asked.connection
            if once and (before := await idempotency.recall(connection, once)):
                return _again(before)
            answer = _response(operation, asked, await operation.function(asked, **arguments))
            if once:
                await idempotency.remember(connection, once, _kept(asked, answer))
            return answer

    @asynccontextmanager
    async def _transaction(self, operation: Operation, asked: Asked) -> AsyncIterator[Scope]:
        pool = self.context.pool
        if operation.transaction == "tenant":
            async with scope.acting_for(pool, asked.tenant.id) as opened:
                yield opened
        else:
            async with scope.acting_for_all(pool) as opened:
                yield opened


def _require(asking: Caller, operation: Operation) -> None:
    """Raises Problem."""
    if operation.whose == "operator" and asking.tenant_id is not None:
        raise problem("operator-only")
    if operation.scope not in asking.scopes:
        raise problem("scope-missing", f"This needs a key with the scope {operation.scope}.")


def _of_path(operation: Operation, path: Mapping[str, str]) -> dict[str, Any]:
    """What cannot be is not there."""
    try:
        if "\0" in "".join(path.values()):
            raise problem("not-found")
        return {name: operation.path[name].validate_strings(value) for name, value in path.items()}
    except ValidationError:
        raise problem("not-found") from None


def _of_query(model: type[G], request: Request) -> G:
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if "\0" in value:
            raise problem("invalid", errors=[Wrong(f"/query/{name}", "It has the character NUL")])
        if _is_list(model, name):
            given.setdefault(name, []).append(value)
        elif name in given:
            raise problem("invalid", errors=[Wrong(f"/query/{name}", "It is given twice")])
        else:
            given[name] = value
    try:
        return model.model_validate_strings(given)
    except ValidationError as error:
        raise _invalid("query", error) from None


def _is_list(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    if field is None:
        return False
    kinds = get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,)
    return any(get_origin(kind) in (list, tuple) for kind in kinds)


def _of_body(model: type[G], body: bytes) -> G:
    if _NUL.search(body):
        raise problem("invalid", errors=[Wrong("/body", "It has the character NUL")])
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise _invalid("body", error) from None


def _invalid(where: str, error: ValidationError) -> Exception:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    if any(each["type"] == "json_invalid" for each in found):
        return problem("not-json", found[0]["msg"])
    wrong = [
        Wrong("/".join(["", where, *map(_escaped, each["loc"])]), each["msg"].removeprefix("Value error, "))
        for each in found
    ]
    return problem("invalid", errors=wrong)


def _escaped(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _once(asked: Asked, request: Request, body: bytes) -> idempotency.Asked | None:
    """The request under its Idempotency-Key, where it has one."""
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return None
    if not _KEY.fullmatch(key):
        said = f"It is 1 to {idempotency.LONGEST} printable characters of ASCII, without spaces"
        raise problem("invalid", errors=[Wrong("/headers/idempotency-key", said)])
    tenant_id = asked.entry.tenant.id if asked.entry else asked.caller.tenant_id
    return idempotency.Asked.of(tenant_id, key, request.method, request.url.path, request.url.query, body)


def _response(operation: Operation, asked: Asked, answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    headers = {"cache-control": "no-store", **asked.headers}
    if operation.answer is None:
        return Response(None, HTTPStatus.NO_CONTENT, headers)
    assert isinstance(answer, Shown)
    if operation.tagged:
        headers["etag"] = etag(answer)
    return Response(answer.model_dump_json(), operation.status, headers, JSON)


def _kept(asked: Asked, answer: Response) -> Answered:
    body = asked.remembered.model_dump_json() if asked.remembered else bytes(answer.body).decode()
    return Answered(answer.status_code, body, answer.headers.get("location"))


def _again(before: Answered) -> Response:
    headers = {"cache-control": "no-store", "idempotent-replayed": "true"}
    if before.location:
        headers["location"] = before.location
    return Response(before.body or None, before.status, headers, JSON if before.body else None)
