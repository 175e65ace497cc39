"""A file that a person of the tenant sends: kept here, handed to the channel as a link or as bytes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from album import JPEG, Album, contents, on_disk, rows
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje import Account, File, Limits, Media, Nothing, OutboundMessage, Receipt, Text
from conserje.storage.database import Pool
from conserje.storage.scope import Scope, acting_for

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 2000


class Reader(Album):
    """A provider that takes bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[bytes | None] = []

    async def send(self, message: OutboundMessage, account: Account[Nothing, Nothing]) -> Receipt:
        if isinstance(message.content, Media):
            for file in message.content.files:
                opened = message.open(file)
                data = b"".join([part async for part in opened.parts]) if opened else None
                assert data is None or opened is None or len(data) == opened.size
                self.read.append(data)
        return await super().send(message, account)


@pytest.fixture
def reader(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Reader:
    scene.post = reader = Reader()
    scene.collector.plugins.channels["post"] = reader
    monkeypatch.setattr("conserje.plugins.plugins.load", lambda *_: scene.conversation.plugins)
    return reader


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    path = tmp_path / "boleta 12.pdf"
    path.write_bytes(PDF)
    return path


async def take(scene: Scene, terminal: Terminal) -> str:
    """Ana has written, and a person takes her conversation over; its id."""
    await scene.write("hola")
    id = str(await scene.pool.fetchval("SELECT id FROM conversations"))
    await terminal.type("conversation", "take", "acme", id)
    return id


async def test_it_is_kept_and_its_channel_may_read_it(
    scene: Scene, terminal: Terminal, reader: Reader, receipt: Path
) -> None:
    id = await take(scene, terminal)
    async with scene.working():
        sent = await terminal.read(
            "message", "send", "acme", id, "Tu boleta", "--file", str(receipt), "--json"
        )
    assert [each["state"] for each in sent] == ["sent"]
    assert reader.read == [PDF]
    [message] = reader.sent
    assert isinstance(message.content, Media) and message.content.caption == "Tu boleta"
    [file] = message.content.files
    assert (file.name, file.content_type) == ("boleta 12.pdf", "application/pdf")
    assert file.ref.startswith("http://acme.localhost:8080/files/")
    receipt.unlink()
    [row] = await rows(scene, "state, name, content_type, bytes, message_id")
    assert row == ("kept", "boleta 12.pdf", "application/pdf", len(PDF), sent[0]["id"])
    assert len(on_disk(scene)) == 1
    assert await scene.pool.fetchval("SELECT bytes FROM tenant_files") == len(PDF)


def test_what_is_not_kept_here_has_its_address_alone() -> None:
    message = OutboundMessage(1, "ana", Text("hola"), "", datetime.now(UTC))
    assert message.open(File("https://shop.cl/a.pdf")) is None


async def test_without_files_the_channel_s_words_have_its_link(
    scene: Scene, terminal: Terminal, reader: Reader, receipt: Path
) -> None:
    reader.takes = Limits()
    id = await take(scene, terminal)
    async with scene.working():
        await terminal.type("message", "send", "acme", id, "Tu boleta", "--file", str(receipt))
    [said] = reader.texts
    assert said.startswith("Tu boleta\nhttp://acme.localhost:8080/files/") and "boleta" in said


@pytest.mark.parametrize(
    ("takes", "content", "why"),
    [
        ({"image/jpeg": 10_000}, PDF, "it is application/pdf, and the channel takes image/jpeg."),
        ({"image/jpeg": 10_000, "*/*": 5}, PDF, "MB, and the channel takes 4.77e-06 MB of application/pdf."),
        ({"image/jpeg": 100}, JPEG, "MB, and the channel takes 9.54e-05 MB of image/jpeg."),
        ({}, b"", "it is empty."),
        ({}, bytes(2 * 2**20), "it has 2 MB, and the channel takes 1 MB of application/octet-stream."),
    ],
)
async def test_what_the_channel_would_not_take_is_refused_before_anything_is_sent(
    scene: Scene,
    terminal: Terminal,
    reader: Reader,
    tmp_path: Path,
    takes: dict[str, int],
    content: bytes,
    why: str,
) -> None:
    reader.takes = Limits(carries=frozenset({"media"}), takes=takes, file_bytes=2**20)
    id = await take(scene, terminal)
    (tmp_path / "foto").write_bytes(content)
    words = ("message", "send", "acme", id, "--file", str(tmp_path / "foto"))
    refused = await terminal.type(*words, "--json", code=1)
    told = json.loads(refused.stderr.splitlines()[-1])
    assert told["argument"] == "--file" and told["error"].startswith("foto cannot be sent: ")
    assert told["error"].endswith(why)
    assert (on_disk(scene), await rows(scene), await contents(scene, "out")) == ([], [], [])


async def test_a_file_whose_message_cannot_be_said_does_not_stay(
    scene: Scene, terminal: Terminal, reader: Reader, receipt: Path
) -> None:
    id = await take(scene, terminal)
    await terminal.type("conversation", "give", "acme", id)
    refused = await terminal.type("message", "send", "acme", id, "--file", str(receipt), code=1)
    assert "is not with a person" in refused.stderr
    assert (on_disk(scene), await rows(scene)) == ([], [])


@pytest.mark.parametrize("end", [KeyboardInterrupt, ConnectionError])
async def test_a_file_whose_message_may_be_stored_stays(
    scene: Scene,
    terminal: Terminal,
    reader: Reader,
    receipt: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: type[BaseException],
) -> None:
    id = await take(scene, terminal)

    @asynccontextmanager
    async def broken_off(pool: Pool, tenant_id: int) -> AsyncIterator[Scope]:
        async with acting_for(pool, tenant_id) as scope:
            yield scope
        raise end

    monkeypatch.setattr("conserje.cli.send.acting_for", broken_off)
    await terminal.type("message", "send", "acme", id, "--file", str(receipt), code=1)
    assert len(on_disk(scene)) == len(await contents(scene, "out")) == 1


async def test_what_is_kept_of_a_tenant_has_its_quota(
    scene: Scene, terminal: Terminal, reader: Reader, receipt: Path
) -> None:
    id = await take(scene, terminal)
    words = ("message", "send", "acme", id, "--file", str(receipt))
    refused = await terminal.type(*words, code=1, FILES_OF_TENANT="0")
    assert "The tenant's files reach the 0 MB of CONSERJE_FILES_OF_TENANT." in refused.stderr
    assert (on_disk(scene), await rows(scene), await contents(scene, "out")) == ([], [], [])


async def test_a_file_that_is_not_on_this_machine_waits(
    scene: Scene, terminal: Terminal, reader: Reader, receipt: Path
) -> None:
    id = await take(scene, terminal)
    await terminal.type("message", "send", "acme", id, "--file", str(receipt), "--no-wait")
    [kept] = on_disk(scene)
    (scene.collector.folder.path / kept).unlink()
    async with scene.working():
        await until(lambda: scene.pool.fetchval("SELECT cause FROM messages WHERE cause IS NOT NULL"))
    row = await scene.pool.fetchrow("SELECT state, cause FROM messages WHERE direction = 'out'")
    assert row is not None
    assert row["state"] == "queued" and "is not on this machine's disk" in row["cause"]
    assert reader.sent == []
