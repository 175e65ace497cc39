"""Retention: lines of costs go after 400 days, while their sums stay; a contact's sums after two days."""

from __future__ import annotations

from conserje.storage.pruning import LOOKED_AT, Rule

_IS_OLD = "at < now() - interval '400 days'"
REMOVE = f"""
WITH page AS MATERIALIZED (
    SELECT id, at, ctid AS place FROM costs WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT {LOOKED_AT}
), done AS (
    DELETE FROM costs WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM page WHERE {_IS_OLD}))
    RETURNING at
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} AND bool_or({_IS_OLD})
            THEN max(id) END FROM page) AS next_key,
       (SELECT now() - interval '400 days' - min(at) FROM done) AS late
"""  # noqa: S608 - of our own
COUNT = f"SELECT count(*) FROM costs WHERE tenant_id = $1 AND {_IS_OLD}"  # noqa: S608 - of our own

_IS_PAST = "day < current_date - 1"
REMOVE_DAYS = f"""
WITH due AS MATERIALIZED (
    SELECT contact_id, day, ctid AS place FROM contact_costs
    WHERE tenant_id = $1 AND contact_id > $2 AND {_IS_PAST} ORDER BY contact_id LIMIT {LOOKED_AT}
    FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM contact_costs WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM due)) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(contact_id) - 1 END FROM due) AS next_key,
       (SELECT now() - interval '2 days' - min(day)::timestamptz FROM due) AS late
"""  # noqa: S608 - of our own
COUNT_DAYS = f"SELECT count(*) FROM contact_costs WHERE tenant_id = $1 AND {_IS_PAST}"  # noqa: S608

RULES = (
    Rule("costs", "costs", COUNT, REMOVE),
    Rule("costs of contacts' days", "contact_costs", COUNT_DAYS, REMOVE_DAYS),
)
