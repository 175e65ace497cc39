"""Idempotency: a request that comes again under its key gets the same answer, and is not done again.

What was answered is stored in the transaction that stores what was done, so that a crash loses both or none.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta

from conserje.errors import OperatorError
from conserje.storage.database import Connection
from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule

KEPT_FOR = timedelta(hours=24)
LONGEST = 200  # characters of a key

# The lock is the transaction's: who comes meanwhile is told so at once, and who comes later sees the row.
LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended($2, coalesce($1::bigint, 0)))"

FIND = """
SELECT fingerprint, status, location, body, created_at < now() - $3::interval AS gone FROM idempotency_keys
WHERE tenant_id IS NOT DISTINCT FROM $1 AND key = $2
"""

DROP = "DELETE FROM idempotency_keys WHERE tenant_id IS NOT DISTINCT FROM $1 AND key = $2"

KEEP = """
INSERT INTO idempotency_keys (tenant_id, key, fingerprint, status, location, body)
VALUES ($1, $2, $3, $4, $5, $6)
"""

_TERM = f"interval '{KEPT_FOR.total_seconds():.0f} seconds'"
_OF_TENANT = f"tenant_id = $1 AND created_at < now() - {_TERM}"
# The installation's own go in the round of its first tenant.
_OF_NOBODY = f"""tenant_id IS NULL AND $1 = (SELECT min(id) FROM tenants)
      AND created_at < now() - {_TERM}"""  # noqa: S608 - of our own

_REMOVE = f"""
WITH due AS MATERIALIZED (
    SELECT ctid AS place, created_at FROM idempotency_keys WHERE {{is_due}} AND created_at >= $2
    ORDER BY created_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(SELECT place FROM due)) RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(created_at) END FROM due) AS next_key,
       (SELECT now() - {_TERM} - min(created_at) FROM due) AS late
"""  # noqa: S608 - of our own


def _rule(kind: str, is_due: str) -> Rule:
    count = f"SELECT count(*) FROM idempotency_keys WHERE {is_due}"  # noqa: S608 - of our own
    return Rule(kind, "idempotency_keys", count, _REMOVE.format(is_due=is_due), EARLIEST)


RULES = (_rule("idempotency keys", _OF_TENANT), _rule("idempotency keys of the operator", _OF_NOBODY))


class KeyReused(OperatorError):
    """The key was another request's."""


class KeyInUse(OperatorError):
    """The request of this key is being done."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request under its key."""

    tenant_id: int | None  # None: it is the installation's
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, tenant_id: int | None, key: str, *parts: str | bytes) -> Asked:
        """The parts are what makes a request the same: its method, its path, its body."""
        written = [part.hex() if isinstance(part, bytes) else part for part in parts]
        return cls(tenant_id, key, hashlib.sha256(json.dumps(written).encode()).digest())


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered to a request."""

    status: int
    body: str
    location: str | None = None


async def recall(connection: Connection, asked: Asked) -> Answered | None:
    """What was answered to it; None: it is to be done, in this transaction, which `remember` ends.

    Waits for nobody. Raises KeyReused or KeyInUse.
    """
    if not await connection.fetchval(LOCK, asked.tenant_id, asked.key):
        raise KeyInUse("The request of this Idempotency-Key is being done: ask again in a moment.")
    row = await connection.fetchrow(FIND, asked.tenant_id, asked.key, KEPT_FOR)
    if row is None:
        return None
    if row["gone"]:
        await connection.execute(DROP, asked.tenant_id, asked.key)
        return None
    if row["fingerprint"] != asked.fingerprint:
        raise KeyReused("This Idempotency-Key was another request's: make a new one for each request.")
    return Answered(row["status"], row["body"], row["location"])


async def remember(connection: Connection, asked: Asked, answered: Answered) -> None:
    """Store the answer with what was done, for who asks again."""
    given = (answered.status, answered.location, answered.body)
    await connection.execute(KEEP, asked.tenant_id, asked.key, asked.fingerprint, *given)
