"""Pruning touches as many pages as it prunes rows, however many there are beside them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pages import counting
from past import lengthen
from scene import stage

from conserje.conversations.retention import REJECTS_GOING
from conserje.files.folder import Folder
from conserje.operations import retention
from conserje.operations.retention import RULES, Pruned
from conserje.storage.pool import connect_pool
from conserje.storage.pruning import LOOKED_AT

pytestmark = [pytest.mark.new_database, pytest.mark.timeout(3600)]

LONG = int(os.environ.get("HISTORY", "40000")) // 3  # what `past` has thrice of
OF_A_ROW = 50  # pages at most: its own, its indexes' on several levels, its conversation's and its turn's
DEAD = LONG // 10  # pages that a first batch goes past: what the kind before let go is in the indexes still

# One of twenty is due, with each account; of the opted out, which stay, as many are old as are young.
BESIDE = (
    "INSERT INTO rejects (tenant_id, account_id, event_key, raw, cause, goes_at)"
    " SELECT tenant_id, id, sha256(n::text::bytea), '{\"odd\": true}', 'no sender',"
    " now() + CASE n % 20 WHEN 0 THEN interval '-1 day' ELSE interval '20 days' END"
    f" FROM accounts, generate_series(1, {LONG}) AS n",
    "INSERT INTO forgotten_addresses (tenant_id, account_id, digest, opted_out, forgotten_at)"
    " SELECT tenant_id, id, sha256(n::text::bytea), CASE n % 3 WHEN 0 THEN 'all' END,"
    " now() - CASE WHEN n % 20 = 0 OR n % 3 = 0 THEN interval '40 days' ELSE interval '9 days' END"
    f" FROM accounts, generate_series(1, {LONG}) AS n",
    # Two of each contact who wants no more messages.
    "WITH contact AS ("
    "  INSERT INTO contacts (tenant_id, name)"
    f" SELECT id, 'Z' || n FROM tenants, generate_series(1, {LONG} / 20) AS n RETURNING tenant_id, id"
    "), conversation AS ("
    "  INSERT INTO conversations (tenant_id, account_id, contact_id, peer, opted_out)"
    "  SELECT contact.tenant_id, accounts.id, contact.id, 'z' || contact.id, 'all' FROM contact"
    "  JOIN accounts ON accounts.tenant_id = contact.tenant_id RETURNING tenant_id, id, contact_id"
    ") INSERT INTO leads (tenant_id, conversation_id, contact_id, key, wish, wanted, name, phone, call_at,"
    " created_at)"
    " SELECT tenant_id, id, contact_id, n, sha256(n::text::bytea), 'pan', '', '', '',"
    " now() - interval '40 days' FROM conversation, generate_series(1, 2) AS n",
)

# What `past` has made is 39 to 40 days old: the messages of one tenant are to be emptied, the other's go.
OLD = (
    *BESIDE,
    "UPDATE tenants SET keep_statuses = '38 days',"
    " keep_messages = CASE slug WHEN 'acme' THEN interval '10 days' ELSE interval '3 days' END",
    "UPDATE turns SET settled_at = now() - interval '40 days'",
    "UPDATE notices SET created_at = now() - interval '40 days', sent_at = now() - interval '40 days'",
    "UPDATE conversations SET created_at = now() - interval '40 days',"
    " active_at = now() - interval '40 days'",
    "UPDATE files SET created_at = now() - interval '40 days'",
    "UPDATE contacts SET created_at = now() - interval '40 days'",
    "UPDATE messages SET turn_id = 0 WHERE direction = 'in' AND turn_id IS NULL",
)
READ = (
    "turns", "notices", "conversations", "contacts", "messages", "statuses", "files", "rejects",
    "forgotten_addresses", "leads",
)  # fmt: skip
READS_ALL = re.compile(rf"Seq Scan on (?:{'|'.join(READ)})\b")


async def plans(connection: asyncpg.Connection[Any]) -> AsyncIterator[tuple[str, str]]:
    """How each batch would be done, by its kind."""
    some = f"'{{{','.join(map(str, range(1, LOOKED_AT)))}}}'"
    for rule in RULES:
        after = "'1970-01-01'" if rule.first else "0"
        statements = [(rule.lock, after), (rule.prune, some)] if rule.lock else [(rule.prune, after)]
        for statement, key in statements:
            explained = statement.replace("$1", "2").replace("$2", key)
            rows = await connection.fetch(f"EXPLAIN {explained}")
            yield rule.kind, "\n".join(row[0] for row in rows)
    rows = await connection.fetch("EXPLAIN " + REJECTS_GOING.replace("$1", "'7 days'").replace("$2", "6"))
    yield "going", "\n".join(row[0] for row in rows)


async def counted(batches: AsyncIterator[Pruned], owner: asyncpg.Connection[Any]) -> Counter[str]:
    """How many rows of each kind went; the server looks at the tables, unvacuumed, whenever a kind begins.

    Of all messages it sees those of the one conversation that stay.
    """
    found: Counter[str] = Counter()
    last = None
    async for each in batches:
        found[each.kind] += each.rows
        if each[:2] != last:
            last = each[:2]
            await owner.execute(f"ANALYZE {', '.join(READ)}")
    return found


async def test_a_batch_touches_what_it_prunes(
    database_url: str, keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counting(monkeypatch) as pages:
        pool = await connect_pool(database_url)
        async with stage(pool, database_url, keyring) as scene:
            for slug, peer in (("acme", "ana"), ("bravo", "c0")):
                await scene.add(slug)
                await scene.write("hola", peer, slug=slug)
            await lengthen(database_url, 0, LONG)
            owner = await asyncpg.connect(database_url, server_settings={"role": "conserje_owner"})
            for statement in (*OLD, *(f"VACUUM (ANALYZE) {table}" for table in READ)):
                await owner.execute(statement)
            odd = [each async for each in plans(owner) if READS_ALL.search(each[1])]
            assert not odd, re.sub(r"\{1,2.*?\}", "…", odd[0][1])
            pages.most()
            async with pool.acquire() as connection:
                batches = retention.prune(connection, Folder(keyring.parent / "files"), 0)
                found = await counted(batches, owner)
            await owner.close()
        pool.terminate()
    assert found["messages"] >= 2 * LONG and found["contents"] >= LONG
    assert found["conversations"] == found["contacts"] == LONG
    others = (
        "statuses", "notices", "files", "turns", "rejects", "hashes of the forgotten",
        "leads of who wants no messages", "names of who wants no messages",
    )  # fmt: skip
    assert all(found[kind] > LOOKED_AT for kind in others), found
    most = {" ".join(statement.split())[:200]: touched for statement, touched in pages.most().items()}
    assert {name: touched for name, touched in most.items() if touched > LOOKED_AT * OF_A_ROW + DEAD} == {}
