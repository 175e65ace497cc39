"""Whose a conversation is: one login takes it, another is told who has it, and it is nobody's after that."""

from __future__ import annotations

import asyncio

import pytest
from scene import Scene
from staff import say

from conserje import Text
from conserje.conversations import handling
from conserje.conversations.handling import TakenByAnother
from conserje.tenants.tenants import Tenant

ANA, LUIS = ("Ana", 1), ("Luis", 2)


async def talk(scene: Scene) -> tuple[Tenant, int]:
    await scene.write("hola")
    return (await scene.entry()).tenant, await scene.pool.fetchval("SELECT id FROM conversations")


async def owner(scene: Scene) -> tuple[str | None, int | None]:
    row = await scene.pool.fetchrow("SELECT person, login_id FROM conversations")
    assert row is not None
    return row["person"], row["login_id"]


async def test_of_two_who_take_at_once_one_wins_and_the_other_is_told_who(scene: Scene) -> None:
    tenant, id = await talk(scene)
    results = await asyncio.gather(
        *(handling.take(scene.pool, tenant, id, *who) for who in (ANA, LUIS)), return_exceptions=True
    )
    [refused] = [each for each in results if isinstance(each, Exception)]
    winner, _ = await owner(scene)
    assert isinstance(refused, TakenByAnother) and refused.person == winner
    assert str(refused) == f"{winner} has this conversation: take it from them on purpose."


async def test_whoever_has_it_takes_it_again_and_another_on_purpose(scene: Scene) -> None:
    tenant, id = await talk(scene)
    assert not (await handling.take(scene.pool, tenant, id, *ANA)).again
    assert (await handling.take(scene.pool, tenant, id, *ANA)).again
    await handling.take(scene.pool, tenant, id, *LUIS, from_another=True)
    assert await owner(scene) == LUIS
    taken = "SELECT data FROM notifications WHERE kind = 'conversation.taken' ORDER BY id"
    assert ["Ana" in row["data"] for row in await scene.pool.fetch(taken)] == [True, False]


async def test_who_took_it_without_a_login_is_another_too(scene: Scene) -> None:
    tenant, id = await talk(scene)
    await handling.take(scene.pool, tenant, id)
    with pytest.raises(TakenByAnother, match="Somebody else"):
        await handling.take(scene.pool, tenant, id, *ANA)


async def test_what_was_handed_over_to_nobody_is_taken_by_the_first(scene: Scene) -> None:
    scene.parrot.hand_over = True
    async with scene.working():
        tenant, id = await talk(scene)
        await scene.settled()
    assert await owner(scene) == (None, None)
    assert (await handling.take(scene.pool, tenant, id, *ANA)).again
    assert await owner(scene) == ANA


@pytest.mark.parametrize(("person", "is_anas"), [("", True), ("Ana", True), ("Luis", False)])
async def test_whoever_comes_without_a_login_extends_it_or_has_it(
    scene: Scene, person: str, is_anas: bool
) -> None:
    tenant, id = await talk(scene)
    await handling.take(scene.pool, tenant, id, *ANA)
    await handling.take(scene.pool, tenant, id, person)
    assert await owner(scene) == (ANA if is_anas else ("Luis", None))


async def test_given_back_it_is_nobody_s(scene: Scene) -> None:
    tenant, id = await talk(scene)
    await handling.take(scene.pool, tenant, id, *ANA)
    await say(scene.pool, tenant, id, [Text("soy Ana")])
    assert await owner(scene) == ANA
    await handling.give(scene.pool, tenant, id)
    assert await owner(scene) == (None, None)


async def test_once_her_time_is_over_it_is_nobody_s(scene: Scene) -> None:
    tenant, id = await talk(scene)
    await handling.take(scene.pool, tenant, id, *ANA)
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now()")
    assert not (await handling.take(scene.pool, tenant, id, *LUIS)).again
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now()")
    async with scene.working():
        await scene.write("¿hola?")
        await scene.settled()
    assert await owner(scene) == (None, None)
