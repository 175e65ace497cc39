"""What of these tables moves with a tenant to another installation, and how it is silent there."""

from __future__ import annotations

from conserje.conversations import effects, state
from conserje.conversations.sending import OUTCOME_UNKNOWN
from conserje.storage.moving import Moved, Numbered

NUMBERED = (
    Numbered(
        "contacts",
        "contacts_id_seq",
        "SELECT id FROM contacts WHERE tenant_id = $1"
        " UNION SELECT contact_id FROM forgotten WHERE tenant_id = $1 ORDER BY 1",
    ),
    Numbered(
        "conversations",
        "conversations_id_seq",
        "SELECT id FROM conversations WHERE tenant_id = $1 ORDER BY id",
    ),
    # Those that have no row, too: of what was dropped, and of what a conversation is at.
    Numbered(
        "turns",
        "turn_ids",
        "SELECT id FROM turns WHERE tenant_id = $1"
        " UNION SELECT turn_id FROM messages WHERE tenant_id = $1 AND turn_id > 0"
        " UNION SELECT turn_id FROM conversations WHERE tenant_id = $1 AND turn_id > 0"
        " UNION SELECT turn_id FROM notices WHERE tenant_id = $1 ORDER BY 1",
    ),
    Numbered("effects", "effects_id_seq", "SELECT id FROM effects WHERE tenant_id = $1 ORDER BY id"),
    Numbered("notes", "notes_id_seq", "SELECT id FROM notes WHERE tenant_id = $1 ORDER BY id"),
    Numbered(
        "prepared_answers",
        "prepared_answers_id_seq",
        "SELECT id FROM prepared_answers WHERE tenant_id = $1 ORDER BY id",
    ),
    Numbered("messages", "messages_id_seq", "SELECT id FROM messages WHERE tenant_id = $1 ORDER BY id"),
    Numbered("rejects", "rejects_id_seq", "SELECT id FROM rejects WHERE tenant_id = $1 ORDER BY id"),
)
MOVED = (
    Moved("contacts", {"id": "contacts"}, "id"),
    Moved("identities", {"contact_id": "contacts"}, "channel, name"),
    Moved(
        "conversations",
        {"id": "conversations", "account_id": "accounts", "contact_id": "contacts", "turn_id": "turns"},
        "id",
        {"leased_until": None, "starts": 0, "swept_at": None, "ill_since": None, "login_id": None},
    ),
    Moved("turns", {"id": "turns", "conversation_id": "conversations"}, "conversation_id, id"),
    Moved(
        "effects",
        {"id": "effects", "conversation_id": "conversations", "turn_id": "turns"},
        "conversation_id, turn_id, number",
    ),
    Moved(
        "messages",
        {"id": "messages", "conversation_id": "conversations", "account_id": "accounts", "turn_id": "turns"},
        "conversation_id, id",
        {"fault": None, "due_at": None, "sent_number": None},
    ),
    Moved(
        "summaries",
        {"conversation_id": "conversations", "covers": "messages"},
        "conversation_id",
        {"asked_at": None},
    ),
    Moved("prepared_answers", {"id": "prepared_answers"}, "id"),
    Moved("notes", {"id": "notes", "conversation_id": "conversations"}, "conversation_id, id"),
    Moved(
        "statuses",
        {"account_id": "accounts", "message_id": "messages"},
        "account_id, event_key",
        {"number": None},
    ),
    Moved("rejects", {"id": "rejects", "account_id": "accounts"}, "id"),
    Moved("own_words", {"account_id": "accounts"}, "account_id, digest"),
    Moved("forgotten", {"contact_id": "contacts"}, "contact_id"),
)
# After the conversations, whose making would ask them who wanted no more.
MOVED_LAST = (Moved("forgotten_addresses", {"account_id": "accounts"}, "account_id, digest"),)

# Of the tenant $1, for the cause $2: the installation that it comes from may have answered, or sent it.
SILENCE = (
    f"UPDATE messages SET state = 'held', cause = '{OUTCOME_UNKNOWN}: ' || $2"  # noqa: S608 - of our own
    " WHERE tenant_id = $1 AND state IN ('paced', 'queued', 'sending', 'uncertain')",
    state.SILENCE,
    effects.SILENCE,
)
