"""A tenant moves to another installation: all of it, with new numbers and keys, and silent there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from fixtures.play import play
from fixtures.shop import JPEG, Shop
from scene import stage
from terminal import Terminal

from conserje.conversations import overdue
from conserje.errors import OperatorError
from conserje.files.folder import path_of
from conserje.operations import tenant_export, tenant_file, tenant_import
from conserje.operations.tenant_export import Exported
from conserje.operations.tenant_file import TenantFileError
from conserje.settings import Settings
from conserje.storage.database import Pool
from conserje.storage.pool import connect_pool
from conserje.tenants import accounts, data_keys
from conserje.tenants.keyring import create_keyring
from conserje.tenants.vault import Vault

pytestmark = pytest.mark.new_database

PASSPHRASE = "caballo correcto bateria grapa"
SECRET = b'{"auth_token": "not-a-secret-xyz"}'
COST = tenant_file.COST

# What stays where it is, or is made anew.
STAYS = {
    "api_keys": "a key is shown once; the other installation makes its own",
    "audit": "what was done here; the other installation has none of these logins",
    "contact_costs": "what a contact cost today and yesterday",
    "contact_files": "how much a contact sent today and yesterday",
    "cost_warnings": "people are told anew there",
    "daily_costs": "summed anew",
    "fetches": "the other installation asks each provider from its own first day on",
    "former_slugs": "what the tenant was called leads nowhere there",
    "idempotency_keys": "what a program was answered here, for a day",
    "imports": "lists that are looked at, for a day",
    "illnesses": "the other installation finds out by itself",
    "invitations": "a link is shown once, and leads here",
    "mailings": "when people were mailed to, of the last minutes",
    "notifications": "what happened there is told there",
    "overflow": "what waits is held there, and waits for nobody's turn",
    "paces": "what waits is held there, and leaves at nobody's pace",
    "positions": "how far the operator's own systems have read",
    "presences": "who looked at a conversation in the last minute",
    "private_hosts": "of this installation's network",
    "pushes": "told to the browsers of this installation's logins",
    "reads": "by the logins of this installation",
    "removed_files": "of this disk",
    "reservations": "what tools gave within a day; they are asked again there",
    "subscriptions": "a secret is shown once; who is told by both would be told twice",
    "tellings": "what was told by this installation",
    "tenant_changes": "of this directory",
    "tenant_files": "counted anew",
    "uploads": "how much visitors uploaded today and yesterday",
}

TABLES = """
SELECT DISTINCT table_name FROM information_schema.columns
WHERE table_schema = 'public' AND column_name = 'tenant_id'
"""


@dataclass
class Installation:
    """One of the two."""

    pool: Pool
    vault: Vault
    settings: Settings
    url: str

    async def export(self, path: Path, slug: str = "acme", passphrase: str = PASSPHRASE) -> Exported:
        return await tenant_export.export(self.pool, self.vault, self.settings, slug, path, passphrase)

    async def take(self, path: Path, passphrase: str = PASSPHRASE) -> tenant_import.Arrived:
        return await tenant_import.import_tenant(self.pool, self.vault, self.settings, path, passphrase)

    async def rows(self, statement: str, slug: str = "acme") -> list[tuple[Any, ...]]:
        tenant = await self.pool.fetchval("SELECT id FROM tenants WHERE slug = $1", slug)
        return [tuple(row) for row in await self.pool.fetch(statement, tenant)]

    async def counts(self, slug: str = "acme") -> dict[str, int]:
        found = {}
        for moved in tenant_export.MOVED:
            [[found[moved.table]]] = await self.rows(
                f"SELECT count(*) FROM {moved.table} WHERE tenant_id = $1", slug
            )
        return found


@pytest_asyncio.fixture(scope="module")
async def play_once(
    new_database: Callable[..., AbstractAsyncContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[str, Path]]:
    """Of a shop to which everything has happened: the name of its database, and its data directory."""
    keyring = tmp_path_factory.mktemp("played") / "keys" / "master.json"
    create_keyring(keyring)
    async with new_database() as url:
        pool = await connect_pool(url)
        async with stage(pool, url, keyring) as scene:
            await play(Shop(scene))
            key = await data_key(pool, scene.vault, 1)
            context = accounts.credentials_context(1, "twilio", "+56900000101")
            sealed = scene.vault.seal(key, context, SECRET)
            await pool.execute("UPDATE accounts SET credentials = $1 WHERE tenant_id = 1 AND id = 1", sealed)
        await pool.close()  # nobody is connected to what is copied
        yield urlsplit(url).path.removeprefix("/"), keyring.parent.parent


@pytest_asyncio.fixture
async def played(
    play_once: tuple[str, Path],
    new_database: Callable[..., AbstractAsyncContextManager[str]],
    tmp_path: Path,
) -> AsyncIterator[Installation]:
    """A shop of the test's own to which everything has happened, of which one file is on the disk."""
    name, folder = play_once
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    async with new_database(name) as url:
        pool = await connect_pool(url)
        yield Installation(
            pool, Vault.read(tmp_path / "keys" / "master.json"), Settings(data_dir=tmp_path), url
        )
        pool.terminate()


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase becomes a key at the least cost that a file may name: half of these tests' time else."""
    monkeypatch.setattr(tenant_file, "COST", 2**14)


