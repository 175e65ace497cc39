"""Pictures that contacts send are shown to assistants that see, made small, and never as a link."""

from __future__ import annotations

import io

import pytest
from album import Album, parts, send
from PIL import Image
from scene import Parrot, Scene
from waiting import LIMIT, until

from conserje import File, Media, Nothing, Picture
from conserje.files import scaling
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.turns import arrivals


class Watcher(Parrot):
    """One that sees, or does not."""

    eyes = True

    def sees(self, settings: Nothing) -> bool:
        return self.eyes


@pytest.fixture
async def watcher(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Watcher:
    monkeypatch.setattr(scaling, "SECONDS", LIMIT)  # a busy machine takes its time
    monkeypatch.setattr(arrivals, "WITHIN", LIMIT)
    out = io.BytesIO()
    Image.new("RGB", (1500, 300), "red").save(out, "PNG")
    scene.post = album = Album()
    album.given = lambda file: parts(out.getvalue())
    scene.collector.plugins.channels["post"] = album
    scene.parrot = scene.collector.plugins.assistants["parrot"] = watcher = Watcher()
    return watcher


async def look(scene: Scene, count: int, *, collected: bool = True) -> None:
    """The turn of a message with so many pictures."""
    job = await send(scene, content=Media(tuple(File(f"p{n}", "image/png") for n in range(count)), "¿este?"))
    if collected:
        await scene.collector.collect(job)
    await scene.conversation.converse(Job(jobs.CONVERSE, job.tenant_id, job.conversation_id, job.message_id))


def seen(watcher: Watcher) -> list[Picture]:
    return [picture for said in watcher.heard[-1].messages for picture in said.pictures]


async def test_an_assistant_that_sees_gets_the_newest_three_made_small(
    scene: Scene, watcher: Watcher
) -> None:
    await look(scene, 4)
    pictures = seen(watcher)
    assert len(pictures) == 3
    assert Image.open(io.BytesIO(pictures[0].content)).size == (1024, 205)
    assert pictures[0].content_type == "image/jpeg"


async def test_one_that_does_not_see_gets_none(scene: Scene, watcher: Watcher) -> None:
    watcher.eyes = False
    await look(scene, 1)
    assert seen(watcher) == []


async def test_a_turn_waits_for_a_picture_only_where_it_is_seen(
    scene: Scene, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene.working():
        await send(scene, content=Media((File("p", "image/png"),)))
        await until(lambda: _asked(watcher))
    assert len(seen(watcher)) == 1
    assert len(watcher.heard) == 1
    monkeypatch.setattr(arrivals, "WITHIN", 0.0)
    await look(scene, 1, collected=False)
    assert seen(watcher) == []


async def _asked(watcher: Watcher) -> bool:
    return bool(watcher.heard)


async def test_what_is_no_picture_is_answered_all_the_same(scene: Scene, watcher: Watcher) -> None:
    assert isinstance(scene.post, Album)
    scene.post.given = lambda file: parts(b"\x89PNG\r\n\x1a\n" + bytes(99))
    await look(scene, 1)
    assert seen(watcher) == []
