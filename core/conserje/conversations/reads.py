"""The table reads: how far each login has read a conversation; what a contact wrote after that is unread."""

from __future__ import annotations

from conserje.storage.database import Connection

# Nobody has read less than before, but by saying so; of a conversation that is not there nothing is kept.
MARK = """
INSERT INTO reads (tenant_id, conversation_id, login_id, message_id)
SELECT $1, id, $3, $4 FROM conversations WHERE tenant_id = $1 AND id = $2
ON CONFLICT (tenant_id, conversation_id, login_id) DO UPDATE SET message_id = excluded.message_id
WHERE reads.message_id < excluded.message_id
"""

# From the last message of the contact's on, of the last $4.
MARK_UNREAD = """
INSERT INTO reads (tenant_id, conversation_id, login_id, message_id)
SELECT $1, $2, $3, max(id) - 1 FROM (
    SELECT id, direction FROM messages WHERE tenant_id = $1 AND conversation_id = $2
    ORDER BY id DESC LIMIT $4) AS latest
WHERE direction = 'in' HAVING max(id) IS NOT NULL
ON CONFLICT (tenant_id, conversation_id, login_id) DO UPDATE SET message_id = excluded.message_id
"""
LOOKED_AT = 200  # messages

FORGET = """
DELETE FROM reads WHERE tenant_id = $1 AND conversation_id IN (
    SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2)
"""


async def mark(
    connection: Connection, tenant_id: int, login_id: int, conversation_id: int, message_id: int
) -> None:
    """The login has read the conversation up to that message."""
    await connection.execute(MARK, tenant_id, conversation_id, login_id, message_id)


async def mark_unread(connection: Connection, tenant_id: int, login_id: int, conversation_id: int) -> None:
    """The contact's last message is unread again; nothing where there is none."""
    await connection.execute(MARK_UNREAD, tenant_id, conversation_id, login_id, LOOKED_AT)
