"""A person's rights: what these tables hold of one contact, and how they forget it."""

from __future__ import annotations

OF_CONTACT = "SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2"

# What is handed out of the tenant $1's contact $2, by its name there.
EXPORT = {
    "costs": """
SELECT costs.conversation_id, costs.turn_id, costs.message_id, costs.at, costs.kind, costs.name, category,
       country, units, input, cached, output, seconds, micros
FROM conversations JOIN costs ON costs.tenant_id = $1 AND costs.conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY costs.id
""",
    "costs_of_a_day": """
SELECT day, tokens, micros FROM contact_costs WHERE tenant_id = $1 AND contact_id = $2 ORDER BY day
""",
}

# What was spent stays, and that it was for this contact does not.
FORGET = (
    f"UPDATE costs SET conversation_id = NULL, turn_id = NULL, message_id = NULL"  # noqa: S608 - of our own
    f" WHERE tenant_id = $1 AND conversation_id IN ({OF_CONTACT})",
    "DELETE FROM contact_costs WHERE tenant_id = $1 AND contact_id = $2",
)
