"""What of this table moves with a tenant to another installation."""

from __future__ import annotations

from conserje.storage.moving import Moved, Numbered

NUMBERED = (Numbered("leads", "leads_id_seq", "SELECT id FROM leads WHERE tenant_id = $1 ORDER BY id"),)
MOVED = (
    Moved(
        "leads",
        {"id": "leads", "conversation_id": "conversations", "contact_id": "contacts", "person_id": "people"},
        "id",
    ),
)
