"""A cookie's token signs in for as long as its row stands, and the row does not say it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from core.access.conftest import Comes

from conserje.access import logins, sign_ins
from conserje.access.logins import LastOwner, LoginError
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for

HERE, THERE = ip_address("203.0.113.5"), ip_address("203.0.113.6")


async def came(pool: Pool, email: str = "ana@example.com") -> str:
    async with pool.acquire() as connection:
        return await sign_ins.begin(connection, await logins.add(connection, email, "Ana"), HERE, "Firefox")


async def test_a_token_signs_in_and_the_table_does_not_say_it(pool: Pool) -> None:
    token = await came(pool)
    found = await sign_ins.find(pool, token, HERE)
    assert found is not None and found.email == "ana@example.com" and found.stepped_up
    [row] = await pool.fetch("SELECT sign_ins::text AS text FROM sign_ins")
    assert token not in row["text"] and len(token) == 43
    for wrong in ("", token[:-1], token + "A", token.swapcase(), "\udcff", "x" * 10_000):
        assert await sign_ins.find(pool, wrong, HERE) is None


@pytest.mark.parametrize(
    ("column", "just", "too"),
    [("seen_at", "11:59:00", "12:01:00"), ("created_at", "13 days 23:59:00", "14 days 00:01:00")],
)
async def test_it_ends_when_nobody_is_there_and_after_two_weeks(
    pool: Pool, column: str, just: str, too: str
) -> None:
    token = await came(pool)
    await pool.execute(f"UPDATE sign_ins SET {column} = now() - interval '{just}'")
    assert await sign_ins.find(pool, token, HERE)
    await pool.execute(f"UPDATE sign_ins SET {column} = now() - interval '{too}'")
    assert await sign_ins.find(pool, token, HERE) is None
    async with pool.acquire() as connection:
        assert await sign_ins.list_all(connection, 0) == []


async def test_that_somebody_is_there_is_noted_once_a_minute(pool: Pool) -> None:
    token = await came(pool)
    seen = await pool.fetchval("SELECT seen_at FROM sign_ins")
    await sign_ins.find(pool, token, THERE)
    assert await pool.fetchrow("SELECT seen_at, address FROM sign_ins") == (seen, HERE)
    await pool.execute("UPDATE sign_ins SET seen_at = now() - interval '61 seconds'")
    await sign_ins.find(pool, token, THERE)
    assert await pool.fetchval("SELECT seen_at FROM sign_ins") > seen
    assert await pool.fetchval("SELECT address FROM sign_ins") == THERE


async def test_what_was_given_again_counts_for_ten_minutes(pool: Pool) -> None:
    token = await came(pool)
    await pool.execute("UPDATE sign_ins SET stepped_up_at = now() - interval '601 seconds'")
    found = await sign_ins.find(pool, token, HERE)
    assert found and not found.stepped_up
    async with pool.acquire() as connection:
        await sign_ins.step_up(connection, found.sign_in)
    again = await sign_ins.find(pool, token, HERE)
    assert again and again.stepped_up


async def test_a_login_sees_and_ends_its_own_alone(pool: Pool) -> None:
    first, stranger = await came(pool), await came(pool, "eva@example.com")
    ana, eva = await sign_ins.find(pool, first, HERE), await sign_ins.find(pool, stranger, HERE)
    assert ana and eva
    async with pool.acquire() as connection:
        second = await sign_ins.begin(connection, ana.login_id, THERE, "Chrome " * 100)
        assert {each.address for each in await sign_ins.list_all(connection, ana.login_id)} == {HERE, THERE}
        await sign_ins.revoke(connection, eva.login_id, ana.sign_in)
        assert await sign_ins.find(pool, first, HERE)
        await sign_ins.end_others(connection, ana.login_id, but=ana.sign_in)
        assert await sign_ins.find(pool, second, HERE) is None
        await sign_ins.end(connection, ana.sign_in)
    assert await sign_ins.find(pool, first, HERE) is None
    assert await sign_ins.find(pool, stranger, HERE)


CHANGES = {
    "another role": "UPDATE people SET role = 'reader' WHERE name = 'Ana'",
    "no role": "UPDATE people SET role = NULL WHERE name = 'Ana'",
    "left": "UPDATE people SET active = false WHERE name = 'Ana'",
    "removed": "DELETE FROM people WHERE name = 'Ana'",
    "no operator": "UPDATE logins SET operator_role = NULL WHERE name = 'Ana'",
    "no login": "DELETE FROM logins WHERE name = 'Ana'",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_whose_role_is_another_signs_in_anew(
    pool: Pool, tenants: tuple[int, int], comes: Comes, change: str
) -> None:
    ana = await comes("Ana", "reader", acme=(tenants[0], "agent"))
    eva = await comes("Eva", acme=(tenants[0], "owner"))
    assert [(each.slug, each.role) for each in ana.memberships] == [("acme", "agent")]
    await pool.execute("UPDATE people SET given_at = now(), phone = '+56911112222'")
    assert await pool.fetchval("SELECT count(*) FROM sign_ins") == 2
    await pool.execute(change)
    assert await pool.fetchval("SELECT array_agg(login_id) FROM sign_ins") == [eva.login_id]


async def test_also_where_a_tenants_own_transaction_changes_it(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    await comes("Ana", acme=(tenants[0], "agent"))
    async with acting_for(pool, tenants[0]) as scope:
        await scope.connection.execute("UPDATE people SET role = 'owner'")
    assert await pool.fetchval("SELECT count(*) FROM sign_ins") == 0


async def test_a_login_is_of_several_tenants_and_of_no_other(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    acme, bravo = tenants
    both = await comes("Ana", acme=(acme, "owner"), bravo=(bravo, "reader"))
    assert [each.tenant_id for each in both.memberships] == [acme, bravo]
    one = await comes("Eva", bravo=(bravo, "reader"))
    assert one.member_of(acme) is None and one.member_of(None) is None


async def test_an_email_has_one_login_however_it_is_written(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await logins.add(connection, " Ana@Example.com", "Ana  Soto")
        found = await logins.find(connection, "ANA@example.com ")
        assert found and (found.email, found.name) == ("ana@example.com", "Ana Soto")
        for email, name in (
            ("ana@example.com", "Eva"),
            ("ana", "Eva"),
            ("eva@example.com", " "),
            ("a\0", "E"),
        ):
            with pytest.raises(LoginError, match=r"\.$"):
                await logins.add(connection, email, name)


async def test_the_last_owner_stays(pool: Pool, comes: Comes) -> None:
    ana, eva = await comes("Ana", "owner"), await comes("Eva", "operator")
    async with pool.acquire() as connection:
        for leave in (
            logins.change_role(connection, ana.login_id, "reader"),
            logins.remove(connection, ana.login_id),
        ):
            with pytest.raises(LastOwner):
                await leave
        await logins.change_role(connection, eva.login_id, "owner")
        await logins.remove(connection, ana.login_id)
        assert [each.email for each in await logins.operators(connection)] == ["eva@example.com"]
