"""Keys to the operator's listener: what is kept of them, whom they let in, and the commands."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from terminal import Terminal

from conserje.storage.database import Connection, Pool
from conserje.tenants import api_keys, tenants
from conserje.tenants.api_keys import ApiKeyError
from conserje.tenants.refusals import TenantError


async def test_a_key_is_kept_as_a_hash_alone(pool: Pool) -> None:
    async with pool.acquire() as connection:
        tenant = await tenants.add(connection, "acme", "Acme")
        row, key = await api_keys.add(connection, "shop", tenant_id=tenant.id, scopes={"read"})
    assert re.fullmatch(rf"conserje_{row.id}_[0-9A-Za-z]{{49}}", key)
    found = await api_keys.check(pool, key)
    assert (found.id, found.tenant_id, found.tenant) == (row.id, tenant.id, "acme")
    assert found.scopes == {"read"}
    stored = await pool.fetchval("SELECT api_keys::text FROM api_keys")
    secret = key.rpartition("_")[2]
    assert secret not in stored and key.encode().hex() not in stored


async def test_a_mistyped_key_is_told_without_asking_postgres(pool: Pool) -> None:
    async with pool.acquire() as connection:
        _, key = await api_keys.add(connection, "shop")
    pool.terminate()
    typo = key[:30] + ("a" if key[30] != "a" else "b") + key[31:]
    for wrong in ("", "x", typo, key[:-1], key + "a", key.upper(), f" {key}", key.replace("_", "é")):
        with pytest.raises(ApiKeyError):
            await api_keys.check(pool, wrong)


async def test_a_key_of_another_secret_or_an_unknown_one_is_not_taken(
    pool: Pool,
) -> None:
    async with pool.acquire() as connection:
        row, _ = await api_keys.add(connection, "one")
        _, unknown = await api_keys.add(connection, "two")
        await connection.execute("DELETE FROM api_keys WHERE name = 'two'")
    head = f"conserje_{row.id}_" + "a" * api_keys.SECRET_LENGTH
    for wrong in (unknown, head + api_keys._checksum(head)):
        with pytest.raises(ApiKeyError, match="not known"):
            await api_keys.check(pool, wrong)


async def test_revoked_and_expired_keys_and_those_of_a_removed_tenant_are_no_more(pool: Pool) -> None:
    async with pool.acquire() as connection:
        tenant = await tenants.add(connection, "acme", "Acme")
        _, of_tenant = await api_keys.add(connection, "shop", tenant_id=tenant.id)
        _, expired = await api_keys.add(connection, "guest", life=timedelta(hours=1))
        revoked, once = await api_keys.add(connection, "old")
        for key in (of_tenant, expired, once):
            await api_keys.check(pool, key)
        await connection.execute("UPDATE api_keys SET expires_at = now() WHERE name = 'guest'")
        await tenants.remove(connection, "acme")
        await api_keys.revoke(connection, revoked.id)
        with pytest.raises(ApiKeyError, match="no such key"):
            await api_keys.revoke(connection, revoked.id)
    for key in (of_tenant, expired, once):
        with pytest.raises(ApiKeyError):
            await api_keys.check(pool, key)


async def test_its_use_is_noted_once_a_minute(pool: Pool) -> None:
    async with pool.acquire() as connection:
        row, key = await api_keys.add(connection, "shop")
    assert row.used_at is None

    async def used_after(seconds: int) -> object:
        """When the key was used last, after a use that comes so long after the one before."""
        shift = "UPDATE api_keys SET used_at = used_at - make_interval(secs => $1) RETURNING used_at"
        before = await pool.fetchval(shift, seconds)
        await api_keys.check(pool, key)
        return await pool.fetchval("SELECT used_at FROM api_keys") != before

    assert await used_after(0)
    assert not await used_after(50)
    assert await used_after(11)


async def test_a_key_without_a_name_is_a_sentence(connection: Connection) -> None:
    with pytest.raises(TenantError, match="A key's name is 1 to 100 characters"):
        await api_keys.add(connection, " ")


async def test_it_is_shown_once(terminal: Terminal, pool: Pool) -> None:
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    made = await terminal.read(
        "api-key", "add", "shop", "--tenant", "acme", "--scope", "write", "--expires", "90d", "--json"
    )
    assert (made["tenant"], made["scopes"]) == ("acme", ["write"])
    assert (await api_keys.check(pool, made["key"])).scopes == {"write"}
    plain = (await terminal.type("api-key", "add", "Grafana")).stdout.strip()
    assert (await api_keys.check(pool, plain)).scopes == {"read"}
    listed = await terminal.read("api-key", "list", "--json")
    assert [key["name"] for key in listed] == ["shop", "Grafana"]
    assert listed[0]["used"] and listed[0]["expires"] and not listed[1]["expires"]
    shown = (await terminal.type("api-key", "list")).stdout + str(listed)
    for key in (made["key"], plain):
        assert key.rpartition("_")[2] not in shown
    await terminal.type("api-key", "revoke", made["id"])
    assert [key["name"] for key in await terminal.read("api-key", "list", "--json")] == ["Grafana"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "shop", "--tenant", "nobody"), 1, "There is no tenant nobody"),
        (("add", ""), 1, "A key's name is 1 to 100 characters"),
        (("add", "shop", "--expires", "0d"), 2, "'0d' is no duration like 90s, 15m, 2h or 3d"),
        (("add", "shop", "--expires", "soon"), 2, "'soon' is no duration like"),
        (("add", "shop", "--scope", "all"), 2, "'all' is not one of"),
        (("revoke", "0123456789"), 1, "There is no such key: see `conserje api-key list`."),
    ],
)
async def test_what_cannot_be_is_said(
    terminal: Terminal, pool: Pool, words: tuple[str, ...], code: int, said: str
) -> None:
    assert said in (await terminal.type("api-key", *words, code=code)).stderr
    assert await pool.fetchval("SELECT count(*) FROM api_keys") == 0


async def test_the_old_name_of_the_command_is_heard_and_tells_the_new_one(terminal: Terminal) -> None:
    typed = await terminal.type("key", "list")
    assert "There are no keys yet" in typed.stderr
    assert "`conserje key` is called `conserje api-key` now." in typed.stderr
