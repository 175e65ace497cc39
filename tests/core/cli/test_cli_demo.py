"""`conserje demo prepare`: three tenants to try, the same after every run, and no place for real ones."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from terminal import Terminal

from conserje.storage.database import Pool
from conserje.tenants import tenants


async def test_it_says_what_to_set_what_to_start_and_what_there_is(terminal: Terminal) -> None:
    made = await terminal.read("demo", "prepare", "--port", "18123", LISTEN="127.0.0.1:18124")
    assert made["environment"] == {"CONSERJE_TWILIO_BASE_URL": "http://127.0.0.1:18123"}
    assert [tenant["slug"] for tenant in made["tenants"]] == ["acme", "bravo", "mundo-canino"]
    assert made["tenants"][0]["url"] == "http://acme.localhost:18124"
    assert [len(tenant["accounts"]) for tenant in made["tenants"]] == [1, 1, 0]
    [command] = made["commands"]
    assert command[1:5] == ["-m", "conserje_fakes.twilio", "--port", "18123"]
    for tenant in made["tenants"]:
        assert len(await terminal.read("product", "export", tenant["slug"])) >= 12
        said = await terminal.read("knowledge", "export", tenant["slug"])
        assert said["hours"] and said["delivery.cost"] and len(said["questions"]) == 4


async def test_a_second_run_keeps_all(terminal: Terminal, pool: Pool) -> None:
    first = await terminal.read("demo", "prepare")
    accounts = Path(first["commands"][0][-1])
    assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
    before = json.loads(accounts.read_text())
    rows = await pool.fetch("SELECT * FROM accounts ORDER BY id")
    await pool.execute("UPDATE products SET price = 1")
    await terminal.type("tenant", "add", "nueva-tienda", "--name", "Nueva Tienda")
    accounts.unlink()
    again = await terminal.read("demo", "prepare")
    assert {**again, "console": ""} == {**first, "console": ""}
    assert json.loads(accounts.read_text()) == before
    assert await pool.fetch("SELECT * FROM accounts ORDER BY id") == rows
    assert await pool.fetchval("SELECT max(price) FROM products") == 1


async def test_the_credentials_are_in_the_stand_in_s_file_and_nowhere_in_clear(
    terminal: Terminal, pool: Pool
) -> None:
    said = await terminal.type("demo", "prepare")
    accounts = json.loads(Path(json.loads(said.stdout)["commands"][0][-1]).read_text())
    sealed = await pool.fetchval("SELECT string_agg(accounts::text, '') FROM accounts")
    assert len({account["auth_token"] for account in accounts}) == 3
    for account in accounts:
        assert account["auth_token"] not in said.output and account["auth_token"] not in sealed


async def test_there_is_an_account_for_whoever_adds_a_client(terminal: Terminal, pool: Pool) -> None:
    spare = (await terminal.read("demo", "prepare"))["spare"]
    await terminal.type("tenant", "add", "nueva-tienda", "--name", "Nueva Tienda")
    added = [
        "account",
        "add",
        "nueva-tienda",
        *spare["account"].split(),
        "--credentials",
        spare["credentials"],
        "--no-check",
    ]
    await terminal.type(*added)
    assert await pool.fetchval("SELECT count(*) FROM accounts WHERE address = 'whatsapp:+56900000201'") == 1


async def test_an_installation_with_tenants_of_its_own_is_left_alone(terminal: Terminal, pool: Pool) -> None:
    async with pool.acquire() as connection:
        await tenants.add(connection, "real", "A real one")
    assert "tenants of its own (real" in (await terminal.type("demo", "prepare", code=1)).stderr
    assert await pool.fetchval("SELECT count(*) FROM tenants") == 1
