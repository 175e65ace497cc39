"""What goes at once touches as many pages as it has rows, whatever the server has seen of the tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pages import Pages, counting
from past import TABLES, lengthen
from scene import Scene, stage

from conserje.operations import forgetting
from conserje.storage.database import Pool, connect_as_core
from conserje.storage.pool import connect_pool
from conserje.tenants import accounts, tenants

LONG = int(os.environ.get("HISTORY", "40000")) // 10
CAME = 400  # contacts of each tenant that came since the server looked
OF_A_CONTACT = 120  # pages at most: some for each table that refers to it, or to its conversation

# Two tenants whose contacts wrote, and were answered, since the server looked.
THEIRS = "JOIN tenants ON tenants.id = tenant_id AND slug IN ('charlie', 'delta')"
KNOWN = (
    "INSERT INTO contacts (tenant_id, name) SELECT id, n::text FROM tenants,"
    f" generate_series(1, {CAME}) AS n WHERE slug IN ('charlie', 'delta')",
    "INSERT INTO identities (tenant_id, channel, name, contact_id)"
    f" SELECT tenant_id, 'post', 'd' || contacts.id, contacts.id FROM contacts {THEIRS}",
    "INSERT INTO conversations (tenant_id, account_id, contact_id, peer)"
    " SELECT tenant_id, account_id, contact_id, identities.name FROM identities"
    f" JOIN (SELECT tenant_id AS of, id AS account_id FROM accounts) AS at ON at.of = tenant_id {THEIRS}",
)
CAME_SINCE = (
    "INSERT INTO turns (tenant_id, conversation_id, id, assistant, waited, thought)"
    " SELECT tenant_id, conversations.id, conversations.id, 'parrot', '1 s', '1 s' FROM conversations"
    f" {THEIRS}",
    "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, event_key,"
    " turn_id, sequence, state, provider_id)"
    """ SELECT tenant_id, conversations.id, account_id, direction, '{"text":"hola","type":"text"}', 'text',"""
    " CASE direction WHEN 'in' THEN sha256(peer::bytea) END, conversations.id,"
    " CASE direction WHEN 'out' THEN 1 END, CASE direction WHEN 'out' THEN 'read' END,"
    f" direction || conversations.id FROM conversations {THEIRS}, unnest(ARRAY['in', 'out']) AS direction",
)


async def come(url: str) -> None:
    """Of all that was said, the server has seen one conversation's when they write."""
    owner = await asyncpg.connect(url, server_settings={"role": "conserje_owner"})
    for statement in ("DELETE FROM tenants WHERE slug = 'bravo'", *KNOWN):
        await owner.execute(statement)
    for table in TABLES:
        await owner.execute(f"VACUUM (ANALYZE) {table}")
    for statement in CAME_SINCE:
        await owner.execute(statement)
    await owner.close()


async def remove_all(pool: Pool) -> None:
    """A contact is forgotten, its account is removed, and so is another tenant."""
    row = await pool.fetchrow(
        "SELECT contacts.tenant_id, contacts.id, address FROM contacts"
        " JOIN tenants ON tenants.id = contacts.tenant_id AND slug = 'charlie'"
        " JOIN accounts ON accounts.tenant_id = contacts.tenant_id ORDER BY contacts.id OFFSET 10 LIMIT 1"
    )
    assert row
    async with pool.acquire() as connection:
        assert await forgetting.forget(connection, row["tenant_id"], row["id"]) == 2
        await accounts.remove(connection, row["tenant_id"], "post", row["address"])
        await tenants.remove(connection, "delta")


def over(pages: Pages) -> dict[str, int]:
    """What touched more pages than it may."""
    most = {" ".join(statement.split())[:200]: touched for statement, touched in pages.most().items()}
    removes = ("DELETE FROM tenants", "DELETE FROM accounts")
    return {
        statement: touched
        for statement, touched in most.items()
        if touched > OF_A_CONTACT * (CAME if statement.startswith(removes) else 1)
    }


@pytest.mark.new_database
@pytest.mark.timeout(3600)
async def test_what_came_since_the_server_looked_is_removed_by_its_own_rows(
    database_url: str, keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counting(monkeypatch) as pages:
        pool = await connect_pool(database_url)
        async with stage(pool, database_url, keyring) as scene:
            for slug in ("acme", "bravo", "charlie", "delta"):
                await scene.add(slug)
            for slug, peer in (("acme", "ana"), ("bravo", "c0")):
                await scene.write("hola", peer, slug=slug)
            await lengthen(database_url, 0, LONG)
            await come(database_url)
            pages.most()
            await remove_all(pool)
        pool.terminate()
    assert over(pages) == {}


# Where no two rows have the same one, the server always sees it.
COUNTED = """
SELECT attrelid::regclass || '.' || attname AS name FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attname IN ('conversation_id', 'contact_id')
  AND coalesce(attoptions::text, '') NOT LIKE '%n_distinct%' AND NOT EXISTS (
    SELECT FROM pg_index WHERE indrelid = attrelid AND indisunique AND indpred IS NULL AND indnkeyatts = 2
      AND indkey[1] = attnum)
"""


async def test_rows_of_each_table_are_known_to_be_of_many(pool: Pool) -> None:
    assert [row["name"] for row in await pool.fetch(COUNTED)] == []


async def test_what_goes_at_once_has_more_time_than_other_statements(scene: Scene) -> None:
    class Noting(asyncpg.Connection):
        async def execute(self, query: str, *args: Any, **how: Any) -> Any:
            given.add((query.partition(" WHERE")[0], how.get("timeout")))
            return await super().execute(query, *args, **how)

    given: set[tuple[str, float | None]] = set()
    entry = await scene.entry()
    connection = await connect_as_core(scene.url, name="removing", connection_class=Noting)
    await accounts.remove(connection, entry.tenant.id, "post", entry.accounts[0].address)
    await tenants.remove(connection, entry.tenant.slug)
    await connection.close()
    assert given >= {("DELETE FROM accounts", 600.0), ("DELETE FROM tenants", 600.0)}
