"""A provider that has files of contacts, and what becomes of them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

from scene import Post, Scene

from conserje import Account, File, InboundMessage, Limits, Media, Nothing
from conserje.contract.message import Content, from_json
from conserje.storage import jobs
from conserje.storage.jobs import Job

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(200)
PART = bytes(64 * 1024)


class Album(Post):
    """A provider that has the file that a test says, under every reference."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = Limits(files=2, carries=frozenset({"media"}))
        self.asked: list[File] = []
        self.given: Callable[[File], AsyncIterator[bytes]] | Exception = lambda file: parts(JPEG)

    def limits_of(self, address: str) -> Limits:
        return self.takes

    def media(self, file: File, account: Account[Nothing, Nothing]) -> AsyncIterator[bytes]:
        self.asked.append(file)
        if isinstance(self.given, Exception):
            raise self.given
        return self.given(file)


async def parts(*given: bytes | Exception) -> AsyncIterator[bytes]:
    for part in given:
        if isinstance(part, Exception):
            raise part
        yield part


_keys = itertools.count()


async def send(scene: Scene, *files: File, content: Content | None = None, key: str = "") -> Job:
    """A contact sends files; the job that collects them."""
    entry = await scene.entry()
    account = entry.accounts[0]
    said = content or Media(files or (File("ref", "image/png", "foto.png"),), "mira")
    event = InboundMessage(account.address, key or f"file {next(_keys)}", "ana", said)
    await scene.intake.take(entry.tenant, [(account, event)])
    row = await scene.pool.fetchrow(
        "SELECT tenant_id, conversation_id, id FROM messages WHERE direction = 'in' ORDER BY id DESC LIMIT 1"
    )
    assert row is not None
    return Job(jobs.COLLECT, *row)


async def rows(scene: Scene, columns: str = "state") -> list[Any]:
    found = await scene.pool.fetch(f"SELECT {columns} FROM files ORDER BY id")
    return [row[0] if len(row) == 1 else tuple(row) for row in found]


async def contents(scene: Scene, direction: str = "in") -> list[Content]:
    found = await scene.pool.fetch("SELECT content FROM messages WHERE direction = $1 ORDER BY id", direction)
    return [from_json(row["content"]) for row in found]


async def queued(scene: Scene) -> list[float]:
    """Seconds for which each collecting job is put off."""
    found = await scene.pool.fetch(
        "SELECT extract(epoch FROM execute_after - created)::float8 AS rest FROM pgqueuer.pgqueuer"
        " WHERE entrypoint = 'collect' ORDER BY id"
    )
    return [row["rest"] for row in found]


def on_disk(scene: Scene) -> list[str]:
    folder = scene.collector.folder.path
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def due(scene: Scene) -> None:
    await scene.pool.execute("UPDATE files SET due_at = now()")


async def kept(scene: Scene) -> str:
    await scene.collector.collect(await send(scene))
    return f"kept:{(await rows(scene, 'id'))[0]}"
