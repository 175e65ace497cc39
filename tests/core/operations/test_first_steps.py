"""First steps: what is still to do, read from the tenant's rows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from conserje import Nothing
from conserje.contract.account import Finding
from conserje.net.client import client
from conserje.operations import first_steps
from conserje.plugins.plugins import Plugins
from conserje.settings import Settings
from conserje.storage.database import Pool
from conserje.tenants import accounts, checks, people, tenants
from conserje.tenants.vault import Vault
from conserje_json import Json
from conserje_twilio import Twilio
from conserje_web import Web


@dataclass
class House:
    """An installation with a tenant that has done nothing yet."""

    settings: Settings
    pool: Pool
    vault: Vault
    plugins: Plugins

    async def steps(self) -> dict[str, tuple[str, str]]:
        async with self.pool.acquire() as connection:
            found = await first_steps.read(self, connection, await tenants.get(connection, "acme"))
        return {each.name: (each.state, each.why) for each in found}

    async def step(self, name: str) -> tuple[str, str]:
        return (await self.steps())[name]

    async def run(self, statement: str, *values: object) -> None:
        await self.pool.execute(
            statement.replace("ACME", "(SELECT id FROM tenants WHERE slug = 'acme')"), *values
        )

    async def account(self, **values: str) -> int:
        async with self.pool.acquire() as connection:
            tenant = await tenants.get(connection, "acme")
            return (await accounts.add(connection, tenant.id, "twilio", "+56911111111")).id

    async def find(self, account_id: int, *findings: Finding) -> None:
        async with self.pool.acquire() as connection:
            tenant = await tenants.get(connection, "acme")
            await checks.note(connection, tenant.id, account_id, findings)


@pytest.fixture
async def house(pool: Pool, keyring: Path) -> House:
    http = client()
    plugins = Plugins(
        {
            "twilio": Twilio(Twilio.Operator(), http),
            "web": Web(Nothing(), http),
            "json": Json(Nothing(), http),
        },
        {},
    )
    async with pool.acquire() as connection:
        await tenants.add(connection, "acme", "Acme")
    return House(Settings(data_dir=keyring.parent.parent), pool, Vault.read(keyring), plugins)


async def test_a_new_tenant_has_everything_to_do(house: House) -> None:
    steps = await house.steps()
    assert list(steps) == ["look", "hours", "products", "knowledge", "account", "page", "people"]
    assert {state for state, _ in steps.values()} == {"todo"}
    assert (steps["account"], steps["people"]) == (("todo", "none"), ("todo", "nobody"))


async def test_what_is_there_is_done_and_what_goes_is_to_do_again(house: House) -> None:
    await house.run('UPDATE tenants SET hours = \'{"week": {"monday": ["09:00-18:00"]}}\'')
    await house.run("INSERT INTO products (tenant_id, name, price) VALUES (ACME, 'Pan', 1000)")
    await house.run("INSERT INTO facts (tenant_id, name, said) VALUES (ACME, 'payment', 'Efectivo.')")
    await house.run(
        "INSERT INTO accounts (tenant_id, channel, address, settings) VALUES (ACME, 'web', 'web', $1)",
        '{"logo": "https://acme.example/logo.png"}',
    )
    steps = await house.steps()
    assert {name for name, (state, _) in steps.items() if state == "ok"} == {
        "look", "hours", "products", "knowledge",
    }  # fmt: skip
    await house.run("UPDATE products SET status = 'inactive'")
    assert await house.step("products") == ("todo", "")


async def test_the_page_is_seen_once_somebody_has_written_there(house: House) -> None:
    await house.run("INSERT INTO accounts (tenant_id, channel, address) VALUES (ACME, 'web', 'web')")
    assert await house.step("page") == ("todo", "")
    await house.run("INSERT INTO contacts (tenant_id) VALUES (ACME)")
    await house.run(
        "INSERT INTO conversations (tenant_id, account_id, contact_id, peer)"
        " SELECT accounts.tenant_id, accounts.id, contacts.id, 'x' FROM accounts, contacts"
    )
    assert await house.step("page") == ("ok", "")


async def test_an_account_works_once_its_provider_said_so(house: House) -> None:
    id = await house.account()
    assert await house.step("account") == ("todo", "unchecked")
    await house.find(id, Finding("error", "The token is wrong."), Finding("ok", "Else all is well."))
    assert await house.step("account") == ("failed", "refused")
    await house.find(id, Finding("error", "It posts elsewhere.", posts_to="https://otro.example/"))
    assert await house.step("account") == ("failed", "elsewhere")
    await house.find(id, Finding("warning", "The provider is silent."))
    assert await house.step("account") == ("todo", "unasked")
    await house.find(id, Finding("ok", "It is well."), Finding("warning", "Almost."))
    assert await house.step("account") == ("ok", "")
    await house.run(
        "INSERT INTO illnesses (tenant_id, account_id, cause) VALUES (ACME, $1, 'It is ill.')", id
    )
    assert await house.step("account") == ("failed", "ill")
    await house.run("UPDATE accounts SET status = 'suspended'")
    assert await house.step("account") == ("todo", "inactive")


async def test_one_account_that_works_is_enough(house: House) -> None:
    await house.find(await house.account(), Finding("ok", "It is well."))
    await house.run("INSERT INTO accounts (tenant_id, channel, address) VALUES (ACME, 'dodo', 'nest')")
    assert await house.step("account") == ("ok", "")
    await house.run("DELETE FROM accounts WHERE channel = 'twilio'")
    assert await house.step("account") == ("failed", "no-channel")
    await house.run("UPDATE accounts SET channel = 'json', address = 'json'")
    assert await house.step("account") == ("todo", "none")


async def test_somebody_is_told_where_mail_can_leave(house: House) -> None:
    async with house.pool.acquire() as connection:
        tenant = await tenants.get(connection, "acme")
        await people.add(connection, tenant.id, "Ana", "ana@acme.example", None)
    assert await house.step("people") == ("failed", "no-mail")
    url = SecretStr("smtp://mail.example")
    sent = house.settings.model_copy(update={"smtp_url": url, "mail_from": "bot@example.com"})
    assert await dataclasses.replace(house, settings=sent).step("people") == ("ok", "")
    await house.run("UPDATE tenants SET notice_url = 'https://acme.example/hook'")
    assert await house.step("people") == ("ok", "")
