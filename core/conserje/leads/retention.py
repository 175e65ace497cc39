"""Retention: closed leads go as messages do; open ones as their conversation does, or would."""

from __future__ import annotations

from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule

_TERM = "SELECT now() - keep_messages AS until FROM tenants WHERE id = $1"

REMOVE = f"""
WITH term AS MATERIALIZED ({_TERM}),
due AS MATERIALIZED (
    SELECT ctid AS place, closed_at FROM leads
    WHERE tenant_id = $1 AND state = 'closed' AND closed_at >= $2 AND closed_at < (SELECT until FROM term)
    ORDER BY closed_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM leads WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM due)) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(closed_at) END FROM due) AS next_key,
       (SELECT (SELECT until FROM term) - min(closed_at) FROM due) AS late
"""  # noqa: S608 - of our own

COUNT = f"SELECT count(*) FROM leads WHERE tenant_id = $1 AND state = 'closed' AND closed_at < ({_TERM})"  # noqa: S608

# The conversation of who wants no more messages stays; of it stays what they wanted of that, and no wish.
_IS_LEFT = """state = 'open' AND created_at < (SELECT until FROM term) AND EXISTS (
    SELECT FROM conversations WHERE conversations.tenant_id = $1 AND conversations.id = leads.conversation_id
      AND opted_out IS NOT NULL AND ill_since IS NULL AND conversations.state <> 'held'
      AND NOT (conversations.state = 'person' AND hand_back_at > now()) OFFSET 0)
AND NOT EXISTS (
    SELECT FROM messages
    WHERE messages.tenant_id = $1 AND messages.conversation_id = leads.conversation_id OFFSET 0)"""

REMOVE_LEFT = f"""
WITH term AS MATERIALIZED ({_TERM}),
page AS MATERIALIZED (
    SELECT id, created_at FROM leads
    WHERE tenant_id = $1 AND id > $2 AND (SELECT until FROM term) IS NOT NULL ORDER BY id LIMIT {LOOKED_AT}
), due AS MATERIALIZED (
    SELECT lead.place, created_at FROM page CROSS JOIN LATERAL (
        SELECT ctid AS place FROM leads
        WHERE tenant_id = $1 AND leads.id = page.id AND {_IS_LEFT} FOR UPDATE SKIP LOCKED) AS lead
), done AS (
    DELETE FROM leads WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM due)) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} AND min(created_at) < (SELECT until FROM term)
            THEN max(id) END FROM page) AS next_key,
       (SELECT (SELECT until FROM term) - min(created_at) FROM due) AS late
"""  # noqa: S608 - of our own

COUNT_LEFT = f"WITH term AS ({_TERM}) SELECT count(*) FROM leads WHERE tenant_id = $1 AND {_IS_LEFT}"  # noqa: S608

RULES = (
    Rule("leads", "leads", COUNT, REMOVE, EARLIEST),
    Rule("leads of who wants no messages", "leads", COUNT_LEFT, REMOVE_LEFT),
)
