"""Statements on the way of a message: what they read does not grow with the tables behind it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from plans import ACCOUNTS, analyze, fill, pages
from waiting import LIMIT

from conserje.conversations import (
    claiming,
    messages,
    overdue,
    overflow,
    recovery,
    sending,
    state,
    transcript,
)
from conserje.conversations.rows import EMPTIED, ReportRow
from conserje.rules import consent
from conserje.storage.database import Connection, columns
from conserje.storage.scope import LOCK_LIMIT

HUNDRED_ACCOUNTS = 100
PAUSES = (sending.PATIENCE, sending.LONGEST_PAUSE)

OVERFLOW = """
WITH contact AS (
    INSERT INTO contacts (tenant_id, name)
    SELECT (SELECT min(id) FROM tenants), n::text FROM generate_series($1::int, $2) AS n
    RETURNING tenant_id, id
), added AS (
    INSERT INTO conversations (tenant_id, account_id, contact_id, peer)
    SELECT tenant_id, (SELECT min(id) FROM accounts), id, id::text FROM contact RETURNING tenant_id, id
)
INSERT INTO overflow SELECT tenant_id, id, id FROM added
"""
NEWEST = (
    "SELECT tenant_id, account_id, conversation_id, id, provider_id FROM messages"
    " ORDER BY tenant_id DESC, id DESC LIMIT 1"
)


async def of_reports(connection: Connection) -> list[int]:
    """What reports of the newest message touch, by our id and by the provider's."""
    return [*await of_a_report(connection, True), *await of_a_report(connection, False)]


async def of_a_report(connection: Connection, by_our_id: bool) -> tuple[int, ...]:
    """What a report of the newest message touches, and what it touches where it is a sign of consent."""
    newest = await connection.fetchrow(NEWEST)
    assert newest is not None
    place, id = (newest["tenant_id"], newest["account_id"], b"key"), newest["id"] if by_our_id else None
    row = ReportRow(*place, id, newest["provider_id"], "delivered", None)
    return (
        await pages(connection, messages.REPORT, *PAUSES, *columns([row], *messages._REPORTED)),
        await pages(connection, messages.REPORTED_BEFORE, *PAUSES, *row[:2], row.provider_id),
        await pages(connection, recovery.HAS_REPLIES, row.tenant_id, newest["conversation_id"]),
        await pages(connection, consent.REPORTED, *row[:5]),
    )


async def test_a_report_costs_the_same_whatever_was_sent_before(connection: Connection) -> None:
    await fill(connection, 1, 1)
    few = await of_reports(connection)
    await fill(connection, 2, HUNDRED_ACCOUNTS)
    many = await of_reports(connection)
    assert all(later <= 2 * before for before, later in zip(few, many, strict=True)), (few, many)


async def of_an_end(connection: Connection) -> list[int]:
    """What it touches to note that the provider has the newest message."""
    newest = await connection.fetchrow(NEWEST)
    assert newest is not None
    tenant, *place = newest["tenant_id"], newest["conversation_id"], newest["id"], 0, "P of none"
    await connection.execute("UPDATE messages SET state = 'sending' WHERE id = $1", newest["id"])
    cost = ("UTC", "post", "service", "CL", 1, 20_000, 1)
    return [
        await pages(connection, sending.SENT, tenant, True, *place, "UTC", *(None,) * 6),
        await pages(connection, sending.SENT, tenant, False, *place, *cost),
    ]


async def test_the_end_of_a_sending_costs_the_same_whatever_was_sent_before(connection: Connection) -> None:
    await fill(connection, 1, 1)
    few = await of_an_end(connection)
    await fill(connection, 2, HUNDRED_ACCOUNTS)
    many = await of_an_end(connection)
    assert all(later <= 2 * before for before, later in zip(few, many, strict=True)), (few, many)


async def of_an_overflow(connection: Connection) -> list[int]:
    """What bringing and sweeping touch."""
    tenant_id = await connection.fetchval("SELECT min(id) FROM tenants")
    return [
        await pages(connection, overflow.BRING, tenant_id, 10, timedelta(0)),
        await pages(connection, overflow.TENANTS),
        await pages(connection, overflow.ADD, [tenant_id], [await newest_conversation(connection)], [1]),
    ]


async def newest_conversation(connection: Connection) -> int:
    id: int = await connection.fetchval("SELECT max(id) FROM conversations")
    return id


async def test_what_a_flood_brings_costs_the_same_however_long_it_is(connection: Connection) -> None:
    await connection.execute(ACCOUNTS, 1, 1)
    await connection.execute(OVERFLOW, 1, 100)
    few = await of_an_overflow(connection)
    await analyze(connection, "contacts", "conversations")  # else each row looks for its contact among all
    await connection.execute(OVERFLOW, 101, 5_000)
    many = await of_an_overflow(connection)
    assert all(later <= 3 * before for before, later in zip(few, many, strict=True)), (few, many)


UNANSWERED = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key, created_at)
SELECT tenant_id, conversation_id, (SELECT min(id) FROM accounts), 'in', '{"type":"text","text":"hola"}',
       int8send(message_id), now() - interval '1 hour'
