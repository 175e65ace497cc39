"""Files that contacts sent: the tables files and removed_files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from conserje.contract.message import Content, Edit, File, FileKind, Media
from conserje.conversations import messages
from conserje.conversations.amendments import Key
from conserje.conversations.messages import Locked
from conserje.conversations.rows import FileRow
from conserje.errors import NotThere
from conserje.files.quota import Quota
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool, columns
from conserje.storage.jobs import Job

PRIORITY = -50  # below everybody's turns but a flood's

NOTE = """
INSERT INTO files (tenant_id, account_id, conversation_id, message_id, position, ref, content_type, name)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::text[],
                     $7::text[], $8::text[])
"""

# The next file of a message that nobody collects, locked.
NEXT = """
SELECT id, account_id, position, ref, name, content_type FROM files
WHERE tenant_id = $1 AND conversation_id = $2 AND message_id = $3 AND state = 'wanted' AND due_at <= now()
ORDER BY position LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
"""

CLAIM = """
UPDATE files SET tries = tries + 1, due_at = now() + $3 WHERE tenant_id = $1 AND id = $2
RETURNING tries, due_at
"""

NEXT_DUE = """
SELECT greatest(due_at - now(), '0') FROM files
WHERE tenant_id = $1 AND conversation_id = $2 AND message_id = $3 AND state = 'wanted'
ORDER BY due_at LIMIT 1
"""

# Who claimed a file is known by the end of the claim.
KEEP = """
UPDATE files SET state = 'kept', cause = NULL, kept_at = now(), content_type = $4, bytes = $5, sha256 = $6
WHERE tenant_id = $1 AND id = $2 AND state = 'wanted' AND due_at = $3
"""

GIVE_UP = """
UPDATE files SET state = 'gone', cause = $4
WHERE tenant_id = $1 AND id = $2 AND state = 'wanted' AND due_at = $3
"""

TRY_LATER = """
UPDATE files SET cause = $4, due_at = now() + $5, tries = $6
WHERE tenant_id = $1 AND id = $2 AND state = 'wanted' AND due_at = $3
"""

# Jobs that were lost: files that are due for long. They are due anew, so that each sweep finds others.
LOST = """
WITH lost AS (
    SELECT files.tenant_id, files.id FROM files
    JOIN tenants ON tenants.id = files.tenant_id AND tenants.status = 'active'
    WHERE files.state = 'wanted' AND due_at < now() - $1::interval ORDER BY due_at LIMIT 1000
    FOR NO KEY UPDATE OF files SKIP LOCKED
), swept AS (
    UPDATE files SET due_at = now() FROM lost
    WHERE files.tenant_id = lost.tenant_id AND files.id = lost.id AND state = 'wanted'
    RETURNING files.tenant_id, conversation_id, message_id
)
SELECT DISTINCT tenant_id, conversation_id, message_id FROM swept
"""

# Of messages that were taken back, or written anew without a file.
DROP = """
DELETE FROM files
USING messages, unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS said (tenant, account, key)
WHERE messages.tenant_id = said.tenant AND messages.account_id = said.account AND event_key = said.key
  AND files.tenant_id = messages.tenant_id AND files.conversation_id = messages.conversation_id
  AND files.message_id = messages.id
"""

GET = """
SELECT id, conversation_id, message_id, name, content_type, state, cause, bytes, created_at FROM files
WHERE tenant_id = $1 AND id = $2
"""
OF_MESSAGE = """
SELECT files.id, files.conversation_id, message_id, name, content_type, files.state, files.cause, bytes,
       files.created_at
FROM messages JOIN files ON files.tenant_id = $1 AND files.conversation_id = messages.conversation_id
 AND message_id = messages.id
WHERE messages.tenant_id = $1 AND messages.id = $2 ORDER BY position
"""

NOT_KEPT = """
SELECT message_id, cause FROM files
JOIN unnest($2::bigint[], $3::bigint[]) AS shown (conversation_id, message_id)
  USING (conversation_id, message_id)
