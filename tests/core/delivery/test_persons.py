"""What a person says: how it would leave, and that nothing of the assistant leaves once one writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from album import Album
from scene import Scene

from conserje import Limits, Template
from conserje.conversations import handling
from conserje.conversations.handling import PersonError
from conserje.delivery import persons
from conserje.delivery.persons import Way
from conserje.rules import consent
from conserje.rules.consent import Sign
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for

TEMPLATE = Template("aviso", "es", ("{text}",))


class Windowed(Album):
    """A provider that takes what leaves within a day of what the contact wrote, and templates."""

    def limits_of(self, address: str) -> Limits:
        return Limits(carries=frozenset({"media", "template"}))

    def window(self, address: str) -> timedelta:
        return timedelta(hours=24)


@pytest.fixture
def windowed(scene: Scene) -> Windowed:
    scene.post = provider = Windowed()
    scene.conversation.plugins.channels["post"] = provider
    return provider


async def place_of(scene: Scene) -> tuple[int, int]:
    id: int = await scene.pool.fetchval("SELECT id FROM conversations")
    return (await scene.entry()).tenant.id, id


async def way_of(scene: Scene) -> Way:
    entry, place = await scene.entry(), await place_of(scene)
    found = await handling.get(scene.pool, entry.tenant, place[1])
    async with acting_for(scene.pool, place[0]) as scope:
        return await persons.way(scope.connection, entry, scene.conversation.plugins, found)


async def test_who_has_just_written_is_answered_freely(scene: Scene, windowed: Windowed) -> None:
    await scene.write("hola")
    assert await way_of(scene) == Way(windowed.limits_of(""))


async def test_after_the_window_it_leaves_in_the_accounts_template_or_not_at_all(
    scene: Scene, windowed: Windowed
) -> None:
    await scene.write("hola")
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '25 hours'")
    assert (await way_of(scene)).obstacle == "window-closed"
    await scene.pool.execute(
        'UPDATE accounts SET window_template = \'{"name": "aviso", "language": "es", "values": ["{text}"]}\''
    )
    await scene.heard()
    found = await way_of(scene)
    assert (found.obstacle, found.template) == (None, TEMPLATE)


async def test_who_wants_no_more_messages_or_is_forgotten_or_of_a_suspended_tenant_is_sent_none(
    scene: Scene, windowed: Windowed
) -> None:
    await scene.write("hola")
    place = await place_of(scene)
    async with acting_for(scene.pool, place[0]) as scope:
        await consent.record(scope.connection, *place, Sign("out", "operator", "said so"))
    assert (await way_of(scene)).obstacle == "opted-out"
    await scene.pool.execute("UPDATE conversations SET peer = ''")
    assert (await way_of(scene)).obstacle == "forgotten"
    await scene.pool.execute("UPDATE tenants SET status = 'suspended'")
    await scene.heard()
    assert (await way_of(scene)).obstacle == "suspended"


async def test_of_an_account_that_is_gone_there_is_no_way(scene: Scene) -> None:
    await scene.write("hola")
    entry, place = await scene.entry(), await place_of(scene)
    found = replace(await handling.get(scene.pool, entry.tenant, place[1]), channel="telegram")
    async with acting_for(scene.pool, place[0]) as scope:
        gone = await persons.way(scope.connection, entry, scene.conversation.plugins, found)
    assert gone.obstacle == "no-account"


async def test_of_a_channel_that_knows_no_window_there_is_no_way(scene: Scene, windowed: Windowed) -> None:
    def window(address: str) -> timedelta:
        raise ValueError

    await scene.write("hola")
    windowed.window = window  # type: ignore[method-assign]
    assert (await way_of(scene)).obstacle == "no-account"


async def test_who_writes_takes_over_and_nothing_that_is_being_thought_is_said(scene: Scene) -> None:
    scene.parrot.ready.clear()
    async with scene.working():
        await scene.write("hola")
        while not scene.parrot.heard:
            await scene.pool.fetchval("SELECT pg_sleep(0.01)")
        entry, place = await scene.entry(), await place_of(scene)
        async with acting_for(scene.pool, place[0]) as scope:
            await handling.take_in(scope.connection, entry.tenant, place[1], "Ana")
            await persons.say(scope, entry.tenant, place[1], "soy Ana", Limits())
        scene.parrot.ready.set()
        await scene.settled()
        await scene.write("¿sigues ahí?")
        await scene.conversation.converse(Job(jobs.CONVERSE, *place))
        await scene.settled()
    assert scene.post.texts == ["soy Ana"]


@pytest.mark.parametrize("words", ["", " \n"])
async def test_nothing_is_no_message(scene: Scene, words: str) -> None:
    await scene.write("hola")
    entry, place = await scene.entry(), await place_of(scene)
    async with acting_for(scene.pool, place[0]) as scope:
        await handling.take_in(scope.connection, entry.tenant, place[1], "Ana")
        with pytest.raises(PersonError, match="says nothing"):
            await persons.say(scope, entry.tenant, place[1], words, Limits())