async def data_key(pool: Pool, vault: Vault, tenant_id: int) -> str:
    async with pool.acquire() as connection:
        return await data_keys.data_key(connection, vault, tenant_id)


@pytest_asyncio.fixture
async def other(
    new_database: Callable[..., AbstractAsyncContextManager[str]], tmp_path: Path
) -> AsyncIterator[Installation]:
    """Another installation, which has a tenant already."""
    keyring = tmp_path / "other" / "keys" / "master.json"
    create_keyring(keyring)
    async with new_database() as url:
        pool = await connect_pool(url)
        await pool.execute(
            "INSERT INTO tenants (slug, name) VALUES ('zeta', 'Zeta');"
            "INSERT INTO accounts (tenant_id, channel, address) VALUES (1, 'twilio', '+1');"
            "SELECT nextval('messages_id_seq'), nextval('turn_ids') FROM generate_series(1, 5000)"
        )
        yield Installation(pool, Vault.read(keyring), Settings(data_dir=tmp_path / "other"), url)
        pool.terminate()


async def test_each_table_moves_or_says_why_not(pool: Pool) -> None:
    there = {row["table_name"] for row in await pool.fetch(TABLES)}
    assert sorted(there - {each.table for each in tenant_export.MOVED}) == sorted(STAYS)


async def test_every_number_is_renumbered(pool: Pool) -> None:
    """A column that holds a number of something says of what, or begins anew, or it would name another's."""
    columns = await pool.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type = 'bigint' AND (column_name = 'id' OR column_name LIKE '%\\_id')"
        " AND column_name <> 'tenant_id'"
    )
    moved = {each.table: each.ids.keys() | each.anew.keys() for each in tenant_export.MOVED}
    assert [tuple(row) for row in columns if row[0] in moved and row[1] not in moved[row[0]]] == []


