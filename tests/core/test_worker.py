"""The whole way of a message in one process: intake, worker, reply."""

from __future__ import annotations

import asyncio

from scene import Scene, until


async def test_a_message_is_answered(scene: Scene) -> None:
    async with scene.working():
        await scene.write("hola")
        await until(lambda: scene.post.texts)
    assert scene.post.texts == ["hola"]
    assert scene.post.sent[0].to == "ana"


async def test_a_burst_is_one_turn(scene: Scene) -> None:
    await scene.add("bravo", quiet="0.5 seconds")
    async with scene.working():
        for word in ("uno", "dos", "tres"):
            await scene.write(word, slug="bravo")
        await until(lambda: scene.post.texts)
        await asyncio.sleep(0)
    assert scene.post.texts == ["uno / dos / tres"]