WHERE tenant_id = $1 AND state = 'gone' ORDER BY message_id, position
"""

# What these messages have, or may have yet.
RECEIVED = """
SELECT id, message_id, content_type, state = 'kept' AS kept, coalesce(bytes, 0) AS bytes FROM files
WHERE tenant_id = $1 AND conversation_id = $2 AND message_id = ANY ($3::bigint[]) AND state <> 'gone'
ORDER BY message_id, position
"""

HEAR = "UPDATE files SET hearings = hearings + 1 WHERE tenant_id = $1 AND id = $2 AND hearings < $3"

WANT_AGAIN = """
UPDATE files SET state = 'wanted', tries = 0, due_at = now()
WHERE tenant_id = $1 AND message_id = $2 AND state = 'gone'
RETURNING conversation_id
"""

IS_THERE = "SELECT count(*) > 0 FROM files WHERE tenant_id = $1 AND id = $2"

REMOVED = "SELECT tenant_id, id FROM removed_files LIMIT 1000"
FORGET = """
DELETE FROM removed_files USING unnest($1::bigint[], $2::bigint[]) AS done (tenant_id, id)
WHERE removed_files.tenant_id = done.tenant_id AND removed_files.id = done.id
"""


State = Literal["wanted", "kept", "gone"]


class Sent(NamedTuple):
    """A message that was just stored, and its files: the provider's reference, content type and name."""

    tenant_id: int
    account_id: int
    conversation_id: int
    message_id: int
    files: Sequence[FileRow]


class _Noted(NamedTuple):
    tenant_id: int
    account_id: int
    conversation_id: int
    message_id: int
    position: int
    ref: str
    content_type: str
    name: str


class Removed(NamedTuple):
    """A file whose row is gone, and which may still lie on the disk."""

    tenant_id: int
    id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that a worker may collect until `until`."""

    id: int
    account_id: int
    position: int  # among its message's files
    file: File  # as the sender names it
    tries: int  # this one included
    until: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as it lies on the disk; its content type is what the bytes say."""

    size: int  # bytes
    sha256: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class NotKept:
    """Why there is no file, and when there may be one; None: never. Not every try counts against it."""

    cause: str
    again: timedelta | None = None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Received:
    """A file of a message, as it is when its turn comes."""

    id: int
    message_id: int
    content_type: str
    kept: bool  # else it is on its way
    bytes: int

    @property
    def ref(self) -> str:
        """What its message calls it, once it is kept."""
        return f"kept:{self.id}"

    @property
    def kind(self) -> FileKind:
        """What it is shown as."""
        return File(self.ref, self.content_type).kind


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as a tenant's people see it."""

    id: int
    conversation_id: int
    message_id: int
    name: str
    content_type: str
    state: State
    cause: str | None
    bytes: int | None
    created_at: datetime


class NoFile(NotThere):
    """The tenant has no such file."""


async def get(connection: Connection, tenant_id: int, file_id: int) -> Seen:
    """Raises NoFile."""
    if row := await connection.fetchrow(GET, tenant_id, file_id):
        return Seen(**row)
    raise NoFile(f"The tenant has no file {file_id}: see `conserje message list --links`.", "id")


async def of_message(connection: Connection, tenant_id: int, message_id: int) -> list[Seen]:
    """A message's, in their order."""
    return [Seen(**row) for row in await connection.fetch(OF_MESSAGE, tenant_id, message_id)]


async def note(connection: Connection, sent: Iterable[Sent]) -> list[Job]:
    """Want the files of these messages; the jobs that collect them."""
    due = [each for each in sent if each.files]
    if rows := [noted for each in due for noted in _noted(each)]:
        await connection.execute(NOTE, *columns(rows, *_Noted._fields))
    return [_job(each.tenant_id, each.conversation_id, each.message_id) for each in due]


def _noted(sent: Sent) -> Iterable[_Noted]:
    place = (sent.tenant_id, sent.account_id, sent.conversation_id, sent.message_id)
    return (
        _Noted(*place, position, file.ref, file.content_type, file.name)
        for position, file in enumerate(sent.files)
    )


async def drop(connection: Connection, keys: Sequence[Key]) -> None:
    """Remove the files of these messages."""
    if keys:
        await connection.execute(DROP, *columns(keys, "tenant_id", "account_id", "event_key"))


def _job(tenant_id: int, conversation_id: int, message_id: int) -> Job:
    return Job(jobs.COLLECT, tenant_id, conversation_id, message_id, PRIORITY)


