"""What is to be said to contacts: how it gets its place in a conversation, and what operators decide."""

from __future__ import annotations


def number(contents: str) -> str:
    """For an UPDATE of a conversation: the places of as many messages as the array `contents` has."""
    return f"next_sequence = next_sequence + cardinality({contents})"


def speak(contents: str, turn: str = "NULL::bigint", quotes: str = "NULL::text") -> str:
    """Stores `contents` in their places of `moved`, the conversation updated; the first one `quotes`."""
    return f"""
    INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, turn_id, sequence,
                          state, quotes)
    SELECT moved.tenant_id, moved.id, moved.account_id, 'out', said.content, kind_of(said.content), {turn},
           moved.next_sequence - cardinality({contents}) + said.n - 1, 'queued',
           CASE WHEN said.n = 1 THEN {quotes} END
    FROM moved, unnest({contents}) WITH ORDINALITY AS said (content, n)
    RETURNING id"""  # noqa: S608 - of our own


def has_said(content: str, *, turn: str, provider_id: str, at: str) -> str:
    """Stores the one `content` that has left by another way in its place of `moved`."""
    return f"""
    INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, turn_id, sequence,
                          state, provider_id, created_at, sent_at, sent_number)
    SELECT moved.tenant_id, moved.id, moved.account_id, 'out', {content}, kind_of({content}), {turn},
           moved.next_sequence - 1, 'sent', {provider_id},
           least(coalesce({at}, now()), now()), least(coalesce({at}, now()), now()), notification_number()
    FROM moved
    RETURNING id"""  # noqa: S608 - of our own


RETRY_MESSAGE = """
UPDATE messages SET state = 'queued', cause = NULL, due_at = NULL, fault = NULL
WHERE id = $1 AND state = 'held'
RETURNING tenant_id, conversation_id
"""

DROP_MESSAGE = """
UPDATE messages SET state = 'refused', cause = 'dropped by the operator', fault = NULL,
    sent_number = notification_number()
WHERE id = $1 AND state = 'held'
RETURNING tenant_id, conversation_id
"""
