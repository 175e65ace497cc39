"""The desk: which tab has which conversations, in which order, and what their lines say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from plans import analyze, fill, pages
from scene import Scene
from staff import say

from conserje import Text
from conserje.conversations import desk, handling, reads
from conserje.conversations.desk import ALL, COUNTED, FIRST, NEWEST, Line, Part, Place, Tab, Wanted
from conserje.conversations.paging import LONG_AGO
from conserje.storage.database import Connection
from conserje.storage.scope import acting_for

ME, OTHER = 1, 2


class Desk:
    """What a login sees of the scene's tenant."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    async def of(self, *names: str) -> dict[str, int]:
        """Conversations with these, who wrote one after the other; nobody waits for the assistant."""
        for name in names:
            await self.scene.write(f"hola de {name}", sender=name)
        await self.scene.pool.execute("UPDATE messages SET turn_id = 0 WHERE direction = 'in'")
        await self.scene.pool.execute("UPDATE conversations SET active_at = now() - interval '1 hour' / id")
        rows = await self.scene.pool.fetch("SELECT peer, id FROM conversations ORDER BY id")
        return {row["peer"]: row["id"] for row in rows}

    async def part(
        self, tab: Tab, limit: int = 50, *, wanted: Wanted = ALL, after: Place | None = None
    ) -> Part:
        tenant_id = (await self.scene.entry()).tenant.id
        async with acting_for(self.scene.pool, tenant_id) as scope:
            return await desk.find(scope.connection, tenant_id, ME, tab, limit, wanted=wanted, after=after)

    async def see(self, tab: Tab, wanted: Wanted = ALL) -> list[str]:
        return [line.contact for line in (await self.part(tab, wanted=wanted)).lines]

    async def line(self) -> Line:
        [line] = (await self.part("all")).lines
        return line

    async def counts(self) -> dict[Tab, int]:
        tenant_id = (await self.scene.entry()).tenant.id
        async with acting_for(self.scene.pool, tenant_id) as scope:
            return await desk.counts(scope.connection, tenant_id, ME)


HAND_OVER = """
UPDATE conversations SET state = 'person', hand_back_at = now() + $2, person = $3, login_id = $4 WHERE id = $1
"""


async def test_each_conversation_is_in_its_tabs_and_counted(scene: Scene) -> None:
    seen = Desk(scene)
    ids = await seen.of("ana", "luis", "eva", "hugo", "rosa", "zoe")
    hours = [timedelta(hours=hour) for hour in range(9)]
    await scene.pool.execute(HAND_OVER, ids["ana"], hours[3], None, None)
    await scene.pool.execute(HAND_OVER, ids["luis"], hours[2], "Eva", ME)
    await scene.pool.execute(HAND_OVER, ids["eva"], hours[1], "Luis", OTHER)
    await scene.pool.execute(HAND_OVER, ids["hugo"], hours[0], "Luis", ME)  # whose time is over
    await scene.pool.execute("UPDATE conversations SET state = 'held' WHERE id = $1", ids["zoe"])
    await scene.pool.execute("DELETE FROM messages WHERE conversation_id = $1", ids["eva"])
    found = {tab: await seen.see(tab) for tab in desk.FIND}
    assert found == {
        "waiting": ["luis", "ana"],  # who has waited longest is the first
        "mine": ["luis"],
        "assistant": ["rosa", "hugo"],
        "all": ["zoe", "rosa", "hugo", "eva", "luis", "ana"],
        "held": ["zoe"],
    }
    assert await seen.counts() == {tab: len(lines) for tab, lines in found.items()}


