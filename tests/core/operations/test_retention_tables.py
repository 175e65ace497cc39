"""Each table that has rows of a tenant's is pruned, or holds nothing of a person, for a reason."""

from __future__ import annotations

from conserje.operations.retention import RULES
from conserje.storage.database import Pool

NOTHING_OF_A_PERSON = {
    "accounts": "the tenant's own, until it removes them",
    "api_keys": "the operator's and tenants' own, until they are revoked",
    "cost_warnings": "of which share of a bound somebody was told",
    "daily_costs": "sums",
    "domains": "the tenant's own",
    "fetches": "how far an account's provider was asked",
    "forgotten": "numbers and times of who is not to come back out of a backup",
    "former_slugs": "what the tenant was called",
    "illnesses": "what an account's provider refuses, until it is well",
    "mailings": "when the shop's own people were mailed to",
    "own_words": "hashes of what the business itself says",
    "paces": "when an account's next message leaves",
    "people": "the tenant's own, until it removes them",
    "positions": "numbers",
    "prepared_answers": "the tenant's own, until it removes them",
    "private_hosts": "the tenant's own",
    "products": "the tenant's own",
    "facts": "the tenant's own",
    "questions": "the tenant's own",
    "removed_files": "numbers, until the files are gone from the disk",
    "secrets_seen": "which of an account's secrets is used",
    "sender_tenants": "the tenant's own phones",
    "subscriptions": "the tenant's own, until it removes them",
    "tenant_changes": "numbers, for an hour",
    "tenant_files": "a sum",
    "uploads": "keyed hashes, for a day",
}

# With the tables whose rows go with those of others.
PRUNED = """
WITH RECURSIVE pruned AS (
    SELECT name::regclass AS id FROM unnest($1::text[]) AS name
    UNION
    SELECT conrelid FROM pg_constraint JOIN pruned ON confrelid = pruned.id
    WHERE contype = 'f' AND confdeltype = 'c'
)
SELECT id::text AS name FROM pruned
"""

TABLES = """
SELECT attrelid::regclass::text AS name FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE attname = 'tenant_id' AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
"""


async def test_each_table_of_tenants_is_pruned_or_holds_nothing_of_a_person(pool: Pool) -> None:
    tables = {row["name"] for row in await pool.fetch(TABLES)}
    pruned = {row["name"] for row in await pool.fetch(PRUNED, [rule.table for rule in RULES])}
    assert tables - pruned - NOTHING_OF_A_PERSON.keys() == set()
    assert not pruned & NOTHING_OF_A_PERSON.keys()
