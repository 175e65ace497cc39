"""What of these tables moves with a tenant to another installation; the sums come of the lines there."""

from __future__ import annotations

from conserje.storage.moving import Moved, Numbered

NUMBERED = (Numbered("costs", "costs_id_seq", "SELECT id FROM costs WHERE tenant_id = $1 ORDER BY id"),)
MOVED = (
    Moved(
        "costs",
        {
            "id": "costs",
            "conversation_id": "conversations",
            "turn_id": "turns",
            "message_id": "messages",
        },
        "id",
    ),
)
