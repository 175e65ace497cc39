"""Promise 6: through the application's own pool, with one tenant set, nothing of another is there."""

from __future__ import annotations

import asyncpg
import pytest
from scene import Scene
from waiting import until

from conserje.contract.message import StatusUpdate, Unreadable
from conserje.conversations import sending
from conserje.storage.database import DatabaseError, Pool
from conserje.storage.pool import connect_pool
from conserje.storage.scope import acting_for

TABLES = """
SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
       CASE WHEN c.relname = 'tenants' THEN 'id' ELSE 'tenant_id' END AS key,
       has_table_privilege('conserje_tenant', c.oid, 'SELECT') AS readable,
       has_table_privilege('conserje_tenant', c.oid, 'UPDATE') AS writable
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname NOT IN ('migrations', 'heartbeats', 'restorations', 'prices',
    'logins', 'sign_ins', 'passkeys', 'challenges', 'detours', 'tries', 'devices', 'push_keys')
"""


async def fill(scene: Scene, slug: str) -> int:
    """A row of the tenant in every table; its id."""
    entry = await scene.entry(slug)
    tenant, account = entry.tenant, entry.accounts[0]
    before = len(scene.post.sent)
    async with scene.working():
        await scene.write("hola", slug=slug)
        await until(lambda: len(scene.post.sent) > before)
    await scene.intake.take(
        tenant,
        [
            (account, StatusUpdate(account.address, "s", "read", "P1")),
            (account, Unreadable(account.address, "u", "raw", "why")),
        ],
    )
    for sql in (
        "INSERT INTO products (tenant_id, name, price) VALUES ($1, 'x', 1)",
        "INSERT INTO facts VALUES ($1, 'payment', 'x')",
        "INSERT INTO questions VALUES ($1, 'x', 'y')",
        "INSERT INTO asked VALUES ($1, 'x', 'x')",
        "INSERT INTO pictures VALUES ($1, repeat('0', 32), 'image/gif', 'x', 1)",
        "INSERT INTO imports (tenant_id, name, columns, unused, rows, wrong)"
        " VALUES ($1, 'x', '{}', '{}', '[]', '[]')",
        "INSERT INTO costs (tenant_id, day, kind, name) VALUES ($1, current_date, 'model', 'x')",
        "INSERT INTO contact_costs"
        " SELECT tenant_id, id, current_date, 1, 1 FROM contacts WHERE tenant_id = $1",
        "INSERT INTO cost_warnings VALUES ($1, current_date, 80)",
        "INSERT INTO domains (tenant_id, host) SELECT id, slug || '.example.com' FROM tenants WHERE id = $1",
        "INSERT INTO former_slugs SELECT id, slug || '-1', 'infinity' FROM tenants WHERE id = $1",
        f"INSERT INTO secrets_seen (tenant_id, account_id, name) VALUES ($1, {account.id}, 'x')",
        "INSERT INTO notices (tenant_id, conversation_id, turn_id, kind)"
        " SELECT tenant_id, id, 1, 'email' FROM conversations WHERE tenant_id = $1",
        f"INSERT INTO fetches (tenant_id, account_id) VALUES ($1, {account.id})",
        "INSERT INTO files"
        " (tenant_id, account_id, conversation_id, message_id, position, ref, name, content_type)"
        " SELECT tenant_id, account_id, conversation_id, id, 0, 'x', '', '' FROM messages"
        " WHERE tenant_id = $1 AND direction = 'in'",
        f"INSERT INTO illnesses (tenant_id, account_id, cause) VALUES ($1, {account.id}, 'no token')",
        f"INSERT INTO paces (tenant_id, account_id) VALUES ($1, {account.id})",
        f"INSERT INTO own_words (tenant_id, account_id, digest) VALUES ($1, {account.id}, 'x')",
        "INSERT INTO effects (tenant_id, conversation_id, turn_id, number, tool, arguments, state)"
        " SELECT tenant_id, conversation_id, id, 1, 'x', '{}', 'done' FROM turns WHERE tenant_id = $1",
        "INSERT INTO reservations SELECT tenant_id, id, 'x', '{}' FROM conversations WHERE tenant_id = $1",
        "INSERT INTO notes (tenant_id, conversation_id, author, text)"
        " SELECT tenant_id, id, '', 'x' FROM conversations WHERE tenant_id = $1",
        "INSERT INTO reads SELECT tenant_id, id, 1, 1 FROM conversations WHERE tenant_id = $1",
        "INSERT INTO prepared_answers (tenant_id, title, text) VALUES ($1, 'x', 'x')",
        "INSERT INTO presences (tenant_id, conversation_id, login_id, name, writes)"
        " SELECT tenant_id, id, 1, 'x', false FROM conversations WHERE tenant_id = $1",
        "INSERT INTO people (tenant_id, name, email) VALUES ($1, 'Ana', 'ana@example.com')",
        "INSERT INTO leads"
        " (tenant_id, conversation_id, contact_id, key, wish, wanted, name, phone, call_at)"
        " SELECT tenant_id, id, contact_id, 'x', 'x', 'x', '', '', ''"
        " FROM conversations WHERE tenant_id = $1",
        "INSERT INTO overflow SELECT tenant_id, id, 1 FROM conversations WHERE tenant_id = $1",
        "INSERT INTO summaries (tenant_id, conversation_id) SELECT tenant_id, id FROM conversations"
        " WHERE tenant_id = $1",
        "INSERT INTO removed_files (tenant_id, id) VALUES ($1, 1)",
        "INSERT INTO tenant_files (tenant_id, bytes) VALUES ($1, 1)",
        "INSERT INTO contact_files SELECT tenant_id, id, current_date, 1 FROM contacts WHERE tenant_id = $1",
        "INSERT INTO uploads VALUES ($1, current_date, 'x', 1, 1)",
        "INSERT INTO forgotten SELECT tenant_id, id FROM contacts WHERE tenant_id = $1",
        "INSERT INTO forgotten_addresses (tenant_id, account_id, digest)"
        " SELECT tenant_id, id, sha256('x') FROM accounts WHERE tenant_id = $1",
        "INSERT INTO mailings (tenant_id, recipient) VALUES ($1, 'team@acme.example')",
        "INSERT INTO notifications (tenant_id, kind) VALUES ($1, 'account.well')",
        "INSERT INTO subscriptions (tenant_id, url, secret, token_secret)"
        " VALUES ($1, 'https://acme.example', 'v1.x', 'v1.x')",
        "INSERT INTO positions SELECT tenant_id, id, 1, 1 FROM subscriptions WHERE tenant_id = $1",
        "INSERT INTO tellings (tenant_id, subscription_id, name, kind, about, happened_at)"
        " SELECT tenant_id, id, 'account-well-1', 'account.well', 1, now() FROM subscriptions"
        " WHERE tenant_id = $1",
        "INSERT INTO private_hosts VALUES ($1, 'http', 'n8n.internal', 5678)",
        "WITH login AS (INSERT INTO logins (email, name)"
        " SELECT $1::bigint || '@acme.example', 'Ana' RETURNING id),"
        " sign_in AS (INSERT INTO sign_ins (hash, login_id, agent)"
        " SELECT sha256($1::bigint::text::bytea), id, '' FROM login RETURNING hash, login_id),"
        " device AS (INSERT INTO devices (sign_in, login_id, endpoint, p256dh, auth)"
        " SELECT hash, login_id, 'https://push.example/', decode(repeat('04', 65), 'hex'),"
        " decode(repeat('00', 16), 'hex') FROM sign_in RETURNING sign_in)"
        " INSERT INTO pushes (tenant_id, sign_in, message_id, number) SELECT $1, sign_in, 0, 0 FROM device",
        "INSERT INTO consents (tenant_id, conversation_id, change, source, cause)"
        " SELECT tenant_id, id, 'out', 'contact', 'stop' FROM conversations WHERE tenant_id = $1",
        "INSERT INTO sender_tenants (tenant_id, phone) SELECT $1, '+5690000' || $1::bigint",
        "INSERT INTO api_keys (id, tenant_id, name, hash, scopes) SELECT lpad(id::text, 10, '0'), id, 'x',"
        " sha256('x'), '{read}' FROM tenants WHERE id = $1",
        "INSERT INTO invitations (hash, kind, email, name, tenant_id, person_id, role, expires_at)"
        " SELECT sha256(tenant_id::text::bytea), 'invitation', email, name, tenant_id, id, 'agent', now()"
        " FROM people WHERE tenant_id = $1",
        "INSERT INTO audit (tenant_id, login_id, who, of_operator, role, act, of, request_id)"
        " VALUES ($1, 1, 'ana@example.com', false, 'owner', 'product.change', '', '')",
        "INSERT INTO idempotency_keys (tenant_id, key, fingerprint, status, body)"
        " SELECT $1, 'x', sha256('x'), 201, '' WHERE $1::bigint > 0",
    ):
        await scene.pool.execute(sql, tenant.id)
    return tenant.id


