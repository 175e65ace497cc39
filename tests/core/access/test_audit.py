"""The audit is only added to, and says nothing of a contact."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import asyncpg
import pytest
from core.access.conftest import Comes

from conserje.access import audit
from conserje.access.signed import Signed
from conserje.storage.database import Connection, Pool
from conserje.storage.scope import acting_for

HERE = ip_address("203.0.113.5")


async def note(connection: Connection, who: Signed, act: str, tenant_id: int | None, **more: object) -> None:
    values = {"address": HERE, "request_id": "r1"} | more
    await audit.record(connection, who, act, tenant_id=tenant_id, **values)  # type: ignore[arg-type]


async def test_it_says_who_did_what_as_whom(pool: Pool, tenants: tuple[int, int], comes: Comes) -> None:
    acme, _ = tenants
    ana, olga = await comes("Ana", acme=(acme, "owner")), await comes("Olga", "operator")
    async with acting_for(pool, acme) as scope:
        await note(
            scope.connection,
            ana,
            "product.change",
            acme,
            of="product 3",
            before={"price": 1},
            after={"price": 2},
        )
        await note(scope.connection, olga, "product.change", acme, of="product 4")
    async with pool.acquire() as connection:
        await note(connection, olga, "tenant.add", None, of="tenant bravo")
        [made, second, first] = await audit.list_all(connection)
        assert (made.tenant, made.who, made.of_operator, made.role) == (
            None,
            "olga@example.com",
            True,
            "operator",
        )
        assert (second.tenant, second.of_operator) == ("acme", True)
        assert (first.who, first.of_operator, first.role) == ("ana@example.com", False, "owner")
        assert (first.act, first.of, first.before, first.after) == (
            "product.change", "product 3", {"price": 1}, {"price": 2},
        )  # fmt: skip
        assert (first.address, first.request_id) == (HERE, "r1")
        assert await audit.list_all(connection, acme, limit=1) == [second]
        assert await audit.list_all(connection, acme, before=second.id) == [first]
        assert await audit.list_all(connection, acme, who="ana@example.com") == [first]
        assert await audit.list_all(connection, act="tenant.add") == [made]


async def test_it_is_undone_with_its_act(pool: Pool, tenants: tuple[int, int], comes: Comes) -> None:
    ana = await comes("Ana", acme=(tenants[0], "owner"))
    with pytest.raises(asyncio.CancelledError):
        async with acting_for(pool, tenants[0]) as scope:
            await note(scope.connection, ana, "product.change", tenants[0])
            raise asyncio.CancelledError
    assert await pool.fetchval("SELECT count(*) FROM audit") == 0


async def test_a_tenants_transaction_adds_for_no_other(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    acme, bravo = tenants
    ana = await comes("Ana", acme=(acme, "owner"))
    for other in (bravo, None):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with acting_for(pool, acme) as scope:
                await note(scope.connection, ana, "product.change", other)


CHANGES = (
    "UPDATE audit SET who = 'nobody'",
    "DELETE FROM audit",
    "TRUNCATE audit",
    "INSERT INTO audit (at, login_id, who, of_operator, role, act, of, request_id)"
    " VALUES (now() - interval '3 years', 1, 'x', true, 'owner', 'tenant.add', '', '')",
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["conserje_core", "conserje_tenant"])
async def test_nobody_changes_it(
    pool: Pool, comes: Comes, tenants: tuple[int, int], change: str, role: str
) -> None:
    ana = await comes("Ana", acme=(tenants[0], "owner"))
    async with pool.acquire() as connection:
        await note(connection, ana, "product.change", tenants[0])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute(f"SET LOCAL conserje.tenant = {tenants[0]}; SET LOCAL ROLE {role}")
                await connection.execute(change)
        assert [each.who for each in await audit.list_all(connection)] == ["ana@example.com"]


@pytest.mark.parametrize("change", CHANGES[:3])
async def test_nor_does_its_owner_by_mistake(pool: Pool, comes: Comes, change: str) -> None:
    ana = await comes("Ana", "owner")
    async with pool.acquire() as connection:
        await note(connection, ana, "tenant.add", None)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="what the audit says stays"):
            async with connection.transaction():
                await connection.execute("SET LOCAL ROLE conserje_owner")
                await connection.execute(change)


async def test_an_operator_who_reads_is_noted_once_an_hour(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    acme, bravo = tenants
    ana, olga = await comes("Ana", acme=(acme, "owner")), await comes("Olga", "reader")

    async def reads(who: Signed, tenant: int, conversation: int) -> None:
        async with acting_for(pool, tenant) as scope:
            await audit.reading(scope.connection, who, tenant, conversation, address=HERE, request_id="r1")

    await asyncio.gather(*(reads(olga, acme, 7) for _ in range(5)), reads(ana, acme, 7))
    await reads(olga, acme, 8)
    await reads(olga, bravo, 7)
    async with pool.acquire() as connection:
        lines = await audit.list_all(connection, acme)
    assert [(each.who, each.of) for each in lines] == [
        ("olga@example.com", "conversation 8"), ("olga@example.com", "conversation 7"),
    ]  # fmt: skip


async def test_of_a_contact_it_says_what_changed_and_not_into_what(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    ana = await comes("Ana", acme=(tenants[0], "owner"))
    async with acting_for(pool, tenants[0]) as scope:
        named = {"name": "Berta Rojas", "phone": "+56911112222"}
        await note(
            scope.connection,
            ana,
            "contact.change",
            tenants[0],
            of="contact 3",
            before={"name": "B"},
            after=named,
        )
    text = await pool.fetchval("SELECT audit::text FROM audit")
    assert "Berta" not in text and "5691" not in text
    async with pool.acquire() as connection:
        [line] = await audit.list_all(connection)
    assert line.after == {"name": None, "phone": None}


async def test_an_act_without_a_name_is_not_recorded(pool: Pool, comes: Comes) -> None:
    ana = await comes("Ana", "owner")
    async with pool.acquire() as connection:
        with pytest.raises(KeyError):
            await note(connection, ana, "tenant.burn", None)
