"""What a shop says is changed in its place, by one at a time; what people asked is answered or dismissed."""

from __future__ import annotations

import pytest

from conserje.errors import ChangedMeanwhile
from conserje.operations import lore
from conserje.shop import asked, knowledge
from conserje.shop.knowledge import KnowledgeError, NothingSaid, Question, tag_of
from conserje.storage.database import Pool
from conserje.tenants import tenants

FIRST = Question("¿Tienen wifi?", "Sí.", ("¿Hay internet?",))


@pytest.fixture
async def acme(pool: Pool) -> int:
    async with pool.acquire() as connection:
        id = (await tenants.add(connection, "acme", "Acme")).id
        await lore.say(connection, "acme", "payment", "Efectivo.")
        await lore.add(connection, "acme", FIRST)
        return id


async def test_facts_are_said_and_taken_away_together(pool: Pool, acme: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        before = (await knowledge.read(connection, acme)).facts
        said = {"payment": "", "address": "Rosas 12", "returns": ""}
        await lore.say_facts(connection, "acme", said, tag_of(before))
        assert (await knowledge.read(connection, acme)).facts == {"address": "Rosas 12"}
        with pytest.raises(ChangedMeanwhile):
            await lore.say_facts(connection, "acme", said, tag_of(before))
        with pytest.raises(KnowledgeError):
            tag = tag_of({"address": "Rosas 12"})
            await lore.say_facts(connection, "acme", {"address.place": "aquí"}, tag)


async def test_a_question_is_worded_anew_by_one_at_a_time(pool: Pool, acme: int) -> None:
    second = Question("¿Tienen baño?", "No.")
    async with pool.acquire() as connection, connection.transaction():
        await lore.reword(connection, "acme", FIRST.question, tag_of(FIRST), second)
        assert (await knowledge.read(connection, acme)).questions == [second]
        with pytest.raises(NothingSaid):
            await lore.reword(connection, "acme", FIRST.question, tag_of(FIRST), second)
        with pytest.raises(ChangedMeanwhile):
            await lore.reword(connection, "acme", second.question, tag_of(FIRST), FIRST)
        await lore.add(connection, "acme", FIRST)
        with pytest.raises(KnowledgeError):
            await lore.reword(connection, "acme", FIRST.question, tag_of(FIRST), second)


async def test_what_people_asked_is_answered_or_dismissed(pool: Pool, acme: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await asked.note(connection, acme, ["¿Arriendan carpas?", "¿Venden globos?"], "")
        globos, carpas = sorted(await asked.listed(connection, acme), key=lambda each: each.key)[::-1]
        assert globos.question == "¿Venden globos?"
        await lore.add(connection, "acme", Question("Arriendo", "Sí, $5.000."), carpas.key)
        assert await asked.listed(connection, acme) == [globos]
        await asked.dismiss(connection, acme, globos.key)
        assert await asked.listed(connection, acme) == []
