"""Files of contacts, at their tenant's host: for whoever has a signed link."""

from __future__ import annotations

import asyncio
import mimetypes
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from conserje.files.folder import path_of
from conserje.files.links import Link
from conserje.tenants.entry import Entry
from conserje.tenants.keyring import VaultError
from conserje_edge.tenant.reception import Reception
from conserje_edge.wire.answers import Problem, unavailable
from conserje_edge.wire.requests import read_headers

# What a browser shows by itself: dots, in which nothing can run. A drawing (SVG) can hold scripts.
PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})

# Strangers sent them, and this is the tenant's host: a page among them runs nothing and loads nothing.
HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cache-control": "private",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True)
class Files:
    """The ASGI application below /files/. It asks nobody but the directory: the link says the rest."""

    reception: Reception
    folder: Path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.reception.serve(self._find(scope), scope, receive, send)

    async def _find(self, scope: Scope) -> FileResponse:
        """Raises Problem."""
        if scope["method"] not in ("GET", "HEAD"):
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "", (b"allow", b"GET, HEAD"))
        entry = await self.reception.entry(read_headers(scope)["host"])
        link = self._read(entry, scope)
        if link is None or link.until <= time.time() or not entry.tenant.active:
            raise Problem(HTTPStatus.NOT_FOUND)
        path = path_of(self.folder, link.tenant_id, link.id)
        try:
            found = await asyncio.to_thread(path.stat)
        except OSError:
            raise Problem(HTTPStatus.NOT_FOUND) from None
        return FileResponse(
            path,
            headers=HEADERS,
            media_type=link.content_type,
            filename=_file_name(link),
            stat_result=found,
            content_disposition_type="inline" if link.content_type in PICTURES else "attachment",
        )

    def _read(self, entry: Entry, scope: Scope) -> Link | None:
        """The link, if this tenant signed it. Raises Problem."""
        tenant = entry.tenant
        if tenant.signs_with is None:
            return None
        path = scope["raw_path"].removeprefix(b"/files/").decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        try:
            return Link.read(tenant.id, path, query, self.reception.vault, tenant.signs_with)
        except VaultError as error:
            raise unavailable(f"{tenant.slug}: {error}") from None


def _file_name(link: Link) -> str:
    """What the sender called it, as a name that no system takes for a path; else its number."""
    last = link.name.replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*')[-100:].strip(" .")
    return name or f"{link.id}{mimetypes.guess_extension(link.content_type) or ''}"
