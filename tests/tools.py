"""Tools that do as a test says: one that looks up, one with an effect, one that reserves."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from scene import Scene

from conserje import Assistant, Call, Nothing, Reply, Result, Text, Tool, Turn
from conserje.net.client import client


class Given(BaseModel):
    """What each of them is called with."""

    model_config = ConfigDict(extra="forbid")

    what: str = Field(max_length=40)
    times: int = 1


class Tried(Tool[Given, Nothing, Nothing, Nothing]):
    """Notes each call, and does what `does` says, one entry each: raises it, waits for it, or gives it."""

    description = "Does what a test says."
    Parameters = Given
    Credentials = Settings = Operator = Nothing

    def __init__(self) -> None:
        super().__init__(Nothing(), client())
        self.calls: list[Call[Given, Nothing, Nothing]] = []
        self.does: deque[BaseException | asyncio.Event | Any] = deque()

    async def run(self, call: Call[Given, Nothing, Nothing]) -> Result:
        self.calls.append(call)
        habit = self.does.popleft() if self.does else Result(f"{call.arguments.what}: yes", "shown")
        if isinstance(habit, BaseException):
            raise habit
        if isinstance(habit, asyncio.Event):
            await habit.wait()
            return Result("at last")
        return habit

    @property
    def asked(self) -> list[str]:
        return [call.arguments.what for call in self.calls]


class Look(Tried):
    """Without effect."""

    name = "look"


class Make(Tried):
    """With an effect."""

    name = "make"
    effect = True


class MakeAgain(Make):
    """With one that does nothing twice."""

    name = "make_again"
    repeatable = True


class Book(Tried):
    """Reserves."""

    name = "book"
    effect = reserves = True


class Doer(Assistant[Nothing, Nothing, Nothing]):
    """Thinks as `thinks` says."""

    name = "doer"
    Credentials = Settings = Operator = Nothing

    def __init__(self, thinks: Callable[[Turn[Nothing, Nothing]], Any]) -> None:
        super().__init__(Nothing(), client())
        self.thinks = thinks

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        return await self.thinks(turn) or Reply([Text("listo")])


Calls = list[tuple[str, Mapping[str, Any] | str]]


async def think(scene: Scene, calls: Calls, reply: Reply | None = None) -> list[Result]:
    """What comes of these calls in one turn, whose conversation settles."""
    results: list[Result] = []

    async def thinks(turn: Turn[Nothing, Nothing]) -> Reply | None:
        results.clear()
        for name, arguments in calls:
            results.append(await turn.tools.call(name, arguments))
        return reply

    await use(scene, Doer(thinks))
    async with scene.working():
        await scene.write("hola")
        await scene.settled()
    return results


async def use(scene: Scene, doer: Doer) -> None:
    scene.conversation.plugins.assistants["doer"] = doer
    await scene.pool.execute("UPDATE tenants SET assistant = 'doer'")
    await scene.heard()


async def switch_on(scene: Scene, *tools: Tried, settings: Mapping[str, Any] | None = None) -> None:
    scene.conversation.plugins.tools.update({tool.name: tool for tool in tools})
    switched = settings if settings is not None else {tool.name: {} for tool in tools}
    await scene.pool.execute("UPDATE tenants SET tool_settings = $1", json.dumps(switched))
    await scene.heard()
