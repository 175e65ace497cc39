"""Thinking: an assistant that gives or raises what it should not, and the fallback's turn in place of its."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from scene import Post, Scene
from waiting import until

from conserje import Account, Assistant, InboundMessage, NoAnswer, Nothing, Reply, Text, Turn
from conserje.contract.message import Location
from conserje.net.client import client
from conserje.plugins import fences
from conserje.plugins.fences import Fences
from conserje.plugins.given import MOST_MESSAGES
from conserje.plugins.strikes import Strikes
from conserje.telemetry import pulse
from conserje.telemetry.pulse import Call
from conserje.turns import thinking, toolbox

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


async def test_tools_are_opened_once_though_the_fallback_answers(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = []

    def opened(*given: Any) -> Any:
        times.append(given)
        return toolbox.opened(*given)

    monkeypatch.setattr(thinking, "opened", opened)
    assert (await turn(scene, raises(OSError())))[0] == "parrot"
    assert len(times) == 1


async def test_as_many_messages_as_there_may_be_are_all_said(scene: Scene) -> None:
    long = [Text("palabra " * 2000)] * MOST_MESSAGES  # each leaves in parts
    assert await turn(scene, lambda: Reply(long)) == ("wild", None)
    assert len(scene.post.texts) > 2 * MOST_MESSAGES


async def test_what_postgres_cannot_store_of_a_reply_is_cleaned(scene: Scene) -> None:
    odd = "a\0\ud800b"
    said = Reply([Text(odd)], intent=odd, usage={odd: 1})
    assert await turn(scene, lambda: said) == ("wild", None)
    assert await scene.pool.fetchval("SELECT intent FROM turns") == "a\ufffd\ufffdb"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fences:
    """The fences of this process."""
    here = Fences(Strikes(tmp_path / "strikes"))
    monkeypatch.setattr(fences, "_here", here)
    return here


def strike(here: Fences, plugin: str) -> None:
    """Enough for a fence."""
    for _ in range(fences.ENOUGH):
        here.note(Call(plugin, "reply", "acme"))


async def test_the_fallback_answers_for_one_that_is_fenced_off(scene: Scene, here: Fences) -> None:
    strike(here, "wild")
    assistant, cause = await turn(scene, lambda: Reply([Text("never")]))
    assert assistant == "parrot"
    assert cause
    assert "wild stood still again and again" in cause


async def test_messages_wait_while_another_process_stands_still_over_one(
    scene: Scene, here: Fences, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.strikes.suspect(Call("parrot", "reply", "acme"))
    async with scene.working():
        await scene.write("hola")
        await scene.write("quiero hablar con una persona", sender="bea")
        await until(lambda: len(scene.post.texts) == 1)  # whom no assistant is asked for
        assert not scene.parrot.heard
        monkeypatch.setattr(fences, "SUSPECTED_FOR", 0.0)
        await scene.settled()
    assert "hola" in scene.post.texts


async def test_messages_wait_while_all_are_fenced_off_and_are_answered_then(
    scene: Scene, here: Fences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thinking, "FENCE_LOOK", 0.1)
    monkeypatch.setattr(fences, "LOOK_EVERY", 0.0)
    strike(here, "parrot")
    async with scene.working():
        await scene.write("hola")
        await scene.write("quiero hablar con una persona", sender="bea")
        await until(lambda: len(scene.post.texts) == 1)  # whom no assistant is asked for
        assert not scene.parrot.heard
        assert await scene.pool.fetchval("SELECT max(starts) FROM conversations") == 0
        here.strikes.resume("parrot", None)
        await scene.settled()
    assert "hola" in scene.post.texts


async def test_promise_8_the_turn_that_was_at_work_at_a_strike_is_held_at_once(
    scene: Scene, here: Fences
) -> None:
    await scene.write("hola")
    row = await scene.pool.fetchrow("UPDATE conversations SET starts = 1 RETURNING tenant_id, id")
    assert row is not None
    here.note(Call("parrot", "reply", "acme", f"{row['tenant_id']}:{row['id']}"))
    async with scene.working():
        await until(lambda: scene.pool.fetchval("SELECT state = 'held' FROM conversations"))
    assert not scene.parrot.heard
    cause = await scene.pool.fetchval("SELECT cause FROM conversations")
    assert cause == "parrot.reply stood still over it, and its process was ended."


async def test_a_turn_says_whose_it_is_while_a_plugin_runs(scene: Scene) -> None:
    seen: list[Call | None] = []

    def habit() -> Reply:
        seen.append(pulse._here.pulse.call)
        return Reply([Text("hola")])

    await turn(scene, habit)
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    assert seen == [Call("wild", "reply", "acme", f"{row['tenant_id']}:{row['id']}")]


async def test_what_was_asked_in_vain_is_counted_with_the_reply(scene: Scene) -> None:
    reply = Reply([Text("No tengo ese dato.")], unanswered=["¿Tienen wifi? Soy Ana, +56911112222"])
    assert await turn(scene, lambda: reply) == ("wild", None)
    noted = await scene.pool.fetch("SELECT question, times FROM asked")
    assert [tuple(row) for row in noted] == [("¿Tienen wifi? Soy … …", 1)]


class Typing(Post):
    """Shows the contact that somebody types, as plugins did before they could be told whom."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    async def attend(self, provider_id: str, account: Account[Nothing, Nothing]) -> None:
        self.shown.append(provider_id)


class TypingTo(Typing):
    """Its provider asks to whom."""

    async def attend(  # type: ignore[override]  # the older one's is not told
        self, provider_id: str, account: Account[Nothing, Nothing], contact: str
    ) -> None:
        self.shown.append(f"{provider_id} of {contact}")


class Thoughtful(Assistant[Nothing, Nothing, Nothing]):
    """Answers once the contact was shown that somebody types."""

    name = "thoughtful"
    Credentials = Settings = Operator = Nothing

    def __init__(self, channel: Typing) -> None:
        super().__init__(Nothing(), client())
        self.channel = channel

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        await until(lambda: self.channel.shown)
        return Reply([Text("hola")])


async def written_to(scene: Scene, channel: Typing, assistant: Assistant[Any, Any, Any]) -> None:
    """A message of the provider's id P7 is answered."""
    scene.conversation.plugins.channels["post"] = channel
    scene.conversation.plugins.assistants[assistant.name] = assistant
    await scene.pool.execute("UPDATE tenants SET assistant = $1", assistant.name)
    await scene.heard()
    entry = await scene.entry()
    written = InboundMessage(entry.accounts[0].address, "k", "ana", Text("hola"), provider_id="P7")
    await scene.intake.take(entry.tenant, [(entry.accounts[0], written)])
    async with scene.working():
        await scene.settled()


@pytest.mark.parametrize(("kind", "shown"), [(Typing, "P7"), (TypingTo, "P7 of ana")])
async def test_a_channel_is_told_whom_it_shows_that_somebody_types(
    scene: Scene, kind: type[Typing], shown: str
) -> None:
    channel = kind()
    await written_to(scene, channel, Thoughtful(channel))
    assert channel.shown == [shown]


async def test_who_answers_at_once_is_not_shown_to_type(scene: Scene) -> None:
    channel = Typing()
    await written_to(scene, channel, Wild(lambda: Reply([Text("hola")])))
    assert channel.texts == ["hola"]
    assert channel.shown == []