async def claim(
    connection: Connection, job: Job, lease: Callable[[int], timedelta]
) -> Wanted | timedelta | None:
    """The next file of the job's message, for as long as `lease` says of its account; else the time until
    one is due, or None where nothing is wanted."""
    place = (job.tenant_id, job.conversation_id, job.message_id)
    row = await connection.fetchrow(NEXT, *place)
    if row is None:
        rest: timedelta | None = await connection.fetchval(NEXT_DUE, *place)
        return rest
    claimed = await connection.fetchrow(CLAIM, job.tenant_id, row["id"], lease(row["account_id"]))
    assert claimed is not None  # the row is locked
    file = File(row["ref"], row["content_type"], row["name"])
    return Wanted(
        row["id"], row["account_id"], row["position"], file, claimed["tries"], until=claimed["due_at"]
    )


async def settle(connection: Connection, job: Job, wanted: Wanted, end: Kept | NotKept, quota: Quota) -> bool:
    """Write down what became of the file. False: it is not wanted any more, and must not lie on the disk.

    Raises QuotaExceeded.
    """
    place = (job.tenant_id, wanted.id, wanted.until)
    said: Sequence[Locked] = ()
    match end:
        case Kept():  # who takes a message back locks it before its files
            said = await messages.lock(connection, (job.tenant_id, job.conversation_id, job.message_id))
            done = await connection.execute(KEEP, *place, end.content_type, end.size, end.sha256)
        case NotKept(cause, again=None):
            done = await connection.execute(GIVE_UP, *place, cause)
        case NotKept(cause, again, counted):
            tries = wanted.tries if counted else wanted.tries - 1
            done = await connection.execute(TRY_LATER, *place, cause, again, tries)
    if done == "UPDATE 0":  # its message was taken back, or it took so long that another worker has it
        there: bool = await connection.fetchval(IS_THERE, job.tenant_id, wanted.id)
        return there
    if isinstance(end, Kept):
        await quota.spend(connection, job, end.size)
        file = replace(wanted.file, ref=f"kept:{wanted.id}", content_type=end.content_type)
        await messages.rewrite(connection, said, lambda content: _pointed(content, wanted, file))
    return True


def _pointed(content: Content, wanted: Wanted, file: File) -> Content:
    """`content` with `file` in the place of what is wanted, if that is still there."""
    match content:
        case Media():
            return _with_file(content, wanted, file)
        case Edit(content=Media() as edited):
            return replace(content, content=_with_file(edited, wanted, file))
        case _:
            return content


def _with_file(media: Media, wanted: Wanted, file: File) -> Media:
    held = list(media.files)
    if wanted.position < len(held) and held[wanted.position].ref == wanted.file.ref:
        held[wanted.position] = replace(file, sticker=held[wanted.position].sticker)
    return replace(media, files=tuple(held))


async def not_kept(
    connection: Connection, tenant_id: int, places: Sequence[tuple[int, int]]
) -> dict[int, list[str]]:
    """Why files of these messages, by conversation and id, are not kept, by the message."""
    conversations, ids = [place[0] for place in places], [place[1] for place in places]
    causes: dict[int, list[str]] = {}
    for row in await connection.fetch(NOT_KEPT, tenant_id, conversations, ids):
        causes.setdefault(row["message_id"], []).append(row["cause"] or "No cause is known.")
    return causes


async def received(
    connection: Connection, tenant_id: int, conversation_id: int, message_ids: Sequence[int]
) -> list[Received]:
    """The files of these messages that are kept, or on their way."""
    rows = await connection.fetch(RECEIVED, tenant_id, conversation_id, message_ids)
    return [Received(**row) for row in rows]


async def hear(connection: Connection, tenant_id: int, file_id: int, most: int) -> bool:
    """Note that it is given to somebody who hears; False: it was that often already."""
    return await connection.execute(HEAR, tenant_id, file_id, most) != "UPDATE 0"


async def want_again(connection: Connection, tenant_id: int, message_id: int) -> list[Job]:
    """Ask the provider once more for what is not kept of a message; the job that does, if there is any."""
    rows = await connection.fetch(WANT_AGAIN, tenant_id, message_id)
    return [_job(tenant_id, rows[0]["conversation_id"], message_id)] if rows else []


async def lost(connection: Connection, after: timedelta) -> list[Job]:
    """Jobs for files that have been due for longer than `after`."""
    return [_job(**row) for row in await connection.fetch(LOST, after)]


async def removed(database: Connection | Pool) -> list[Removed]:
    """Files that are to be removed from the disk, some of them."""
    return [Removed(**row) for row in await database.fetch(REMOVED)]


async def forget(database: Connection | Pool, done: Sequence[Removed]) -> None:
    """These are removed from the disk."""
    await database.execute(FORGET, *columns(done, *Removed._fields))
