"""Whose login an issuer's word opens: one that is there, by its address once, and then by who it is there."""

from __future__ import annotations

import asyncio

import pytest

from conserje.access import detours, invitations, logins, sign_ins, vouched
from conserje.access.detours import DetourOver, Marks
from conserje.access.issuer import Vouched
from conserje.access.logins import LoginError, NoLogin
from conserje.access.tries import TooManyTries
from conserje.storage.database import Pool

ISSUER = "https://login.example.com"


def somebody(subject: str = "1", email: str | None = "ana@example.com", issuer: str = ISSUER) -> Vouched:
    return Vouched(issuer, subject, email, None)


async def known(pool: Pool, email: str = "ana@example.com") -> int:
    async with pool.acquire() as connection:
        return await logins.add(connection, email, "Ana")


async def whose(pool: Pool, who: Vouched) -> int:
    async with pool.acquire() as connection, connection.transaction():
        return (await vouched.whose(connection, who)).login_id


async def test_by_the_address_once_and_then_by_who_it_is(pool: Pool) -> None:
    ana = await known(pool)
    async with pool.acquire() as connection:
        assert await vouched.whose(connection, somebody(email="Ana@Example.com")) == (ana, True)
        assert await vouched.whose(connection, somebody()) == (ana, False)
    assert await whose(pool, somebody(email=None)) == ana
    assert await whose(pool, somebody(email="married@example.com")) == ana
    # The address was given to somebody else there.
    for other in (somebody("2"), somebody("2", None)):
        with pytest.raises(NoLogin):
            await whose(pool, other)


async def test_nobody_is_made_by_coming(pool: Pool) -> None:
    for email in ("nobody@example.com", None, "", "a\0@example.com", "x" * 10_000):
        with pytest.raises(LoginError):
            await whose(pool, somebody(email=email))
    assert await pool.fetchval("SELECT count(*) FROM logins") == 0


async def test_the_same_number_at_another_issuers_is_somebody_else(pool: Pool) -> None:
    ana = await known(pool)
    await whose(pool, somebody())
    with pytest.raises(NoLogin):
        await whose(pool, somebody(email=None, issuer="https://other.example"))
    # An operator who changes the issuer has all of them come by their addresses once more.
    assert await whose(pool, somebody("7", issuer="https://other.example")) == ana
    with pytest.raises(NoLogin):
        await whose(pool, somebody(email=None))


async def test_of_two_who_come_by_one_address_at_once_one_has_it(pool: Pool) -> None:
    await known(pool)
    came = await asyncio.gather(
        whose(pool, somebody("1")), whose(pool, somebody("2")), return_exceptions=True
    )
    assert [type(each) for each in came if isinstance(each, BaseException)] == [NoLogin]


async def test_one_account_opens_one_login(pool: Pool) -> None:
    ana, eva = await known(pool), await known(pool, "eva@example.com")
    async with pool.acquire() as connection:
        await vouched.keep(connection, ana, somebody())
        with pytest.raises(LoginError, match="opens another login already"):
            await vouched.keep(connection, eva, somebody())
        await vouched.drop(connection, ana)
        await vouched.keep(connection, eva, somebody())
        assert (await logins.get(connection, eva)).issuer == ISSUER
    assert await whose(pool, somebody()) == eva


async def test_who_begins_anew_is_not_opened_to_by_the_issuer(pool: Pool) -> None:
    ana = await known(pool)
    await whose(pool, somebody())
    async with pool.acquire() as connection:
        await invitations.begin_anew(connection, ana, "$argon2id$x")
    with pytest.raises(NoLogin):
        await whose(pool, somebody(email=None))


async def test_who_was_let_through_has_not_stepped_up(pool: Pool) -> None:
    ana = await known(pool)
    async with pool.acquire() as connection:
        token = await sign_ins.begin(connection, ana, None, "", has_shown=False)
        signed = await sign_ins.find(pool, token, None)
        assert signed and signed.stepped_up is False
        await sign_ins.step_up(connection, signed.sign_in)
    signed = await sign_ins.find(pool, token, None)
    assert signed and signed.stepped_up


async def test_a_detour_ends_once_and_in_time(pool: Pool) -> None:
    ana = await known(pool)
    token = await detours.begin(pool, "keep", None, login_id=ana, next="/me")
    assert (await detours.find(pool, token)).login_id == ana
    async with pool.acquire() as connection:
        ended = await detours.end(connection, token)
        assert (ended.kind, ended.login_id, ended.next) == ("keep", ana, "/me")
        late = await detours.begin(pool, "join", None, invitation="x" * 43, next="/" * 3000)
        await pool.execute("UPDATE detours SET created_at = now() - interval '601 seconds'")
        for gone in (token, late, "", "\udc80" * 5000):
            with pytest.raises(DetourOver):
                await detours.end(connection, gone)
            with pytest.raises(DetourOver):
                await detours.find(pool, gone)
    assert await pool.fetchval("SELECT next FROM detours") == "/"


async def test_what_is_stored_of_a_detour_brings_nobody_back(pool: Pool) -> None:
    token = await detours.begin(pool, "join", None, invitation="x" * 43)
    marks = Marks.of(token)
    stored = str(await pool.fetchrow("SELECT *, encode(hash, 'hex') FROM detours"))
    for secret in (token, marks.state, marks.nonce, marks.verifier, "x" * 43):
        assert secret not in stored
    assert len({marks.state, marks.nonce, marks.verifier, marks.challenge}) == 4
    assert Marks.of(token) == marks != Marks.of(token + "x") and len(marks.verifier) == 43


async def test_strangers_begin_so_often_and_no_more(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detours, "BEGUN_AT_MOST", 3)
    for _ in range(3):
        await detours.begin(pool, "sign-in", None)
    with pytest.raises(TooManyTries):
        await detours.begin(pool, "sign-in", None)
    assert await pool.fetchval("SELECT count(*) FROM detours") == 3
