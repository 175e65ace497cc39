"""How long the rows of these tables are kept: what is over goes, and what was done stays for two years."""

from __future__ import annotations

from datetime import timedelta

from conserje.access import challenges, detours, sign_ins, tries
from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule

AUDIT_KEPT_FOR = timedelta(days=730)  # the database's own rule, too: what is younger nobody removes

# Logins are of no tenant, and what was done outlives its own: they go in the round of the first.
_DUE = """$1 = (SELECT min(id) FROM tenants) AND {column} < now() - interval '{term:.0f} seconds'"""
_REMOVE = """
WITH due AS MATERIALIZED (
    SELECT ctid AS place, {column} AS since FROM {table} WHERE {is_due} AND {column} >= $2
    ORDER BY {column} LIMIT {looked_at} {lock}
), done AS (
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT place FROM due)) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {looked_at} THEN max(since) END FROM due) AS next_key,
       (SELECT now() - interval '{term:.0f} seconds' - min(since) FROM due) AS late
"""


_SKIP = "FOR UPDATE SKIP LOCKED"


def _rule(kind: str, table: str, column: str, kept: timedelta = timedelta(), lock: str = _SKIP) -> Rule:
    term = kept.total_seconds()
    is_due = _DUE.format(column=column, term=term)
    count = f"SELECT count(*) FROM {table} WHERE {is_due}"  # noqa: S608 - of our own
    names = {"column": column, "table": table, "is_due": is_due, "term": term, "lock": lock}
    return Rule(kind, table, count, _REMOVE.format(**names, looked_at=LOOKED_AT), EARLIEST)


RULES = (
    _rule("sign-ins", "sign_ins", "created_at", sign_ins.LONGEST),
    _rule("challenges", "challenges", "created_at", challenges.ANSWERED_WITHIN),
    _rule("detours", "detours", "created_at", detours.LASTS),
    _rule("invitations", "invitations", "expires_at"),
    _rule("tries", "tries", "since", tries.WINDOW),
    _rule("audit", "audit", "at", AUDIT_KEPT_FOR, lock=""),  # nobody changes its rows
)
