"""Files of contacts: collected as they come, kept whole or not at all, named by signed links."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import time
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from album import JPEG, PART, Album, contents, due, on_disk, parts, queued, rows, send
from samples import jpeg
from scene import Scene
from waiting import until

from conserje import (
    Edit,
    FetchFailed,
    FetchRefused,
    File,
    InboundMessage,
    Media,
    NotOffered,
    Refused,
    Revocation,
    TryLater,
)
from conserje.contract.message import Content
from conserje.conversations import feed
from conserje.conversations.rows import InboundRow, prepare
from conserje.files.collector import TRIES
from conserje.files.folder import Folder, NoRoom, judged, path_of
from conserje.intake.packing import pack, unpack
from conserje.storage import jobs
from conserje.storage.jobs import Job


@pytest.fixture
def album(scene: Scene) -> Album:
    scene.post = Album()
    scene.collector.plugins.channels["post"] = scene.post
    return scene.post


async def test_a_file_is_kept_and_named_so_in_its_message(scene: Scene, album: Album) -> None:
    job = await send(scene, File("a", "image/png", "foto.png"), File("b", "", "", sticker=True))
    assert await contents(scene) == [
        Media((File("a", "image/png", "foto.png"), File("b", "", "", sticker=True)), "mira")
    ]
    await scene.collector.collect(job)
    [first, second] = await rows(scene, "id")
    assert await contents(scene) == [
        Media(
            (File(f"kept:{first}", "image/jpeg", "foto.png"), File(f"kept:{second}", "image/jpeg", "", True)),
            "mira",
        )
    ]
    assert on_disk(scene) == [f"{job.tenant_id}/{first}", f"{job.tenant_id}/{second}"]
    path = path_of(scene.collector.folder.path, job.tenant_id, first)
    assert path.read_bytes() == JPEG
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert await rows(scene, "state, bytes, tries") == [("kept", len(JPEG), 1)] * 2
    assert [file.ref for file in album.asked] == ["a", "b"]


async def test_who_looks_at_the_conversation_hears_that_a_file_has_come(scene: Scene, album: Album) -> None:
    heard: list[object] = []
    job = await send(scene)

    def hear(*said: object) -> None:
        heard.append(said[-1])

    async with scene.pool.acquire() as connection:
        await connection.add_listener(feed.CHANNEL, hear)
        await scene.collector.collect(job)
        await until(lambda: connection.fetchval("SELECT $1::boolean", bool(heard)))
        await connection.remove_listener(feed.CHANNEL, hear)
    assert heard == [f"{job.tenant_id}:{job.conversation_id}"]


async def test_a_worker_collects_what_was_taken(scene: Scene, album: Album) -> None:
    async with scene.working():
        await send(scene)
        await until(lambda: scene.pool.fetchval("SELECT bool_and(state = 'kept') FROM files"))
    assert on_disk(scene)


async def test_an_assistant_sees_what_is_kept(scene: Scene, album: Album) -> None:
    job = await send(scene)
    await scene.collector.collect(job)
    await scene.conversation.converse(Job(jobs.CONVERSE, *job_place(job)))
    [content] = [each.content for each in scene.parrot.heard[0].messages]
    assert isinstance(content, Media)
    assert content.files[0].ref.startswith("kept:")
    assert content.files[0].kind == "image"


def job_place(job: Job) -> tuple[int, int, int]:
    return job.tenant_id, job.conversation_id, job.message_id


async def test_a_message_that_comes_twice_has_its_files_once(scene: Scene, album: Album) -> None:
    await send(scene, key="one")
    await send(scene, key="one")
    assert await rows(scene) == ["wanted"]
    assert len(await queued(scene)) == 1


async def test_what_was_spooled_has_its_files_too(scene: Scene) -> None:
    account = (await scene.entry()).accounts[0]
    event = InboundMessage(account.address, "k", "ana", Media((File("a\x00", "image/png", "n"),)))
    row = prepare(1, account, event)
    unpacked = unpack(pack(row))
    assert isinstance(unpacked, InboundRow)
    assert unpacked.files == (("a�", "image/png", "n"),)


@pytest.mark.parametrize(
    ("content", "said", "expected"),
    [
        (JPEG, "text/html", "image/jpeg"),
        (b"<!DOCTYPE html><script>1</script>", "image/png", "text/plain"),
        (b"<html>", "text/html; charset=utf-8", "text/html"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml", "text/plain"),
        (b"a,b\n1,2\n", "text/csv", "text/csv"),
        (b"a", "text/x\r\nset-cookie: a=b", "text/plain"),
        ("ñandú\n".encode()[:2], "", "text/plain"),  # cut in the middle of a letter
        (b"\x00\x01", "text/plain", "application/octet-stream"),
        (b"\xff\xfe\xfd", "text/plain", "application/octet-stream"),
        (b"", "image/png", "application/octet-stream"),
        (b"%PDF-1.7", "image/png", "application/pdf"),
        (b"OggS\x00\x02" + bytes(22) + b"OpusHead", "audio/ogg; codecs=opus", "audio/ogg"),
    ],
)
def test_the_bytes_say_what_a_file_is(content: bytes, said: str, expected: str) -> None:
    assert judged(content, said) == expected


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (Refused("The provider deleted it."), "The provider deleted it."),
        (FetchRefused("Not in the public internet."), "Not in the public internet."),
        (NotOffered("No files here."), "No files here."),
    ],
)
async def test_what_is_refused_is_gone_at_once(
    scene: Scene, album: Album, given: Exception, cause: str
) -> None:
    album.given = given
    job = await send(scene)
    await scene.collector.collect(job)
    assert await rows(scene, "state, cause") == [("gone", cause)]
    assert len(await queued(scene)) == 1  # the first one
    assert [plain_ref(content) for content in await contents(scene)] == ["ref"]
    assert on_disk(scene) == []


def plain_ref(content: Content) -> str:
    assert isinstance(content, Media)
    return content.files[0].ref


async def test_a_channel_without_files_says_so(scene: Scene) -> None:
    await scene.collector.collect(await send(scene))
    assert await rows(scene, "state, cause") == [("gone", "The channel post cannot read files.")]


async def test_what_fails_is_tried_again_with_growing_pauses_and_then_gone(
    scene: Scene, album: Album
) -> None:
    job = await send(scene)
    album.given = lambda file: parts(b"half", ValueError("s3cret"))
    pauses = []
    for n in range(1, TRIES + 1):
        await scene.collector.collect(job)
        if n < TRIES:
            assert await rows(scene, "state, cause, tries") == [("wanted", "ValueError", n)]
            pauses.append(round((await queued(scene))[-1]))
            await due(scene)
    assert await rows(scene, "state, cause") == [("gone", "ValueError")]
    assert pauses[:3] == [5, 10, 20]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 1800
    assert 3 * 3600 < sum(pauses) < 6 * 3600
    assert on_disk(scene) == []


async def test_who_asks_for_patience_gets_it(scene: Scene, album: Album) -> None:
    job = await send(scene)
    album.given = TryLater("Busy.", after=90)
    await scene.collector.collect(job)
    assert await rows(scene, "state, cause") == [("wanted", "Busy.")]
    assert (await queued(scene))[-1] == pytest.approx(90, abs=2)
    album.given = FetchFailed("The answer did not come in time.")
    await due(scene)
    await scene.collector.collect(job)
    assert await rows(scene, "cause") == ["The answer did not come in time."]


async def test_one_file_that_fails_does_not_hold_up_the_next(scene: Scene, album: Album) -> None:
    album.given = lambda file: parts(ValueError()) if file.ref == "a" else parts(JPEG)
    await scene.collector.collect(await send(scene, File("a"), File("b")))
    assert await rows(scene) == ["wanted", "kept"]


async def test_two_gigabytes_are_refused_at_the_limit_in_little_memory(scene: Scene, album: Album) -> None:
    given = 0

    async def two_gigabytes(file: File) -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(2 * 1024**3 // len(PART)):
            given += len(PART)
            yield bytes(len(PART))

    album.given = two_gigabytes
    job = await send(scene, File("ref", "audio/ogg"))
    tracemalloc.start()
    try:
        await scene.collector.collect(job)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert await rows(scene, "state, cause") == [
        ("gone", "The file is larger than the 16,777,216 bytes that the channel allows.")
    ]
    assert given == album.takes.file_bytes + len(PART)
    assert peak < 2 * 1024**2
    assert on_disk(scene) == []


async def test_a_large_file_is_kept_in_little_memory(scene: Scene, album: Album) -> None:
    album.takes = replace(album.takes, file_bytes=100 * 1024**2)
    album.given = lambda file: parts(*itertools.repeat(PART, 1024))
    job = await send(scene)
    tracemalloc.start()
    try:
        await scene.collector.collect(job)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert await rows(scene, "state, bytes") == [("kept", 64 * 1024**2)]
    assert peak < 2 * 1024**2


async def test_a_file_has_one_time_limit(scene: Scene, album: Album) -> None:
    closed = []

    async def drop_by_drop(file: File) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"."
                await asyncio.sleep(0.01)
        finally:
            closed.append(file.ref)

    album.takes = replace(album.takes, file_seconds=0.2)
    album.given = drop_by_drop
    await scene.collector.collect(await send(scene))
    assert await rows(scene, "state, cause") == [("wanted", "It did not come within 0.2 s.")]
    assert closed == ["ref"]
    assert on_disk(scene) == []


async def test_a_disk_that_takes_nothing_is_loud_and_loses_no_file(
    scene: Scene, album: Album, caplog: pytest.LogCaptureFixture
) -> None:
    job = await send(scene)
    in_the_way = scene.collector.folder.path
    in_the_way.write_text("no folder")
    await scene.collector.collect(job)
    assert await rows(scene, "state, tries") == [("wanted", 0)]
    [error] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "CONSERJE_DATA_DIR" in error.getMessage()
    in_the_way.unlink()
    await due(scene)
    await scene.collector.collect(job)
    assert await rows(scene, "state, cause") == [("kept", None)]


async def test_two_workers_collect_a_file_once(scene: Scene, album: Album) -> None:
    begun, other_was_there = asyncio.Event(), asyncio.Event()

    async def slowly(file: File) -> AsyncIterator[bytes]:
        begun.set()
        await other_was_there.wait()
        yield JPEG

    album.given = slowly
    job = await send(scene)
    first = asyncio.create_task(scene.collector.collect(job))
    await begun.wait()
    await scene.collector.collect(job)
    assert (await queued(scene))[-1] == pytest.approx(70, abs=3)  # the other's time, and then somebody looks
    other_was_there.set()
    await first
    assert await rows(scene) == ["kept"]
    assert len(album.asked) == 1


async def test_who_was_too_slow_changes_nothing(scene: Scene, album: Album) -> None:
    job = await send(scene)

    async def overtaken(file: File) -> AsyncIterator[bytes]:
        if len(album.asked) == 1:
            await due(scene)
            await scene.collector.collect(job)
            yield b"too late"
        else:
            yield JPEG

    album.given = overtaken
    await scene.collector.collect(job)
    assert await rows(scene, "state, content_type") == [("kept", "image/jpeg")]
    assert len(on_disk(scene)) == 1


async def test_a_worker_that_ends_leaves_nothing_half(scene: Scene, album: Album) -> None:
    begun = asyncio.Event()

    async def endless(file: File) -> AsyncIterator[bytes]:
        while True:
            yield JPEG
            begun.set()
            await asyncio.sleep(0.01)

    album.given = endless
    collecting = asyncio.create_task(scene.collector.collect(await send(scene)))
    await begun.wait()
    collecting.cancel()
    await asyncio.wait({collecting})
    assert await rows(scene, "state, tries") == [("wanted", 1)]
    assert on_disk(scene) == []


async def test_what_a_dead_worker_left_is_swept_and_collected_anew(scene: Scene, album: Album) -> None:
    job = await send(scene)
    new = scene.collector.folder.path / "new"
    new.mkdir(parents=True)
    old, young = new / "1-1-dead", new / "1-2-alive"
    for half in (old, young):
        half.write_bytes(b"half")
    os.utime(old, (0, time.time() - 7 * 3600))
    await scene.pool.execute("UPDATE files SET due_at = now() - interval '1 minute', tries = 1")
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
    await scene.collector.keep_up()
    assert on_disk(scene) == ["new/1-2-alive"]
    assert len(await queued(scene)) == 1
    await scene.collector.keep_up()
    assert len(await queued(scene)) == 1  # not at each look
    await scene.collector.collect(job)
    assert await rows(scene) == ["kept"]


async def test_a_whole_file_whose_commit_was_lost_is_collected_anew(scene: Scene, album: Album) -> None:
    job = await send(scene)
    [id] = await rows(scene, "id")
    path = path_of(scene.collector.folder.path, job.tenant_id, id)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"of the dead worker")
    await scene.collector.collect(job)
    assert path.read_bytes() == JPEG
    assert await rows(scene) == ["kept"]


async def test_a_message_taken_back_takes_its_files_along(scene: Scene, album: Album) -> None:
    await scene.collector.collect(await send(scene, key="one"))
    assert len(on_disk(scene)) == 1
    await send(scene, content=Revocation("one"))
    await scene.collector.keep_up()
    assert on_disk(scene) == []
    assert await rows(scene) == []
    assert await scene.pool.fetchval("SELECT count(*) FROM removed_files") == 0


async def test_a_message_taken_back_while_its_file_comes_leaves_none(scene: Scene, album: Album) -> None:
    async def revoked(file: File) -> AsyncIterator[bytes]:
        await send(scene, content=Revocation("one"))
        yield JPEG

    album.given = revoked
    await scene.collector.collect(await send(scene, key="one"))
    assert on_disk(scene) == []
    assert (await contents(scene))[0] == Revocation("one")


async def test_a_message_written_anew_shows_its_new_file(scene: Scene, album: Album) -> None:
    await send(scene, key="one")
    job = await send(scene, content=Edit("one", Media((File("other"),), "anew")))
    await scene.collector.collect(job)
    [_, id] = await rows(scene, "id")
    anew = Media((File(f"kept:{id}", "image/jpeg"),), "anew")
    assert await contents(scene) == [anew, Edit("one", anew)]


async def test_with_the_tenant_its_files_go(scene: Scene, album: Album) -> None:
    await scene.add("bravo")
    await scene.collector.collect(await send(scene))
    bravo = path_of(scene.collector.folder.path, 99, 7)
    bravo.parent.mkdir()
    bravo.write_bytes(JPEG)
    await scene.pool.execute("DELETE FROM tenants WHERE slug = 'acme'")
    await scene.collector.keep_up()
    assert on_disk(scene) == ["99/7"]
    assert sorted(path.name for path in scene.collector.folder.path.iterdir()) == ["99", "new"]


async def test_a_folder_keeps_nothing_of_what_failed(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "files")
    with pytest.raises(ValueError):
        await folder.keep(1, 2, parts(b"half", ValueError()), "", 100)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert (await folder.keep(1, 2, parts(b"he", b"llo"), "", 5)).size == 5
    await folder.remove([(1, 2), (1, 3), (4, 4)])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_tenant_s_folder_that_goes_while_a_file_comes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, place, rename = Folder(tmp_path / "files"), path_of(tmp_path / "files", 1, 2), Path.rename
    vanishing = ["before", "before", "after"]

    def vanish(half: Path, whole: Path) -> Path:
        when = vanishing.pop(0)
        if when == "before":
            whole.parent.rmdir()  # as whoever removes the last file of the tenant does
        moved = rename(half, whole)
        if when == "after":
            folder._remove([(1, 2)])
        return moved

    monkeypatch.setattr(Path, "rename", vanish)
    assert (await folder.keep(1, 2, parts(b"hola"), "", 5)).size == 4
    assert not vanishing and not place.parent.exists()  # taken back already
    vanishing.append("")
    await folder.keep(1, 2, parts(b"hola"), "", 5)
    assert place.read_bytes() == b"hola"


async def test_a_folder_of_files_that_vanished_while_a_file_came_is_not_brought_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, read = tmp_path / "files", Path.read_bytes

    def vanish(half: Path) -> bytes:
        held = read(half)
        shutil.rmtree(files)
        return held

    monkeypatch.setattr(Path, "read_bytes", vanish)
    with pytest.raises(NoRoom):
        async with Folder(files).receive(parts(jpeg()), 10_000):
            pass
    assert not files.exists()
