"""The toolbox: what a model may call, with which arguments, and what comes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from scene import Scene
from tools import Book, Doer, Look, Make, switch_on, think, use

from conserje import NoAnswer, Nothing, Offer, Reply, Result, Text, Turn
from conserje.turns import toolbox
from conserje.turns.phrases import Phrase
from conserje.turns.trial import Trial


async def test_a_tool_without_effect_runs_while_thinking_for_its_tenant_and_contact(scene: Scene) -> None:
    look = Look()
    await switch_on(scene, look)
    assert await think(scene, [("look", {"what": "pan", "times": 2})]) == [Result("pan: yes", "shown")]
    [call] = look.calls
    assert (call.tenant.slug, call.contact.name, call.arguments.times) == ("acme", "Ana", 2)


async def test_json_is_taken_as_text(scene: Scene) -> None:
    look = Look()
    await switch_on(scene, look)
    [result] = await think(scene, [("look", '{"what": "ñandú"}')])
    assert result.text == "ñandú: yes"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "what: Field required"),
        ({"what": "x" * 41}, "what: String should have at most 40 characters"),
        ({"what": "pan", "tenant": "bravo"}, "tenant: Extra inputs are not permitted"),
        ({"what": "pan", "times": "muchas"}, "times: "),
        ("{", "no JSON object"),
        ("[]", "no JSON object"),
        ('{"what": NaN}', "no JSON object"),
        ("[" * 5000, "no JSON object"),
        ('{"what": ' + "[" * 100 + "]" * 100 + "}", "no JSON object"),
        ({"what": "x" * 20_000}, "too long"),
        ({"what": object()}, "no JSON object"),
    ],
)
async def test_wrong_arguments_are_a_sentence_that_a_model_can_act_on(
    scene: Scene, arguments: Any, said: str
) -> None:
    look = Look()
    await switch_on(scene, look)
    [result] = await think(scene, [("look", arguments)])
    assert result.failed and said in result.text and "look" in result.text
    assert look.calls == []


async def test_a_tool_that_is_off_is_neither_offered_nor_called(scene: Scene) -> None:
    look, make = Look(), Make()
    await switch_on(scene, look, make, settings={"make": {}, "look": False})
    [result] = await think(scene, [("look", {"what": "pan"})])
    assert result.failed and "There is no tool 'look': there is make." in result.text
    assert look.calls == []


async def test_one_whose_settings_are_wrong_is_not_offered(scene: Scene) -> None:
    await switch_on(scene, Look(), settings={"look": {"colour": "green"}})
    [result] = await think(scene, [("look", {"what": "pan"})])
    assert "there is none" in result.text


@pytest.mark.parametrize(
    ("habit", "said"),
    [
        (OSError("Bearer abcdefghijkl"), "look failed"),
        (SystemExit(1), "look failed"),
        ("a word", "look failed"),
        (asyncio.Event(), "no answer within"),
    ],
    ids=["raises", "exits", "gives a word", "waits"],
)
async def test_a_tool_that_fails_is_a_failed_result_without_its_text(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, habit: Any, said: str
) -> None:
    monkeypatch.setattr(toolbox, "LIMIT", 0.1)
    look = Look()
    look.does.append(habit)
    await switch_on(scene, look)
    [result] = await think(scene, [("look", {"what": "pan"})])
    assert result.failed and said in result.text and "Bearer" not in result.text


async def test_what_it_gives_is_bounded_and_can_be_stored(scene: Scene) -> None:
    look = Look()
    look.does.append(Result("\0" + "x" * 9000))
    await switch_on(scene, look)
    [result] = await think(scene, [("look", {"what": "pan"})])
    assert len(result.text) == toolbox.LONGEST and "\0" not in result.text


async def test_a_turn_has_so_many_calls(scene: Scene) -> None:
    look = Look()
    await switch_on(scene, look)
    results = await think(scene, [("look", {"what": "pan"})] * (toolbox.MOST_CALLS + 1))
    assert len(look.calls) == toolbox.MOST_CALLS
    assert results[-1].failed and "answer with what you know" in results[-1].text


async def test_the_offers_say_how_each_is_called(scene: Scene) -> None:
    await switch_on(scene, Look(), Make(), Book())
    offers: list[Offer] = []

    async def thinks(turn: Turn[Nothing, Nothing]) -> None:
        offers.extend(turn.tools.offers)

    await use(scene, Doer(thinks))
    async with scene.working():
        await scene.write("hola")
        await scene.settled()
    assert [(offer.name, offer.effect) for offer in offers] == [
        ("look", False),
        ("make", True),
        ("book", False),
    ]
    assert offers[0].parameters["required"] == ["what"]


async def test_a_tool_can_ask_for_a_person_whose_notice_has_the_reason(scene: Scene) -> None:
    look = Look()
    look.does.append(Result("said", hand_over="quiere factura"))
    await switch_on(scene, look)
    await think(scene, [("look", {"what": "pan"})], Reply([Text("Te paso con alguien.")], intent="other"))
    row = await scene.pool.fetchrow(
        "SELECT intent, conversations.state FROM turns JOIN conversations USING (tenant_id)"
    )
    assert row is not None and tuple(row) == ("quiere factura", "person")


async def test_what_reserves_gives_the_same_when_its_turn_is_thought_again(scene: Scene) -> None:
    book, thoughts = Book(), []
    await switch_on(scene, book)

    async def thinks(turn: Turn[Nothing, Nothing]) -> None:
        thoughts.append(await turn.tools.call("book", {"what": "mesa"}))
        if len(thoughts) == 1:
            await scene.write("para dos")  # newer: it is thought again

    await use(scene, Doer(thinks))
    async with scene.working():
        await scene.write("una mesa")
        await scene.settled()
    assert [result.text for result in thoughts] == ["mesa: yes"] * 2
    [call] = book.calls
    assert call.key


async def test_what_failed_to_be_reserved_is_asked_for_again_by_the_same_key(scene: Scene) -> None:
    book = Book()
    book.does += [Result("full", failed=True), OSError()]
    await switch_on(scene, book)
    results = await think(scene, [("book", {"what": "mesa"})] * 4)
    assert [result.failed for result in results] == [True, True, False, False]
    assert len(book.calls) == 3 and len({call.key for call in book.calls}) == 1


async def test_another_contact_s_reservation_is_another(scene: Scene) -> None:
    book = Book()
    await switch_on(scene, book)
    await think(scene, [("book", {"what": "mesa"})])
    async with scene.working():
        await scene.write("hola", sender="beto")
        await scene.settled()
    assert len({call.key for call in book.calls}) == 2


async def test_an_assistant_that_is_tried_has_no_effect(scene: Scene) -> None:
    look, make, book = Look(), Make(), Book()
    await switch_on(scene, look, make, book)

    async def thinks(turn: Turn[Nothing, Nothing]) -> None:
        for name in ("look", "make", "book"):
            assert not (await turn.tools.call(name, {"what": "mesa"})).failed

    await use(scene, Doer(thinks))
    trial = Trial.of(scene.conversation.thinking, await scene.entry(), None)
    tried = await trial.ask(Phrase(("hola",)))
    assert not tried.fault
    assert (look.asked, make.asked, book.asked) == (["mesa"], [], [])


async def test_a_person_is_needed_also_where_the_fallback_answers(scene: Scene) -> None:
    look = Look()
    look.does.append(Result("A person will answer.", hand_over="quiere factura"))
    await switch_on(scene, look)

    async def thinks(turn: Turn[Nothing, Nothing]) -> None:
        await turn.tools.call("look", {"what": "pan"})
        raise NoAnswer("no words")

    await use(scene, Doer(thinks))
    async with scene.working():
        await scene.write("hola")
        await scene.settled()
    assert await scene.pool.fetchval("SELECT state FROM conversations") == "person"