async def test_a_tenant_sees_its_own_rows_only_in_every_table(scene: Scene) -> None:
    await scene.add("bravo")
    acme, bravo = await fill(scene, "acme"), await fill(scene, "bravo")
    tables = await scene.pool.fetch(TABLES)
    assert len(tables) >= 16
    for table in tables:
        assert table["forced"], table["name"]
        count = f"SELECT count(*) FROM {table['name']} WHERE {table['key']} = $1"
        assert await scene.pool.fetchval(count, bravo), f"{table['name']}: the test has no row to look for"
        if not table["readable"]:
            continue
        async with acting_for(scene.pool, acme) as scope:
            assert await scope.connection.fetchval(count, bravo) == 0, table["name"]
            assert await scope.connection.fetchval(count, acme) > 0, table["name"]


async def test_a_tenant_changes_and_adds_no_row_of_another(scene: Scene) -> None:
    await scene.add("bravo")
    acme, bravo = await fill(scene, "acme"), await fill(scene, "bravo")
    for table in await scene.pool.fetch(TABLES):
        if table["writable"]:
            async with acting_for(scene.pool, acme) as scope:
                change = f"UPDATE {table['name']} SET tenant_id = tenant_id WHERE tenant_id = $1"
                assert await scope.connection.execute(change, bravo) == "UPDATE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with acting_for(scene.pool, acme) as scope:
            await scope.connection.execute(
                "INSERT INTO products (tenant_id, name, price) VALUES ($1, 'y', 1)", bravo
            )


