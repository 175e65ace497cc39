"""What of these tables moves with a tenant to another installation, and how messages name files there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from conserje.contract.message import Content, Edit, File, Media
from conserje.conversations.rows import restored, stored
from conserje.files.links import KEPT
from conserje.storage.moving import Moved, Numbered

NUMBERED = (Numbered("files", "files_id_seq", "SELECT id FROM files WHERE tenant_id = $1 ORDER BY id"),)
MOVED = (
    Moved(
        "files",
        {
            "id": "files",
            "account_id": "accounts",
            "conversation_id": "conversations",
            "message_id": "messages",
        },
        "id",
    ),
    Moved("pictures", {}, "key"),
)

COUNT = """
INSERT INTO tenant_files (tenant_id, bytes)
SELECT $1, coalesce(sum(bytes), 0) FROM files WHERE tenant_id = $1 AND state = 'kept'
"""

# The file $2 of the tenant $1 was kept, and not on the disk that it comes from.
LOSE = """
UPDATE files SET state = 'gone', cause = 'It was not on the disk when its tenant moved.', bytes = NULL,
    sha256 = NULL, kept_at = NULL
WHERE tenant_id = $1 AND id = $2
"""


def renumbered(said: str, number: Callable[[int], int | None]) -> str:
    """What a message says, as stored, with the numbers that its kept files have now."""
    if '"kept:' not in said:
        return said
    return stored(_renumbered(restored(said), number))


def _renumbered(content: Content, number: Callable[[int], int | None]) -> Content:
    match content:
        case Media(files=files):
            return replace(content, files=tuple(_file(file, number) for file in files))
        case Edit(content=Media() as edited):
            files = tuple(_file(file, number) for file in edited.files)
            return replace(content, content=replace(edited, files=files))
        case _:
            return content


def _file(file: File, number: Callable[[int], int | None]) -> File:
    """One that is not there any more is no other's."""
    if not (named := KEPT.fullmatch(file.ref)):
        return file
    return replace(file, ref=f"kept:{number(int(named[1])) or 0}")
