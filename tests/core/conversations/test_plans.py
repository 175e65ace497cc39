"""Statements on the way of a message: what they read does not grow with the tables behind it."""

from __future__ import annotations

import re

from conserje.conversations import messages, overflow
from conserje.conversations.rows import ReportRow
from conserje.rules import consent
from conserje.storage.database import Connection, columns

HUNDRED_ACCOUNTS = 100

# Each account has a conversation in which 400 messages were sent.
ACCOUNTS = """
WITH tenant AS (
    INSERT INTO tenants (slug, name) SELECT 'tenant-' || n, 'Tenant' FROM generate_series($1::int, $2) AS n
    RETURNING id
), account AS (
    INSERT INTO accounts (tenant_id, channel, address) SELECT id, 'post', '+56' FROM tenant
    RETURNING tenant_id, id
), contact AS (
    INSERT INTO contacts (tenant_id, name) SELECT id, 'Ana' FROM tenant RETURNING tenant_id, id
)
INSERT INTO conversations (tenant_id, account_id, contact_id, peer)
SELECT tenant_id, account.id, contact.id, 'ana' FROM account JOIN contact USING (tenant_id)
"""
MESSAGES = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state,
                      provider_id)
SELECT tenant_id, id, account_id, 'out', '{"type":"text","text":"hola"}', n, 'sent', 'P' || n
FROM conversations, generate_series(1, 400) AS n
WHERE NOT EXISTS (SELECT FROM messages WHERE messages.tenant_id = conversations.tenant_id)
"""
NEWEST = (
    "SELECT tenant_id, account_id, id, provider_id FROM messages ORDER BY tenant_id DESC, id DESC LIMIT 1"
)


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


async def fill(connection: Connection, first: int, last: int) -> None:
    """Add the tenants `first` to `last`, and let the server know how full the tables are."""
    await connection.execute(ACCOUNTS, first, last)
    await connection.execute(MESSAGES)
    await connection.execute("SET LOCAL ROLE conserje_owner")
    await connection.execute("ANALYZE messages")
    await connection.execute("SET LOCAL ROLE conserje_core")


async def pages(connection: Connection, statement: str, *arguments: object) -> int:
    """How many pages `statement` touches; the first time, the server's own tables are among them."""
    return min([await touched(connection, statement, *arguments) for _ in range(3)])


async def touched(connection: Connection, statement: str, *arguments: object) -> int:
    """How many pages are touched this time; what the statement does is undone."""
    undone = connection.transaction()
    await undone.start()
    plan = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", *arguments)
    await undone.rollback()
    total = next(line for [line] in plan if "Buffers: shared" in line)
    return sum(int(count) for count in re.findall(r"(?:hit|read)=(\d+)", total))


async def of_reports(connection: Connection) -> list[int]:
    """What reports of the newest message touch, by our id and by the provider's."""
    return [*await of_a_report(connection, True), *await of_a_report(connection, False)]


async def of_a_report(connection: Connection, by_our_id: bool) -> tuple[int, int]:
    """What a report of the newest message touches, and what it touches where it is a sign of consent."""
    newest = await connection.fetchrow(NEWEST)
    assert newest is not None
    place, id = (newest["tenant_id"], newest["account_id"], b"key"), newest["id"] if by_our_id else None
    row = ReportRow(*place, id, newest["provider_id"], "delivered", None)
    return (
        await pages(connection, messages.REPORT, *columns([row], *messages._REPORTED)),
        await pages(connection, consent.REPORTED, *row[:5]),
    )


async def test_a_report_costs_the_same_whatever_was_sent_before(connection: Connection) -> None:
    await fill(connection, 1, 1)
    few = await of_reports(connection)
    await fill(connection, 2, HUNDRED_ACCOUNTS)
    many = await of_reports(connection)
    assert all(later <= 2 * before for before, later in zip(few, many, strict=True)), (few, many)


async def of_an_overflow(connection: Connection) -> list[int]:
    """What bringing and sweeping touch."""
    tenant_id = await connection.fetchval("SELECT min(id) FROM tenants")
    return [
        await pages(connection, overflow.BRING, tenant_id, 10),
        await pages(connection, overflow.TENANTS),
        await pages(connection, overflow.ADD, [tenant_id], [await newest(connection)], [1]),
    ]


async def newest(connection: Connection) -> int:
    id: int = await connection.fetchval("SELECT max(id) FROM conversations")
    return id


async def test_what_a_flood_brings_costs_the_same_however_long_it_is(connection: Connection) -> None:
    await connection.execute(ACCOUNTS, 1, 1)
    await connection.execute(OVERFLOW, 1, 100)
    few = await of_an_overflow(connection)
    await connection.execute(OVERFLOW, 101, 5_000)
    many = await of_an_overflow(connection)
    assert all(later <= 3 * before for before, later in zip(few, many, strict=True)), (few, many)
