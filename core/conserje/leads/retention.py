"""Retention: closed leads go as messages do; open ones with their conversation, at the latest."""

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

RULES = (Rule("leads", "leads", COUNT, REMOVE, EARLIEST),)
