"""A suggestion is thought as a turn is, and leaves nothing but what it cost."""

from __future__ import annotations

from typing import Any

import pytest
from scene import Scene
from staff import say
from tools import Book, Doer, Look, Make, switch_on, use

from conserje import Nothing, Reply, Text, Turn, plain
from conserje.contract.message import Button, Buttons
from conserje.conversations import handling, transcript
from conserje.conversations.handling import Conversation
from conserje.turns import suggestion
from conserje.turns.suggestion import LONGEST, NothingToAnswer, Suggestion

WISH = "quiero hablar con una persona"
LEFT = """
SELECT (SELECT count(*) FROM messages WHERE direction = 'out') AS said, (SELECT count(*) FROM turns) AS turns,
       (SELECT count(*) FROM effects) AS effects, (SELECT count(*) FROM reservations) AS reservations,
       (SELECT count(*) FROM leads) AS leads, (SELECT count(*) FROM asked) AS asked,
       (SELECT count(*) FROM pgqueuer.pgqueuer) AS jobs, (SELECT max(epoch) FROM conversations) AS epoch
"""
COSTS = """
SELECT conversation_id, turn_id, name, input, output,
       (SELECT tokens FROM contact_costs WHERE contact_costs.tenant_id = costs.tenant_id) AS of_contact
FROM costs
"""


async def taken(scene: Scene, *texts: str) -> Conversation:
    """What a person has, in which the contact has written so."""
    await scene.write("hola")
    entry = await scene.entry()
    id: int = await scene.pool.fetchval("SELECT id FROM conversations")
    await handling.take(scene.pool, entry.tenant, id, "Eva")
    for text in texts:
        await scene.write(text)
    return await handling.get(scene.pool, entry.tenant, id)


async def suggest(scene: Scene, conversation: Conversation) -> Suggestion:
    return await suggestion.suggest(scene.conversation.thinking, await scene.entry(), conversation)


async def test_it_answers_what_was_written_since_somebody_answered(scene: Scene) -> None:
    conversation, entry = await taken(scene, "¿abren?"), await scene.entry()
    await say(scene.pool, entry.tenant, conversation.id, [Text("Sí, hasta las 6.")])
    for text in (WISH, "¿y mañana?"):
        await scene.write(text)
    assert await suggest(scene, conversation) == Suggestion(f"{WISH} / ¿y mañana?", "parrot")
    [turn] = scene.parrot.heard
    assert [plain(each.content) for each in turn.history] == ["hola", "¿abren?", "Sí, hasta las 6."]
    assert [each.author for each in turn.history] == ["contact", "contact", "assistant"]
    assert (turn.contact.id, turn.contact.name) == (conversation.contact_id, "Ana")


async def test_nothing_but_what_it_cost_is_left_of_it(scene: Scene) -> None:
    look, make, book = Look(), Make(), Book()
    conversation = await taken(scene, "reserva una mesa y avisa a todos")

    async def thinks(turn: Turn[Nothing, Nothing]) -> Reply:
        await turn.budget.check()
        for name in ("look", "make", "book", "hand_over"):
            await turn.tools.call(name, {"what": "x"} if name != "hand_over" else {"reason": "x"})
        await turn.budget.spend("luna", {"input_tokens": 1200, "output_tokens": 300})
        return Reply([Text("Hecho.")], hand_over=True, unanswered=["¿hay mesas?"])

    await switch_on(scene, look, make, book)
    await use(scene, Doer(thinks))
    before = await scene.pool.fetchrow(LEFT)
    assert (await suggest(scene, conversation)).text == "Hecho."
    assert await scene.pool.fetchrow(LEFT) == before
    assert (look.asked, make.asked, book.asked) == (["x"], [], [])
    [cost] = await scene.pool.fetch(COSTS)
    assert tuple(cost) == (conversation.id, None, "luna", 1200, 300, 1500)
    found = await handling.get(scene.pool, (await scene.entry()).tenant, conversation.id)
    assert (found.state, found.person) == ("person", "Eva")


@pytest.mark.parametrize("bound", [{"tokens_of_contact": 1000}, {"tokens_of_day": 1000}])
async def test_where_a_bound_is_reached_no_model_is_called(scene: Scene, bound: dict[str, Any]) -> None:
    called = 0

    async def thinks(turn: Turn[Nothing, Nothing]) -> Reply:
        nonlocal called
        await turn.budget.check()
        called += 1
        await turn.budget.spend("luna", {"input_tokens": 1200})
        return Reply([Text("caro")])

    conversation = await taken(scene, "¿abren?")
    [(column, value)] = bound.items()
    await scene.pool.execute(f"UPDATE tenants SET {column} = $1", value)
    await use(scene, Doer(thinks))
    assert [(await suggest(scene, conversation)).assistant for _ in range(3)] == ["doer", "parrot", "parrot"]
    assert called == 1


async def test_whom_everybody_has_answered_nothing_is_suggested(scene: Scene) -> None:
    conversation, entry = await taken(scene), await scene.entry()
    await say(scene.pool, entry.tenant, conversation.id, [Text("¿Qué tal?")])
    with pytest.raises(NothingToAnswer):
        await suggest(scene, conversation)
    assert not scene.parrot.heard


async def test_it_is_words_alone_and_so_many(scene: Scene) -> None:
    conversation = await taken(scene, "¿qué tienen?")
    replies = [
        Reply([Buttons("¿Cuál?", (Button("a", "Pan"), Button("b", "Té"))), Text("Dime.")]),
        Reply([Text("x" * 3000), Text("\ud800\0" * 3000)]),
        Reply(),
    ]

    async def thinks(turn: Turn[Nothing, Nothing]) -> Reply:
        return replies.pop(0)

    await use(scene, Doer(thinks))
    choice = (await suggest(scene, conversation)).text
    assert all(word in choice for word in ("¿Cuál?", "Pan", "Té", "Dime."))
    long = (await suggest(scene, conversation)).text
    assert len(long) == LONGEST and "\0" not in long and long.encode()


async def test_a_long_talk_is_read_no_further_back_than_by_a_turn(scene: Scene) -> None:
    conversation = await taken(scene, *(f"n{number}" for number in range(40)))
    await scene.pool.execute(
        "INSERT INTO summaries (tenant_id, conversation_id, text, covers, since, made_at)"
        " SELECT tenant_id, id, 'Quiere pan.', 1, now(), now() FROM conversations"
    )
    await suggest(scene, conversation)
    [turn] = scene.parrot.heard
    assert (len(turn.messages), turn.summary) == (transcript.READ, "Quiere pan.")
