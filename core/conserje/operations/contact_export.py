"""All that is kept of one contact, handed out: a JSON object, written as it is read, and the files."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TextIO

from asyncpg import Record

from conserje.conversations import names as known
from conserje.conversations import rights as conversations
from conserje.costs import rights as costs
from conserje.errors import OperatorError
from conserje.files import rights as files
from conserje.files.folder import path_of
from conserje.leads import rights as leads
from conserje.notices import rights as notices
from conserje.rules import rights as rules
from conserje.storage.database import Connection, Pool
from conserje.storage.scope import acting_for

EXPORT = {
    **conversations.EXPORT, **files.EXPORT, **leads.EXPORT, **notices.EXPORT, **rules.EXPORT, **costs.EXPORT
}  # fmt: skip
ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
NAME, FILES = "contact.json", "files"
BATCH = 200  # rows
LONGEST = 600.0  # seconds that a statement may take, which reads all of a contact's


InJson = Callable[[object], str]


class ExportError(OperatorError):
    """What is kept of a contact cannot be written; the text says why."""


async def write(pool: Pool, tenant_id: int, contact_id: int, out: TextIO, in_json: InJson) -> None:
    """Write all of the contact as it was at one moment, but for the files' bytes. Raises ContactError."""
    async with _reading(pool, tenant_id, contact_id) as connection:
        kept = await _write_lists(connection, tenant_id, contact_id, out, in_json)
    _write_files(kept, {}, out, in_json)


async def write_folder(
    pool: Pool, tenant_id: int, contact_id: int, folder: Path, kept: Path, in_json: InJson
) -> list[str]:
    """Write the same and the files, which lie in `kept`, into a new folder that nobody else reads.

    The files that are not there come back. Raises ContactError and ExportError.
    """
    try:
        async with _reading(pool, tenant_id, contact_id) as connection:
            _make(folder)
            with _new(folder / NAME, "w") as out:
                found = await _write_lists(connection, tenant_id, contact_id, out, in_json)
        # Copying takes its time, in which Postgres could take nothing away of what anybody changed.
        copied, missing = await _copy_files(found, tenant_id, folder, kept)
        with (folder / NAME).open("a", encoding="utf-8") as out:
            _write_files(found, copied, out, in_json)
        return missing
    except OSError as error:
        raise ExportError(f"{error.filename or folder} cannot be written ({error.strerror}).") from None


@asynccontextmanager
async def _reading(pool: Pool, tenant_id: int, contact_id: int) -> AsyncIterator[Connection]:
    """Raises ContactError."""
    async with acting_for(pool, tenant_id) as scope:
        await scope.connection.execute(ONE_MOMENT)
        await conversations.conversations(scope.connection, tenant_id, contact_id)
        yield scope.connection


async def _write_lists(
    connection: Connection, tenant_id: int, contact_id: int, out: TextIO, in_json: InJson
) -> list[Record]:
    """All but the files, which come back."""
    place = (tenant_id, contact_id)
    names = await known.names(connection, *place)
    out.write("{")
    for name in (each for each in EXPORT if each != FILES):
        out.write(f"\n{json.dumps(name)}: [")
        parted = "\n"
        async for row in connection.cursor(EXPORT[name], *place, prefetch=BATCH, timeout=LONGEST):
            if name != "rejects" or names.said_in(row["account_id"], row["raw"]):
                out.write(parted + in_json(_fields(row)))
                parted = ",\n"
        out.write("],")
    return list(await connection.fetch(EXPORT[FILES], *place, timeout=LONGEST))


def _write_files(found: Iterable[Record], copied: Mapping[int, str], out: TextIO, in_json: InJson) -> None:
    """The last of the lists."""
    rows = ",\n".join(in_json(_fields(row) | {"file": copied.get(row["id"])}) for row in found)
    out.write(f"\n{json.dumps(FILES)}: [\n{rows}]\n}}\n")


def _fields(row: Record) -> dict[str, Any]:
    return {key: _plain(key, value) for key, value in row.items()}


def _plain(name: str, value: Any) -> Any:
    """What was said stands as it is, and not as the text that it is stored as."""
    if name != "content":
        return value.isoformat() if hasattr(value, "isoformat") else value
    try:
        return json.loads(value)
    except ValueError:
        return value


async def _copy_files(
    found: Iterable[Record], tenant_id: int, folder: Path, kept: Path
) -> tuple[dict[int, str], list[str]]:
    """The names of the copies by the files' ids, and the names of the files that are not there.

    A copy is called by its id and its type: what a stranger called it is no name for a path.
    """
    copied, missing = {}, []
    for row in found:
        if row["state"] == "kept":
            name = f"files/{row['id']}{mimetypes.guess_extension(row['content_type']) or ''}"
            try:
                await asyncio.to_thread(_copy, path_of(kept, tenant_id, row["id"]), folder / name)
                copied[row["id"]] = name
            except FileNotFoundError:
                missing.append(f"{row['id']} {row['name']}".strip())
    return copied, missing


def _make(folder: Path) -> None:
    """Raises ExportError for one that holds something."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ExportError(f"{folder} is not empty: name a new folder.")
    folder.chmod(0o700)
    (folder / "files").mkdir(mode=0o700)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file, _new(target, "wb") as copy:
        shutil.copyfileobj(file, copy, 2**20)


def _new(path: Path, mode: str) -> Any:
    """A file that was not there, for its owner alone."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8")
