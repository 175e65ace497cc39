"""Links: each is good once, for whom and for what it was made."""

from __future__ import annotations

import asyncio

import pytest
from authenticator import Authenticator
from core.access.conftest import Comes
from core.access.test_passkeys import with_passkey

from conserje.access import invitations, logins, members, passwords, sign_ins
from conserje.access.invitations import Invitation, LinkSpent, NotToBeInvited
from conserje.access.logins import LastOwner, LoginError
from conserje.access.members import NoMember
from conserje.access.signed import TenantRole
from conserje.errors import NotThere
from conserje.storage.database import Pool


async def invited(pool: Pool, tenant_id: int, name: str = "Ana", role: TenantRole | None = "agent") -> str:
    async with pool.acquire() as connection:
        person = await members.add(connection, tenant_id, name, f"{name}@Example.com", None, role)
        return await invitations.make_link(
            connection, await invitations.invite_person(connection, tenant_id, person)
        )


async def taken(pool: Pool, token: str) -> Invitation:
    async with pool.acquire() as connection:
        return await invitations.take(connection, token)


async def test_it_says_to_whom_and_what_and_stays_until_it_is_taken(
    pool: Pool, tenants: tuple[int, int]
) -> None:
    token = await invited(pool, tenants[0])
    for _ in range(3):
        found = await invitations.find(pool, token)
    assert (found.email, found.name, found.tenant, found.role) == ("ana@example.com", "Ana", "Acme", "agent")
    [row] = await pool.fetch("SELECT invitations::text AS text FROM invitations")
    assert token not in row["text"]
    assert await taken(pool, token) == found
    for again in (taken(pool, token), invitations.find(pool, token), invitations.find(pool, "x" * 9999)):
        with pytest.raises(LinkSpent):
            await again


