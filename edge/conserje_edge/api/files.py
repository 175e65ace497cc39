"""Files: what contacts and persons sent, as it is kept."""

from __future__ import annotations

import asyncio

from pydantic import Field
from starlette.responses import FileResponse, Response

from conserje.files import table as files
from conserje.files.folder import path_of
from conserje.files.table import Seen, State
from conserje.storage.scope import acting_for
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Id, Shown, Time
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.problem import problem

# It comes from a stranger: no browser shows it as a page of this host.
HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cache-control": "no-store",
}


class FileShown(Shown):
    """A file of a message."""

    id: int
    message_id: int
    conversation_id: int
    name: str = Field(description="As its sender called it.")
    content_type: str = Field(description="Of a kept one as its bytes say.")
    state: State
    cause: str | None = Field(description="Why it is not kept.")
    bytes: int | None
    created_at: Time


class FileList(Shown):
    """The files of a message."""

    items: list[FileShown]


@operation(scope="read")
async def list_message_files(asked: Asked, id: Id) -> FileList:
    """List the files of a message, in their order."""
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        found = await files.of_message(scope.connection, asked.tenant.id, id)
    return FileList(items=[FileShown.model_validate(each) for each in found])


@operation(scope="read")
async def show_file(asked: Asked, id: Id) -> FileShown:
    """Show what is known of a file."""
    return FileShown.model_validate(await _file(asked, id))


@operation(scope="export", media="application/octet-stream")
async def read_file(asked: Asked, id: Id) -> Response:
    """Hand out a file that is kept."""
    found = await _file(asked, id)
    path = path_of(asked.context.settings.files, asked.tenant.id, id)
    try:
        there = await asyncio.to_thread(path.stat)
    except OSError:
        raise problem("not-found") from None
    return FileResponse(
        path,
        headers=HEADERS,
        media_type="application/octet-stream",
        filename=f"{found.id}",
        stat_result=there,
        content_disposition_type="attachment",
    )


async def _file(asked: Asked, id: int) -> Seen:
    """Raises NoFile."""
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        return await files.get(scope.connection, asked.tenant.id, id)


PLACES = (
    Place("/tenants/{slug}/messages/{id}/files", {"GET": list_message_files}),
    Place("/tenants/{slug}/files/{id}", {"GET": show_file}),
    Place("/tenants/{slug}/files/{id}/content", {"GET": read_file}),
)