FROM overflow WHERE message_id > $1
"""


async def of_a_sweep(connection: Connection) -> int:
    """What one look for lost jobs touches."""
    limits = (overdue.SWEEP_AFTER, sending.LONGEST_PAUSE, state.LONGEST_LEASE, overdue.AT_ONCE)
    return await pages(connection, state.SWEEP, *limits, *overdue.BEGINNING, *overdue.BEGINNING)


async def test_a_look_for_lost_jobs_costs_the_same_however_long_a_flood_is(connection: Connection) -> None:
    await connection.execute(ACCOUNTS, 1, 1)
    before = 0
    costs = []
    for waiting in (1_000, 5_000):
        await connection.execute(OVERFLOW, before + 1, waiting)
        await analyze(connection, "contacts", "conversations", "overflow")
        await connection.execute(UNANSWERED, before)
        await analyze(connection, "messages")
        costs.append(await of_a_sweep(connection))
        before = await connection.fetchval("SELECT max(message_id) FROM overflow")
    few, many = costs
    assert many <= 2 * few, costs


@pytest.mark.parametrize("statement", ["bring", "claim"])
async def test_what_another_can_do_anew_waits_for_no_disk(connection: Connection, statement: str) -> None:
    await connection.execute(ACCOUNTS, 1, 1)
    await connection.execute(OVERFLOW, 1, 1)
    [(tenant_id, conversation_id)] = await connection.fetch("SELECT tenant_id, conversation_id FROM overflow")
    assert await connection.fetchval("SHOW synchronous_commit") == "on"
    if statement == "bring":
        await connection.execute(overflow.BRING, tenant_id, 1, timedelta(0))
    else:
        limits = (LOCK_LIMIT, state.LEASE, state.RECENT, 5, transcript.READ)
        day = timedelta(days=1)
        await connection.fetchrow(claiming.CLAIM, tenant_id, conversation_id, 0, *limits, day, EMPTIED, day)
    assert await connection.fetchval("SHOW synchronous_commit") == "off"


async def of_letting_be(connection: Connection) -> int:
    newest = await connection.fetchrow(
        "SELECT tenant_id, conversation_id, id FROM messages ORDER BY tenant_id DESC, id DESC LIMIT 1"
    )
    assert newest is not None
    return await pages(
        connection, state.LET_BE, newest["tenant_id"], newest["conversation_id"], [newest["id"]]
    )


async def test_letting_a_message_be_costs_the_same_whatever_was_said_before(connection: Connection) -> None:
    await fill(connection, 1, 1)
    few = await of_letting_be(connection)
    await fill(connection, 2, HUNDRED_ACCOUNTS)
    assert await of_letting_be(connection) <= 2 * few


WAITING_FOR_ACCOUNT = """
WITH place AS (
    SELECT tenant_id, id AS account_id FROM accounts ORDER BY tenant_id LIMIT 1
), contact AS (
    INSERT INTO contacts (tenant_id, name)
    SELECT tenant_id, n::text FROM place, generate_series($1::int, $2) AS n
    RETURNING tenant_id, id
), added AS (
    INSERT INTO conversations (tenant_id, account_id, contact_id, peer, ill_since)
    SELECT contact.tenant_id, account_id, id, id::text, now() + id * interval '1 millisecond'
    FROM contact JOIN place USING (tenant_id) RETURNING tenant_id, account_id, id
), held AS (
    INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state, fault)
    SELECT tenant_id, id, account_id, 'out', '{"type":"text","text":"hola"}', n, 'held', 'passing'
    FROM added, generate_series(1, 2) AS n
)
INSERT INTO illnesses (tenant_id, account_id, cause) SELECT tenant_id, account_id, 'no token' FROM place
ON CONFLICT DO NOTHING
"""


async def of_an_illness(connection: Connection) -> list[int]:
    """What trying touches, letting the next ones go, and holding one."""
    row = await connection.fetchrow("SELECT tenant_id, account_id FROM illnesses")
    assert row is not None
    place, first = tuple(row), await connection.fetchval(recovery.FIRST, *row)
    leaving = [each["id"] for each in await connection.fetch(recovery.LEAVING, *row, 10)]
    assert len(leaving) == 10
    return [
        await pages(connection, recovery.DUE, recovery.PAUSES[-1]),
        await pages(connection, recovery.FIRST, *place),
        await pages(connection, recovery.SEND, place[0], first, None),
        await pages(connection, recovery.LEAVING, *place, 10),
        await pages(connection, state.LET_GO, place[0], leaving),
        await pages(connection, recovery.END, *place),
        await pages(connection, state.HOLD_FOR_ACCOUNT, place[0], first, place[1]),
        await pages(connection, state.LOCK, place[0], first),
        await pages(connection, sending.NEXT, place[0], first),
    ]


async def test_a_try_costs_the_same_however_many_wait_for_the_account(connection: Connection) -> None:
    await connection.execute(ACCOUNTS, 1, 1)
    await connection.execute(WAITING_FOR_ACCOUNT, 1, 100)
    few = await of_an_illness(connection)
    await connection.execute(WAITING_FOR_ACCOUNT, 101, 2_000, timeout=LIMIT)
    await analyze(connection, "conversations", "messages", "illnesses")  # as a worker does
    many = await of_an_illness(connection)
    assert all(later <= max(3 * before, 12) for before, later in zip(few, many, strict=True)), (few, many)
