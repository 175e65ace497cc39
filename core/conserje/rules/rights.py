"""A person's rights: what this table holds of one contact, and how it forgets it."""

from __future__ import annotations

# What is handed out of the tenant $1's contact $2, by its name there.
EXPORT = {
    "consents": """
SELECT conversation_id, change, source, consents.cause, consents.created_at
FROM conversations JOIN consents ON consents.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY consents.id
""",
}

# That there was a sign, and when, stays; the words that it was do not.
FORGET = (
    """
UPDATE consents SET cause = ''
WHERE tenant_id = $1 AND cause <> '' AND conversation_id IN (
    SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2)
""",
)
