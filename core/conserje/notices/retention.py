"""Retention: notices that have ended go 30 days later."""

from __future__ import annotations

from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule

_IS_DUE = """due_at IS NULL AND created_at < now() - interval '30 days'
      AND coalesce(sent_at, created_at) < now() - interval '30 days'"""

REMOVE = f"""
WITH due AS MATERIALIZED (
    SELECT ctid AS place, created_at FROM notices
    WHERE tenant_id = $1 AND created_at >= $2 AND {_IS_DUE}
    ORDER BY created_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM notices WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM due)) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(created_at) END FROM due) AS next_key,
       (SELECT now() - interval '30 days' - min(created_at) FROM due) AS late
"""  # noqa: S608 - of our own

COUNT = f"SELECT count(*) FROM notices WHERE tenant_id = $1 AND {_IS_DUE}"  # noqa: S608 - of our own

RULES = (Rule("notices", "notices", COUNT, REMOVE, EARLIEST),)
