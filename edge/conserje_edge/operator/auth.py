"""Who may come in at a listener for those with a key, asked before any route is looked for."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import asyncpg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conserje.storage.database import CANNOT_ASK, Pool, describe
from conserje.storage.stillness import explained
from conserje.telemetry.log import place
from conserje.tenants import api_keys
from conserje.tenants.api_keys import SCOPES, ApiKey, ApiKeyError, KeyScope
from conserje_edge.wire.answers import Problem, unavailable
from conserje_edge.wire.hosts import Hosts
from conserje_edge.wire.rates import Window, client_address
from conserje_edge.wire.requests import Proxies, read_headers, request_id

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
MARK = "x-conserje-console"  # nginx sets it for console.<domain> and drops it elsewhere
ALIVE = frozenset({"/livez", "/health"})  # who watches asks by any name, and needs no key
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"([a-z0-9.-]+|\[::1\])(?::[0-9]{1,5})?")
# What proxies and tunnels say of a request that they pass on: an operator's own has none of it.
_PASSED_ON = re.compile(
    r"forwarded|via|x-forwarded(?:-.*)?|x-real-ip|cf-.*|cdn-loop|true-client-ip|x-client-ip|x-cluster-client-ip"
    r"|x-original-.*|x-envoy-.*|fastly-.*|fly-.*|ngrok-.*|tailscale-.*|" + MARK
)
_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the operator, or one tenant."""

    tenant_id: int | None  # None: the operator
    scopes: frozenset[str]
    key: ApiKey | None = None  # by which

    def require(self, scope: KeyScope, tenant_id: int | None = None) -> None:
        """Raises Problem 403 unless the caller may do this for the tenant; None: for the installation."""
        if scope not in self.scopes or self.tenant_id not in (None, tenant_id):
            raise Problem(HTTPStatus.FORBIDDEN)


OPERATOR = Caller(None, frozenset(SCOPES))
NOBODY = Caller(None, frozenset())


def caller(request: Request) -> Caller:
    """Who asks, as AuthMiddleware found."""
    found: Caller = request.state.caller
    return found


def _as_it_is(problem: Problem) -> Problem:
    return problem


def _nothing(_: str) -> bool:
    return False


@dataclass(frozen=True)
class Listener:
    """What is a listener's own: its name in the log, what needs no key there, how its problems are written,
    and how often a key may come."""

    name: str
    is_open: Callable[[str], bool] = _nothing
    written: Callable[[Problem], Problem] = _as_it_is
    rate: Window | None = None


class AuthMiddleware:
    """The ASGI application around a listener's routes; what they raise becomes a problem document."""

    def __init__(self, app: ASGIApp, hosts: Hosts, proxies: Proxies, pool: Pool, listener: Listener) -> None:
        self._app = app
        self._names = LOOPBACK | {f"console.{base}" for base in hosts.bases}
        self._proxies = proxies
        self._pool = pool
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        request = request_id(scope, self._proxies.trusts(scope))
        try:
            admitted = await self._admit(scope, read_headers(scope))
            state = {**scope.get("state", {}), "caller": admitted, "request_id": request}
            # With an app in it, Starlette raises its own refusals instead of answering them in plain text.
            await self._app({**scope, "app": self, "state": state}, receive, watched)
        except Exception as error:
            problem = self._listener.written(_problem(error, self._listener.name))
            if problem.cause:
                log.warning("%s (%s, request %s)", problem.cause, problem.status, request)
            if begun:
                return
            for part in problem.answer(request):
                await send(part)

    async def _admit(self, scope: Scope, headers: Mapping[str, str]) -> Caller:
        """Who asks. Raises Problem."""
        if scope["path"] in ALIVE:
            return NOBODY
        host = headers["host"].lower()
        match = _HOST.fullmatch(host)
        if not match or match[1] not in self._names:
            raise Problem(HTTPStatus.NOT_FOUND)
        _refuse_foreign_pages(scope["method"], host, headers)
        if self._listener.is_open(scope["path"]):
            return NOBODY
        if "authorization" in headers:
            return await self._key_holder(scope, headers["authorization"])
        if match[1] in LOOPBACK and _is_near(scope) and not any(map(_PASSED_ON.fullmatch, headers)):
            return OPERATOR
        raise _unauthorized()

    async def _key_holder(self, scope: Scope, authorization: str) -> Caller:
        bearer = _BEARER.fullmatch(authorization)
        if not bearer:
            raise _unauthorized()
        try:
            address = client_address(scope, self._proxies.trusts(scope))
            key = await api_keys.check(self._pool, bearer[1], address)
        except ApiKeyError:
            raise _unauthorized() from None
        except (*CANNOT_ASK, asyncpg.PostgresError) as error:
            raise unavailable(f"A key cannot be checked: {explained(error, describe(error))}") from None
        if self._listener.rate:
            self._listener.rate.admit(key.id)
        return Caller(key.tenant_id, key.scopes, key)


def _refuse_foreign_pages(method: str, host: str, headers: Mapping[str, str]) -> None:
    """A page of another host may be open in the operator's browser. Raises Problem."""
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
        raise Problem(HTTPStatus.FORBIDDEN)
    if method not in SAFE and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Problem(HTTPStatus.FORBIDDEN)


def _is_near(scope: Scope) -> bool:
    """Whether the peer is on this machine; that of a unix socket has no address."""
    client = scope.get("client")
    if not client or not client[0]:
        return True
    address = ipaddress.ip_address(client[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _unauthorized() -> Problem:
    """The same for no key, a wrong one and one that is no more."""
    return Problem(HTTPStatus.UNAUTHORIZED, "", (b"www-authenticate", b'Bearer realm="conserje"'))


def _problem(error: Exception, name: str) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        headers = [(name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()]
        return Problem(HTTPStatus(error.status_code), "", *headers)
    if isinstance(error, (*CANNOT_ASK, asyncpg.PostgresError)):
        away = f"Postgres does not answer {name}: {describe(error)}"
        return unavailable(explained(error, away))
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"{name[0].upper()}{name[1:]} failed: {place(error)}")
