"""`conserje account` and `conserje seal`: tenants' identities at their providers."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import click

from conserje import tenants
from conserje.assistant import AnyAssistant, Assistant
from conserje.channel import AnyChannel
from conserje.cli.insert import insert_account
from conserje.cli.installation import Installation, with_installation
from conserje.cli.table import json_option, show_rows
from conserje.database import Connection
from conserje.directory import validated


@click.group()
def account() -> None:
    """Add, list and remove tenants' accounts."""


@account.command()
@click.argument("slug")
@click.argument("channel")
@click.argument("address")
@click.option("--credentials", type=click.File("rb"), metavar="FILE", help="JSON; - is standard input.")
@click.option("--settings", default="{}", metavar="JSON", help="The channel's settings for this account.")
@click.option("--sql", is_flag=True, help="Print the row, credentials sealed, instead of storing it.")
@with_installation
async def add(
    installation: Installation,
    slug: str,
    channel: str,
    address: str,
    credentials: BinaryIO | None,
    settings: str,
    sql: bool,
) -> None:
    """Add an account to a tenant.

    CHANNEL is a channel, or an assistant whose credentials these are. ADDRESS is the provider's name for
    the tenant.

    \b
    Example:
      conserje account add acme twilio whatsapp:+56912345678 --credentials acme.json
    """
    plugin = _plugin(installation, channel)
    if isinstance(plugin, Assistant) and settings != "{}":
        raise click.UsageError("An assistant's settings are the tenant's, not an account's.")
    validated(plugin.Settings, settings, "settings")
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        sealed = None
        if credentials:
            sealed = await _seal(installation, connection, tenant, plugin, address, credentials.read())
        elif plugin.shared_credentials() is None:
            validated(plugin.Credentials, "{}", "credentials (none are given)")
        if not sql:
            await tenants.add_account(
                connection, tenant.id, channel, address, settings=json.loads(settings), credentials=sealed
            )
    if sql:
        columns = {"channel": channel, "address": address, "settings": settings, "credentials": sealed}
        click.echo(insert_account(slug, {name: value for name, value in columns.items() if value}))
        return
    click.echo(f"{slug} has the account {channel} {address}.")
    if not isinstance(plugin, Assistant):
        click.echo(
            f"Webhook for the provider: {installation.settings.tenant_url(slug)}/bot/{channel}/webhook"
        )


@account.command("list")
@click.argument("slug")
@json_option
@with_installation
async def list_accounts(installation: Installation, slug: str, as_json: bool) -> None:
    """List a tenant's accounts, without their credentials.

    \b
    Example:
      conserje account list acme
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        accounts = await tenants.list_accounts(connection, tenant.id)
    show_rows([described(account) for account in accounts], as_json, f"{slug} has no accounts.")


def described(account: tenants.Account) -> dict[str, Any]:
    """An account as it may be shown."""
    return {
        "channel": account.channel,
        "address": account.address,
        "status": account.status,
        "credentials": "sealed" if account.credentials else "the operator's",
        "settings": account.settings,
    }


@account.command()
@click.argument("slug")
@click.argument("channel")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_installation
async def remove(installation: Installation, slug: str, channel: str, address: str, yes: bool) -> None:
    """Remove an account with all its conversations.

    \b
    Example:
      conserje account remove acme twilio whatsapp:+56912345678
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        if not yes:
            click.confirm(f"Remove {channel} {address} of {slug} and its conversations?", abort=True)
        await tenants.remove_account(connection, tenant.id, channel, address)
    click.echo(f"{channel} {address} of {slug} is removed.")


@click.command()
@click.argument("slug")
@click.argument("channel")
@click.argument("address")
@with_installation
async def seal(installation: Installation, slug: str, channel: str, address: str) -> None:
    """Seal an account's credentials, read as JSON.

    \b
    Example:
      conserje seal acme twilio whatsapp:+56912345678 < acme.json
    """
    plain = click.open_file("-", "rb").read()
    plugin = _plugin(installation, channel)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        click.echo(await _seal(installation, connection, tenant, plugin, address, plain))


def _plugin(installation: Installation, name: str) -> AnyChannel | AnyAssistant:
    plugins = installation.plugins
    return plugins.assistant(name) if name in plugins.assistants else plugins.channel(name)


async def _seal(
    installation: Installation,
    connection: Connection,
    tenant: tenants.Tenant,
    plugin: AnyChannel | AnyAssistant,
    address: str,
    plain: bytes,
) -> str:
    validated(plugin.Credentials, plain, "credentials")
    return await tenants.seal_credentials(
        connection, installation.vault, tenant.id, plugin.name, address, plain
    )
