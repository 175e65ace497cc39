"""Data keys are renewed while everybody works, and what they signed stays known."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from processes import bare_environment, run_to_end, running
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje.files.links import Link
from conserje.notices import notifier
from conserje.storage.database import Connection
from conserje.tenants import data_keys
from conserje.tenants.accounts import credentials_context, seal_credentials
from conserje.tenants.entry import Entry
from conserje.tenants.keyring import VaultError, add_master_key, read_keyring
from conserje.tenants.renewal import renew
from conserje.tenants.vault import Vault

STORE = "UPDATE accounts SET credentials = $2 WHERE tenant_id = $1"
LOCK = "SELECT FROM tenants WHERE id = $1 FOR NO KEY UPDATE"
WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND $1 = ANY (pg_blocking_pids(pid)))"


async def seal(connection: Connection, scene: Scene, entry: Entry) -> None:
    account = entry.accounts[0]
    place = (entry.tenant.id, account.channel, account.address)
    sealed = await seal_credentials(connection, scene.vault, *place, b"{}")
    await connection.execute(STORE, entry.tenant.id, sealed)


async def with_secret(scene: Scene, slug: str = "acme") -> Entry:
    """A tenant whose account has sealed credentials."""
    async with scene.pool.acquire() as connection, connection.transaction():
        await seal(connection, scene, await scene.entry(slug))
    await scene.heard()
    return await scene.entry(slug)


async def renewed(scene: Scene, slug: str = "acme", *, signing: bool = False) -> Entry:
    tenant = (await scene.entry(slug)).tenant
    async with scene.pool.acquire() as connection:
        assert await renew(connection, scene.vault, tenant.id, signing=signing)
    await scene.heard()
    return await scene.entry(slug)


def opened(vault: Vault, entry: Entry, sealed_of: Entry | None = None) -> bytes:
    account = (sealed_of or entry).accounts[0]
    assert entry.tenant.data_key and account.credentials
    context = credentials_context(entry.tenant.id, account.channel, account.address)
    return vault.unseal(entry.tenant.data_key, context, account.credentials)


async def signed(scene: Scene, entry: Entry) -> list[object]:
    """What is signed for the tenant: a link, and the secret of its notices."""
    assert entry.tenant.signs_with
    link = Link(entry.tenant.id, 1, "a.jpg", "image/jpeg", 2_000_000_000)
    async with scene.pool.acquire() as connection:
        secret = await notifier.secret(connection, scene.vault, entry.tenant.id)
    return [link.address("", scene.vault, entry.tenant.signs_with), secret]


async def test_what_is_in_memory_opens_what_belongs_to_it(scene: Scene) -> None:
    before = await with_secret(scene)
    after = await renewed(scene)
    assert opened(scene.vault, before) == opened(scene.vault, after) == b"{}"
    for key, sealed in ((before, after), (after, before)):
        with pytest.raises(VaultError, match="does not open here"):
            opened(scene.vault, key, sealed)


async def test_the_new_key_is_bound_to_its_tenant(scene: Scene) -> None:
    await with_secret(scene)
    after = await renewed(scene)
    assert after.tenant.data_key
    with pytest.raises(VaultError, match="another tenant's"):
        scene.vault.rewrap(after.tenant.data_key, after.tenant.id + 1)


async def test_what_was_signed_stays_unless_that_is_asked_for(scene: Scene) -> None:
    before = await with_secret(scene)
    first = await signed(scene, before)
    assert await signed(scene, await renewed(scene)) == first
    assert await signed(scene, await renewed(scene)) == first
    others = await signed(scene, await renewed(scene, signing=True))
    assert not set(first) & set(others)


async def test_both_keys_are_wrapped_anew(scene: Scene) -> None:
    first = await signed(scene, await with_secret(scene))
    await renewed(scene)
    add_master_key(scene.vault.path)
    scene.vault = Vault.read(scene.vault.path)
    async with scene.pool.acquire() as connection:
        assert await data_keys.rewrap_data_keys(connection, scene.vault) == 1
        assert await data_keys.rewrap_data_keys(connection, scene.vault) == 0
        assert set(await data_keys.data_keys(connection)) == {scene.vault.sealing_key.id}
    await scene.heard()
    assert await signed(scene, await scene.entry()) == first


async def test_a_worker_answers_while_keys_are_renewed(scene: Scene) -> None:
    await with_secret(scene)
    async with scene.working():
        for number in range(5):
            await scene.write(f"hola {number}", sender=f"ana {number}")
            async with scene.pool.acquire() as connection:
                assert await renew(connection, scene.vault, (await scene.entry()).tenant.id)
        await until(lambda: len(scene.post.texts) == 5)
    assert await scene.pool.fetchval("SELECT count(*) FROM messages WHERE state = 'held'") == 0


async def test_who_seals_meanwhile_is_waited_for(scene: Scene) -> None:
    entry = await with_secret(scene)
    async with scene.pool.acquire() as sealing, scene.pool.acquire() as renewing:
        async with sealing.transaction():
            await seal(sealing, scene, entry)
            renewal = asyncio.create_task(renew(renewing, scene.vault, entry.tenant.id))
            await until(lambda: scene.pool.fetchval(WAITING, sealing.get_server_pid()))
        assert await renewal
    await scene.heard()
    assert opened(scene.vault, await scene.entry()) == b"{}"


async def test_killed_in_the_middle_it_goes_on_where_it_was(
    scene: Scene, keyring: Path, tmp_path: Path
) -> None:
    slugs = ["acme", "bravo", "casa"]
    for slug in slugs[1:]:
        await scene.add(slug)
    before = {slug: await with_secret(scene, slug) for slug in slugs}
    environment = bare_environment() | {
        "CONSERJE_DATABASE_URL": scene.url,
        "CONSERJE_DATA_DIR": str(keyring.parent.parent),
        "CONSERJE_MASTER_KEYS_FILE": str(keyring),
    }
    command = ("keys", "rotate", "--data-keys", "--json")

    async def changed() -> list[str]:
        keys = dict(await scene.pool.fetch("SELECT slug, data_key FROM tenants"))
        return [slug for slug in slugs if keys[slug] != before[slug].tenant.data_key]

    async with scene.pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK, before["bravo"].tenant.id)
        async with running(environment, *command, log=tmp_path / "log") as process:
            await until(lambda: scene.pool.fetchval(WAITING, connection.get_server_pid()))
            process.process.kill()
            await process.process.wait()
    assert await changed() == ["acme"]
    code, said, _ = await run_to_end(environment, *command)
    assert (code, '"renewed": 2' in said, len(read_keyring(keyring))) == (0, True, 2)
    assert await changed() == slugs
    await scene.heard()
    assert {opened(scene.vault, await scene.entry(slug)) for slug in slugs} == {b"{}"}


async def test_every_tenant_s_is_renewed_whichever_key_wraps_it_and_one_that_does_not_open_is_named(
    scene: Scene, keyring: Path, terminal: Terminal
) -> None:
    terminal.environment["CONSERJE_DATA_DIR"] = str(keyring.parent.parent)
    terminal.environment["CONSERJE_MASTER_KEYS_FILE"] = str(keyring)
    for slug in ("bravo", "casa"):
        await scene.add(slug)
    before = {slug: await with_secret(scene, slug) for slug in ("acme", "bravo")}
    add_master_key(keyring)
    scene.vault = Vault.read(keyring)
    before["casa"] = await with_secret(scene, "casa")  # by the newest key
    await scene.pool.execute(
        "UPDATE accounts SET credentials = $2 WHERE tenant_id = $1",
        before["acme"].tenant.id,
        before["bravo"].accounts[0].credentials,
    )
    said = (await terminal.type("keys", "rotate", "--data-keys", code=1)).stderr
    assert (
        "acme: The credentials of post" in said and "2 data keys are renewed, and not those of acme" in said
    )
    assert len(read_keyring(keyring)) == 2
    await scene.heard()
    after = {slug: (await scene.entry(slug)).tenant.data_key for slug in before}
    assert [slug for slug in before if after[slug] != before[slug].tenant.data_key] == ["bravo", "casa"]
    assert opened(scene.vault, await scene.entry("casa")) == b"{}"
