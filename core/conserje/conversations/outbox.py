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


def put_by(content: str, *, quotes: str, said_by: str, due_at: str) -> str:
    """Stores the one `content` in its place of `moved`, where it waits for its account's pace."""
    return f"""
    INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, turn_id, sequence,
                          state, quotes, said_by, due_at)
    SELECT moved.tenant_id, moved.id, moved.account_id, 'out', {content}, kind_of({content}), NULL,
           moved.next_sequence - 1, 'paced', {quotes}, {said_by}, {due_at}
    FROM moved
    RETURNING id"""  # noqa: S608 - of our own


def let_out(ids: str, held_before: str, cause: str) -> str:
    """Lets the messages `said` of `moved`, all of them `ids`, leave behind what was said until now; those are
    held that were stored before."""
    return f"""
    UPDATE messages SET state = CASE WHEN messages.created_at < {held_before} THEN 'held' ELSE 'queued' END,
        cause = CASE WHEN messages.created_at < {held_before} THEN {cause} END,
        due_at = NULL, released_at = now(),
        sequence = moved.next_sequence - cardinality(said) + leaving.n - 1
    FROM moved CROSS JOIN LATERAL unnest(said) WITH ORDINALITY AS leaving (id, n)
    WHERE messages.tenant_id = $1 AND conversation_id = moved.id AND messages.id = leaving.id
      AND messages.id = ANY ({ids}) AND messages.state = 'paced'
    RETURNING conversation_id"""  # noqa: S608 - of our own


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