async def test_all_arrives_with_other_numbers(
    played: Installation, other: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "acme.tenant"
    exported = (await played.export(path)).rows
    arrived = await other.take(path)
    assert exported == arrived.rows == await other.counts() == await played.counts()
    assert all(
        exported[table] for table in ("messages", "files", "consents", "notices", "forgotten_addresses")
    )
    said = (
        "SELECT content, direction, messages.created_at, peer, event_key, provider_id, sequence,"
        " (SELECT assistant FROM turns WHERE turns.tenant_id = $1 AND turns.id = messages.turn_id),"
        " (SELECT name FROM contacts WHERE contacts.tenant_id = $1 AND contacts.id = contact_id),"
        " (SELECT address FROM accounts WHERE accounts.tenant_id = $1 AND accounts.id = messages.account_id)"
        " FROM messages"
        " JOIN conversations ON conversations.tenant_id = $1 AND conversations.id = conversation_id"
        " WHERE messages.tenant_id = $1 ORDER BY messages.id"
    )
    before, after = await played.rows(said), await other.rows(said)
    assert [_nameless(row) for row in before] == [_nameless(row) for row in after]
    there = {row[0] for row in await other.rows("SELECT id FROM messages WHERE tenant_id = $1")}
    assert not there & {row[0] for row in await played.rows("SELECT id FROM messages WHERE tenant_id = $1")}
    tenant = "SELECT name, locale, metadata, aliases, quiet_period, notice_url FROM tenants WHERE id = $1"
    assert await played.rows(tenant) == await other.rows(tenant)
    products = "SELECT name, price, stock, keywords FROM products WHERE tenant_id = $1 ORDER BY name"
    assert await played.rows(products) == await other.rows(products)


def _nameless(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (re.sub(r"kept:\d+", "kept:", row[0]), *row[1:])


async def test_files_come_along_and_messages_name_them(
    played: Installation, other: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "acme.tenant"
    await played.export(path)
    await other.take(path)
    kept = (
        "SELECT files.tenant_id, files.id, content FROM files JOIN messages ON messages.tenant_id = $1"
        " AND messages.id = message_id WHERE files.tenant_id = $1 AND files.state = 'kept'"
    )
    [(tenant, number, content)] = await other.rows(kept)
    assert (other.settings.files / str(tenant) / str(number)).read_bytes() == JPEG
    assert f'"kept:{number}"' in content
    [[size]] = await other.rows("SELECT bytes FROM tenant_files WHERE tenant_id = $1")
    assert size == len(JPEG)


async def test_files_are_read_once_the_rows_are_and_one_that_is_gone_by_then_is_named(
    played: Installation, other: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's transaction is open while files are copied."""
    busy = []

    def removed(*place: Any) -> Path:
        busy.append(played.pool.get_size() - played.pool.get_idle_size())
        path_of(*place).unlink()
        return path_of(*place)

    monkeypatch.setattr(tenant_export, "path_of", removed)
    [[number]] = await played.rows("SELECT id FROM files WHERE tenant_id = $1 AND state = 'kept'")
    assert (await played.export(tmp_path / "acme.tenant")).missing == [number]
    assert busy == [0]
    await other.take(tmp_path / "acme.tenant")
    gone = "SELECT bytes, cause FROM files WHERE tenant_id = $1 AND cause LIKE '%not on the disk when%'"
    assert [row[0] for row in await other.rows(gone)] == [None]
    assert await other.rows("SELECT bytes FROM tenant_files WHERE tenant_id = $1") == [(0,)]


async def test_secrets_open_by_the_other_s_keys_alone(
    played: Installation, other: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "acme.tenant"
    await played.export(path)
    await other.take(path)
    assert SECRET not in path.read_bytes() and b"not-a-secret" not in path.read_bytes()
    [[tenant, sealed]] = await other.rows(
        "SELECT tenant_id, credentials FROM accounts WHERE tenant_id = $1 AND credentials IS NOT NULL"
    )
    key = await data_key(other.pool, other.vault, tenant)
    assert (
        other.vault.unseal(key, accounts.credentials_context(tenant, "twilio", "+56900000101"), sealed)
        == SECRET
    )
    [[before]] = await played.rows("SELECT data_key FROM tenants WHERE id = $1")
    assert key != before


async def test_what_was_unsent_or_unanswered_is_held(
    played: Installation, other: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "acme.tenant"
    await played.export(path)
    arrived = await other.take(path)
    assert arrived.turns and arrived.messages
    await overdue.sweep(other.pool)
    assert await other.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 0
    waits = (
        "SELECT count(*) FROM messages WHERE tenant_id = $1 AND state IN ('queued', 'sending', 'uncertain')"
    )
    assert await other.rows(waits) == [(0,)]
    causes = await other.rows(
        "SELECT DISTINCT cause FROM conversations WHERE tenant_id = $1 AND state = 'held'"
    )
    assert any("imported from localhost" in (cause or "") for [cause] in causes)
    assert await other.rows("SELECT count(*) FROM notices WHERE tenant_id = $1 AND due_at IS NOT NULL") == [
        (0,)
    ]


# Somebody waits since the person's time is over; what came before that was theirs.
HANDED_BACK = """
WITH talk AS (
    UPDATE conversations SET state = 'person', hand_back_at = now() - interval '1 hour', turn_id = 7
    WHERE tenant_id = 1 AND id = (SELECT min(id) FROM conversations WHERE tenant_id = 1 AND state = 'open')
    RETURNING *
)
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key, created_at)
SELECT tenant_id, id, account_id, 'in', said, said::bytea, at FROM talk, (VALUES
    ('"seen"', now() - interval '2 hours'), ('"unseen"', now() - interval '1 minute')) AS told (said, at)
"""

WAITS_HERE = """
WITH new_contact AS (
    INSERT INTO contacts (tenant_id) VALUES (1) RETURNING id
), talk AS (
    INSERT INTO conversations (tenant_id, account_id, contact_id, peer)
    SELECT 1, 1, id, 'ana' FROM new_contact RETURNING *
)
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key)
SELECT tenant_id, id, account_id, 'in', '"hola"', 'k' FROM talk
"""


async def test_who_waits_since_a_person_s_time_is_over_is_held_and_no_other_tenant_s(
    played: Installation, other: Installation, tmp_path: Path
) -> None:
    await played.pool.execute(HANDED_BACK)
    await other.pool.execute(WAITS_HERE)
    path = tmp_path / "acme.tenant"
    await played.export(path)
    await other.take(path)
    found = "SELECT {} FROM messages JOIN conversations AS talks ON talks.id = conversation_id"
    found += " WHERE content = $1"
    state = found.format("talks.state, talks.turn_id")
    assert [tuple(row) for row in await other.pool.fetch(state, '"unseen"')] == [("held", None)]
    assert await other.pool.fetchval(found.format("messages.turn_id IS NULL"), '"unseen"')
    assert await other.pool.fetchval(found.format("messages.turn_id IS NOT NULL"), '"seen"')
    assert [tuple(row) for row in await other.pool.fetch(state, '"hola"')] == [("open", None)]


async def test_what_is_taken_there_already_is_refused_in_words(
    played: Installation, other: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "acme.tenant"
    await played.export(path)
    for taken, undone, said in (
        (
            "INSERT INTO tenants (slug, name) VALUES ('acme', 'A')",
            "DELETE FROM tenants WHERE slug = 'acme'",
            "a tenant acme here already",
        ),
        (
            "INSERT INTO sender_tenants VALUES (1, '+56922220001')",
            "DELETE FROM sender_tenants",
            "phone writes to a tenant already",
        ),
        (
            "INSERT INTO domains VALUES (1, 'chat.acme.example')",
            "DELETE FROM domains",
            "domain belongs to a tenant",
        ),
        (
            "UPDATE accounts SET address = '+56900000101'",
            "UPDATE accounts SET address = '+1'",
            "is zeta's here",
        ),
        (
            "UPDATE tenants SET aliases = '{acme-2024}'",
            "UPDATE tenants SET aliases = '{}'",
            "alias acme-2024 is zeta's",
        ),
    ):
        await other.pool.execute(taken)
        with pytest.raises(OperatorError, match=said):
            await other.take(path)
        await other.pool.execute(undone)
    assert await other.pool.fetchval("SELECT count(*) FROM tenants") == 1
    assert not [each for each in other.settings.files.rglob("*") if each.is_file()]
    await other.take(path)


async def test_another_release_s_file_is_refused(
    played: Installation, other: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def older(connection: object) -> int:
        return 1

    path = tmp_path / "acme.tenant"
    await played.export(path)
    monkeypatch.setattr(tenant_import, "schema_version", older)
    with pytest.raises(TenantFileError, match="bring both to one release"):
        await other.take(path)


@pytest.mark.parametrize("harm", ["cut", "changed", "passphrase", "head", "other"])
async def test_a_file_that_is_not_what_was_written_leaves_nothing(
    played: Installation, other: Installation, tmp_path: Path, harm: str
) -> None:
    path = tmp_path / "acme.tenant"
    await played.export(path)
    content = bytearray(path.read_bytes())
    match harm:
        case "cut":
            content = content[:-40]
        case "changed":
            content[len(content) // 2] ^= 1
        case "head":
            content[30] ^= 1
        case "other":
            content = bytearray(b"something else")
    path.write_bytes(content)
    with pytest.raises(TenantFileError, match=re.escape(str(path))):
        await other.take(path, "another passphrase" if harm == "passphrase" else PASSPHRASE)
    assert await other.pool.fetchval("SELECT count(*) FROM tenants") == 1


async def test_the_commands_say_what_is_next(
    played: Installation, other: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conserje.telemetry.log.set_up", lambda level: None)
    monkeypatch.setattr(tenant_file, "COST", COST)
    here, there = (
        Terminal({"CONSERJE_DATABASE_URL": each.url, "CONSERJE_DATA_DIR": str(each.settings.data_dir)})
        for each in (played, other)
    )
    secret, path = tmp_path / "passphrase", tmp_path / "acme.tenant"
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o644)
    how = ("--passphrase-file", str(secret))
    told = await here.type("tenant", "export", "acme", "--to", str(path), *how, code=1)
    assert "can be read by others" in told.stderr
    secret.chmod(0o600)
    told = await here.type("tenant", "export", "acme", "--to", str(path), *how)
    assert "conserje tenant suspend acme" in told.stdout
    assert path.stat().st_mode & 0o777 == 0o600
    assert b'"n":131072' in path.read_bytes()[:200]  # whoever guesses needs 128 MiB each time
    told = await here.type("tenant", "export", "acme", "--to", str(path), *how, code=1)
    assert "is there already" in told.stderr
    told = await there.type("tenant", "import", str(path), *how)
    assert "conserje held list --tenant acme" in told.stdout
    assert await there.read("held", "list", "--tenant", "acme", "--json")
    told = await here.type("tenant", "remove", "acme", "--yes", *how)
    [kept] = (played.settings.data_dir / "exports").iterdir()
    assert str(kept) in told.stdout and kept.stat().st_mode & 0o777 == 0o600
    assert await played.rows("SELECT 1 FROM tenants WHERE id = $1") == []
    secret.write_text("short\n")
    told = await here.type("tenant", "export", "bravo", "--to", str(tmp_path / "b"), *how, code=1)
    assert "less than 12 characters" in told.stderr
    assert not (tmp_path / "b").exists()
    assert json.loads((await here.type("tenant", "list", "--json")).stdout)
