"""Files that a tenant's persons send: kept before the message that shows them, and opened for its channel."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path

from conserje.contract.channel import Refused, TryLater
from conserje.contract.limits import Limits
from conserje.contract.message import Content, File, Media, Opened
from conserje.errors import OperatorError
from conserje.files.folder import HEAD, Folder, NoRoom, judged, path_of
from conserje.files.links import kept_ids
from conserje.files.quota import Quota, QuotaExceeded
from conserje.files.table import Kept
from conserje.storage.database import Connection, Pool

PART = 256 * 1024  # bytes that are read at once
AGAIN_AFTER = 60.0  # seconds

NEXT_ID = "SELECT nextval('files_id_seq')"

KEEP = """
INSERT INTO files (tenant_id, id, account_id, conversation_id, message_id, position, ref, name, content_type,
                   state, bytes, sha256, kept_at)
OVERRIDING SYSTEM VALUE
SELECT tenant_id, $3, account_id, conversation_id, id, 0, 'outbound', $4, $5, 'kept', $6, $7, now()
FROM messages WHERE tenant_id = $1 AND id = $2 AND direction = 'out'
"""


class FileRefused(OperatorError):
    """A file cannot be sent; the text says why."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "file")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that lies in the folder, for a message that is not said yet."""

    tenant_id: int
    id: int
    name: str
    kept: Kept

    @property
    def file(self) -> File:
        return File(f"kept:{self.id}", self.kept.content_type, self.name)

    async def keep(
        self, connection: Connection, said: Sequence[Content], ids: Sequence[int], quota: Quota
    ) -> None:
        """Write down which of the messages `said`, of these ids, shows it. Raises FileRefused."""
        message_id = next(id for id, content in zip(ids, said, strict=True) if kept_ids(content))
        of_file = (self.name, self.kept.content_type, self.kept.size, self.kept.sha256)
        await connection.execute(KEEP, self.tenant_id, message_id, self.id, *of_file)
        try:
            await quota.spend_of_tenant(connection, self.tenant_id, self.kept.size)
        except QuotaExceeded as error:
            raise FileRefused(str(error)) from None


@dataclass(frozen=True, slots=True)
class Given:
    """A file that is to be sent: its beginning, and all of it in parts."""

    name: str
    size: int
    head: bytes
    parts: AsyncIterator[bytes]


def at(path: Path) -> Given:
    """The file that lies there."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return Given(path.name, path.stat().st_size, head, _parts(path))


async def attach(pool: Pool, folder: Folder, tenant_id: int, file: Given, limits: Limits) -> Attachment:
    """Copy a file into the folder, once it is known that the channel carries it. Raises FileRefused."""
    said = guess_type(file.name)[0] or ""
    if why := limits.refusal(judged(file.head, said), file.size):
        raise FileRefused(f"{file.name} cannot be sent: {why}")
    async with pool.acquire() as connection:
        id: int = await connection.fetchval(NEXT_ID)
    try:
        kept = await folder.keep(tenant_id, id, file.parts, said, file.size)
    except (NoRoom, Refused) as error:  # it has grown meanwhile
        raise FileRefused(f"{file.name} cannot be kept: {error}") from None
    return Attachment(tenant_id, id, file.name, kept)


async def detach(folder: Folder, attachment: Attachment) -> None:
    """Remove a file whose message was not said."""
    with suppress(NoRoom):
        await folder.remove([(attachment.tenant_id, attachment.id)])


def opener(folder: Path, tenant_id: int, stored: Media, leaving: Media) -> Callable[[File], Opened | None]:
    """Opens those files of a message that are kept, as they are named when it leaves."""
    kept = {
        now.ref: path_of(folder, tenant_id, id)
        for was, now in zip(stored.files, leaving.files, strict=True)
        for id in kept_ids(Media((was,)))
    }

    def opened(file: File) -> Opened | None:
        if (path := kept.get(file.ref)) is None:
            return None
        if not os.access(path, os.R_OK):
            raise TryLater(
                "The message's file is not on this machine's disk, or not to be read.", AGAIN_AFTER
            )
        return Opened(path.stat().st_size, _parts(path))

    return opened


async def _parts(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while part := await asyncio.to_thread(file.read, PART):
            yield part
    finally:
        file.close()
