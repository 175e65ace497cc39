"""Tools that are several: what they offer a tenant, how often they are asked, and what is withheld."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

import pytest
from pydantic import JsonValue, RootModel
from scene import Scene
from tools import switch_on, think
from waiting import until

from conserje import Account, Call, CannotTell, Nothing, Offer, Offering, Result, Tool
from conserje.conversations.effects import UNKNOWN
from conserje.net.client import client
from conserje.plugins import given
from conserje.plugins.given import Wrong
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.tenants import accounts
from conserje.turns import acting, offered
from conserje.turns.arguments import refuse_misfit

WANTED = {
    "type": "object",
    "properties": {"what": {"type": "string"}},
    "required": ["what"],
    "additionalProperties": False,
}
LOOK, MAKE = Offer("shelf_look", "Looks.", WANTED, effect=False), Offer("shelf_make", "Makes.", WANTED, True)
STATES = "SELECT tool, state, cause FROM effects ORDER BY turn_id, number"


class Anything(RootModel[dict[str, JsonValue]]):
    """Whatever is given."""


class Shelf(Tool[Anything, Nothing, Nothing, Nothing]):
    """Gives what `gives` says, one entry each, and then the last one again."""

    name = "shelf"
    description = "Stands for others."
    Parameters = Anything
    Credentials = Settings = Operator = Nothing

    def __init__(self, *gives: Offering | Exception) -> None:
        super().__init__(Nothing(), client())
        self.gives, self.asked = deque(gives), list[str]()
        self.calls: list[Call[Any, Any, Any]] = []

    async def offer(self, account: Account[Nothing, Nothing]) -> Offering:
        self.asked.append(account.address)
        found = self.gives.popleft() if len(self.gives) > 1 else self.gives[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def run(self, call: Call[Any, Any, Any]) -> Result:
        self.calls.append(call)
        if call.arguments.root["what"] == "fire":
            raise OSError
        return Result(f"{call.name} {call.arguments.root['what']}")


async def put(scene: Scene, shelf: Shelf) -> None:
    await scene.pool.execute(
        "INSERT INTO accounts (tenant_id, channel, address) SELECT id, 'shelf', 'https://a/' FROM tenants"
    )
    await switch_on(scene, shelf)  # type: ignore[arg-type]


async def withheld(scene: Scene) -> str:
    return str(await scene.pool.fetchval("SELECT withheld FROM accounts WHERE channel = 'shelf'"))


async def test_what_looks_something_up_runs_while_thinking_and_an_effect_after_the_reply(
    scene: Scene,
) -> None:
    shelf = Shelf(Offering((LOOK, MAKE)))
    await put(scene, shelf)
    results = await think(scene, [("shelf_look", {"what": "pan"}), ("shelf_make", {"what": "pan"})])
    assert results[0] == Result("shelf_look pan") and "done once your reply is sent" in results[1].text
    assert [(call.name, call.address) for call in shelf.calls] == [
        ("shelf_look", "https://a/"),
        ("shelf_make", "https://a/"),
    ]
    assert [tuple(row) for row in await scene.pool.fetch(STATES)] == [("shelf_make", "done", None)]


async def test_it_is_asked_once_for_many_turns_and_anew_after_a_change(scene: Scene) -> None:
    shelf = Shelf(Offering((LOOK,)))
    await put(scene, shelf)
    for _ in range(3):
        await think(scene, [("shelf_look", {"what": "pan"})])
    assert len(shelf.asked) == 1 and len(shelf.calls) == 3
    await scene.pool.execute("UPDATE accounts SET address = 'https://b/' WHERE channel = 'shelf'")
    await scene.heard()
    await think(scene, [("shelf_look", {"what": "pan"})])
    assert shelf.asked == ["https://a/", "https://b/"]


@pytest.mark.parametrize(
    "fault", [CannotTell("Away."), OSError("Bearer abcdefghijkl"), Offering((Offer("other", "", {}, False),))]
)
async def test_one_that_cannot_be_asked_offers_nothing_and_rests(
    scene: Scene, caplog: pytest.LogCaptureFixture, fault: Any
) -> None:
    shelf = Shelf(fault, Offering((LOOK,)))
    await put(scene, shelf)
    for _ in range(2):
        [result] = await think(scene, [("shelf_look", {"what": "pan"})])
        assert result.failed and "There is no tool" in result.text
    assert len(shelf.asked) == 1
    assert "shelf offers acme nothing" in caplog.text and "Bearer" not in caplog.text


async def test_one_that_is_away_is_asked_again_after_its_rest(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offered, "REST", 0.0)
    shelf = Shelf(CannotTell("Away."), Offering((LOOK,)))
    await put(scene, shelf)
    assert (await think(scene, [("shelf_look", {"what": "pan"})]))[0].failed

    async def is_back() -> bool:
        return not (await think(scene, [("shelf_look", {"what": "pan"})]))[0].failed

    await until(is_back)
    assert len(shelf.asked) == 2


async def test_no_turn_waits_again_for_one_that_is_away(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offered, "REST", 0.0)
    shelf, back = Shelf(CannotTell("Away."), Offering((LOOK,))), asyncio.Event()
    await put(scene, shelf)
    await think(scene, [("shelf_look", {"what": "pan"})])
    offer = shelf.offer

    async def slowly(account: Account[Nothing, Nothing]) -> Offering:
        await back.wait()
        return await offer(account)

    monkeypatch.setattr(shelf, "offer", slowly)
    for _ in range(2):  # while it is asked beside
        assert (await think(scene, [("shelf_look", {"what": "pan"})]))[0].failed
    back.set()
    await until(lambda: len(shelf.asked) == 2)


def test_the_rest_grows_to_what_an_answer_is_good_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conserje.turns.offered.time.monotonic", lambda: 0.0)
    answer, rests = asyncio.Future[Any](loop=asyncio.new_event_loop()), list[float]()
    answer.set_result(None)
    asked = offered._Asked(None, answer, 0)  # type: ignore[arg-type]
    for _ in range(5):
        asked.note(answer)  # type: ignore[arg-type]
        rests.append(asked.until)
    assert rests == [60, 120, 240, 300, 300]


async def test_what_is_withheld_is_noted_once_said_and_forgotten_once_it_is_mended(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(offered, "KEPT", 0.0)
    off = Offering((LOOK,), "make is off. Look at it.")
    await put(scene, Shelf(off, off, Offering((LOOK, MAKE))))
    with caplog.at_level(logging.WARNING, "conserje.turns.offered"):
        for _ in range(2):
            await think(scene, [("shelf_look", {"what": "pan"})])
    assert caplog.messages.count("shelf of acme: make is off. Look at it.") == 1
    assert await withheld(scene) == "make is off. Look at it."
    async with scene.pool.acquire() as connection:
        assert await accounts.withheld(connection, 5) == ["acme shelf https://a/: make is off. Look at it."]
    await think(scene, [("shelf_look", {"what": "pan"})])
    assert await withheld(scene) == ""


async def test_an_effect_that_is_offered_no_more_is_not_done_and_held(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offered, "KEPT", 0.0)
    shelf = Shelf(Offering((MAKE,)), Offering((LOOK,)))
    await put(scene, shelf)
    await think(scene, [("shelf_make", {"what": "pan"})])
    [(_, state, cause)] = await scene.pool.fetch(STATES)
    assert (state, cause) == ("failed", "shelf does not offer shelf_make any more.") and not shelf.calls


async def test_an_effect_waits_for_one_that_cannot_be_asked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offered, "KEPT", 0.0)
    monkeypatch.setattr(offered, "REST", 0.0)
    monkeypatch.setattr(acting, "PAUSES", (acting.PAUSES[0] * 0,))
    shelf = Shelf(Offering((MAKE,)), CannotTell("Away."), Offering((MAKE,)))
    await put(scene, shelf)
    await think(scene, [("shelf_make", {"what": "pan"})])
    assert [row["state"] for row in await scene.pool.fetch(STATES)] == ["done"] and len(shelf.calls) == 1


async def test_an_effect_of_which_nobody_knows_is_held_and_not_called_again(scene: Scene) -> None:
    shelf = Shelf(Offering((MAKE,)))
    await put(scene, shelf)
    await think(scene, [("shelf_make", {"what": "fire"})])
    [(_, state, cause)] = await scene.pool.fetch(STATES)
    assert state == "uncertain" and cause.startswith(UNKNOWN) and len(shelf.calls) == 1


async def test_one_that_was_begun_by_a_worker_that_died_is_held_and_not_called_again(scene: Scene) -> None:
    shelf = Shelf(Offering((MAKE,)))
    await put(scene, shelf)
    await think(scene, [("shelf_make", {"what": "pan"})])
    await scene.pool.execute("UPDATE effects SET state = 'doing', ended_at = NULL, due_at = now()")
    ids = await scene.pool.fetchrow("SELECT tenant_id, conversation_id FROM effects")
    assert ids is not None
    await scene.acting.act(Job(jobs.ACT, *ids))
    [(_, state, cause)] = await scene.pool.fetch(STATES)
    assert state == "uncertain" and cause.startswith(UNKNOWN) and len(shelf.calls) == 1


@pytest.mark.parametrize(
    ("arguments", "said"), [({}, "lack what"), ({"what": "a", "more": 1}, "have no more"), ("[]", "no JSON")]
)
async def test_arguments_that_its_schema_rules_out_are_a_sentence(
    scene: Scene, arguments: Any, said: str
) -> None:
    await put(scene, Shelf(Offering((MAKE,))))
    [result] = await think(scene, [("shelf_make", arguments)])
    assert result.failed and said in result.text and "shelf_make" in result.text


@pytest.mark.parametrize(
    "odd", [{"required": [{}]}, {"required": 7}, {"properties": [], "additionalProperties": 0}]
)
def test_a_schema_that_is_none_rules_nothing_out(odd: dict[str, Any]) -> None:
    refuse_misfit("shelf_make", {"type": "object", **odd}, '{"what": 1}')


def test_what_a_stranger_wrote_of_it_is_one_line_of_signs_that_are_seen() -> None:
    schema = {"type": "object", "properties": {"a": {"description": "x\u202e\ny"}}}
    gave = Offering((Offer("shelf_look", "a\0\x1b\nb" + "c" * 2000, schema, False),), "w\n" * 900)
    known = given.offering("shelf")(gave)
    [offer] = known.offers
    assert offer.description.startswith("a bc") and len(offer.description) == given.LONGEST_OFFER
    assert offer.parameters["properties"]["a"]["description"] == "x y"
    assert len(known.withheld) == given.LONGEST_WITHHELD and "\n" not in known.withheld


@pytest.mark.parametrize(
    "offers",
    [
        (LOOK, LOOK),
        (Offer("shelf_Look", "", WANTED, False),),
        (Offer("search_products", "", WANTED, False),),
        (Offer("shelf_a", "", {"type": "array"}, False),),
        (Offer("shelf_a", "", {"type": "object", "x": "y" * 9000}, False),),
        (Offer("shelf_a", "", {"type": "object", "x": float("nan")}, False),),
        tuple(Offer(f"shelf_{n}", "", WANTED, False) for n in range(33)),
    ],
    ids=["twice", "capital", "another's", "array", "long", "nan", "many"],
)
def test_what_no_model_could_be_told_is_wrong(offers: tuple[Offer, ...]) -> None:
    with pytest.raises(Wrong):
        given.offering("shelf")(Offering(offers))
