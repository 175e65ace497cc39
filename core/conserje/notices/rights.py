"""A person's rights: what these tables hold of one contact, and how they forget it."""

from __future__ import annotations

# What is handed out of the tenant $1's contact $2, by its name there.
EXPORT = {
    "notices": """
SELECT notices.conversation_id, notices.kind, notices.created_at, tries, due_at, sent_at, notices.cause
FROM conversations JOIN notices ON notices.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 AND illness IS NULL ORDER BY notices.id
""",
    "notifications": """
SELECT notifications.conversation_id, kind, data, notifications.created_at
FROM conversations JOIN notifications ON notifications.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY notifications.id
""",
    "tellings": """
SELECT conversation_id, kind, happened_at, told_at, status, answer, tellings.cause
FROM conversations JOIN tellings ON tellings.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY tellings.id
""",
}

# Nobody is told any more that they wait; that an account is ill is told all the same.
FORGET = (
    """
UPDATE notices SET cause = NULL, due_at = CASE WHEN illness IS NULL THEN NULL ELSE due_at END
WHERE tenant_id = $1 AND (cause IS NOT NULL OR due_at IS NOT NULL) AND conversation_id IN (
    SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2)
""",
    # What happened is told all the same, by ids alone.
    """
UPDATE notifications SET data = '{}'
WHERE tenant_id = $1 AND data <> '{}' AND conversation_id IN (
    SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2)
""",
    """
UPDATE tellings SET answer = NULL, cause = NULL
WHERE tenant_id = $1 AND (answer IS NOT NULL OR cause IS NOT NULL) AND conversation_id IN (
    SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2)
""",
)