async def test_a_line_says_who_wrote_last_who_has_it_and_since_when_it_waits(scene: Scene) -> None:
    seen, tenant = Desk(scene), (await scene.entry()).tenant
    await scene.write("hola")
    id = await scene.pool.fetchval("SELECT id FROM conversations")
    wrote = await scene.pool.fetchval("SELECT created_at FROM messages")
    line = await seen.line()
    assert (line.author, line.last, line.state, line.person) == ("contact", Text("hola"), "open", None)
    assert line.waits_since == wrote and line.unread == 1
    await handling.take(scene.pool, tenant, id, "Eva", ME)
    line = await seen.line()
    assert (line.state, line.person, line.login_id, line.waits_since) == ("person", "Eva", ME, wrote)
    await say(scene.pool, tenant, id, [Text("soy Eva")])
    line = await seen.line()
    assert (line.author, line.signed, line.waits_since) == ("person", "Eva", None)
    async with scene.working():
        await handling.give(scene.pool, tenant, id)
        await scene.write("¿y?")
        await scene.settled()
    line = await seen.line()
    assert (line.author, line.person, line.login_id, line.state) == ("assistant", None, None, "open")


async def test_what_was_said_of_its_own_accord_is_the_business_s(scene: Scene) -> None:
    await scene.write("hola")
    await scene.pool.execute(
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state,"
        " said_by) SELECT tenant_id, conversation_id, account_id, 'out', content, 1, 'sent', 'operator'"
        " FROM messages"
    )
    assert (await Desk(scene).line()).author == "business"


async def test_what_came_after_the_last_reading_is_unread_by_that_login(scene: Scene) -> None:
    seen, tenant_id = Desk(scene), (await scene.entry()).tenant.id
    ids = await seen.of("ana", "ana", "luis", "eva")
    last = await scene.pool.fetchval("SELECT max(id) FROM messages WHERE conversation_id = $1", ids["ana"])
    async with acting_for(scene.pool, tenant_id) as scope:
        await reads.mark(scope.connection, tenant_id, ME, ids["ana"], last - 1)
        await reads.mark(scope.connection, tenant_id, OTHER, ids["ana"], last)
    await scene.pool.execute(
        "UPDATE messages SET created_at = now() - interval '8 days' WHERE conversation_id <> $1", ids["luis"]
    )
    unread = {line.contact: line.unread for line in (await seen.part("all")).lines}
    assert unread == {"ana": 1, "luis": 1, "eva": 0}  # never opened, it is unread for a week
    assert await seen.see("all", Wanted(unread=True)) == ["luis", "ana"]


async def test_filters_by_account_by_who_wrote_last_and_since(scene: Scene) -> None:
    seen = Desk(scene)
    ids = await seen.of("ana", "luis", "eva")
    await scene.pool.execute(
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)"
        " SELECT tenant_id, conversation_id, account_id, 'out', content, 1, 'sent' FROM messages"
        " WHERE conversation_id = $1",
        ids["luis"],
    )
    account = (await scene.entry()).accounts[0].id
    day = datetime.now(UTC) - timedelta(days=1)
    await scene.pool.execute("UPDATE conversations SET active_at = $2 WHERE id = $1", ids["ana"], day)
    assert await seen.see("all", Wanted(account_id=account)) == ["eva", "luis", "ana"]
    assert await seen.see("all", Wanted(account_id=account + 1)) == []
    assert await seen.see("all", Wanted(wrote_last="in")) == ["eva", "ana"]
    assert await seen.see("all", Wanted(wrote_last="out")) == ["luis"]
    assert await seen.see("assistant", Wanted(since=day + timedelta(hours=1))) == ["eva", "luis"]


async def test_parts_follow_one_another_while_others_come_up(scene: Scene) -> None:
    seen = Desk(scene)
    await seen.of("ana", "luis", "eva", "hugo", "rosa")
    part = await seen.part("all", 2)
    found = [line.contact for line in part.lines]
    while part.next:
        await scene.pool.execute("UPDATE conversations SET active_at = now() WHERE peer = 'rosa'")
        part = await seen.part("all", 2, after=part.next)
        found += [line.contact for line in part.lines]
    assert found == ["rosa", "hugo", "eva", "luis", "ana"]


