"""Plans: full tables, and how many of their pages a statement touches."""

from __future__ import annotations

import re

from conserje.storage.database import Connection

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

LONGEST = 60.0  # seconds that a table may take to be filled, however busy the machine is


async def fill(connection: Connection, first: int, last: int) -> None:
    """Add the tenants `first` to `last`, and let the server know how full the tables are."""
    await connection.execute(ACCOUNTS, first, last, timeout=LONGEST)
    await connection.execute(MESSAGES, timeout=LONGEST)
    await analyze(connection, "messages")


async def analyze(connection: Connection, *tables: str) -> None:
    """Let the server know how full these are, also with what is not committed yet."""
    await connection.execute("SET LOCAL ROLE conserje_owner")
    await connection.execute(f"ANALYZE {', '.join(tables)}")
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
