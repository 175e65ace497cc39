"""What earlier releases left: their databases and spooled events are opened, and nothing of them is lost.

`tests/fixtures` has a folder for each release; its README says how a release adds its own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from fixtures.make import make
from installation import Installation, install
from restored import ACCOUNT_SID, AUTH_TOKEN, RELEASES, restore, rows, terminal, upgraded
from waiting import until

from conserje.net.client import client
from conserje.plugins import plugins
from conserje.storage import jobs
from conserje.storage.database import Pool
from conserje.tenants.directory import Directory
from conserje.tenants.vault import Vault
from conserje_fakes.twilio_messages import TwilioAccount

SMS, WHATSAPP = "+56900000101", "whatsapp:+56900000102"
STATES = {"queued", "sending", "uncertain", "refused", "held", "sent", "failed", "delivered", "read"}
KINDS = {
    "text", "media", "location", "contact_card", "reaction", "buttons", "list", "pressed", "template",
    "order", "edit", "revocation", "note", "unknown",
}  # fmt: skip

# But for what a person has to do, or a tenant that is parked.
SETTLED = """
SELECT NOT EXISTS (SELECT FROM messages WHERE state IN ('queued', 'sending', 'uncertain'))
   AND NOT EXISTS (
    SELECT FROM messages JOIN conversations ON conversations.id = conversation_id
    WHERE direction = 'in' AND messages.turn_id IS NULL AND conversations.state = 'open')
"""

releases = pytest.mark.parametrize("release", RELEASES, ids=lambda folder: folder.name)


@pytest.fixture(autouse=True)
def _log_of_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conserje.telemetry.log.set_up", lambda level: None)


@pytest_asyncio.fixture
async def pool(release: Path, empty_database_url: str, keyring: Path) -> AsyncIterator[Pool]:
    """Of the database that the release left, migrated."""
    async with upgraded(release, empty_database_url, keyring) as pool:
        yield pool


def counted(release: Path) -> dict[str, int]:
    counts: dict[str, int] = json.loads((release / "rows.json").read_text())
    return counts


def empty(rows: dict[str, int]) -> list[str]:
    """Tables of ours without a row, which `tests/fixtures/play.py` should give them."""
    return [table for table, count in rows.items() if table.startswith("public.") and not count]


@releases
async def test_every_row_of_every_table_is_restored(release: Path, empty_database_url: str) -> None:
    await restore(release, empty_database_url)
    found = await rows(empty_database_url)
    assert found == counted(release)
    assert not empty(found)


@releases
async def test_a_migration_loses_nothing_that_was_said(
    release: Path, pool: Pool, empty_database_url: str
) -> None:
    dear = {f"public.{name}" for name in ("tenants", "accounts", "contacts", "conversations", "messages")}
    found, before = await rows(empty_database_url), counted(release)
    assert {table: found[table] for table in dear} == {table: before[table] for table in dear}
    contents = await pool.fetch("SELECT DISTINCT content::jsonb ->> 'type' FROM messages")
    assert {kind for [kind] in contents} >= KINDS


@releases
async def test_credentials_open(pool: Pool, empty_database_url: str, keyring: Path) -> None:
    sealed = await pool.fetch(
        "SELECT slug, channel, address FROM accounts JOIN tenants ON tenants.id = tenant_id"
        " WHERE credentials IS NOT NULL"
    )
    vault, opened = Vault.read(keyring), set()
    async with client() as http, Directory(pool, empty_database_url) as directory:
        there = plugins.load({}, http)
        for slug, name, address in sealed:
            entry = await directory.by_slug(slug)
            [account] = [each for each in entry.accounts_of(name) if each.address == address]
            plugin = there.assistant(name) if name in there.assistants else there.channel(name)
            entry.opened(account, plugin, vault)
            opened.add(name)
    assert opened == {"twilio", "meta", "web", "openai"}


@releases
async def test_the_operator_sees_all_that_was_there(
    pool: Pool, empty_database_url: str, keyring: Path
) -> None:
    typed = terminal(empty_database_url, keyring)
    listed = await typed.read("tenant", "list", "--json")
    assert {each["slug"] for each in listed} >= {"acme", "bravo", "cerrada"}
    said = await typed.read("message", "list", "acme", "--limit", "10000", "--json")
    shown = {each["id"]: each for each in said if each["kind"] == "message"}
    stored = await pool.fetch(
        "SELECT messages.id FROM messages JOIN tenants ON slug = 'acme' AND tenants.id = tenant_id"
    )
    assert shown.keys() == {row["id"] for row in stored}
    assert {each["state"] for each in shown.values() if each["direction"] == "out"} >= STATES
    states = {each["state"] for each in await typed.read("conversation", "list", "acme", "--json")}
    assert states == {"open", "person", "held"}
    waiting = await typed.read("held", "list", "--json")
    assert {(each["tenant"], each["id"][0]) for each in waiting} >= {
        ("acme", "t"),
        ("acme", "m"),
        ("acme", "r"),
        ("bravo", "t"),
    }


@releases
async def test_jobs_name_what_is_there(release: Path, pool: Pool) -> None:
    """The worker would sweep up what it cannot read, half a minute late."""
    payloads = await pool.fetch("SELECT payload FROM pgqueuer.pgqueuer")
    assert len(payloads) == counted(release)["pgqueuer.pgqueuer"] > 0
    named = [jobs.read_payload(payload) for [payload] in payloads]
    there = await pool.fetch("SELECT tenant_id, conversation_id, id FROM messages")
    conversations = {(row[0], row[1], 0) for row in there}
    assert conversations | {tuple(row) for row in there} >= set(named)


@pytest_asyncio.fixture
async def installation(pool: Pool, empty_database_url: str, keyring: Path) -> AsyncIterator[Installation]:
    """Its processes, and Twilio as it was."""
    async with install(pool, empty_database_url, keyring) as installation:
        installation.know("acme", TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, [SMS, WHATSAPP]))
        yield installation


@releases
async def test_work_goes_on_where_it_was_left(
    pool: Pool, installation: Installation, empty_database_url: str, keyring: Path
) -> None:
    before = await replies_by_state(pool)
    async with installation.working():
        await until(lambda: pool.fetchval(SETTLED))
    told = {body: to for to, body in installation.replies}
    assert set(installation.replies.values()) == {1}
    assert before["queued"] | before["sending"] | before["uncertain"] <= told.keys()
    [answer] = told.keys() - before["queued"] - before["sending"] - before["uncertain"]
    assert "Pan amasado" in answer, "what was asked last is answered from the products"
    after = await replies_by_state(pool)
    assert after["sent"] >= before["sent"] | told.keys()
    for done in ("refused", "failed", "delivered", "read", "held"):
        assert after[done] == before[done], done
    waiting = await terminal(empty_database_url, keyring).read("held", "list", "--json")
    assert {text for each in waiting for text in each["texts"]} >= before["held"]


async def replies_by_state(pool: Pool) -> dict[str, set[str]]:
    """What was said to contacts in words, by its state."""
    found = await pool.fetch(
        "SELECT state, array_agg(content::jsonb ->> 'text') AS texts FROM messages"
        " WHERE direction = 'out' AND content::jsonb ->> 'type' = 'text' GROUP BY state"
    )
    return {row["state"]: set(row["texts"]) for row in found}


@pytest.mark.new_database  # its rows have numbers of their own
async def test_this_release_can_make_its_own(
    database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    await make(database_url, tmp_path / "now")
    await restore(tmp_path / "now", empty_database_url)
    found = await rows(empty_database_url)
    assert found == await rows(database_url) == counted(tmp_path / "now")
    assert not empty(found)
