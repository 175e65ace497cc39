"""The state of conversations: every statement that changes it."""

from __future__ import annotations

from conserje.storage.database import Connection

# Hints that were lost (a stalled worker can finish its successor's job): conversations that have
# something to do and that nobody has looked at for a while.
SWEEP = """
WITH idle AS NOT MATERIALIZED (
    SELECT conversations.tenant_id, conversations.id, state FROM conversations
    JOIN tenants ON tenants.id = conversations.tenant_id AND tenants.status = 'active'
    WHERE coalesce(leased_until < now(), true) AND coalesce(swept_at, '-infinity') < now() - $1::interval * 4
), due AS (
    (SELECT 'converse' AS entrypoint, idle.tenant_id, idle.id FROM messages
     JOIN idle ON idle.tenant_id = messages.tenant_id AND idle.id = conversation_id AND idle.state <> 'held'
     WHERE direction = 'in' AND turn_id IS NULL AND created_at < now() - $1::interval LIMIT 1000)
    UNION
    (SELECT 'deliver', idle.tenant_id, idle.id FROM messages
     JOIN idle ON idle.tenant_id = messages.tenant_id AND idle.id = conversation_id
     WHERE messages.state IN ('queued', 'sending', 'uncertain')
       AND coalesce(due_at, attempted_at, created_at) < now() - $1::interval LIMIT 1000)
), swept AS (
    UPDATE conversations SET swept_at = now() FROM due
    WHERE conversations.tenant_id = due.tenant_id AND conversations.id = due.id
)
SELECT entrypoint, tenant_id, id FROM due
"""

LEAVE_TO_PERSON = """
UPDATE messages SET turn_id = conversations.turn_id FROM conversations
WHERE messages.tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND messages.turn_id IS NULL
  AND conversations.tenant_id = $1 AND conversations.id = $2
  AND messages.created_at + coalesce(late_by, '0') < hand_back_at
"""


async def leave_to_person(connection: Connection, tenant_id: int, conversation_id: int) -> None:
    """What came before the hand-back is marked as the hand-over's, or as the person's last message's."""
    await connection.execute(LEAVE_TO_PERSON, tenant_id, conversation_id)
