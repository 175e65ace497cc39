"""Thinking: an assistant that gives or raises what it should not, and the fallback's turn in place of its."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from scene import Scene
from waiting import until

from conserje import Assistant, NoAnswer, Nothing, Reply, Text, Turn
from conserje.contract.message import Location
from conserje.net.client import client
from conserje.plugins.given import MOST_MESSAGES

SECRET = "Bearer abcdefghijkl"


class Wild(Assistant[Nothing, Nothing, Nothing]):
    """Does as the test says."""

    name = "wild"
    Credentials = Settings = Operator = Nothing

    def __init__(self, habit: Callable[[], Any]) -> None:
        super().__init__(Nothing(), client())
        self.habit = habit

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        return cast(Reply, self.habit())


def raises(error: BaseException) -> Callable[[], Any]:
    def habit() -> Any:
        raise error

    return habit


async def turn(scene: Scene, habit: Callable[[], Any]) -> tuple[str, str | None]:
    """Who answers the tenant whose assistant does so, and why it is the fallback."""
    scene.conversation.plugins.assistants["wild"] = Wild(habit)
    await scene.pool.execute("UPDATE tenants SET assistant = 'wild'")
    await scene.heard()
    async with scene.working():
        await scene.write("hola")
        await scene.settled()
    row = await scene.pool.fetchrow("SELECT assistant, cause FROM turns")
    assert row is not None
    return row["assistant"], row["cause"]


GIVEN = {
    "words": (lambda: "hola", "gave str, not Reply"),
    "nothing": (lambda: None, "gave NoneType, not Reply"),
    "a word for messages": (lambda: Reply("hola"), "gave Reply with a wrong messages"),  # type: ignore[arg-type]
    "words among them": (lambda: Reply([Text("a"), "b"]), "gave Reply with a wrong messages"),  # type: ignore[list-item]
    "no text": (lambda: Reply([Text(None)]), "gave Reply with a wrong messages"),  # type: ignore[arg-type]
    "no number": (lambda: Reply([Location(float("nan"), 0)]), "gave Reply with a wrong messages"),
    "a sure word": (lambda: Reply(confidence="high"), "gave Reply with a wrong confidence"),  # type: ignore[arg-type]
    "a use of words": (lambda: Reply(usage={"all": "x"}), "gave Reply with a wrong usage"),  # type: ignore[dict-item]
    "too many": (lambda: Reply([Text("a")] * (MOST_MESSAGES + 1)), "gave Reply with 21 messages"),
}
RAISED = {
    "exits": (SystemExit(1), "SystemExit"),
    "interrupts": (KeyboardInterrupt(), "KeyboardInterrupt"),
    "raises": (OSError(SECRET), "OSError"),
    "has no answer": (NoAnswer(f"The model said {SECRET} to me."), "The model said [redacted] to me."),
}


@pytest.mark.parametrize(("habit", "cause"), GIVEN.values(), ids=GIVEN)
async def test_a_wrong_reply_is_the_fallback_s_turn(
    scene: Scene, habit: Callable[[], Any], cause: str
) -> None:
    assert await turn(scene, habit) == ("parrot", f"wild: {cause}")
    assert scene.post.texts == ["hola"]


@pytest.mark.parametrize(("error", "cause"), RAISED.values(), ids=RAISED)
async def test_promise_8_whatever_an_assistant_raises_the_worker_goes_on(
    scene: Scene, error: BaseException, cause: str
) -> None:
    assert await turn(scene, raises(error)) == ("parrot", f"wild: {cause}")
    async with scene.working():
        await scene.write("otra", sender="bea")
        await until(lambda: "otra" in scene.post.texts)


async def test_as_many_messages_as_there_may_be_are_all_said(scene: Scene) -> None:
    long = [Text("palabra " * 2000)] * MOST_MESSAGES  # each leaves in parts
    assert await turn(scene, lambda: Reply(long)) == ("wild", None)
    assert len(scene.post.texts) > 2 * MOST_MESSAGES


async def test_what_postgres_cannot_store_of_a_reply_is_cleaned(scene: Scene) -> None:
    odd = "a\0\ud800b"
    said = Reply([Text(odd)], intent=odd, usage={odd: 1})
    assert await turn(scene, lambda: said) == ("wild", None)
    assert await scene.pool.fetchval("SELECT intent FROM turns") == "a\ufffd\ufffdb"
