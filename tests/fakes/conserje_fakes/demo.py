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

from conserje.access import invitations, logins
from conserje.cli.table import show_json
from conserje.installation import Installation, with_installation
from conserje.shop import knowledge, products, written
from conserje.storage.database import Connection
from conserje.tenants import accounts, data_keys, tenants
from conserje.tenants.accounts import credentials_context
from conserje.tenants.refusals import TenantError
from conserje_fakes.twilio_messages import TwilioAccount

SLUGS = ("acme", "bravo", "mundo-canino")
ADDRESSES = {"acme": "whatsapp:+56900000101", "bravo": "whatsapp:+56900000102"}
CHANNEL = "twilio"
PAGE = "web"  # every tenant has one; the row is here for its looks
ACCOUNTS_FILE = "demo-twilio-accounts.json"
SPARE_FILE = "demo-twilio-credentials.json"  # of an account for whoever adds a client
OPERATOR = "demo@example.com"  # who the demo is signed in as at the console
SPARE_NUMBERS = [f"whatsapp:+5690000020{n}" for n in range(1, 10)]


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A tenant of the demo, and its account at the stand-in if it has one."""

    slug: str
    account: TwilioAccount | None


@click.group()
def demo() -> None:
    """Try Conserje out without any provider."""


@demo.command()
@click.option(
    "--port", type=int, help="The port of Twilio's stand-in. [default: ten above CONSERJE_LISTEN's]"
)
@click.option(
    "--trust",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The certificate of the authority behind the edge, for the stand-in.",
)
@with_installation
async def prepare(installation: Installation, port: int | None, trust: Path | None) -> None:
    """Load the demo's tenants; print what to set and what to start, as JSON.

    What is there already stays as it is.

    \b
    Example:
      conserje demo prepare
    """
    async with installation.pool.acquire() as connection, connection.transaction():
        await _refuse_foreign_installation(connection)
        staged = [await _stage(installation, connection, slug) for slug in SLUGS]
        link = f"{installation.settings.console_url}/link/{await _link(connection)}"
    accounts = installation.settings.data_dir / ACCOUNTS_FILE
    spare = installation.settings.data_dir / SPARE_FILE
    owned = [each.account for each in staged if each.account]
    _write(accounts, [asdict(account) for account in (*owned, _spare_account(spare))])
    port = port or _port_beside(installation.settings.listen)
    stand_in = ["-m", "conserje_fakes.twilio", "--port", str(port), "--accounts", str(accounts)]
    if trust:
        stand_in += ["--trust", str(trust)]
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
            "console": link,
            "commands": [[sys.executable, *stand_in]],
            "spare": {"account": f"{CHANNEL} {SPARE_NUMBERS[0]}", "credentials": str(spare)},
        }
    )


async def _link(connection: Connection) -> str:
    """Signs whoever started the demo in at the console, once, as its operator; each start makes one."""
    if await logins.find(connection, OPERATOR) is None:
        await logins.add(connection, OPERATOR, "Demo", "owner")
    return await invitations.offer_link(connection, OPERATOR)


def _port_beside(listen: str) -> int:
    """So that two demos on one machine need two settings only."""
    port = listen.rpartition(":")[2]
    return int(port) + 10 if port.isdecimal() else 8090


async def _refuse_foreign_installation(connection: Connection) -> None:
    """The stand-in would be sent what real tenants say. Raises TenantError."""
    there = {tenant.slug: tenant for tenant in await tenants.list_all(connection)}
    for slug, address in ADDRESSES.items():
        if slug in there and address in {
            account.address for account in await accounts.list_all(connection, there[slug].id)
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
        await accounts.add(connection, made.id, PAGE, PAGE, settings=catalogue["page"])
        said = written.from_json(catalogue["knowledge"])
        await knowledge.take(connection, made.id, said.told)
        if said.hours:
            await tenants.set_hours(connection, slug, said.hours)
    tenant = await tenants.get(connection, slug)
    if slug not in ADDRESSES:
        return DemoTenant(slug, None)
    return DemoTenant(slug, await _account(installation, connection, tenant.id, ADDRESSES[slug]))


async def _account(
    installation: Installation, connection: Connection, tenant_id: int, address: str
) -> TwilioAccount:
    """The tenant's account at the stand-in, with credentials made up the first time."""
    vault = installation.vault
    for account in await accounts.list_all(connection, tenant_id):
        if (account.channel, account.address) == (CHANNEL, address) and account.credentials:
            key = await data_keys.data_key(connection, vault, tenant_id)
            opened = vault.unseal(key, credentials_context(tenant_id, CHANNEL, address), account.credentials)
            return _known(json.loads(opened), address)
    made = _made_up()
    sealed = await accounts.seal_credentials(
        connection, vault, tenant_id, CHANNEL, address, json.dumps(made).encode()
    )
    await accounts.add(connection, tenant_id, CHANNEL, address, credentials=sealed)
    return _known(made, address)


def _spare_account(file: Path) -> TwilioAccount:
    """The account whose credentials lie in `file`, made the first time."""
    if not file.exists():
        _write(file, _made_up())
    made = json.loads(file.read_text("utf-8"))
    return TwilioAccount(made["account_sid"], made["auth_token"], SPARE_NUMBERS)


def _made_up() -> dict[str, str]:
    return {"account_sid": "AC" + secrets.token_hex(16), "auth_token": secrets.token_hex(16)}


def _known(credentials: dict[str, Any], address: str) -> TwilioAccount:
    return TwilioAccount(credentials["account_sid"], credentials["auth_token"], [address])


def _write(path: Path, content: object) -> None:
    """JSON for nobody else to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.replace(temporary, path)
