"""Retention: what people asked goes as their messages do; a list that nobody took, after a day."""

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

REMOVE_IMPORTS = f"""
WITH due AS MATERIALIZED (
    SELECT id, made_at FROM imports WHERE tenant_id = $1 AND id > $2 AND made_at < now() - interval '1 day'
    ORDER BY id LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM imports WHERE tenant_id = $1 AND id IN (SELECT id FROM due) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(id) END FROM due) AS next_key,
       (SELECT now() - interval '1 day' - min(made_at) FROM due) AS late
"""  # noqa: S608 - of our own
COUNT_IMPORTS = "SELECT count(*) FROM imports WHERE tenant_id = $1 AND made_at < now() - interval '1 day'"

RULES = (
    Rule("questions asked", "asked", COUNT, REMOVE, EARLIEST),
    Rule("lists of products", "imports", COUNT_IMPORTS, REMOVE_IMPORTS),
)
