"""`conserje demo`: three tenants with their catalogues, and a stand-in for the provider of two of them."""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from conserje import products, tenants
from conserje.cli.installation import Installation, with_installation
from conserje.cli.table import show_json
from conserje.database import Connection
from conserje.tenants import TenantError, credentials_context
from conserje_fakes.twilio_messages import TwilioAccount

SLUGS = ("acme", "bravo", "mundo-canino")
ADDRESSES = {"acme": "whatsapp:+56900000101", "bravo": "whatsapp:+56900000102"}
CHANNEL = "twilio"
ACCOUNTS_FILE = "demo-twilio-accounts.json"


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A tenant of the demo, and its account at the stand-in if it has one."""

    slug: str
    account: TwilioAccount | None


@click.group()
def demo() -> None:
    """Try Conserje out without any provider."""


@demo.command()
@click.option("--port", default=8090, show_default=True, help="Where the stand-in for Twilio will listen.")
@with_installation
async def prepare(installation: Installation, port: int) -> None:
    """Load the demo's tenants; print what to set and what to start, as JSON.

    What is there already stays as it is.

    \b
    Example:
      conserje demo prepare
    """
    async with installation.pool.acquire() as connection, connection.transaction():
        await _refuse_foreign_installation(connection)
        staged = [await _stage(installation, connection, slug) for slug in SLUGS]
    accounts = installation.settings.data_dir / ACCOUNTS_FILE
    _write(accounts, [each.account for each in staged if each.account])
    stand_in = ["-m", "conserje_fakes.twilio", "--port", str(port), "--accounts", str(accounts)]
    show_json(
        {
            "environment": {"CONSERJE_TWILIO_BASE_URL": f"http://127.0.0.1:{port}"},
            "tenants": [
                {
                    "slug": each.slug,
                    "url": installation.settings.tenant_url(each.slug),
                    "accounts": [f"{CHANNEL} {address}" for address in each.account.numbers]
                    if each.account
                    else [],
                }
                for each in staged
            ],
            "commands": [[sys.executable, *stand_in]],
        }
    )


async def _refuse_foreign_installation(connection: Connection) -> None:
    """The stand-in would be sent what real tenants say. Raises TenantError."""
    there = {tenant.slug: tenant for tenant in await tenants.list_all(connection)}
    for slug, address in ADDRESSES.items():
        if slug in there and address in {
            account.address for account in await tenants.list_accounts(connection, there[slug].id)
        }:
            return
    if there:
        raise TenantError(
            f"This installation has tenants of its own ({', '.join(sorted(there)[:3])} ...): the demo would "
            "send their messages to a stand-in. Give it a database of its own: CONSERJE_DATA_DIR set to a "
            "new directory, and no CONSERJE_DATABASE_URL."
        )


async def _stage(installation: Installation, connection: Connection, slug: str) -> DemoTenant:
    """The demo's tenant of this slug, made if it is not there."""
    catalogue = json.loads(files("conserje_fakes").joinpath("demo_data", f"{slug}.json").read_text("utf-8"))
    if slug not in {tenant.slug for tenant in await tenants.list_all(connection)}:
        made = await tenants.add(connection, slug, catalogue["name"])
        rows = [products.from_row(row, made.currency) for row in catalogue["products"]]
        await products.upsert_many(connection, made.id, rows)
    tenant = await tenants.get(connection, slug)
    if slug not in ADDRESSES:
        return DemoTenant(slug, None)
    return DemoTenant(slug, await _account(installation, connection, tenant.id, ADDRESSES[slug]))


async def _account(
    installation: Installation, connection: Connection, tenant_id: int, address: str
) -> TwilioAccount:
    """The tenant's account at the stand-in, with credentials made up the first time."""
    vault = installation.vault
    for account in await tenants.list_accounts(connection, tenant_id):
        if (account.channel, account.address) == (CHANNEL, address) and account.credentials:
            key = await tenants.data_key(connection, vault, tenant_id)
            opened = vault.unseal(key, credentials_context(tenant_id, CHANNEL, address), account.credentials)
            return _known(json.loads(opened), address)
    made = {"account_sid": "AC" + secrets.token_hex(16), "auth_token": secrets.token_hex(16)}
    sealed = await tenants.seal_credentials(
        connection, vault, tenant_id, CHANNEL, address, json.dumps(made).encode()
    )
    await tenants.add_account(connection, tenant_id, CHANNEL, address, credentials=sealed)
    return _known(made, address)


def _known(credentials: dict[str, Any], address: str) -> TwilioAccount:
    return TwilioAccount(credentials["account_sid"], credentials["auth_token"], [address])


def _write(path: Path, accounts: list[TwilioAccount]) -> None:
    """The accounts as the stand-in reads them, for nobody else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump([asdict(account) for account in accounts], file)
    os.replace(temporary, path)
