"""Passwords: who knows one comes in, who does not learns nothing, and nobody guesses."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest
from argon2 import extract_parameters

from conserje.access import logins, passwords, sign_ins, tries
from conserje.access.passwords import WeakPassword, WrongPassword
from conserje.access.tries import Attempt, TooManyTries
from conserje.storage.database import Pool

HERE = ip_address("203.0.113.5")
WORDS = "caballo correcto bateria grapa"


async def with_password(pool: Pool, email: str = "ana@example.com", password: str | None = WORDS) -> int:
    async with pool.acquire() as connection:
        login_id = await logins.add(connection, email, "Ana")
        if password:
            await passwords.keep(connection, login_id, await passwords.hashed(password))
    return login_id


async def test_who_knows_it_comes_in_however_the_letters_are_written(pool: Pool) -> None:
    login_id = await with_password(pool, password="contraseña larguísima")
    begun = await passwords.sign_in(pool, " ANA@example.com", "contraseña larguísima", HERE, "x")
    found = await sign_ins.find(pool, begun.token, HERE)
    assert found is not None and begun.login_id == found.login_id == login_id
    assert (await pool.fetchval("SELECT password FROM logins")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_who_does_not_is_told_the_same_whatever_is_wrong(pool: Pool) -> None:
    await with_password(pool)
    await with_password(pool, "eva@example.com", None)
    said = set()
    for email in (
        "ana@example.com",
        "eva@example.com",
        "nobody@example.com",
        "",
        "a\0b",
        "\ud800",
        "x" * 9999,
    ):
        with pytest.raises(WrongPassword) as refused:
            await passwords.sign_in(pool, email, "wrong " * 1000, HERE, "x")
        said.add(str(refused.value))
    assert len(said) == 1
    assert await pool.fetchval("SELECT count(*) FROM sign_ins") == 0


async def test_an_unknown_login_costs_what_a_known_one_does(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_password(pool)
    await with_password(pool, "eva@example.com", None)
    stored = await pool.fetchval("SELECT password FROM logins WHERE password IS NOT NULL")
    assert extract_parameters(passwords.NOBODYS) == extract_parameters(stored)
    looked_at = []

    def looks(stored: str, typed: bytes) -> bool:
        looked_at.append(stored)
        return False

    monkeypatch.setattr(passwords, "_is_of", looks)
    for email in ("ana@example.com", "eva@example.com", "nobody@example.com", "a\0b"):
        with pytest.raises(WrongPassword):
            await passwords.sign_in(pool, email, "wrong", HERE, "x")
    assert looked_at == [stored, *[passwords.NOBODYS] * 3]


async def test_what_opens_nobodys_opens_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    await with_password(pool, password=None)
    monkeypatch.setattr(passwords, "_is_of", lambda stored, typed: True)
    for email in ("ana@example.com", "nobody@example.com"):
        with pytest.raises(WrongPassword):
            await passwords.sign_in(pool, email, WORDS, HERE, "x")


async def test_the_browsers_former_sign_in_ends(pool: Pool) -> None:
    await with_password(pool)
    planted = await passwords.sign_in(pool, "ana@example.com", WORDS, HERE, "x")
    former = await sign_ins.find(pool, planted.token, HERE)
    assert former
    begun = await passwords.sign_in(pool, "ana@example.com", WORDS, HERE, "x", former.sign_in)
    assert begun.token != planted.token
    assert await sign_ins.find(pool, planted.token, HERE) is None
    assert await sign_ins.find(pool, begun.token, HERE)


@pytest.mark.parametrize("password", ["", "short", "eleven char", "x" * 1001])
async def test_a_weak_one_is_not_kept(password: str) -> None:
    with pytest.raises(WeakPassword):
        await passwords.hashed(password)


async def test_one_of_another_cost_is_hashed_anew(pool: Pool) -> None:
    from argon2 import PasswordHasher

    login_id = await with_password(pool, password=None)
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(WORDS)
    await pool.execute("UPDATE logins SET password = $2 WHERE id = $1", login_id, old)
    for _ in range(2):
        await passwords.sign_in(pool, "ana@example.com", WORDS, HERE, "x")
    assert extract_parameters(await pool.fetchval("SELECT password FROM logins")).memory_cost == 19 * 1024


async def test_two_hundred_at_once_get_what_one_after_the_other_would(pool: Pool) -> None:
    async def tried(attempt: Attempt) -> bool:
        try:
            await tries.count(pool, attempt)
        except TooManyTries as refused:
            assert 0 < refused.after.total_seconds() <= 15 * 60
            return False
        return True

    places = [ip_address(f"198.51.{number}.1") for number in range(200)]
    of_account = await asyncio.gather(*(tried(Attempt.of("ana@example.com", each)) for each in places))
    assert sum(of_account) == tries.OF_ACCOUNT
    of_place = await asyncio.gather(*(tried(Attempt.of(f"{n}@example.com", HERE)) for n in range(200)))
    assert sum(of_place) == tries.OF_ADDRESS
    accounts = await pool.fetchval("SELECT count(*) FROM tries WHERE key LIKE 'account:%'")
    assert accounts == 1 + tries.OF_ADDRESS  # a stranger fills no table


async def test_who_guesses_is_stopped_and_may_again_later(pool: Pool) -> None:
    await with_password(pool)
    for _ in range(tries.OF_ACCOUNT):
        with pytest.raises(WrongPassword):
            await passwords.sign_in(pool, "ana@example.com", "wrong", HERE, "x")
    with pytest.raises(TooManyTries):
        await passwords.sign_in(pool, "Ana@example.com", WORDS, ip_address("198.51.100.1"), "x")
    await pool.execute("UPDATE tries SET since = now() - interval '15 minutes 1 second'")
    await passwords.sign_in(pool, "ana@example.com", WORDS, HERE, "x")


async def test_who_knows_it_has_all_tries_again(pool: Pool) -> None:
    login_id = await with_password(pool)
    for _ in range(3):
        for _ in range(tries.OF_ACCOUNT - 1):
            with pytest.raises(WrongPassword):
                await passwords.check(pool, login_id, "wrong", None)
        await passwords.check(pool, login_id, WORDS, None)
        await pool.execute("DELETE FROM tries WHERE key LIKE 'address:%'")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.5", "203.0.113.250", True),
        ("203.0.113.5", "203.0.114.5", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
    ],
)
def test_neighbours_are_one_stranger(one: str, other: str, same: bool) -> None:
    assert (tries.network(ip_address(one)) == tries.network(ip_address(other))) is same