async def test_of_ten_at_once_one_takes_it(pool: Pool, tenants: tuple[int, int]) -> None:
    token = await invited(pool, tenants[0])
    done = await asyncio.gather(*(taken(pool, token) for _ in range(10)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Invitation"] + ["LinkSpent"] * 9


async def test_it_ends_after_three_days(pool: Pool, tenants: tuple[int, int]) -> None:
    token = await invited(pool, tenants[0])
    await pool.execute("UPDATE invitations SET expires_at = expires_at - interval '71 hours 59 minutes'")
    await invitations.find(pool, token)
    await pool.execute("UPDATE invitations SET expires_at = expires_at - interval '2 minutes'")
    with pytest.raises(LinkSpent):
        await invitations.find(pool, token)
    with pytest.raises(LinkSpent):
        await taken(pool, token)


async def test_who_takes_it_has_that_part_alone(pool: Pool, tenants: tuple[int, int]) -> None:
    invitation = await taken(pool, await invited(pool, tenants[0]))
    async with pool.acquire() as connection:
        login_id = await logins.add(connection, invitation.email, "Ana")
        await invitations.join(connection, invitation, login_id)
        token = await sign_ins.begin(connection, login_id, None, "x")
    signed = await sign_ins.find(pool, token, None)
    assert signed and not signed.operator_role
    assert [(each.slug, each.role) for each in signed.memberships] == [("acme", "agent")]


CHANGES = {
    "the role is another": "UPDATE people SET role = 'owner'",
    "the person left": "UPDATE people SET active = false",
    "somebody has the part": "UPDATE people SET login_id = (SELECT min(id) FROM logins)",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_what_is_not_as_it_was_offered_is_not_taken(
    pool: Pool, tenants: tuple[int, int], comes: Comes, change: str
) -> None:
    eva = await comes("Eva")
    invitation = await taken(pool, await invited(pool, tenants[0]))
    await pool.execute(change)
    async with pool.acquire() as connection:
        login_id = await logins.add(connection, "ana@example.com", "Ana")
        with pytest.raises(LinkSpent):
            await invitations.join(connection, invitation, login_id)
    assert await pool.fetchval("SELECT count(*) FROM people WHERE login_id <> $1", eva.login_id) == 0


async def test_a_second_invitation_voids_the_first(pool: Pool, tenants: tuple[int, int]) -> None:
    first = await invited(pool, tenants[0])
    person = await pool.fetchval("SELECT id FROM people")
    async with pool.acquire() as connection:
        made = await invitations.invite_person(connection, tenants[0], person)
        with pytest.raises(LinkSpent):
            await invitations.find(pool, first)
        second = await invitations.make_link(connection, made)
        third = await invitations.make_link(connection, made)
        assert [each.email for each in await invitations.open_to(connection, tenants[0])] == [
            "ana@example.com"
        ]
        assert await invitations.open_to(connection, tenants[1]) == []
        assert await invitations.open_to(connection, None) == []
    with pytest.raises(LinkSpent):
        await taken(pool, second)
    await taken(pool, third)


async def test_without_a_role_or_with_a_login_nobody_is_invited(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    with pytest.raises(NotToBeInvited):
        await invited(pool, tenants[0], role=None)
    await comes("Eva", acme=(tenants[0], "owner"))
    other = await pool.fetchval("SELECT id FROM people WHERE name = 'Eva'")
    async with pool.acquire() as connection:
        for tenant_id, person in ((tenants[0], other), (tenants[1], other)):
            with pytest.raises(NotThere):
                await invitations.invite_person(connection, tenant_id, person)


async def test_a_login_is_once_of_a_tenants_people(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    eva = await comes("Eva", acme=(tenants[0], "reader"))
    invitation = await taken(pool, await invited(pool, tenants[0], "Ana", "owner"))
    async with pool.acquire() as connection:
        with pytest.raises(LoginError, match="already"):
            await invitations.join(connection, invitation, eva.login_id)


async def test_an_operator_is_appointed_by_taking_it(pool: Pool) -> None:
    async with pool.acquire() as connection:
        made = await invitations.invite_operator(connection, " Olga@example.com", "Olga", "operator")
        invitation = await taken(pool, await invitations.make_link(connection, made))
        login_id = await logins.add(connection, invitation.email, "Olga")
        await invitations.join(connection, invitation, login_id)
        assert (await logins.get(connection, login_id)).operator_role == "operator"
        withdrawn = await invitations.invite_operator(connection, "x@example.com", "X", "owner")
        await invitations.withdraw(connection, withdrawn)
        assert await invitations.open_to(connection, None) == []


async def test_who_lost_a_password_begins_anew_and_whoever_had_come_in_is_out(
    pool: Pool, comes: Comes
) -> None:
    device = Authenticator()
    login_id = await with_passkey(pool, device)
    async with pool.acquire() as connection:
        stolen = await sign_ins.begin(connection, login_id, None, "x")
        reset = await invitations.make_link(
            connection, await invitations.offer_reset(connection, "Ana@example.com")
        )
        assert (await invitations.find(pool, reset)).kind == "reset"
        stored = await passwords.hashed("caballo correcto bateria")
        await invitations.begin_anew(connection, login_id, stored)
    assert await sign_ins.find(pool, stolen, None) is None
    assert await pool.fetchval("SELECT count(*) FROM passkeys") == 0
    await passwords.sign_in(pool, "ana@example.com", "caballo correcto bateria", None, "x")


async def test_a_link_signs_in_once_and_an_invitation_never(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    olga = await comes("Olga", "owner")
    async with pool.acquire() as connection:
        link = await invitations.offer_link(connection, "OLGA@example.com")
        token = await invitations.enter(connection, link, None, "x")
        found = await sign_ins.find(pool, token, None)
        assert found and found.login_id == olga.login_id
        for wrong in (link, await invited(pool, tenants[0])):
            with pytest.raises(LinkSpent):
                async with connection.transaction():
                    await invitations.enter(connection, wrong, None, "x")
        with pytest.raises(LoginError):
            await invitations.offer_link(connection, "nobody@example.com")


async def test_an_owner_lets_nobody_go_who_is_the_last(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    acme = tenants[0]
    await comes("Ana", acme=(acme, "owner"))
    await invited(pool, acme, "Eva", "owner")  # who has not come in yet
    async with pool.acquire() as connection:
        ana, eva = await members.find(connection, acme, "Ana"), await members.find(connection, acme, "Eva")
        for leave in (
            members.change_role(connection, acme, ana, "agent"),
            members.remove(connection, acme, ana),
        ):
            with pytest.raises(LastOwner):
                await leave
        assert await members.remove(connection, acme, eva) == "Eva"
        assert await members.change_role(connection, acme, ana, "agent", by_operator=True) == "owner"
        for gone in (
            members.remove(connection, tenants[1], ana),
            members.change_role(connection, acme, eva, "agent"),
        ):
            with pytest.raises(NoMember):
                await gone


async def test_of_two_owners_who_let_each_other_go_at_once_one_stays(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    acme = tenants[0]
    for name in ("Ana", "Eva"):
        await comes(name, acme=(acme, "owner"))
    people = [row["id"] for row in await pool.fetch("SELECT id FROM people")]

    async def let_go(person: int) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await members.remove(connection, acme, person)

    done = await asyncio.gather(*map(let_go, people), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["LastOwner", "NoneType"]
    assert await pool.fetchval("SELECT count(*) FROM people WHERE active AND role = 'owner'") == 1


async def test_who_was_let_go_and_has_leads_comes_in_no_more(
    pool: Pool, tenants: tuple[int, int], comes: Comes
) -> None:
    acme = tenants[0]
    await comes("Ana", acme=(acme, "owner"))
    async with pool.acquire() as connection:
        person = await members.find(connection, acme, "Ana")
        await members.remove(connection, acme, person, by_operator=True)
        await members.add(connection, acme, "Ana", "ana@example.com", None, None)
        [back] = await members.list_all(connection, acme)
    assert (back.role, back.has_login, back.invited) == (None, False, False)
