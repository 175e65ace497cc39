"""The feed: each message once, in order, and at once, wherever it was stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import asyncpg
import pytest
from scene import Scene
from staff import say
from waiting import LIMIT

from conserje import Look, Text
from conserje.contract.message import Content
from conserje.conversations import feed, handling
from conserje.conversations.feed import Feed
from conserje.storage.changes import Changes


@pytest.fixture
async def followed(scene: Scene) -> AsyncIterator[Feed]:
    """A feed of another node than the one that takes messages."""
    changes = Changes(scene.url)
    made = Feed(scene.pool, changes)
    async with changes:
        yield made


async def conversation(scene: Scene, sender: str = "ana") -> tuple[int, int]:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations WHERE peer = $1", sender)
    assert row
    return row["tenant_id"], row["id"]


@asynccontextmanager
async def following(made: Feed, place: tuple[int, int], after: int = 0) -> AsyncIterator[AsyncIterator[Look]]:
    async with aclosing(made.follow(*place, after)) as looks:
        yield looks


async def texts(looks: AsyncIterator[Look], count: int) -> list[str]:
    """The texts of the next looks, until there are `count`."""
    found: list[str] = []
    async with asyncio.timeout(LIMIT):
        while len(found) < count:
            found += [text(said.content) for said in (await anext(looks)).said]
    return found


def text(content: Content) -> str:
    assert isinstance(content, Text)
    return content.text


async def test_a_reply_is_there_at_once_and_nothing_comes_twice(scene: Scene, followed: Feed) -> None:
    scene.post.has_feed = True  # type: ignore[misc]
    entry = await scene.entry()
    await scene.write("hola")
    place = await conversation(scene)
    async with following(followed, place) as looks:
        first = await anext(looks)
        assert [(said.author, text(said.content)) for said in first.said] == [("contact", "hola")]
        assert first.thinking
        async with scene.working():
            async with asyncio.timeout(LIMIT):
                second = await anext(looks)
        assert [(said.author, text(said.content)) for said in second.said] == [("tenant", "hola")]
        assert not second.thinking
        await scene.write("chao")
        await feed.wake_contact(scene.pool, place[0], entry.accounts[0].id, "post", "ana")
        assert await texts(looks, 1) == ["chao"]


async def test_who_comes_back_gets_what_is_new_and_what_may_have_been_overtaken(
    scene: Scene, followed: Feed
) -> None:
    for word in ("uno", "dos", "tres"):
        await scene.write(word)
    place = await conversation(scene)
    async with following(followed, place) as looks:
        ids = [said.id for said in (await anext(looks)).said]
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '31 s' WHERE id < $1", ids[2])
    async with following(followed, place, after=ids[2]) as looks:
        assert await texts(looks, 1) == ["tres"]  # young: a lower id could have been committed after it
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '31 s'")
    async with following(followed, place, after=ids[1]) as looks:
        assert await texts(looks, 1) == ["tres"]
    async with following(followed, place, after=ids[2]) as looks:
        assert (await anext(looks)).said == ()


async def test_a_lower_id_committed_later_is_shown(scene: Scene, followed: Feed) -> None:
    await scene.write("primero")
    place = await conversation(scene)
    async with following(followed, place) as looks:
        await anext(looks)
        async with scene.pool.acquire() as slow:
            transaction = slow.transaction()
            await transaction.start()
            await slow.execute(
                "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key)"
                " SELECT tenant_id, conversation_id, account_id, direction,"
                " replace(content, 'primero', 'lento'), 'k' FROM messages"
            )
            await scene.write("rápido")
            await wake(scene, place)
            assert await texts(looks, 1) == ["rápido"]
            await transaction.commit()
        await wake(scene, place)
        assert await texts(looks, 1) == ["lento"]


async def wake(scene: Scene, place: tuple[int, int]) -> None:
    async with scene.pool.acquire() as connection:
        await feed.wake(connection, *place)


async def test_another_conversation_wakes_nobody_here(
    scene: Scene, followed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "KEEP_ALIVE", 0.3)
    await scene.write("hola")
    await scene.write("hola", sender="eva")
    place, other = await conversation(scene), await conversation(scene, "eva")
    looked: list[int] = []
    look = followed._look

    async def counted(tenant_id: int, conversation_id: int, after: int) -> Look:
        looked.append(conversation_id)
        return await look(tenant_id, conversation_id, after)

    monkeypatch.setattr(followed, "_look", counted)
    async with following(followed, place) as looks:
        await anext(looks)
        await wake(scene, other)
        assert (await anext(looks)).said == ()  # the sign of life
        assert looked == [place[1]]


async def test_it_says_who_answers_and_what_is_not_read(scene: Scene, followed: Feed) -> None:
    tenant = (await scene.entry()).tenant
    await scene.write("hola")
    place = await conversation(scene)
    person = (scene.pool, tenant, place[1])

    async def look() -> Look:
        async with following(followed, place) as looks:
            return await anext(looks)

    first = await look()
    assert (first.attending, first.person, first.unread_from) == ("assistant", "", first.said[0].id)
    await handling.take(*person)
    unnamed = await look()
    assert (unnamed.attending, unnamed.person, unnamed.unread_from) == ("person", "", first.said[0].id)
    await handling.take(*person, "Ana")
    await say(*person, [Text("soy Ana")])
    taken = await look()
    assert (taken.attending, taken.person, taken.unread_from) == ("person", "Ana", None)
    assert [said.person for said in taken.said] == [None, "Ana"]
    await scene.pool.execute("UPDATE conversations SET person = NULL")  # as an assistant hands it over
    assert (await look()).attending == "called"
    await handling.give(*person)
    assert (await look()).attending == "assistant"


async def test_what_the_page_has_and_what_was_read_of_it_is_noted(scene: Scene, followed: Feed) -> None:
    tenant = (await scene.entry()).tenant
    await scene.write("hola")
    place = await conversation(scene)
    await handling.take(scene.pool, tenant, place[1])
    ids = [(await say(scene.pool, tenant, place[1], [Text(text)]))[0] for text in ("uno", "dos")]

    async def states() -> list[str]:
        rows = await scene.pool.fetch("SELECT state FROM messages WHERE direction = 'out' ORDER BY id")
        return [row["state"] for row in rows]

    await followed.seen(*place, ids[1], read=True)
    assert await states() == ["queued", "queued"]  # it has left for nobody yet
    await scene.pool.execute("UPDATE messages SET state = 'sent' WHERE direction = 'out'")
    await followed.seen(*place, ids[0], read=True)
    assert await states() == ["read", "sent"]
    await followed.seen(*place, ids[1], read=False)
    assert await states() == ["read", "delivered"]
    await followed.seen(*place, ids[1], read=True)
    assert await states() == ["read", "read"]


async def test_a_lost_connection_lets_everybody_look_again(scene: Scene, followed: Feed) -> None:
    await scene.write("hola")
    place = await conversation(scene)
    async with following(followed, place) as looks:
        await anext(looks)
        owner = await asyncpg.connect(scene.url)
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'conserje changes' AND datname = current_database()"
        )
        await owner.close()
        await scene.write("durante")
        assert await texts(looks, 1) == ["durante"]


async def test_a_feed_that_stops_ends_all_following(
    scene: Scene, followed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "KEEP_ALIVE", 2 * LIMIT)
    await scene.write("hola")
    place = await conversation(scene)
    async with following(followed, place) as looks:
        await anext(looks)
        rest = asyncio.create_task(_rest(looks))
        followed.stop()
        async with asyncio.timeout(LIMIT):
            assert await rest == []
    assert not followed._followers


async def _rest(looks: AsyncIterator[Look]) -> list[Look]:
    return [look async for look in looks]
