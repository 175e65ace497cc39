"""Tenants and accounts: what is stored, what the database refuses, and what is said then."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from conserje.storage.database import Connection, Pool
from conserje.tenants import accounts, data_keys, domains, export, tenants
from conserje.tenants.keyring import add_master_key, create_keyring
from conserje.tenants.refusals import SENTENCES, TenantError
from conserje.tenants.vault import Vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    create_keyring(tmp_path / "keys.json")
    return Vault.read(tmp_path / "keys.json")


async def test_two_values_make_a_tenant(connection: Connection) -> None:
    tenant = await tenants.add(connection, "nueva-tienda", "Nueva Tienda")
    assert (tenant.slug, tenant.name, tenant.active) == ("nueva-tienda", "Nueva Tienda", True)
    assert (tenant.assistant, tenant.locale, tenant.currency) == ("catalog", "es-CL", "CLP")
    assert tenant.time_zone == "America/Santiago"
    assert tenant.quiet_period.total_seconds() == 1 and tenant.longest_wait.total_seconds() == 8
    assert tenant.assistant_settings == {} and tenant.aliases == ()
    assert await tenants.list_all(connection) == [tenant]


async def test_suspended_and_resumed(connection: Connection) -> None:
    await tenants.add(connection, "acme", "Acme")
    await tenants.suspend(connection, "acme")
    assert not (await tenants.get(connection, "acme")).active
    await tenants.resume(connection, "acme")
    assert (await tenants.get(connection, "acme")).active


async def test_removed_with_all_that_is_its(connection: Connection) -> None:
    tenant = await tenants.add(connection, "acme", "Acme")
    await accounts.add(connection, tenant.id, "web", "page")
    await domains.add(connection, tenant.id, "chat.acme.cl")
    await tenants.remove(connection, "acme")
    assert await tenants.list_all(connection) == []
    assert await connection.fetchval("SELECT count(*) FROM accounts") == 0


async def test_nothing_is_done_to_a_tenant_that_is_not_there(connection: Connection) -> None:
    for act in (tenants.get, tenants.suspend, tenants.resume, tenants.remove):
        with pytest.raises(TenantError, match="no tenant nobody"):
            await act(connection, "nobody")


async def test_changed_in_what_is_given(connection: Connection) -> None:
    added = await tenants.add(connection, "acme", "Acme")
    assert (added.late_rule, added.late_after, added.late_text, added.held_text) == (
        "answer",
        timedelta(minutes=15),
        None,
        None,
    )
    changed = await tenants.change(connection, "acme", late_rule="park", late_after=timedelta(hours=1))
    assert changed == replace(added, late_rule="park", late_after=timedelta(hours=1))
    found = await accounts.find(connection, "slug", "acme")
    assert found and found[0] == changed
    with pytest.raises(TenantError, match="no tenant nobody"):
        await tenants.change(connection, "nobody", late_rule="park")


@pytest.mark.parametrize(
    ("slug", "values", "sentence"),
    [
        ("taken", {}, "taken"),
        ("Acme", {}, "a-z, 0-9"),
        ("a_b", {}, "a-z, 0-9"),
        ("-a", {}, "at either end"),
        ("xn--a", {}, "no -- at 3"),
        ("a" * 41, {}, "1 to 40"),
        ("acme\n", {}, "a-z, 0-9"),
        ("", {}, "1 to 40"),
        ("console", {}, "reserved"),
        ("acme", {"time_zone": "Chile/Nowhere"}, "time zone is unknown"),
        ("acme", {"currency": "pesos"}, "three capital letters"),
        ("acme", {"locale": "spanish"}, "es-CL"),
        ("acme", {"late_rule": "shrug"}, "apologise"),
        ("acme", {"late_after": timedelta(0)}, "more than 0"),
        ("acme", {"late_text": " "}, "1 to 1000"),
        ("acme", {"held_text": "a" * 1001}, "1 to 1000"),
        ("acme", {"notice_url": "ftp://example.com/"}, "https://host/path"),
        ("acme", {"notice_url": "https://user:password@example.com/"}, "without a user"),
        ("acme", {"notice_url": "https://example.com/a b"}, "https://host/path"),
        ("acme", {"notice_email": "team"}, "team@example.com"),
        ("acme", {"notice_email": "a@example.com\nBcc: b@example.com"}, "team@example.com"),
        ("acme", {"notice_email": "a@example.com,b@example.com"}, "team@example.com"),
        ("acme", {"assistant": "a\x00b"}, "characters that the database cannot store"),
        ("acme", {"assistant": "a\udcff"}, "characters that the database cannot store"),
    ],
)
async def test_what_the_database_refuses_is_a_sentence(
    connection: Connection, slug: str, values: dict[str, object], sentence: str
) -> None:
    await tenants.add(connection, "taken", "Taken")
    with pytest.raises(TenantError, match=sentence):
        async with connection.transaction():
            await tenants.add(connection, slug, "A name", **values)
    assert [tenant.slug for tenant in await tenants.list_all(connection)] == ["taken"]


async def test_every_rule_of_the_tables_has_its_sentence(connection: Connection) -> None:
    rules = await connection.fetch(
        "SELECT conname, conrelid IN ('tenants'::regclass, 'domains'::regclass, 'accounts'::regclass,"
        " 'sender_tenants'::regclass) AS written_by_operators"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'u', 'f')"
    )
    needed = {row["conname"] for row in rules if row["written_by_operators"]}
    assert needed <= set(SENTENCES) <= {row["conname"] for row in rules}


def test_nested_bases_reserve_a_slug() -> None:
    bases = ("bots.cl", "demo.bots.cl")
    assert tenants.reserving_base("demo", bases) == "demo.bots.cl"
    assert tenants.reserving_base("demo", ("Demo.Bots.cl.", "bots.cl")) == "demo.bots.cl"
    assert tenants.reserving_base("acme", bases) is None
    assert tenants.reserving_base("demo", ("bots.cl", "demo.other.cl")) is None


async def test_an_account_is_unique_and_never_in_clear(connection: Connection) -> None:
    tenant = await tenants.add(connection, "acme", "Acme")
    added = await accounts.add(connection, tenant.id, "twilio", "+569", settings={"a": [1]})
    assert added.settings == {"a": [1]} and added.active and added.credentials is None
    assert await accounts.list_all(connection, tenant.id) == [added]
    with pytest.raises(TenantError, match="this account already"):
        async with connection.transaction():
            await accounts.add(connection, tenant.id, "twilio", "+569")
    with pytest.raises(TenantError, match="conserje seal") as caught:
        async with connection.transaction():
            await accounts.add(connection, tenant.id, "twilio", "+570", credentials="clear-token")
    assert "clear-token" not in str(caught.value)
    with pytest.raises(TenantError, match="no such tenant"):
        async with connection.transaction():
            await accounts.add(connection, tenant.id + 1, "twilio", "+569")


async def test_an_account_is_removed_by_its_name(connection: Connection) -> None:
    tenant = await tenants.add(connection, "acme", "Acme")
    await accounts.add(connection, tenant.id, "twilio", "+569")
    with pytest.raises(TenantError, match=r"no account twilio \+570"):
        await accounts.remove(connection, tenant.id, "twilio", "+570")
    await accounts.remove(connection, tenant.id, "twilio", "+569")
    assert await accounts.list_all(connection, tenant.id) == []


async def test_a_domain_belongs_to_one_tenant(connection: Connection) -> None:
    acme = await tenants.add(connection, "acme", "Acme")
    bravo = await tenants.add(connection, "bravo", "Bravo")
    await domains.add(connection, acme.id, "chat.acme.cl")
    with pytest.raises(TenantError, match=r"chat.acme.cl names acme already"):
        async with connection.transaction():
            await domains.add(connection, bravo.id, "chat.acme.cl")
    with pytest.raises(TenantError, match="without a port"):
        async with connection.transaction():
            await domains.add(connection, bravo.id, "chat.acme.cl:80")
    with pytest.raises(TenantError, match="no domain"):
        await domains.remove(connection, bravo.id, "chat.acme.cl")
    assert await domains.list_all(connection, acme.id) == ["chat.acme.cl"]
    await domains.remove(connection, acme.id, "chat.acme.cl")
    assert await domains.list_all(connection, acme.id) == []


async def test_found_by_slug_domain_and_id_with_its_accounts(connection: Connection) -> None:
    acme = await tenants.add(connection, "acme", "Acme")
    account = await accounts.add(connection, acme.id, "twilio", "+569", settings={"ñ": None})
    await domains.add(connection, acme.id, "chat.acme.cl")
    expected = (acme, (account,))
    assert await accounts.find(connection, "slug", "acme") == expected
    assert await accounts.find(connection, "domain", "chat.acme.cl") == expected
    assert await accounts.find(connection, "id", str(acme.id)) == expected
    assert await accounts.find(connection, "slug", "chat.acme.cl") is None
    assert await accounts.find(connection, "domain", "acme") is None
    assert await accounts.find(connection, "id", str(acme.id + 1)) is None


async def test_at_the_first_need_everybody_gets_the_same_data_key(pool: Pool, vault: Vault) -> None:
    async with pool.acquire() as connection:
        tenant = await tenants.add(connection, "acme", "Acme")
    assert tenant.data_key is None

    async def need() -> str:
        async with pool.acquire() as connection:
            return await data_keys.data_key(connection, vault, tenant.id)

    assert len(set(await asyncio.gather(*(need() for _ in range(8))))) == 1


async def test_sealed_credentials_open_for_their_account(connection: Connection, vault: Vault) -> None:
    tenant = await tenants.add(connection, "acme", "Acme")
    sealed = await accounts.seal_credentials(connection, vault, tenant.id, "twilio", "+569", b"{}")
    key = await data_keys.data_key(connection, vault, tenant.id)
    context = accounts.credentials_context(tenant.id, "twilio", "+569")
    assert vault.unseal(key, context, sealed) == b"{}"
    with pytest.raises(TenantError):
        await accounts.seal_credentials(connection, vault, tenant.id + 1, "twilio", "+569", b"{}")


async def test_no_text_shows_credentials_or_a_data_key(connection: Connection, vault: Vault) -> None:
    tenant = await tenants.add(connection, "acme", "Acme")
    sealed = await accounts.seal_credentials(connection, vault, tenant.id, "twilio", "+569", b"{}")
    account = await accounts.add(connection, tenant.id, "twilio", "+569", credentials=sealed)
    tenant = await tenants.get(connection, "acme")
    assert tenant.data_key and tenant.data_key not in repr(tenant)
    assert sealed not in repr(account)


async def test_data_keys_are_rewrapped_in_steps(connection: Connection, vault: Vault) -> None:
    ids = [(await tenants.add(connection, f"t{n}", "T")).id for n in range(5)]
    await tenants.add(connection, "without", "No key yet")
    sealed = {}
    for tenant_id in ids:
        sealed[tenant_id] = await accounts.seal_credentials(connection, vault, tenant_id, "c", "a", b"x")
    old = vault.sealing_key.id
    assert {key: each.tenants for key, each in (await data_keys.data_keys(connection)).items()} == {old: 5}

    new = add_master_key(vault.path).id
    vault = Vault.read(vault.path)
    assert [await data_keys.rewrap_data_keys(connection, vault, largest=2) for _ in range(4)] == [2, 2, 1, 0]
    assert {key: each.tenants for key, each in (await data_keys.data_keys(connection)).items()} == {new: 5}
    for tenant_id in ids:
        key = await data_keys.data_key(connection, vault, tenant_id)
        assert vault.unseal(key, accounts.credentials_context(tenant_id, "c", "a"), sealed[tenant_id]) == b"x"


async def test_a_secret_seen_is_noted_once_and_brought_up_to_date(connection: Connection) -> None:
    tenant = await tenants.add(connection, "acme", "Acme")
    account = await accounts.add(connection, tenant.id, "twilio", "+569")
    for _ in range(2):
        await accounts.note_secret_seen(connection, tenant.id, account.id, "auth_token")
    await accounts.note_secret_seen(connection, tenant.id, account.id + 1, "auth_token")
    rows = await connection.fetch("SELECT account_id, name FROM secrets_seen")
    assert [tuple(row) for row in rows] == [(account.id, "auth_token")]


COLUMNS_THERE = "SELECT column_name FROM information_schema.columns WHERE table_name = 'tenants'"


async def test_what_makes_a_tenant_the_same_again_is_exported(connection: Connection) -> None:
    there = {name for [name] in await connection.fetch(COLUMNS_THERE)}
    assert there - {"id", "created_at", "data_key", "signing_key", "first_slug"} == set(export.COLUMNS)


async def test_a_tenant_that_keeps_all_does_so_where_it_is_restored(connection: Connection) -> None:
    await tenants.add(connection, "acme", "Acme", keep_messages=None)
    [record] = await export.read(connection)
    said = export.Record.model_validate_json(record.model_dump_json())
    await tenants.remove(connection, "acme")
    await export.restore(connection, said)
    assert (await tenants.get(connection, "acme")).keep_messages is None
    await export.restore(connection, export.Record(slug="bravo", name="Bravo"))
    assert (await tenants.get(connection, "bravo")).keep_messages is not None