async def test_without_a_tenant_there_is_an_error_not_an_empty_answer(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE conserje_tenant")
        with pytest.raises(asyncpg.PostgresError):
            await connection.fetch("SELECT * FROM messages")


async def test_after_a_transaction_nothing_of_the_tenant_stays(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("INSERT INTO tenants (slug, name) VALUES ('acme', 'A')")
        for _ in range(2):
            async with acting_for(pool, 1) as scope:
                assert await scope.connection.fetchval("SELECT current_user") == "conserje_tenant"
        assert await connection.fetchval("SELECT current_user") == "conserje_core"
    assert {await pool.fetchval("SELECT current_user") for _ in range(3)} == {"conserje_core"}


async def test_a_superuser_may_not_serve(database_url: str) -> None:
    superuser = database_url.replace("//conserje@", "//postgres@")
    connection = await asyncpg.connect(superuser)
    try:
        await connection.execute("GRANT conserje_core TO postgres")
    finally:
        await connection.close()
    with pytest.raises(DatabaseError, match="superuser"):
        await connect_pool(superuser)


async def test_every_key_and_foreign_key_starts_with_the_tenant(pool: Pool) -> None:
    rows = await pool.fetch(
        "SELECT conrelid::regclass::text AS name, contype, ("
        "  SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1]) AS first"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f')"
        # A key, or who is told, may be the operator's, a process is nobody's, a login is of several tenants.
        " AND conrelid::regclass::text NOT IN"
        " ('tenants', 'migrations', 'api_keys', 'heartbeats', 'restorations', 'prices', 'subscriptions',"
        " 'logins', 'sign_ins', 'passkeys', 'challenges', 'detours', 'invitations', 'tries', 'audit',"
        " 'devices', 'push_keys')"
    )
    assert rows
    others = {(row["name"], row["first"]) for row in rows if row["first"] != "tenant_id"}
    assert others == {("people", "login_id"), ("pushes", "sign_in")}


OPEN = """
SELECT proname FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
WHERE prosecdef AND grantee = 0 AND privilege_type = 'EXECUTE'
  AND pronamespace IN ('public'::regnamespace, 'pgqueuer'::regnamespace)
"""


async def test_what_runs_with_its_owner_s_rights_is_called_by_nobody_else(pool: Pool) -> None:
    assert await pool.fetchval("SELECT count(*) > 2 FROM pg_proc WHERE prosecdef")
    assert await pool.fetch(OPEN) == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("SELECT announce('{1}')")


ACTING = "SELECT proname FROM pg_proc WHERE prosrc ~ 'PERFORM act_for\\(' ORDER BY 1"
LEAVING = """
UPDATE messages SET state = 'sending', attempt = 7 WHERE tenant_id = $1 AND direction = 'out'
RETURNING conversation_id, id, attempt
"""
CHARGED = ("America/Santiago", "post", "service", "CL", 1, 20_000, None)


async def of_tenant(scene: Scene, tenant_id: int) -> list[list[str]]:
    """All that is stored of the tenant."""
    rows = []
    for table in await scene.pool.fetch(TABLES):
        name, key = table["name"], table["key"]
        rows.append(await scene.pool.fetch(f"SELECT t::text FROM {name} AS t WHERE {key} = $1", tenant_id))
    return [sorted(row["t"] for row in each) for each in rows]


@pytest.mark.parametrize("inside", [False, True], ids=["by itself", "in another's transaction"])
async def test_a_function_that_acts_for_a_tenant_reads_and_changes_no_row_of_another(
    scene: Scene, inside: bool
) -> None:
    functions = [row["proname"] for row in await scene.pool.fetch(ACTING)]
    assert functions == [
        "claim_turn",
        "note_sent",
        "settle_turn",  # that of schema 67, and that of 71
        "settle_turn",
    ]  # turns/test_claim and test_settle ask others
    await scene.add("bravo")
    acme, bravo = await fill(scene, "acme"), await fill(scene, "bravo")
    [(conversation, said, tried)] = await scene.pool.fetch(LEAVING, bravo)
    theirs = await of_tenant(scene, bravo)
    async with scene.pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL conserje.tenant = '{bravo}'")  # left behind by somebody
        if inside:
            await connection.execute(f"SET LOCAL ROLE conserje_tenant; SET LOCAL conserje.tenant = '{acme}'")
        for tenant in (acme, bravo) if inside else (acme,):
            for alone in (True, False):
                place = (conversation, said, tried, "P")
                [noted] = await connection.fetch(sending.SENT, tenant, alone, *place, *CHARGED)
                assert (noted["account"], noted["warning"], noted["more"]) in (
                    (None,) * 3,
                    (None, None, False),
                )
        assert not await connection.fetchval("SELECT count(*) FROM messages WHERE tenant_id = $1", bravo)
    assert await of_tenant(scene, bravo) == theirs


async def test_what_a_function_acts_for_ends_with_its_transaction(scene: Scene) -> None:
    acme = await fill(scene, "acme")
    [place] = await scene.pool.fetch(LEAVING, acme)
    async with scene.pool.acquire() as connection:
        for _ in range(7):  # from the sixth time on by a plan for any arguments
            noted = await connection.fetchrow(sending.SENT, acme, True, *place, "P", *CHARGED)
            assert await connection.fetchval("SELECT current_user") == "conserje_core"
        assert noted
    assert await scene.pool.fetchval("SELECT provider_id FROM messages WHERE id = $1", place["id"]) == "P"
