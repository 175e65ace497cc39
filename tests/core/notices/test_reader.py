"""What happened, as a tenant's own systems are told: read in its order, and never past who still writes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from scene import Scene
from told import WISH

from conserje import InboundMessage, Lead, Order, OrderItem, Text
from conserje.contract.channel import AccountFault, Refused
from conserje.contract.message import Status, StatusUpdate
from conserje.conversations import handling
from conserje.leads import table as leads
from conserje.notices import reader
from conserje.notices.reader import Happened
from conserje.operations import forgetting
from conserje.storage import jobs
from conserje.storage.database import Connection
from conserje.storage.jobs import Job
from conserje.storage.notifications import Horizon, Position
from conserje.storage.scope import acting_for
from conserje.tenants import people
from conserje.turns.errands import ContactLeads

BEGINNING = Position()


async def advanced(horizon: Horizon, connection: Connection) -> Position:
    """Once nobody writes any more who had begun before this, on whatever database of the server."""
    before = horizon.position
    await horizon.advance(connection)
    while (position := await horizon.advance(connection)) == before:
        await asyncio.sleep(0.01)
    return position


async def read(
    scene: Scene, after: Position = BEGINNING, limit: int = 100, kinds: tuple[str, ...] = ()
) -> tuple[list[Happened], Position]:
    """All that has happened."""
    async with scene.pool.acquire() as connection:
        until = await advanced(Horizon(), connection)
        tenant = (await scene.entry()).tenant.id
        return await reader.read(connection, tenant, after, until, limit, kinds)


async def told(scene: Scene, kind: str) -> list[dict[str, Any]]:
    """What those of a kind say."""
    happened, _ = await read(scene, kinds=(kind,))
    async with scene.pool.acquire() as connection:
        contents = await reader.contents(connection, (await scene.entry()).tenant, happened)
    return [contents[each]["data"] for each in happened]


async def report(scene: Scene, status: Status, provider_id: str, key: str = "") -> None:
    entry = await scene.entry()
    update = StatusUpdate(entry.accounts[0].address, key or status, status, provider_id)
    await scene.intake.take(entry.tenant, [(entry.accounts[0], update)])


async def kinds(scene: Scene) -> list[str]:
    return [each.kind for each in (await read(scene))[0]]


async def answer(scene: Scene, text: str = "hola") -> tuple[int, int]:
    """The contact writes and is answered; tenant and conversation."""
    async with scene.working():
        await scene.write(text)
        await scene.settled()
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations ORDER BY id DESC LIMIT 1")
    assert row is not None
    return row["tenant_id"], row["id"]


async def test_the_life_of_a_message_is_read_from_it_and_from_what_is_reported(scene: Scene) -> None:
    await answer(scene)
    for status in ("sent", "delivered", "read"):
        await report(scene, status, f"P{scene.post.sent[0].id}")
    assert not await scene.pool.fetchval("SELECT count(*) FROM notifications")
    happened, position = await read(scene)
    assert [each.kind for each in happened] == [
        "message.received", "message.sent", "message.delivered", "message.read"
    ]  # fmt: skip
    sent = scene.post.sent[0].id
    assert [each.name for each in happened[1:]] == [
        f"message-sent-{sent}", f"message-delivered-{sent}", f"message-read-{sent}"
    ]  # fmt: skip
    [said] = await told(scene, "message.received")
    conversation = await scene.pool.fetchrow("SELECT id, contact_id FROM conversations")
    assert conversation is not None
    assert said == {
        "tenant": "acme",
        "message": happened[0].about,
        "conversation": conversation["id"],
        "contact": conversation["contact_id"],
        "channel": "post",
        "account": "+56 acme",
        "content": "text",
        "text": "hola",
    }
    assert await read(scene, position) == ([], position)


async def test_a_page_goes_on_where_the_one_before_it_ended(scene: Scene) -> None:
    for text in ("uno", "dos", "tres"):
        await answer(scene, text)
    whole, _ = await read(scene)
    for limit in (1, 2, 4):
        found: list[Happened] = []
        position = Position()
        while True:
            page, position = await read(scene, position, limit)
            if not page:
                break
            found += page
            assert len(page) <= limit
        assert found == whole
    assert [each.kind for each in whole] == ["message.received", "message.sent"] * 3


async def test_what_is_reported_before_the_answer_to_the_sending_is_read_after_it(scene: Scene) -> None:
    await scene.write("hola")
    before = asyncio.Event()
    scene.post.does.append(before)
    async with scene.working():
        while not await scene.pool.fetchval("SELECT id FROM messages WHERE state = 'sending'"):
            await asyncio.sleep(0.01)
        sent = await scene.pool.fetchval("SELECT id FROM messages WHERE state = 'sending'")
        await report(scene, "delivered", f"P{sent}")
        happened, position = await read(scene)
        assert [each.kind for each in happened] == ["message.received"]
        before.set()
        await scene.settled()
    happened, _ = await read(scene, position)
    assert sorted(each.kind for each in happened) == ["message.delivered", "message.sent"]


async def test_a_message_that_is_refused_has_failed(scene: Scene) -> None:
    scene.post.does.append(Refused("The number does not exist."))
    await answer(scene)
    assert await kinds(scene) == ["message.received", "message.failed"]
    [failed] = await told(scene, "message.failed")
    assert failed["cause"] == "The number does not exist."


async def test_a_failure_told_later_is_one_and_one_after_which_it_leaves_again_is_none(scene: Scene) -> None:
    await answer(scene)
    entry, sent = await scene.entry(), scene.post.sent[0].id
    account = entry.accounts[0]
    busy = StatusUpdate(account.address, "busy", "failed", f"P{sent}", try_after=timedelta(0).total_seconds())
    await scene.intake.take(entry.tenant, [(account, busy)])
    async with scene.working():
        await scene.settled()
    assert await kinds(scene) == ["message.received", "message.sent"]
    await report(scene, "failed", f"P{sent}", "for good")
    assert "message.failed" not in await kinds(scene)  # the provider's name of the first sending
    await scene.pool.execute("UPDATE messages SET failed_as = '{}' WHERE id = $1", sent)
    assert await kinds(scene) == ["message.received", "message.sent", "message.failed", "message.failed"]


async def test_nothing_is_read_past_a_transaction_that_is_still_open(scene: Scene) -> None:
    """It has a lower number than what others have committed, and is read before it."""
    tenant, conversation = await answer(scene)
    _, position = await read(scene)
    async with scene.pool.acquire() as connection, scene.pool.acquire() as writing:
        horizon = Horizon()
        transaction = writing.transaction()
        await transaction.start()
        await writing.execute("SET LOCAL ROLE conserje_tenant")
        await writing.execute(f"SET LOCAL conserje.tenant = '{tenant:d}'")
        await writing.execute(
            "INSERT INTO notifications (tenant_id, kind, conversation_id) VALUES ($1, 'turn.held', $2)",
            tenant,
            conversation,
        )
        async with acting_for(scene.pool, tenant) as scope:
            await leads.open_lead(scope.connection, tenant, conversation, "1", Lead("pan"))
        await scene.write("otra")
        for _ in range(3):
            assert await horizon.advance(connection) == BEGINNING
        await transaction.commit()
        until = await advanced(horizon, connection)
        happened, _ = await reader.read(connection, tenant, position, until, 10)
    assert happened[0].at and position < until
    recorded = [each for each in happened if not each.is_of_message]
    assert [each.kind for each in recorded] == ["turn.held", "lead.created"]
    assert [each.kind for each in happened if each.is_of_message] == ["message.received"]


async def test_who_takes_messages_has_begun_to_write_before_they_have_ids(scene: Scene) -> None:
    """Else somebody could look between the two, and pass by what is taken."""
    from conserje.conversations import messages

    await answer(scene)
    assert "CASE WHEN pg_current_xact_id()" in messages.TAKE
    async with scene.pool.acquire() as connection, connection.transaction():
        assert not await connection.fetchval("SELECT pg_current_xact_id_if_assigned()")
        await connection.fetchval("SELECT notification_number()")
        assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned()")


async def test_a_reader_of_a_kind_passes_by_the_others(scene: Scene) -> None:
    tenant, conversation = await answer(scene)
    await handling.take(scene.pool, (await scene.entry()).tenant, conversation, "Eva")
    happened, position = await read(scene, kinds=("conversation.taken",))
    assert [each.kind for each in happened] == ["conversation.taken"]
    assert (await read(scene, position))[0] == []
    assert tenant


async def test_hand_over_take_and_give_back(scene: Scene) -> None:
    tenant = (await scene.entry()).tenant
    _, conversation = await answer(scene, WISH)
    for person in ("Eva", "Luis"):  # the second finds it taken
        await handling.take(scene.pool, tenant, conversation, person)
    await handling.give(scene.pool, tenant, conversation)
    recorded = [kind for kind in await kinds(scene) if kind.startswith("conversation.")]
    assert recorded == ["conversation.handed_over", "conversation.taken", "conversation.given_back"]
    [over] = await told(scene, "conversation.handed_over")
    assert over["intent"] == "person" and over["turn"] and over["conversation"] == conversation
    assert [each["person"] for each in await told(scene, "conversation.taken")] == ["Eva"]


async def test_a_person_s_time_that_is_over_gives_the_conversation_back(scene: Scene) -> None:
    await answer(scene, WISH)
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now()")
    await answer(scene, "¿hola?")
    recorded = [kind for kind in await kinds(scene) if kind.startswith("conversation.")]
    assert recorded == ["conversation.handed_over", "conversation.given_back"]


async def test_leads_are_created_and_given(scene: Scene) -> None:
    tenant = (await scene.entry()).tenant
    _, conversation = await answer(scene)
    async with scene.pool.acquire() as connection:
        await people.add(connection, tenant.id, "Ana", "ana@acme.example", None)
    for key in ("1", "2"):  # the same wish again is the same lead
        await ContactLeads(scene.pool, tenant, conversation, key).open(Lead("pan"))
    [created], [given] = await told(scene, "lead.created"), await told(scene, "lead.given")
    assert created["lead"] == given["lead"] and given["person"] == "Ana"


async def test_opting_out_and_in(scene: Scene) -> None:
    for text in ("hola", "STOP", "START"):
        await answer(scene, text)
    recorded = [kind for kind in await kinds(scene) if kind.startswith("contact.")]
    assert recorded == ["contact.opted_out", "contact.opted_in"]
    [out] = await told(scene, "contact.opted_out")
    assert (out["of"], out["source"]) == ("all", "contact")


async def test_an_account_is_ill_once_and_well_once(scene: Scene) -> None:
    await scene.write("hola")
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    scene.post.does.append(AccountFault("Nobody has paid."))
    await scene.delivery.deliver(Job(jobs.DELIVER, *row))
    await scene.delivery.deliver(Job(jobs.DELIVER, *row))
    await scene.pool.execute("UPDATE illnesses SET due_at = now()")
    async with scene.working():
        while not scene.post.sent:
            await asyncio.sleep(0.01)
        await scene.settled()
    recorded = [kind for kind in await kinds(scene) if kind.startswith("account.")]
    assert recorded == ["account.ill", "account.well"]
    [ill] = await told(scene, "account.ill")
    assert (ill["account"], ill["channel"], ill["cause"]) == ("+56 acme", "post", "Nobody has paid.")


async def test_a_turn_that_is_held(scene: Scene) -> None:
    await answer(scene)
    await scene.pool.execute("UPDATE conversations SET starts = 3")
    await scene.write("¿hola?")
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    assert (await kinds(scene))[-1] == "turn.held"


async def test_an_order_is_recorded_beside_its_message(scene: Scene) -> None:
    entry = await scene.entry()
    order = Order((OrderItem("pan", 2, Decimal(500)),), "CLP", '{"type":"text"}')
    event = InboundMessage(entry.accounts[0].address, "o1", "ana", order)
    await scene.intake.take(entry.tenant, [(entry.accounts[0], event)])
    liar = InboundMessage(entry.accounts[0].address, "o2", "ana", Text('"type":"order"}'))
    await scene.intake.take(entry.tenant, [(entry.accounts[0], liar)])
    assert await kinds(scene) == ["message.received", "order.received", "message.received"]
    [received] = await told(scene, "order.received")
    assert received["message"] == await scene.pool.fetchval("SELECT min(id) FROM messages")


@pytest.mark.parametrize("kind", ["conversation.handed_over", "message.received"])
async def test_of_a_forgotten_contact_ids_are_told_alone(scene: Scene, kind: str) -> None:
    tenant, conversation = await answer(scene, WISH)
    async with scene.pool.acquire() as connection:
        contact = await connection.fetchval(
            "SELECT contact_id FROM conversations WHERE id = $1", conversation
        )
        await forgetting.forget(connection, tenant, contact)
    [said] = await told(scene, kind)
    assert WISH not in str(said) and "person" not in str(said)
