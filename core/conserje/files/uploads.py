"""Uploads: files that visitors of pages hand in themselves; how many on a day is in the table uploads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conserje.conversations.rows import restored
from conserje.files.links import kept_ids
from conserje.files.quota import MEGABYTE, Quota, QuotaExceeded
from conserje.files.table import Kept
from conserje.storage import jobs
from conserje.storage.database import Connection
from conserje.storage.jobs import Job

LARGEST = 16 * MEGABYTE
FILES_A_DAY = 10  # of a session, and from an address
BYTES_A_DAY = 50 * MEGABYTE

NEXT_ID = "SELECT nextval('files_id_seq')"

USED = """
SELECT coalesce(max(files), 0) AS files, coalesce(max(bytes), 0) AS bytes
FROM uploads WHERE tenant_id = $1 AND day = current_date AND who = ANY ($2)
"""

# In one order, so that two who have an address in common do not wait for each other in a circle.
COUNT = """
INSERT INTO uploads AS counted (tenant_id, day, who, files, bytes)
SELECT $1, current_date, who, 1, $3 FROM unnest($2::bytea[]) AS who ORDER BY who
ON CONFLICT (tenant_id, day, who)
DO UPDATE SET files = counted.files + 1, bytes = counted.bytes + excluded.bytes
RETURNING files, bytes
"""

SAID = """
SELECT conversation_id, id, content FROM messages
WHERE tenant_id = $1 AND account_id = $2 AND event_key = $3
"""

ITS_FILE = """
SELECT id FROM files
WHERE tenant_id = $1 AND conversation_id = $2 AND message_id = $3 AND sha256 = $4 AND state = 'kept'
"""

KEEP = """
INSERT INTO files (tenant_id, id, account_id, conversation_id, message_id, position, ref, name, content_type,
                   state, bytes, sha256, kept_at)
OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, 0, 'upload', $6, $7, 'kept', $8, $9, now())
"""


class AlreadySaid(Exception):
    """The key of the upload is that of another message."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came, under the id that its message names it by."""

    id: int
    name: str
    kept: Kept
    who: Sequence[bytes]  # whose uploads are counted, as keyed hashes


@dataclass(frozen=True, slots=True)
class Stored:
    """The message of an upload, and the id of its file: another's, if it was stored before."""

    message_id: int
    file_id: int


async def next_id(connection: Connection) -> int:
    """The id of a file to come."""
    id: int = await connection.fetchval(NEXT_ID)
    return id


async def is_stored(connection: Connection, place: tuple[int, int, bytes]) -> bool:
    """Whether the message at `place` (tenant, account, event key) is one of a file that was kept."""
    said = await connection.fetchrow(SAID, *place)
    return said is not None and bool(kept_ids(restored(said["content"])))


async def look(connection: Connection, tenant_id: int, who: Sequence[bytes]) -> None:
    """Raises QuotaExceeded where not even a small file would be taken."""
    used = await connection.fetchrow(USED, tenant_id, who)
    assert used is not None
    _check(used["files"] + 1, used["bytes"] + 1)


async def store(
    connection: Connection, place: tuple[int, int, bytes], upload: Upload, quota: Quota
) -> Stored:
    """Keep the file of the message at `place` (tenant, account, event key), which this transaction has
    stored if it was not there; what was stored before costs nothing again.

    Raises AlreadySaid, and QuotaExceeded, which undoes the caller's transaction.
    """
    tenant_id, account_id, _ = place
    said = await connection.fetchrow(SAID, *place)
    assert said is not None  # it was stored, now or before
    here = (said["conversation_id"], said["id"])
    if kept_ids(restored(said["content"])) != [upload.id]:
        before = await connection.fetchval(ITS_FILE, tenant_id, *here, upload.kept.sha256)
        if before is None:
            raise AlreadySaid
        return Stored(said["id"], before)
    kept = upload.kept
    await connection.execute(
        KEEP, tenant_id, upload.id, account_id, *here, upload.name, kept.content_type, kept.size, kept.sha256
    )
    await quota.spend(connection, Job(jobs.COLLECT, tenant_id, *here), kept.size)
    for counted in await connection.fetch(COUNT, tenant_id, upload.who, kept.size):
        _check(counted["files"], counted["bytes"])
    return Stored(said["id"], upload.id)


def _check(files: int, size: int) -> None:
    if files > FILES_A_DAY or size > BYTES_A_DAY:
        raise QuotaExceeded(
            f"The visitor's uploads of today reach {FILES_A_DAY} files or {BYTES_A_DAY // MEGABYTE} MB."
        )
