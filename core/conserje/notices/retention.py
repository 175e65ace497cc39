"""Retention: what was to be told, and what happened, goes after 30 days."""

from __future__ import annotations

from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule


def _rule(table: str, is_due: str) -> Rule:
    remove = f"""
WITH due AS MATERIALIZED (
    SELECT ctid AS place, created_at FROM {table}
    WHERE tenant_id = $1 AND created_at >= $2 AND {is_due}
    ORDER BY created_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM {table} WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM due)) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(created_at) END FROM due) AS next_key,
       (SELECT now() - interval '30 days' - min(created_at) FROM due) AS late
"""  # noqa: S608 - of our own
    count = f"SELECT count(*) FROM {table} WHERE tenant_id = $1 AND {is_due}"  # noqa: S608 - of our own
    return Rule(table, table, count, remove, EARLIEST)


_IS_OLD = "created_at < now() - interval '30 days'"

RULES = (
    _rule(
        "notices",
        f"due_at IS NULL AND {_IS_OLD} AND coalesce(sent_at, created_at) < now() - interval '30 days'",
    ),
    _rule("notifications", _IS_OLD),
    _rule(
        "tellings",
        f"due_at IS NULL AND {_IS_OLD} AND coalesce(told_at, created_at) < now() - interval '30 days'",
    ),
)
