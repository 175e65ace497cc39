"""`conserje account set`, accounts that every tenant has, and `conserje tenant phone`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from terminal import Terminal

from conserje.cli.main import main
from conserje.contract.sessions import identity_key
from conserje.net.client import client
from conserje.plugins.plugins import load
from conserje.storage.database import Pool
from conserje.tenants import accounts
from conserje.tenants.entry import Entry
from conserje.tenants.vault import Vault

SHARED: dict[str, Any] = {
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "made up",
    "META_ACCESS_TOKEN": "made-up",
    "META_APP_SECRET": "made-up",
}


@pytest.fixture
async def acme(terminal: Terminal) -> Terminal:
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    return terminal


async def test_an_account_is_changed_in_what_is_given(acme: Terminal, pool: Pool) -> None:
    place = ("acme", "twilio", "+56911111111")
    await acme.type("account", "add", *place, TWILIO_ACCOUNT_SID="AC" + "1" * 32, TWILIO_AUTH_TOKEN="made up")
    await acme.type("account", "set", *place, "--status", "suspended")
    [shown] = await acme.read("account", "list", "acme", "--json")
    assert (shown["status"], shown["credentials"]) == ("suspended", "the operator's")
    await acme.type("account", "set", *place, "--status", "active", "--settings", "{}")
    [shown] = await acme.read("account", "list", "acme", "--json")
    assert shown["status"] == "active"


async def test_what_becomes_of_what_is_uncertain_is_said_where_the_channel_cannot_ask(acme: Terminal) -> None:
    shared: dict[str, Any] = {"META_ACCESS_TOKEN": "made-up", "META_APP_SECRET": "made-up"}
    place = ("acme", "meta", "106540352242922")
    await acme.type("account", "add", *place, **shared)
    await acme.type("account", "set", *place, "--uncertain", "resend")
    [shown] = await acme.read("account", "list", "acme", "--json")
    assert shown["uncertain"] == "resend"
    ours = ("acme", "web", "web")
    await acme.type("account", "add", *ours)
    refused = await acme.type("account", "set", *ours, "--uncertain", "resend", code=1)
    assert "What is uncertain at web is asked for there" in refused.stderr


async def test_why_an_account_cannot_be_asked_for_messages_is_shown(acme: Terminal, pool: Pool) -> None:
    place = ("acme", "twilio", "+56911111111")
    await acme.type("account", "add", *place, TWILIO_ACCOUNT_SID="AC" + "1" * 32, TWILIO_AUTH_TOKEN="made up")
    [shown] = await acme.read("account", "list", "acme", "--json")
    assert (shown["fetched_at"], shown["fetch_failed"]) == (None, None)
    await pool.execute(
        "INSERT INTO fetches (tenant_id, account_id, fetched_at, cause)"
        " SELECT tenant_id, id, '2026-03-01 12:00Z', '20003: check auth_token.' FROM accounts"
    )
    [shown] = await acme.read("account", "list", "acme", "--json")
    assert shown["fetched_at"] == "2026-03-01T12:00:00+00:00"
    assert shown["fetch_failed"] == "20003: check auth_token."
    assert "20003: check auth_token." in (await acme.type("tenant", "show", "acme")).stdout


async def test_an_account_that_is_ill_is_red_on_a_terminal(acme: Terminal, pool: Pool) -> None:
    for address in ("+56911111111", "+56922222222"):
        place = ("acme", "twilio", address)
        given = "AC" + "1" * 32
        await acme.type("account", "add", *place, TWILIO_ACCOUNT_SID=given, TWILIO_AUTH_TOKEN="made up")
    await pool.execute(
        "INSERT INTO illnesses (tenant_id, account_id, cause)"
        " SELECT tenant_id, id, '20003: no such token' FROM accounts WHERE address = '+56911111111'"
    )
    command = ["account", "list", "acme"]
    shown = await asyncio.to_thread(CliRunner().invoke, main, command, env=acme.environment, color=True)
    _, ill, well = shown.output.splitlines()
    assert ill.startswith("\x1b[31mtwilio")
    assert "20003: no such token" in ill
    assert not well.startswith("\x1b[31m")


async def test_credentials_are_changed_and_open(acme: Terminal, pool: Pool, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    place = ("acme", "twilio", "+56911111111", "--credentials", str(file), "--no-check")
    for command, token in (("add", "s3cret"), ("set", "n3w")):
        file.write_text(json.dumps({"account_sid": "AC" + "1" * 32, "auth_token": token}))
        await acme.type("account", command, *place)
        found = await accounts.find(pool, "slug", "acme")
        assert found
        vault = Vault.read(Path(acme.environment["CONSERJE_DATA_DIR"], "keys", "master.json"))
        opened = Entry(*found).opened(found[1][0], load({}, client()).channel("twilio"), vault)
        assert opened.credentials.auth_token.get_secret_value() == token


async def test_what_every_tenant_has_is_made_by_setting_it(acme: Terminal, pool: Pool) -> None:
    for command in (("set", "--status", "suspended"), ("add",), ("add",)):
        await acme.type("account", command[0], "acme", "json", "json", *command[1:])
    rows = await pool.fetch("SELECT address, status, credentials, quiet_period FROM accounts")
    [row] = rows
    assert (row["address"], row["status"], row["quiet_period"].total_seconds()) == ("json", "suspended", 0)
    assert row["credentials"].startswith("v1.")


async def test_the_row_printed_of_what_every_tenant_has_has_no_credentials(
    acme: Terminal, pool: Pool
) -> None:
    row = (await acme.type("account", "add", "acme", "json", "json", "--sql")).stdout
    await pool.execute(row)
    [shown] = await acme.read("account", "list", "acme", "--json")
    assert (shown["channel"], shown["credentials"]) == ("json", "the operator's")


async def test_settings_that_are_not_given_stay_and_null_takes_one_away(acme: Terminal) -> None:
    place = ("acme", "web", "web", "--settings")
    for command, given in (
        ("set", '{"greeting": "Hola", "colour": "#112233", "hours": {"monday": ["09:00-13:00"]}}'),
        ("set", '{"greeting": "Buenas", "hours": {"sunday": ["10:00-12:00"]}}'),
        ("set", '{"colour": null, "hours": {"monday": null}}'),
        ("set", "{}"),
        ("add", '{"title": "Acme"}'),
    ):
        await acme.type("account", command, *place, given)
    [shown] = await acme.read("account", "list", "acme", "--json")
    kept = {"greeting": "Buenas", "hours": {"sunday": ["10:00-12:00"]}, "title": "Acme"}
    assert shown["settings"] == kept
    refused = await acme.type("account", "set", *place, '{"colour": 7}', code=1)
    assert "settings: colour" in refused.stderr
    [shown] = await acme.read("account", "list", "acme", "--json")
    assert shown["settings"] == kept


REFUSED = [
    (("json", "json"), 2, "Give --settings, --credentials, --status, --window-template or --uncertain."),
    (("json", "otro", "--status", "active"), 1, "The address of the account json must be json."),
    (("json", "json", "--settings", '{"a": 1}'), 1, "settings: a: Extra inputs"),
    (("json", "json", "--settings", "[]"), 1, "The settings"),
    (("json", "json", "--status", "asleep"), 2, "asleep"),
    (("twilio", "+569", "--status", "active"), 1, "has no account twilio +569"),
    (
        ("openai", "k", "--settings", '{"model": "m"}'),
        2,
        "`conserje tenant set --assistant-setting` changes theirs.",
    ),
    (("unicorn", "x", "--status", "active"), 1, "unicorn is not installed"),
]


async def test_a_change_refused_is_a_line(acme: Terminal) -> None:
    for words, code, said in REFUSED:
        assert said in (await acme.type("account", "set", "acme", *words, code=code)).stderr, words
    assert await acme.read("account", "list", "acme", "--json") == []


async def test_a_tenants_phones_are_added_shown_and_removed(terminal: Terminal) -> None:
    add = ("tenant", "add", "acme", "--name", "Acme", "--phone", "whatsapp:+56911111111", "--phone")
    await terminal.type(*add, "569 2222-2222")
    assert (await terminal.read("tenant", "show", "acme", "--json"))["phones"] == [
        "+56911111111",
        "+56922222222",
    ]
    assert (
        "phones              +56911111111, +56922222222\n"
        in (await terminal.type("tenant", "show", "acme")).output
    )
    await terminal.type("tenant", "phone", "remove", "acme", "56911111111")
    await terminal.type("tenant", "phone", "add", "acme", "+56933333333")
    assert (await terminal.read("tenant", "show", "acme", "--json"))["phones"] == [
        "+56922222222",
        "+56933333333",
    ]

    said = (
        await terminal.type("tenant", "add", "bravo", "--name", "B", "--phone", "+56922222222", code=1)
    ).stderr
    assert said == "conserje: +56922222222 writes to acme already.\n"
    assert [each["slug"] for each in await terminal.read("tenant", "list", "--json")] == ["acme"]
    said = (await terminal.type("tenant", "add", "bravo", "--name", "B", "--phone", "x", code=1)).stderr
    assert said == "conserje: 'x' is no phone: write it like +56912345678, its country first.\n"


async def test_the_rows_printed_have_the_phones(terminal: Terminal, pool: Pool) -> None:
    add = ("tenant", "add", "acme", "--name", "D'Or", "--phone", "56911111111", "--sql")
    await pool.execute((await terminal.type(*add)).stdout)
    assert (await terminal.read("tenant", "show", "acme", "--json"))["phones"] == ["+56911111111"]


@pytest.mark.parametrize(
    ("channel", "written", "stored"),
    [
        ("twilio", "56912345678", "+56912345678"),
        ("twilio", "+56 9 1234-5678", "+56912345678"),
        ("twilio", "WhatsApp:56912345678", "whatsapp:+56912345678"),
        ("twilio", "24567", "24567"),
        ("meta", " 110000000000001 ", "110000000000001"),
    ],
)
async def test_an_address_is_stored_as_its_provider_has_it(
    acme: Terminal, channel: str, written: str, stored: str
) -> None:
    row = (await acme.type("account", "add", "acme", channel, written, "--sql", **SHARED)).stdout
    assert f"'{stored}'" in row


@pytest.mark.parametrize(
    ("channel", "address", "said"),
    [
        ("twilio", "@anabot", "'@anabot' is no phone"),
        ("twilio", "9123456", "'9123456' is no phone"),
        ("twilio", "telegram:123456", "is no sender"),
        ("meta", "+56912345678", "is no phone number's id"),
        ("meta", "56912345678", "is no phone number's id"),
        ("meta", "@anabot", "is no phone number's id"),
    ],
)
async def test_what_can_be_no_address_is_refused(
    acme: Terminal, channel: str, address: str, said: str
) -> None:
    refused = await acme.type("account", "add", "acme", channel, address, **SHARED, code=1)
    assert said in refused.stderr and refused.stderr.count("\n") == 1


async def test_a_number_that_another_tenant_has_is_said(acme: Terminal) -> None:
    await acme.type("tenant", "add", "bravo", "--name", "Bravo")
    assert (await acme.type("account", "add", "bravo", "twilio", "+56911111111", **SHARED)).stderr == ""
    said = await acme.type("account", "add", "acme", "twilio", "56911111111", **SHARED)
    assert said.stderr == "bravo has twilio +56911111111, too.\n"


async def test_an_account_moves_with_its_credentials(acme: Terminal, pool: Pool, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"account_sid": "AC" + "1" * 32, "auth_token": "s3cret"}))
    await acme.type("account", "add", "acme", "twilio", "+56911111111", "--credentials", str(file))
    before = await pool.fetchval("SELECT id FROM accounts")
    await acme.type("account", "move", "acme", "twilio", "56911111111", "+56922222222")
    found = await accounts.find(pool, "slug", "acme")
    assert found and (found[1][0].id, found[1][0].address) == (before, "+56922222222")
    vault = Vault.read(Path(acme.environment["CONSERJE_DATA_DIR"], "keys", "master.json"))
    opened = Entry(*found).opened(found[1][0], load({}, client()).channel("twilio"), vault)
    assert opened.credentials.auth_token.get_secret_value() == "s3cret"
    for words, said in (
        (("twilio", "+56911111111", "+56933333333"), "no account twilio +56911111111"),
        (("twilio", "+56922222222", "@anabot"), "is no phone"),
        (("web", "web", "other"), "must be web"),
    ):
        assert said in (await acme.type("account", "move", "acme", *words, code=1)).stderr


async def test_the_key_of_identities_is_the_account_s_and_no_session_s(acme: Terminal, pool: Pool) -> None:
    key = (await acme.type("account", "identity-key", "acme")).stdout.strip()
    assert (
        len(key) == 64 and key == (await acme.type("account", "identity-key", "acme", "web")).stdout.strip()
    )
    found = await accounts.find(pool, "slug", "acme")
    assert found
    vault = Vault.read(Path(acme.environment["CONSERJE_DATA_DIR"], "keys", "master.json"))
    web = next(account for account in found[1] if account.channel == "web")
    opened = Entry(*found).opened(web, load({}, client()).channel("web"), vault)
    assert identity_key(opened) == key != opened.credentials.secret.get_secret_value()
    refused = await acme.type("account", "identity-key", "acme", "twilio", code=1, **SHARED)
    assert "has no pages" in refused.stderr and refused.stderr.count("\n") == 1
