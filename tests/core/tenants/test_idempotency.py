"""A request under its key: done once, whatever breaks, for a day."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from waiting import until

from conserje.files.folder import Folder
from conserje.operations.retention import due, prune
from conserje.storage.database import Connection, Pool
from conserje.storage.scope import acting_for, acting_for_all
from conserje.tenants import idempotency, tenants
from conserje.tenants.idempotency import Answered, Asked, KeyInUse, KeyReused

ANSWERED = Answered(201, '{"id": 1}', "/there")


async def acme(pool: Pool) -> int:
    async with pool.acquire() as connection:
        return (await tenants.add(connection, "acme", "Acme")).id


async def recalled(pool: Pool, asked: Asked) -> Answered | None:
    async with acting_for_all(pool) as scope:
        return await idempotency.recall(scope.connection, asked)


async def do(connection: Connection, asked: Asked) -> None:
    """What is done and what is answered, in the caller's transaction."""
    assert await idempotency.recall(connection, asked) is None
    await idempotency.remember(connection, asked, ANSWERED)


async def test_what_was_done_is_answered_the_same_to_its_tenant_alone(pool: Pool) -> None:
    tenant_id = await acme(pool)
    asked = Asked.of(tenant_id, "k", "POST", "/x", b"{}")
    async with acting_for(pool, tenant_id) as scope:
        await do(scope.connection, asked)
    assert await recalled(pool, asked) == ANSWERED
    assert await recalled(pool, Asked.of(None, "k", "POST", "/x", b"{}")) is None
    for parts in (("POST", "/y", b"{}"), ("POST", "/x", b"{ }"), ("POST", "/x{}", b"")):
        with pytest.raises(KeyReused):
            await recalled(pool, Asked.of(tenant_id, "k", *parts))


async def test_what_broke_before_its_end_was_neither_done_nor_answered(pool: Pool) -> None:
    asked = Asked.of(None, "k", "POST", "/x")
    with pytest.raises(ZeroDivisionError):
        async with acting_for_all(pool) as scope:
            await do(scope.connection, asked)
            raise ZeroDivisionError
    async with pool.acquire() as dying:
        await dying.execute("BEGIN")
        await do(dying, asked)
        dying.terminate()

    async def is_free() -> bool:
        """Once the server has seen that the connection is gone."""
        with suppress(KeyInUse):
            assert await recalled(pool, asked) is None
            return True
        return False

    await until(is_free)


async def test_while_it_is_done_nobody_waits(pool: Pool) -> None:
    tenant_id = await acme(pool)
    asked = Asked.of(tenant_id, "k", "POST", "/x")
    async with acting_for(pool, tenant_id) as scope:
        await do(scope.connection, asked)
        with pytest.raises(KeyInUse):
            await recalled(pool, asked)
        await recalled(pool, Asked.of(tenant_id, "other", "POST", "/x"))
        await recalled(pool, Asked.of(None, "k", "POST", "/x"))
    assert await recalled(pool, asked) == ANSWERED


async def test_after_a_day_it_goes(pool: Pool, tmp_path: Path) -> None:
    tenant_id = await acme(pool)
    async with acting_for_all(pool) as scope:
        for owner in (tenant_id, None):
            for key in ("old", "new"):
                await do(scope.connection, Asked.of(owner, key, "POST", "/x"))
    await pool.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = 'old'"
    )
    async with pool.acquire() as connection:
        kinds = [each.kind async for each in due(connection)]
        assert sorted(kinds) == ["idempotency keys", "idempotency keys of the operator"]
        pruned = [each.rows async for each in prune(connection, Folder(tmp_path), 0.0) if each.tenant]
    assert pruned == [1, 1]
    assert {row["key"] for row in await pool.fetch("SELECT key FROM idempotency_keys")} == {"new"}
