"""What nobody could answer is counted by what is asked, without who asked it, until it is answered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conserje.contract.assistant import Tenant
from conserje.operations.retention import RULES
from conserje.shop import asked, knowledge
from conserje.shop.knowledge import Question, Told
from conserje.storage import pruning
from conserje.storage.database import Pool
from conserje.tenants import tenants

ACME = Tenant("acme", "Acme", "es-CL", "CLP", "America/Santiago")


@pytest.fixture
async def acme(pool: Pool) -> int:
    async with pool.acquire() as connection:
        return (await tenants.add(connection, "acme", "Acme")).id


async def note(pool: Pool, tenant_id: int, *questions: str, name: str = "") -> None:
    async with pool.acquire() as connection:
        await asked.note(connection, tenant_id, questions, name)


async def listed(pool: Pool, tenant_id: int) -> list[tuple[str, int]]:
    async with pool.acquire() as connection:
        return [(each.question, each.times) for each in await asked.listed(connection, tenant_id)]


async def test_the_same_question_counts_once(pool: Pool, acme: int) -> None:
    for text in ("¿Tienen wifi?", "hola, tienen WIFI", "wifi tienen??"):
        await note(pool, acme, text)
    await note(pool, acme, "¿Envuelven para regalo?")
    assert await listed(pool, acme) == [("¿Tienen wifi?", 3), ("¿Envuelven para regalo?", 1)]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("¿tienen wifi? soy Ana Rojas, +56 9 8765 4321", "¿tienen wifi? soy … …"),
        ("mi correo es ana@x.cl, arriendan?", "mi correo es … arriendan?"),
        ("me llamo Pedro Soto arriendan carpas?", "me llamo … arriendan carpas?"),
        ("vieron https://x.cl/a o el 12345678-9?", "vieron … o el …?"),
        ("caben 20 personas?", "caben 20 personas?"),
    ],
)
def test_nothing_of_who_asks_is_kept(text: str, left: str) -> None:
    assert asked.anonymous(text, "Ana Rojas") == left


async def test_of_too_many_the_least_asked_and_oldest_go(
    pool: Pool, acme: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "KEPT", 2)
    for text in ("¿wifi?", "¿wifi?", "¿estacionamiento?", "¿piscina?"):
        await note(pool, acme, text)
    assert await listed(pool, acme) == [("¿wifi?", 2), ("¿piscina?", 1)]


async def test_an_answer_takes_its_question_away(pool: Pool, acme: int) -> None:
    await note(pool, acme, "oye y tienen wifi?", "¿envuelven regalos?")
    async with pool.acquire() as connection:
        await knowledge.take(connection, acme, Told({}, [Question("¿Tienen wifi?", "Sí.")]))
        await asked.remove_answered(connection, acme, ACME)
    assert await listed(pool, acme) == [("¿envuelven regalos?", 1)]


async def test_what_was_asked_goes_as_messages_do(pool: Pool, acme: int) -> None:
    await note(pool, acme, "¿wifi?", "¿piscina?")
    await pool.execute("UPDATE asked SET last_at = now() - interval '40 days' WHERE question = '¿wifi?'")
    [rule] = [rule for rule in RULES if rule.table == "asked"]
    for term, left in ((None, 2), (timedelta(days=30), 1)):
        await pool.execute("UPDATE tenants SET keep_messages = $1", term)
        async with pool.acquire() as connection:
            due = await pruning.count(connection, rule, acme)
            assert (await pruning.prune(connection, rule, acme, rule.first)).rows == due
        assert len(await listed(pool, acme)) == left
