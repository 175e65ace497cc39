"""A tenant in trouble: somebody waits for a person, and something is held."""

from __future__ import annotations

TROUBLE = """
WITH account AS (
    INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'post', '+56') RETURNING id
), contact AS (
    INSERT INTO contacts (tenant_id, name) VALUES ($1, 'Ana') RETURNING id
), conversation AS (
    INSERT INTO conversations (tenant_id, account_id, contact_id, peer, state, hand_back_at, turn_id)
    SELECT $1, account.id, contact.id, '+569', 'person', now() + interval '1 hour', 1 FROM account, contact
    RETURNING id, account_id
), held AS (
    INSERT INTO rejects (tenant_id, account_id, event_key, cause, raw)
    SELECT $1, id, 'k', 'It is of another kind', '{}' FROM account
)
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key)
SELECT $1, id, account_id, 'in', '{"type":"text","text":"hola"}', 'm' FROM conversation
"""
