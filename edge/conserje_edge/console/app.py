"""The console as the server has it: all its places, and the page of what is refused."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import asyncpg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from conserje.errors import DirectoryUnavailable
from conserje.storage.database import CANNOT_ASK, describe
from conserje.telemetry.log import place
from conserje_edge.console import doors, installed, stream
from conserje_edge.console.areas import PLACES
from conserje_edge.console.asked import Asked
from conserje_edge.console.assets import Assets
from conserje_edge.console.bells import Bells
from conserje_edge.console.endpoint import Endpoint, begin, page
from conserje_edge.console.languages import chosen, speech
from conserje_edge.console.nav import Nav
from conserje_edge.console.place import Place, Seen
from conserje_edge.console.refusal import Refusal
from conserje_edge.console.render import Templates
from conserje_edge.console.stream import Stream
from conserje_edge.operator.context import Context
from conserje_edge.wire.answers import Problem
from conserje_edge.wire.hosts import Hosts
from conserje_edge.wire.rates import client_address
from conserje_edge.wire.requests import Proxies, public_url, read_headers, request_id

log = logging.getLogger(__name__)

_HOST = re.compile(r"([a-z0-9.-]+|\[::1\])(?::[0-9]{1,5})?")


class Console:
    """The ASGI application for browsers."""

    def __init__(self, context: Context, bells: Bells, places: Iterable[Place] = PLACES) -> None:
        self._context = context
        places = (*places, *installed.PLACES)
        self._names = doors.names(Hosts(context.settings.domains).bases)
        self._proxies = Proxies(context.settings.trusted_proxies)
        assets = Assets()
        self.templates = Templates(assets, Nav(places))
        self._router = Router(
            [
                Route("/static/{version}/{name:path}", assets.answer),
                *installed.routes(assets),
                Route(stream.PATH, Stream(context, bells)),
                *(Route(each.path, Endpoint(context, bells, self.templates, each)) for each in places),
            ],
            redirect_slashes=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._tell(scope, message)
            await send(message)

        try:
            self._receive(scope)
            await self._router(scope, receive, watched)
        except Exception as error:
            refusal = _refusal(error)
            if refusal.cause:
                log.warning(
                    "%s (%s, request %s)", refusal.cause, refusal.status, scope["state"]["request_id"]
                )
            if begun:
                return
            response = await self._refused(Request(scope, receive), refusal)
            await response(scope, receive, watched)

    def _receive(self, scope: Scope) -> None:
        """Raises Problem or Refusal, and notes what all below need to know of the request."""
        trusted = self._proxies.trusts(scope)
        state = scope["state"] = {**scope.get("state", {}), "request_id": request_id(scope, trusted)}
        scope["app"] = self  # Starlette raises its own refusals then
        headers = read_headers(scope)
        host = _HOST.fullmatch(headers["host"].lower())
        if host is None or host[1] not in self._names:
            raise Problem(HTTPStatus.NOT_FOUND)
        scheme = public_url(scope, headers, trusted).partition(":")[0]
        secure = scheme == "https" or not doors.is_near(host[1])
        state |= {"secure": secure, "address": client_address(scope, trusted)}
        doors.refuse_foreign_pages(scope["method"], headers, scheme)

    def _tell(self, scope: Scope, start: MutableMapping[str, Any]) -> None:
        asked: Asked | None = scope["state"].get("asked")
        slug = asked.entry.tenant.slug if asked and asked.entry else None
        told = doors.told(self._context.settings, slug, bool(scope["state"].get("secure")))
        given = {name for name, _ in start.get("headers", ())}
        if b"cache-control" not in given:
            told["cache-control"] = "no-store"
        start["headers"] = [*start.get("headers", ()), *((n.encode(), v.encode()) for n, v in told.items())]

    async def _refused(self, request: Request, refusal: Refusal) -> Response:
        if "address" not in request.state._state:  # the host is none of ours
            return Response(status_code=refusal.status)
        asked: Asked | None = getattr(request.state, "asked", None)
        if asked is None:
            asked = await self._stranger(request)
        if asked.who is None:
            asked.entry = None
        seen = Seen("refused.html", {"refusal": refusal}, refusal.status)
        response = page(self.templates, asked, seen)
        if refusal.retry_after:
            response.headers["retry-after"] = str(refusal.retry_after)
        return response

    async def _stranger(self, request: Request) -> Asked:
        """Who asks, where no place was found for what they ask; nobody, where that cannot be found out."""
        with suppress(*CANNOT_ASK, asyncpg.PostgresError):
            return await begin(self._context, request)
        language = chosen(None, None, request.headers.get("accept-language", ""))
        return Asked(request, self._context, speech(language))


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, Problem | HTTPException):
        return Refusal(HTTPStatus(error.status if isinstance(error, Problem) else error.status_code))
    if isinstance(error, (*CANNOT_ASK, asyncpg.PostgresError, DirectoryUnavailable)):
        away = f"Postgres does not answer the console: {describe(error)}"
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, cause=away, retry_after=5)
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, cause=f"The console failed: {place(error)}")
