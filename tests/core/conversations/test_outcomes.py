"""What became of a period: who answered, whether it stayed so, when contacts write, what they pick."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from scene import Scene

from conserje import Pressed, Text
from conserje.conversations import outcomes
from conserje.conversations.outcomes import Outcomes, Reason, Wanted
from conserje.conversations.rows import stored
from conserje.storage.scope import acting_for

ZONE = "America/Santiago"
DAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 15, tzinfo=UTC)  # a Tuesday, 12 o'clock in Santiago

TURN = """
INSERT INTO turns
    (tenant_id, conversation_id, id, assistant, intent, waited, thought, settled_at, handed_over)
SELECT tenant_id, id, nextval('turn_ids'), $3, $4, $5, '0', $6, $7 FROM conversations
WHERE tenant_id = $1 AND peer = $2
"""
MESSAGE = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key, created_at)
SELECT tenant_id, id, account_id, 'in', $3, decode(md5(random()::text), 'hex'), $4 FROM conversations
WHERE tenant_id = $1 AND peer = $2
"""


async def conversation(scene: Scene, peer: str) -> None:
    await scene.pool.execute(
        "WITH contact AS (INSERT INTO contacts (tenant_id, name) VALUES ($1, '') RETURNING id)"
        " INSERT INTO conversations (tenant_id, account_id, contact_id, peer)"
        " SELECT $1, (SELECT id FROM accounts WHERE tenant_id = $1 LIMIT 1), id, $2 FROM contact",
        (await scene.entry()).tenant.id,
        peer,
    )


async def turn(
    scene: Scene,
    peer: str,
    after: timedelta,
    *,
    by: str = "catalog",
    intent: str = "price",
    took: float = 2,
    handed_over: bool = False,
) -> None:
    tenant_id = (await scene.entry()).tenant.id
    waited = timedelta(seconds=took)
    await scene.pool.execute(TURN, tenant_id, peer, by, intent, waited, NOON + after, handed_over)


async def of_period(scene: Scene, first: date = DAY, last: date = DAY) -> Outcomes:
    tenant_id = (await scene.entry()).tenant.id
    async with acting_for(scene.pool, tenant_id) as scope:
        return await outcomes.of_period(scope.connection, tenant_id, ZONE, first, last)


HOUR, DAYS = timedelta(hours=1), timedelta(days=1)


async def test_what_the_assistant_answered_alone_and_stays_answered(scene: Scene) -> None:
    for peer in ("alone", "returns", "person", "late"):
        await conversation(scene, peer)
    await turn(scene, "alone", 0 * HOUR)
    await turn(scene, "alone", 20 * HOUR)  # the same episode: no day without a word
    await turn(scene, "returns", 0 * HOUR)
    await turn(scene, "returns", 3 * DAYS)
    await turn(scene, "person", 0 * HOUR, handed_over=True, intent="wants_person")
    await turn(scene, "person", 2 * HOUR, by="person", intent="message", took=600)
    await turn(scene, "late", 8 * DAYS)  # is of no episode that began that day
    found = (await of_period(scene)).episodes
    assert (found.all, found.alone, found.known, found.stayed) == (3, 2, 3, 1)
    assert (found.assistant_median, found.person_median) == (2, 600)
    assert (await of_period(scene)).reasons == [Reason("wants_person", 1)]


async def test_what_ended_lately_is_in_no_share(scene: Scene) -> None:
    await conversation(scene, "ana")
    lately = datetime.now(UTC) - timedelta(days=2)
    await turn(scene, "ana", lately - NOON)
    found = (await of_period(scene, (lately - DAYS).date(), (lately + DAYS).date())).episodes
    assert (found.all, found.alone, found.known, found.stayed) == (1, 1, 0, 0)


async def test_nothing_is_nothing(scene: Scene) -> None:
    found = await of_period(scene)
    assert (found.episodes.all, found.episodes.assistant_median) == (0, None)
    assert (found.reasons, found.hours, found.products) == ([], {}, [])


async def test_when_contacts_write_and_what_they_pick(scene: Scene) -> None:
    tenant_id = (await scene.entry()).tenant.id
    await conversation(scene, "ana")
    product = await scene.pool.fetchval(
        "INSERT INTO products (tenant_id, name, price) VALUES ($1, 'Ficus', 10) RETURNING id", tenant_id
    )
    for said in (Text("hola"), Pressed(f"product-{product}", "Ficus"), Pressed("product-x", "Other")):
        await scene.pool.execute(MESSAGE, tenant_id, "ana", stored(said), NOON)
    await scene.pool.execute(MESSAGE, tenant_id, "ana", stored(Text("?")), NOON + 2 * DAYS)
    found = await of_period(scene)
    assert found.hours == {(2, 12): 3}
    assert found.products == [Wanted("Ficus", 1, 1)]
