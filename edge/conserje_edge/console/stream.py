"""The stream of bells, on which an open page hears that it is to look again."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus

import asyncpg
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from conserje.storage.database import CANNOT_ASK
from conserje_edge.console.asked import Asked
from conserje_edge.console.bells import KEEP_ALIVE, Bells
from conserje_edge.console.endpoint import begin, tenant_of
from conserje_edge.operator.context import Context

PATH = "/bells"
AGAIN = b"retry: 2000\n\n"
BELL = b"data: \n\n"
STILL = b":\n\n"
OVER = b"event: over\ndata: \n\n"


@dataclass(frozen=True)
class Stream:
    """GET /bells?t=<slug>, for who has a part in the tenant; without it, for the operator's people."""

    context: Context
    bells: Bells

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        asked = await begin(self.context, request)
        if asked.who is None:
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        slug = request.query_params.get("t")
        if slug is not None:
            asked.entry = await tenant_of(self.context, asked.who, slug)
        if asked.entry is None and (slug is not None or not asked.who.operator_role):
            return Response(status_code=HTTPStatus.NOT_FOUND)
        if self.bells.is_full(asked.who.login_id):
            return Response(status_code=HTTPStatus.TOO_MANY_REQUESTS)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._ringing(asked), headers=headers, media_type="text/event-stream")

    async def _ringing(self, asked: Asked) -> AsyncIterator[bytes]:
        """Until the server ends, or the sign-in, or what the person may see."""
        yield AGAIN
        ringing = self.bells.listen(asked.person.login_id, asked.tenant_id)
        try:
            look_at = time.monotonic() + KEEP_ALIVE
            async for rung in ringing:
                if time.monotonic() >= look_at:
                    look_at += KEEP_ALIVE
                    if not await self._still(asked):
                        yield OVER
                        return
                yield BELL if rung else STILL
        finally:
            await ringing.aclose()

    async def _still(self, asked: Asked) -> bool:
        """Whether they are signed in as before; while Postgres cannot say, they are."""
        try:
            now = await begin(self.context, asked.request)
        except (*CANNOT_ASK, asyncpg.PostgresError):
            return True
        if now.who is None or asked.entry is None:
            return now.who is not None and now.who.operator_role is not None
        return bool(now.who.operator_role or now.who.member_of(asked.tenant_id))
