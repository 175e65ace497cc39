"""Pictures of what a tenant sells, at its host, for everybody."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus

from cachetools import LRUCache
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from conserje.files import showcase
from conserje.files.showcase import Picture
from conserje.storage.database import CANNOT_ASK, describe
from conserje_edge.tenant.reception import Reception
from conserje_edge.wire.answers import Problem, unavailable
from conserje_edge.wire.requests import read_headers

BELOW = b"/pictures/"
KEPT = 32 * 2**20  # bytes of pictures that were shown lately, in this process
AT_ONCE, WAITING = 2, 20  # that are asked of Postgres, which stores messages for all
# An address means one picture for ever; it is one by its bytes, and no browser takes it for anything else.
HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "cross-origin",
    "cache-control": "public, max-age=31536000, immutable",
}


@dataclass
class Pictures:
    """The ASGI application below /pictures/."""

    reception: Reception
    _shown: LRUCache[tuple[int, str], Picture] = field(
        default_factory=lambda: LRUCache(KEPT, lambda picture: len(picture.content))
    )
    _asking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _asked: int = 0  # and not answered yet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.reception.serve(self._find(scope), scope, receive, send)

    async def _find(self, scope: Scope) -> Response:
        """Raises Problem."""
        if scope["method"] not in ("GET", "HEAD"):
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "", (b"allow", b"GET, HEAD"))
        entry = await self.reception.entry(read_headers(scope)["host"])
        name = scope["raw_path"].removeprefix(BELOW).decode("latin-1")
        try:
            found = self._shown.get((entry.tenant.id, name)) or await self._ask(entry.tenant.id, name)
        except CANNOT_ASK as error:
            raise unavailable(f"{entry.tenant.slug}: {describe(error)}") from None
        if found is None or not entry.tenant.active:
            raise Problem(HTTPStatus.NOT_FOUND)
        return Response(found.content, media_type=found.content_type, headers=HEADERS)

    async def _ask(self, tenant_id: int, name: str) -> Picture | None:
        """Raises Problem where too many ask: a picture may have some MB, and strangers ask for it."""
        if self._asked >= WAITING:
            raise unavailable("")
        self._asked += 1
        try:
            async with self._asking:
                found = await showcase.find(self.reception.pool, tenant_id, name)
        finally:
            self._asked -= 1
        if found:
            self._shown[tenant_id, name] = found
        return found