async def test_those_that_wait_follow_one_another_too(scene: Scene) -> None:
    seen = Desk(scene)
    for hours, id in enumerate((await seen.of("ana", "luis", "eva")).values(), 1):
        await scene.pool.execute(HAND_OVER, id, timedelta(hours=hours), None, None)
    first = await seen.part("waiting", 2)
    rest = await seen.part("waiting", 2, after=first.next)
    assert [line.contact for line in first.lines + rest.lines] == ["ana", "luis", "eva"]
    assert rest.next is None


MANY = """
WITH contact AS (
    INSERT INTO contacts (tenant_id, name)
    SELECT (SELECT min(id) FROM tenants), n::text FROM generate_series($1::int, $2) AS n
    RETURNING tenant_id, id
), added AS (
    INSERT INTO conversations (tenant_id, account_id, contact_id, peer, active_at)
    SELECT tenant_id, (SELECT min(id) FROM accounts), id, id::text, now() - id * interval '1 second'
    FROM contact RETURNING tenant_id, account_id, id
)
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state)
SELECT tenant_id, id, account_id, 'out', '{"text":"hola","type":"text"}', n, 'sent'
FROM added, generate_series(1, 2) AS n
"""


async def of_a_page(connection: Connection) -> list[int]:
    """What counting touches, finding in each tab, filtering what never matches, and the lines."""
    tenant_id = await connection.fetchval("SELECT min(id) FROM tenants")
    latest = "SELECT id FROM conversations WHERE tenant_id = $1 ORDER BY active_at DESC LIMIT 20"
    ids = [row["id"] for row in await connection.fetch(latest, tenant_id)]
    touched = [
        await pages(connection, desk.COUNTS, tenant_id, ME),
        await pages(connection, desk.LINES, tenant_id, ids, ME),
    ]
    for tab, statement in desk.FIND.items():
        scan = (tenant_id, *(FIRST if tab == "waiting" else NEWEST), LONG_AGO)
        for of in ((None, None, False, ME), (None, "in", True, ME)):
            touched.append(await pages(connection, statement, *scan, 51, *of))
        if tab in desk.LOOKED_TO:
            touched.append(await pages(connection, desk.LOOKED_TO[tab], *scan))
    return touched


async def test_a_page_costs_the_same_whatever_was_said_before(connection: Connection) -> None:
    await fill(connection, 1, 1)
    await connection.execute(MANY, 1, desk.SCANNED + 100)
    await analyze(connection, "conversations", "messages")
    few = await of_a_page(connection)
    await connection.execute(MANY, desk.SCANNED + 101, desk.SCANNED * 6)
    await analyze(connection, "conversations", "messages")
    many = await of_a_page(connection)
    assert all(later <= max(2 * before, 20) for before, later in zip(few, many, strict=True)), (few, many)


async def test_what_is_more_than_a_hundred_is_not_counted(scene: Scene) -> None:
    await Desk(scene).of("ana")
    async with scene.pool.acquire() as connection:
        await connection.execute(MANY, 1, COUNTED + 10)
    assert (await Desk(scene).counts())["all"] == COUNTED


async def test_where_few_are_wanted_of_many_the_search_goes_on_where_it_ended(scene: Scene) -> None:
    seen = Desk(scene)
    await seen.of("ana")
    async with scene.pool.acquire() as connection:
        await connection.execute(MANY, 1, desk.SCANNED + 1)
    await scene.pool.execute(
        "UPDATE conversations SET active_at = now() - interval '9 days' WHERE peer = 'ana'"
    )
    first = await seen.part("all", wanted=Wanted(wrote_last="in"))
    assert first.lines == [] and first.next
    rest = await seen.part("all", wanted=Wanted(wrote_last="in"), after=first.next)
    assert [line.contact for line in rest.lines] == ["ana"] and rest.next is None
