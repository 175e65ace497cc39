"""What of these tables moves with a tenant to another installation, and how it is silent there."""

from __future__ import annotations

from conserje.storage.moving import Moved, Numbered
from conserje.storage.notifications import LAST_MESSAGE, LAST_NUMBER

NUMBERED = (Numbered("notices", "notices_id_seq", "SELECT id FROM notices WHERE tenant_id = $1 ORDER BY id"),)
MOVED = (
    Moved(
        "notices",
        {"id": "notices", "conversation_id": "conversations", "turn_id": "turns", "lead_id": "leads"},
        "conversation_id, id",
    ),
)
SILENCE = ("UPDATE notices SET due_at = NULL, cause = $2 WHERE tenant_id = $1 AND due_at IS NOT NULL",)

# The operator's subscriptions are told of what happens to the tenant here.
READ = f"""
INSERT INTO positions (tenant_id, subscription_id, message_id, number)
SELECT $1, id, {LAST_MESSAGE}, {LAST_NUMBER} FROM subscriptions WHERE tenant_id IS NULL
ON CONFLICT (tenant_id, subscription_id)
DO UPDATE SET message_id = excluded.message_id, number = excluded.number
"""  # noqa: S608 - of our own
