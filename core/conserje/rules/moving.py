"""What of this table moves with a tenant to another installation."""

from __future__ import annotations

from conserje.storage.moving import Moved, Numbered

NUMBERED = (
    Numbered("consents", "consents_id_seq", "SELECT id FROM consents WHERE tenant_id = $1 ORDER BY id"),
)
MOVED = (
    Moved(
        "consents",
        {"id": "consents", "conversation_id": "conversations", "confirmation_id": "messages"},
        "conversation_id, id",
    ),
)
