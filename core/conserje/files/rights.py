"""A person's rights: what these tables hold of one contact, and how they forget it."""

from __future__ import annotations

OF_CONTACT = "SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2"

# What is handed out of the tenant $1's contact $2, by its name there.
EXPORT = {
    "files": """
SELECT files.id, files.conversation_id, message_id, name, content_type, files.state, files.cause, bytes,
       encode(sha256, 'hex') AS sha256, files.created_at, kept_at
FROM conversations JOIN files ON files.tenant_id = $1 AND files.conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY files.id
""",
    "files_of_a_day": """
SELECT day, bytes FROM contact_files WHERE tenant_id = $1 AND contact_id = $2 ORDER BY day
""",
}

# The trigger of the first notes in removed_files what is to be taken from the disk.
FORGET = (
    f"DELETE FROM files WHERE tenant_id = $1 AND conversation_id IN ({OF_CONTACT})",  # noqa: S608 - of our own
    "DELETE FROM contact_files WHERE tenant_id = $1 AND contact_id = $2",
)
