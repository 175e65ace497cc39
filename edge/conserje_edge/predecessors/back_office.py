"""The predecessors' back office: a login for a bearer token, clients, and numbers of their conversations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conserje.conversations import statistics
from conserje.conversations.statistics import Intent, Statistics
from conserje.storage.scope import acting_for
from conserje.tenants import api_keys, tenants
from conserje.tenants.api_keys import ApiKeyError
from conserje.tenants.refusals import TenantError
from conserje.tenants.tenants import Tenant
from conserje_edge.operator.auth import caller
from conserje_edge.operator.context import Context
from conserje_edge.wire.answers import Problem
from conserje_edge.wire.hosts import SLUG
from conserje_edge.wire.requests import read_body

LOGIN = "/auth/login"
LARGEST = 4096  # bytes of a login, which any stranger may post
DAYS, MOST_DAYS = 30, 366
MOST_CLIENTS = 200  # whose numbers are added up in one answer
EVERYBODY = 2**31 - 1


class Login(BaseModel):
    """Who comes in: the name or id of a key, and the key."""

    model_config = ConfigDict(strict=True)

    username: Annotated[str, Field(max_length=200)]
    password: Annotated[str, Field(max_length=200)]


def is_open(path: str) -> bool:
    """Whether it needs no key: who logs in has none yet."""
    return path == LOGIN


def routes(context: Context) -> list[Route]:
    """Those of the console's listener."""

    def route(path: str, answer: Callable[[Context, Request], Awaitable[Response]], method: str) -> Route:
        return Route(path, partial(answer, context), methods=[method])

    return [
        route(LOGIN, _log_in, "POST"),
        route("/api/clients", _list_clients, "GET"),
        route("/api/ai-analytics/conversation-stats", _count_conversations, "GET"),
        route("/api/ai-analytics/intent-analysis", _count_intents, "GET"),
    ]


async def _log_in(context: Context, request: Request) -> Response:
    """The token is the key itself: what lives for an hour would be one secret more to keep."""
    body = await read_body(request.headers, request.receive, LARGEST)
    try:
        given = Login.model_validate_json(body)
    except ValidationError:
        told = {"detail": "Send the username and the password of a key as JSON."}
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told=told) from None
    try:
        key = await api_keys.check(context.pool, given.password)
    except ApiKeyError:
        raise _refused() from None
    if given.username not in (key.name, key.id):
        raise _refused()
    answer: dict[str, object] = {"access_token": given.password, "token_type": "bearer"}
    if key.expires_at:
        answer["expires_at"] = key.expires_at.isoformat()
    return JSONResponse(answer, headers={"cache-control": "no-store"})


def _refused() -> Problem:
    told = {"detail": "The username is the name of an API key, the password the key itself."}
    return Problem(HTTPStatus.UNAUTHORIZED, told=told)


async def _list_clients(context: Context, request: Request) -> Response:
    found = await _clients(context, request, EVERYBODY)
    return JSONResponse(
        [
            {
                "id": each.id,
                "name": each.name,
                "slug": each.slug,
                "status": each.status,
                "locale": each.locale,
            }
            for each in found
        ]
    )


async def _count_conversations(context: Context, request: Request) -> Response:
    """Of `?days=` (30) until today, of `?client=`, or of all."""
    found = await _numbers(context, request)
    answers = [each for one in found for each in one.answers if each.by != "person"]
    turns = sum(each.turns for each in answers)
    return JSONResponse(
        {
            "total_conversations": sum(each.total.conversations for each in found),
            "total_messages": sum(each.total.received + each.total.sent for each in found),
            "messages_received": sum(each.total.received for each in found),
            "messages_sent": sum(each.total.sent for each in found),
            "handed_over": sum(each.total.handed_over for each in found),
            "avg_confidence": _mean((each.confidence, each.turns) for each in answers),
            "avg_response_time_ms": round(sum(each.mean * each.turns for each in answers) / turns * 1000)
            if turns
            else None,
            "clients": len(found),
        }
    )


async def _count_intents(context: Context, request: Request) -> Response:
    """The same for what contacts wanted, the most frequent first."""
    by_name: dict[str, list[Intent]] = {}
    for one in await _numbers(context, request):
        for each in one.intents:
            by_name.setdefault(each.intent, []).append(each)
    counted: list[dict[str, Any]] = [
        {
            "intent": name,
            "count": sum(each.turns for each in same),
            "conversations": sum(each.conversations for each in same),
            "avg_confidence": _mean((each.confidence, each.turns) for each in same),
        }
        for name, same in by_name.items()
    ]
    return JSONResponse({"intents": sorted(counted, key=lambda each: (-each["count"], each["intent"]))})


async def _clients(context: Context, request: Request, most: int) -> Sequence[Tenant]:
    """Those that who asks may see, or the one that is named. Raises Problem."""
    asking = caller(request)
    asking.require("read", asking.tenant_id)
    slug = request.query_params.get("client")
    async with context.pool.acquire() as connection:
        if slug is None:
            return await tenants.page(connection, "", most, asking.tenant_id)
        with suppress(TenantError):
            named = await tenants.get(connection, slug) if SLUG.match(slug) else None
            if named and asking.tenant_id in (None, named.id):
                return [named]
    raise Problem(HTTPStatus.NOT_FOUND)


async def _numbers(context: Context, request: Request) -> list[Statistics]:
    """Of each client in the last days, by its own clock. Raises Problem."""
    days = request.query_params.get("days", str(DAYS))
    if not (days.isascii() and days.isdigit() and len(days) < 4 and 1 <= int(days) <= MOST_DAYS):
        raise _odd(f"`days` is a number from 1 to {MOST_DAYS}.")
    found = await _clients(context, request, MOST_CLIENTS + 1)
    if len(found) > MOST_CLIENTS:
        raise _odd(f"There are more clients than {MOST_CLIENTS} that are added up: name one with `client`.")
    return [await _of_client(context, each, int(days)) for each in found]


async def _of_client(context: Context, tenant: Tenant, days: int) -> Statistics:
    async with acting_for(context.pool, tenant.id) as scope:
        today = await statistics.today(scope.connection, tenant.time_zone)
        first = today - timedelta(days=days - 1)
        return await statistics.of_period(scope.connection, tenant.id, tenant.time_zone, first, today)


def _odd(text: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told={"detail": text})


def _mean(found: Iterable[tuple[float | None, int]]) -> float | None:
    """Of what is known, by how often it was so."""
    known = [(value, times) for value, times in found if value is not None and times]
    total = sum(times for _, times in known)
    return round(sum(value * times for value, times in known) / total, 4) if total else None
