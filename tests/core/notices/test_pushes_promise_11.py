"""Who is to be told is found in what is new alone, whatever was said before."""

from __future__ import annotations

from plans import analyze, fill, pages

from conserje.conversations import desk
from conserje.notices import pushes
from conserje.storage.database import Connection
from conserje.storage.notifications import LAST_MESSAGE, LAST_NUMBER, Position

# Each tenant has an agent with a browser, who has its conversation.
AGENTS = """
WITH login AS (
    INSERT INTO logins (email, name) SELECT id || '@x.example', 'Eva' FROM tenants RETURNING id, email
), person AS (
    INSERT INTO people (tenant_id, name, email, role, login_id)
    SELECT split_part(email, '@', 1)::bigint, 'Eva', email, 'agent', id FROM login
), sign_in AS (
    INSERT INTO sign_ins (hash, login_id, agent) SELECT sha256(email::bytea), id, '' FROM login
    RETURNING hash, login_id
), device AS (
    INSERT INTO devices (sign_in, login_id, endpoint, p256dh, auth)
    SELECT hash, login_id, 'https://push.example/', decode(repeat('04', 65), 'hex'),
           decode(repeat('00', 16), 'hex')
    FROM sign_in
)
UPDATE conversations SET state = 'person', hand_back_at = now() + interval '1 day', person = 'Eva',
    login_id = login.id
FROM login WHERE tenant_id = split_part(email, '@', 1)::bigint
"""
PAST = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key, turn_id)
SELECT tenant_id, id, account_id, 'in', '{"type":"text","text":"hola"}',
       sha256((tenant_id || ' ' || n)::bytea), 1
FROM conversations, generate_series($1::int, $2) AS n ORDER BY n
"""
HAPPENED = """
INSERT INTO notifications (tenant_id, kind) SELECT id, 'account.well'
FROM tenants, generate_series($1::int, $2) AS n ORDER BY n
"""
READ = f"UPDATE pushes SET message_id = {LAST_MESSAGE}, number = {LAST_NUMBER}"
UNTIL = f"SELECT {LAST_MESSAGE}, {LAST_NUMBER}"
TENANTS = 8
FEW = 100  # pages, of all of them


async def lengthen(connection: Connection, first: int, last: int) -> None:
    await connection.execute(PAST, first, last)
    await connection.execute(HAPPENED, first, last)
    await analyze(connection, "messages", "notifications", "conversations", "pushes", "devices")


async def touched(connection: Connection) -> list[int]:
    """By a look after which nothing is new, one after a message at each, one that nobody did for long, and
    by the count of who waits."""
    tenant_id, login_id = await connection.fetchrow("SELECT tenant_id, login_id FROM people LIMIT 1") or (
        0,
        0,
    )
    end = Position(*(await connection.fetchrow(UNTIL) or ()))
    found = [await pages(connection, pushes.LOOK, 0, 0)]
    await connection.execute(READ)
    found.append(await pages(connection, pushes.LOOK, *end))
    await connection.execute("UPDATE pushes SET message_id = $1", end.message_id - TENANTS)
    found.append(await pages(connection, pushes.LOOK, *end))
    await connection.execute("UPDATE pushes SET message_id = 0, number = 0")
    found.append(await pages(connection, pushes.LOOK, *end))
    found.append(await pages(connection, desk.WAITING_FOR, tenant_id, login_id))
    return found


async def test_a_look_reads_what_is_new(connection: Connection) -> None:
    await fill(connection, 1, TENANTS)
    await connection.execute(AGENTS)
    await pushes.begin(connection)
    await lengthen(connection, 1, 1000)
    few = await touched(connection)
    await lengthen(connection, 1001, 6000)
    many = await touched(connection)
    assert all(later <= 2 * earlier + FEW for earlier, later in zip(few, many, strict=True)), (few, many)
