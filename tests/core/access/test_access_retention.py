"""What is over goes; what was done stays for two years, and goes then also where its tenant is gone."""

from __future__ import annotations

import pytest

from conserje.access import retention
from conserje.storage import pruning
from conserje.storage.database import Pool

# Of each one that is due and one that is not.
ROWS = {
    "sign-ins": "INSERT INTO sign_ins (hash, login_id, agent, created_at)"
    " SELECT sha256(day::text::bytea), id, '', now() - make_interval(days => day)"
    " FROM logins, unnest('{13,15}'::int[]) AS day",
    "challenges": "INSERT INTO challenges SELECT sha256(minute::text::bytea), NULL,"
    " now() - make_interval(mins => minute) FROM unnest('{4,6}'::int[]) AS minute",
    "detours": "INSERT INTO detours (hash, kind, next, created_at) SELECT sha256(minute::text::bytea),"
    " 'sign-in', '/', now() - make_interval(mins => minute) FROM unnest('{9,11}'::int[]) AS minute",
    "invitations": "INSERT INTO invitations (hash, kind, email, name, login_id, expires_at)"
    " SELECT sha256(minute::text::bytea), 'reset', email, name, id, now() + make_interval(mins => minute)"
    " FROM logins, unnest('{-1,1}'::int[]) AS minute",
    "tries": "INSERT INTO tries SELECT minute::text, 1, now() - make_interval(mins => minute)"
    " FROM unnest('{14,16}'::int[]) AS minute",
    "audit": "INSERT INTO audit (at, tenant_id, login_id, who, of_operator, role, act, of, request_id)"
    " SELECT now() - make_interval(days => day), 99, 1, 'ana@example.com', false, 'owner', 'product.change',"
    " '', '' FROM unnest('{729,731}'::int[]) AS day",
}


@pytest.mark.parametrize("rule", retention.RULES, ids=lambda rule: rule.kind)
async def test_what_is_over_goes(pool: Pool, tenants: tuple[int, int], rule: pruning.Rule) -> None:
    async with pool.acquire() as connection:
        async with connection.transaction():
            await connection.execute("SET LOCAL ROLE conserje_owner")
            await connection.execute("INSERT INTO logins (email, name) VALUES ('ana@example.com', 'Ana')")
            await connection.execute(ROWS[rule.kind])
        assert await pruning.count(connection, rule, min(tenants)) == 1
        assert await pruning.count(connection, rule, max(tenants)) == 0
        batch = await pruning.prune(connection, rule, min(tenants), rule.first)
        assert (batch.rows, batch.next_key) == (1, None)
        assert batch.late is not None and batch.late.total_seconds() > 0
    assert await pool.fetchval(f"SELECT count(*) FROM {rule.table}") == 1
