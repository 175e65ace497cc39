"""No contact and no tenant fills the disk, and what is not kept says why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from album import Album, due, on_disk, parts, queued, rows, send
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje import File, InboundMessage, Media, Revocation
from conserje.conversations.rows import prepare
from conserje.files import folder
from conserje.files.collector import Collector
from conserje.files.quota import LEAST, Quota
from conserje.intake import writing
from conserje.intake.priority import Flight, Loads
from conserje.intake.writing import Item
from conserje.storage.jobs import Job

HALF = bytes(LEAST * 5)


@pytest.fixture
def album(scene: Scene) -> Album:
    scene.post = Album()
    scene.collector.plugins.channels["post"] = scene.post
    scene.post.given = lambda file: parts(HALF)
    return scene.post


def allowing(scene: Scene, *, of_contact: int = 2**40, of_tenant: int = 2**40) -> Collector:
    return replace(scene.collector, quota=Quota(of_contact, of_tenant))


async def used(scene: Scene) -> tuple[int, int]:
    """What is counted of the tenant, and of its contacts today."""
    return (
        await scene.pool.fetchval("SELECT coalesce(sum(bytes), 0)::int FROM tenant_files"),
        await scene.pool.fetchval("SELECT coalesce(sum(bytes), 0)::int FROM contact_files"),
    )


async def test_a_contact_s_files_of_a_day_have_a_limit(scene: Scene, album: Album) -> None:
    collector = allowing(scene, of_contact=len(HALF) * 2)
    for _ in range(4):
        await collector.collect(await send(scene))
    assert await rows(scene) == ["kept", "kept", "gone", "gone"]
    [*_, cause] = await rows(scene, "cause")
    assert cause == "The contact's files of today reach the 0 MB of CONSERJE_FILES_OF_CONTACT."
    assert len(on_disk(scene)) == 2
    assert len(album.asked) == 2  # what cannot be kept is not asked for
    assert await used(scene) == (len(HALF) * 2, len(HALF) * 2)
    await scene.pool.execute("UPDATE contact_files SET day = day - 1")
    await collector.collect(await send(scene))
    assert (await rows(scene))[-1] == "kept"


async def test_what_turns_out_too_large_is_removed_again(scene: Scene, album: Album) -> None:
    collector = allowing(scene, of_contact=len(HALF) + LEAST)
    for _ in range(2):
        await collector.collect(await send(scene))
    assert await rows(scene) == ["kept", "gone"]
    assert len(album.asked) == 2 and len(on_disk(scene)) == 1
    assert await used(scene) == (len(HALF), len(HALF))


async def test_small_files_count_as_64_kilobytes(scene: Scene, album: Album) -> None:
    album.given = lambda file: parts(b"x")
    collector = allowing(scene, of_contact=LEAST * 3)
    for _ in range(5):
        await collector.collect(await send(scene))
    assert await rows(scene) == ["kept"] * 3 + ["gone"] * 2


async def test_a_tenant_s_files_have_a_limit_and_removed_ones_make_room(scene: Scene, album: Album) -> None:
    collector = allowing(scene, of_tenant=len(HALF) * 2)
    for n in range(3):
        await collector.collect(await send(scene, key=f"k{n}"))
    assert await rows(scene) == ["kept", "kept", "gone"]
    await send(scene, content=Revocation("k0"))
    assert await used(scene) == (len(HALF), len(HALF) * 2)
    await collector.collect(await send(scene))
    assert await rows(scene) == ["kept", "gone", "kept"]


async def test_workers_at_once_keep_no_more(scene: Scene, album: Album) -> None:
    both = asyncio.Event()

    async def together(file: File) -> AsyncIterator[bytes]:
        if len(album.asked) == 6:
            both.set()
        await both.wait()
        yield HALF

    album.given = together
    collector = allowing(scene, of_contact=len(HALF) * 3)
    sent: list[Job] = [await send(scene) for _ in range(6)]
    await asyncio.gather(*map(collector.collect, sent))
    assert sorted(await rows(scene)) == ["gone"] * 3 + ["kept"] * 3
    assert await used(scene) == (len(HALF) * 3, len(HALF) * 3)
    assert len(on_disk(scene)) == 3


async def test_below_the_reserve_no_file_is_kept_and_messages_are_taken(
    scene: Scene, album: Album, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(folder, "RESERVE", 2**60)
    async with scene.working():
        job = await send(scene)
        await until(lambda: scene.parrot.heard)  # it is answered
        await until(lambda: "CONSERJE_DATA_DIR" in caplog.text)
    assert await rows(scene, "state, tries") == [("wanted", 0)]
    assert "that no file takes" in caplog.text
    assert on_disk(scene) == []
    monkeypatch.setattr(folder, "RESERVE", 0)
    await due(scene)
    await scene.collector.collect(job)
    assert await rows(scene) == ["kept"]


async def test_a_disk_that_gets_full_meanwhile_keeps_nothing_half(
    scene: Scene, album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def while_it_comes(file: File) -> AsyncIterator[bytes]:
        yield HALF
        monkeypatch.setattr(folder, "RESERVE", 2**60)
        yield HALF

    album.given = while_it_comes
    await scene.collector.collect(await send(scene))
    assert await rows(scene, "state, tries") == [("wanted", 0)]
    assert on_disk(scene) == []


async def test_what_is_not_kept_is_shown_and_asked_for_again(
    scene: Scene, album: Album, terminal: Terminal
) -> None:
    await allowing(scene, of_contact=0).collect(await send(scene))
    [(id, conversation)] = await scene.pool.fetch("SELECT id, conversation_id FROM messages")
    command = f"conserje message fetch acme {id}"
    cause = "A file is not kept: The contact's files of today reach the 0 MB"
    for shown in (("message", "list", "acme"), ("conversation", "show", "acme", str(conversation))):
        said = " ".join((await terminal.type(*shown)).stdout.split())
        assert cause in said and command in said
    before = len(await queued(scene))
    await terminal.type("message", "fetch", "acme", str(id))
    assert len(await queued(scene)) == before + 1
    async with scene.working():
        await until(lambda: scene.pool.fetchval("SELECT state = 'kept' FROM files"))
    assert cause not in (await terminal.type("message", "list", "acme")).stdout
    again = await terminal.type("message", "fetch", "acme", str(id), code=1)
    assert again.stderr.strip().endswith(f"Message {id} of acme has no file that is not kept.")


async def test_what_is_sent_and_taken_back_in_one_batch_is_not_wanted(scene: Scene, album: Album) -> None:
    account = (await scene.entry()).accounts[0]
    tenant_id = (await scene.entry()).tenant.id
    events = [
        InboundMessage(account.address, "one", "ana", Media((File("a"),))),
        InboundMessage(account.address, "two", "ana", Revocation("one")),
    ]
    items = [Item(prepare(tenant_id, account, event)) for event in events]
    async with scene.pool.acquire() as connection, connection.transaction():
        await writing.write(connection, items, Flight(Loads()), scene.intake.prices)
    assert await rows(scene) == []
    await scene.collector.keep_up()
    assert await scene.pool.fetchval("SELECT count(*) FROM removed_files") == 0


async def test_the_days_before_yesterday_are_forgotten(scene: Scene, album: Album) -> None:
    await scene.collector.collect(await send(scene))
    await scene.pool.execute("UPDATE contact_files SET day = current_date - 1")
    await scene.collector.keep_up()
    assert (await used(scene))[1] == len(HALF)
    await scene.pool.execute("UPDATE contact_files SET day = current_date - 2")
    await scene.collector.keep_up()
    assert (await used(scene))[1] == 0
