"""A person's rights: what this table holds of one contact, and how it forgets it."""

from __future__ import annotations

# What is handed out of the tenant $1's contact $2, by its name there.
EXPORT = {
    "leads": """
SELECT leads.id, conversation_id, wanted, leads.name, leads.phone, call_at, state, leads.created_at,
       leads.given_at, closed_at,
       (SELECT name FROM people WHERE people.tenant_id = $1 AND people.id = person_id) AS person
FROM leads WHERE leads.tenant_id = $1 AND contact_id = $2 ORDER BY leads.id
""",
}

FORGET = ("DELETE FROM leads WHERE tenant_id = $1 AND contact_id = $2",)
