"""Retention: what people asked goes as their messages do."""

from __future__ import annotations

from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule

_TERM = "(SELECT keep_messages FROM tenants WHERE id = $1)"

REMOVE = f"""
WITH due AS MATERIALIZED (
    SELECT ctid AS place, last_at FROM asked
    WHERE tenant_id = $1 AND last_at >= $2 AND last_at < now() - {_TERM}
    ORDER BY last_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM asked WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM due)) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(last_at) END FROM due) AS next_key,
       (SELECT now() - {_TERM} - min(last_at) FROM due) AS late
"""  # noqa: S608 - of our own

COUNT = f"SELECT count(*) FROM asked WHERE tenant_id = $1 AND last_at < now() - {_TERM}"  # noqa: S608 - of our own

RULES = (Rule("questions asked", "asked", COUNT, REMOVE, EARLIEST),)
