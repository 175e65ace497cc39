"""`conserje account` and `conserje seal`: tenants' identities at their providers."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any, BinaryIO, Literal

import click
from pydantic import RootModel

from conserje.cli.account_list import list_accounts
from conserje.cli.failure import Failed
from conserje.cli.insert import insert_account
from conserje.cli.table import json_option, refuse_both, show_json, show_rows
from conserje.contract import sessions
from conserje.contract.assistant import Assistant
from conserje.contract.channel import Channel
from conserje.contract.message import Template
from conserje.installation import Installation, with_installation
from conserje.operations import checkup, destination, enrolment
from conserje.plugins.guard import AnyPlugin
from conserje.rules.window import PLACE
from conserje.storage.database import Connection
from conserje.tenants import accounts, tenants
from conserje.tenants.accounts import WhenUncertain
from conserje.tenants.entry import Entry, validated
from conserje.tenants.tenants import Status, Tenant

_NAMED = re.compile(r"\{\{([A-Za-z0-9_]{1,64})\}\}=(.*)", re.DOTALL)  # the place {{name}} of a template


@click.group()
def account() -> None:
    """Add, change, move, check, configure, list and remove tenants' accounts."""


account.add_command(list_accounts)

no_check_option = click.option(
    "--no-check", is_flag=True, help="Do not try the credentials at the provider: there is no network."
)
credentials_option = click.option(
    "--credentials",
    type=click.File("rb"),
    metavar="FILE",
    help="The credentials as JSON; - reads standard input.",
)


@account.command()
@click.argument("slug")
@click.argument("channel")
@click.argument("address")
@credentials_option
@click.option("--settings", default="{}", metavar="JSON", help="The channel's settings for this account.")
@no_check_option
@click.option("--sql", is_flag=True, help="Print the row, credentials sealed, instead of storing it.")
@json_option
@with_installation
async def add(
    installation: Installation,
    slug: str,
    channel: str,
    address: str,
    credentials: BinaryIO | None,
    settings: str,
    no_check: bool,
    sql: bool,
    as_json: bool,
) -> None:
    """Add an account to a tenant.

    CHANNEL is a channel, or an assistant whose credentials these are. ADDRESS is the provider's name for
    the tenant.

    \b
    Example:
      conserje account add acme twilio whatsapp:+56912345678 --credentials acme.json
    """
    refuse_both(sql, as_json)
    plugin = enrolment.plugin_of(installation.plugins, channel)
    address = enrolment.address_of(plugin, slug, address)
    asked = _settings(plugin, settings) or {}
    async with installation.pool.acquire() as connection, connection.transaction():
        tenant = await tenants.get(connection, slug)
        await _say_others(connection, tenant, plugin, address)
        plain = credentials.read() if credentials else None
        store = enrolment.looked_at if sql else enrolment.add
        sealed = await store(
            installation, connection, tenant, plugin, address, settings=asked, credentials=plain
        )
    if sql:
        columns = {"channel": channel, "address": address, "settings": settings, "credentials": sealed}
        click.echo(insert_account(slug, {name: value for name, value in columns.items() if value}))
        return
    _say_place(f"{slug} has the account {channel} {address}.", installation, plugin, slug, address, as_json)
    if credentials and not no_check:
        await _tell_of(installation, slug, plugin, address)


@account.command("set")
@click.argument("slug")
@click.argument("channel")
@click.argument("address")
@no_check_option
@click.option(
    "--settings", metavar="JSON", help="The settings of the channel that change; null takes one away."
)
@credentials_option
@click.option(
    "--status",
    type=click.Choice(["active", "suspended"]),
    help="Whether the account takes and sends messages.",
)
@click.option(
    "--window-template",
    metavar="NAME",
    help="The template as which a reply leaves that is too late to leave as it is; '' takes it away.",
)
@click.option(
    "--template-language", metavar="LANGUAGE", help="The template's language, where its name is not enough."
)
@click.option(
    "--template-value",
    "values",
    multiple=True,
    metavar="TEXT",
    help="What fills the template's next place, or as '{{NAME}}=TEXT' the place of that name; {text}, which "
    "is there if none is given, is the reply.",
)
@click.option(
    "--uncertain",
    type=click.Choice(["hold", "resend"]),
    help="What becomes of a message of which nobody knows whether it was sent, where the channel cannot ask: "
    "held for a person, or after two minutes sent once more, which some contacts then get twice.",
)
@with_installation
async def set_account(
    installation: Installation,
    slug: str,
    channel: str,
    address: str,
    no_check: bool,
    settings: str | None,
    credentials: BinaryIO | None,
    status: Status | None,
    window_template: str | None,
    template_language: str | None,
    values: tuple[str, ...],
    uncertain: WhenUncertain | None,
) -> None:
    """Change an account; what is not given stays.

    \b
    Example:
      conserje account set acme web web --settings '{"greeting": "Hola"}'
      conserje account set acme meta 123456 --window-template respuesta --template-language es
    """
    if all(given is None for given in (settings, credentials, status, window_template, uncertain)):
        raise click.UsageError("Give --settings, --credentials, --status, --window-template or --uncertain.")
    template = _template(window_template, template_language, values)
    plugin = enrolment.plugin_of(installation.plugins, channel)
    async with installation.pool.acquire() as connection, connection.transaction():
        tenant = await tenants.get(connection, slug)
        address = await enrolment.stored_address(installation.plugins, connection, tenant, channel, address)
        await enrolment.change(
            installation,
            connection,
            tenant,
            plugin,
            address,
            settings=_settings(plugin, settings),
            credentials=credentials.read() if credentials else None,
            status=status,
            window_template=template,
            uncertain=uncertain,
        )
    click.echo(f"{channel} {address} of {slug} is changed.")
    if credentials and not no_check:
        await _tell_of(installation, slug, plugin, address)


def _template(
    name: str | None, language: str | None, values: tuple[str, ...]
) -> Template | Literal[""] | None:
    """Raises UsageError."""
    if not name and (language or values):
        raise click.UsageError("--template-language and --template-value need --window-template.")
    if not name:
        return "" if name == "" else None
    named = [match for value in values if (match := _NAMED.fullmatch(value))]
    if named and len(named) < len(values):
        raise click.UsageError("Some places of the template have names: give each --template-value its own.")
    texts = tuple(match[2] for match in named) or values or (PLACE,)
    return Template(name, language or "", texts, names=tuple(match[1] for match in named))


@account.command()
@click.argument("slug")
@click.argument("channel")
@click.argument("address")
@json_option
@with_installation
async def check(installation: Installation, slug: str, channel: str, address: str, as_json: bool) -> None:
    """Ask the provider whether an account is well; what is held for one that was ill is tried again.

    \b
    Example:
      conserje account check acme meta 123456
    """
    plugin = enrolment.plugin_of(installation.plugins, channel)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    found, is_ill = await checkup.check(installation, tenant, plugin, address)
    show_rows([asdict(each) for each in found], as_json, "Nothing is known of it.")
    if is_ill:
        click.echo("It is ill: the oldest of what is held for it is tried in some seconds.", err=True)
    if any(each.level == "error" for each in found):
        raise Failed(f"{channel} {address} of {slug} is not well.")


@account.command()
@click.argument("slug")
@click.argument("channel")
@click.argument("address")
@click.option(
    "--instead-of",
    default="",
    metavar="PLACE",
    help="Where the provider posts now, and shall not any more, as `account check` says it.",
)
@with_installation
async def configure(
    installation: Installation, slug: str, channel: str, address: str, instead_of: str
) -> None:
    """Have an account's provider post to us; what posts to others does so only instead of what is named.

    \b
    Example:
      conserje account configure acme meta 123456
    """
    plugin = installation.plugins.channel(channel)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        address = await enrolment.stored_address(installation.plugins, connection, tenant, channel, address)
    found = await destination.take(installation, slug, plugin, address, instead_of)
    if wrong := [each for each in found if each.level == "error"]:
        raise Failed(f"{channel} {address} of {slug} is not well: {wrong[0].text}")
    click.echo(f"The provider of {channel} {address} of {slug} posts to us.")


async def _tell_of(installation: Installation, slug: str, plugin: AnyPlugin, address: str) -> None:
    """Say, beside the output, what is not well with an account that is stored."""
    for each in await checkup.examine(installation, slug, plugin, address):
        if each.level != "ok":
            click.secho(f"{each.level}: {each.text} {each.remedy}".rstrip(), fg="red", err=True)


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
        address = await enrolment.stored_address(installation.plugins, connection, tenant, channel, address)
        if not yes:
            click.confirm(f"Remove {channel} {address} of {slug} and its conversations?", abort=True)
        await accounts.remove(connection, tenant.id, channel, address)
    click.echo(f"{channel} {address} of {slug} is removed.")


@account.command()
@click.argument("slug")
@click.argument("channel")
@click.argument("address")
@click.argument("to", metavar="NEW_ADDRESS")
@json_option
@with_installation
async def move(
    installation: Installation, slug: str, channel: str, address: str, to: str, as_json: bool
) -> None:
    """Give an account another number; its settings, credentials and conversations stay.

    \b
    Example:
      conserje account move acme twilio whatsapp:+56912345678 whatsapp:+56987654321
    """
    plugin = enrolment.plugin_of(installation.plugins, channel)
    to = enrolment.address_of(plugin, slug, to)
    enrolment.refuse_place(plugin, to, {})
    async with installation.pool.acquire() as connection, connection.transaction():
        tenant = await tenants.get(connection, slug)
        address = await enrolment.stored_address(installation.plugins, connection, tenant, channel, address)
        await _say_others(connection, tenant, plugin, to)
        await accounts.move(connection, installation.vault, tenant.id, channel, address, to)
    said = f"{channel} {address} of {slug} is {to} now, with all its conversations."
    _say_place(said, installation, plugin, slug, to, as_json)


@account.command("identity-key")
@click.argument("slug")
@click.argument("channel", default="web")
@json_option
@with_installation
async def identity_key(installation: Installation, slug: str, channel: str, as_json: bool) -> None:
    """Print what the tenant's own site signs its customers' names with, for the chat page to believe them.

    \b
    Example:
      conserje account identity-key acme
    """
    plugin = installation.plugins.channel(channel)
    if not issubclass(plugin.Credentials, sessions.SessionKey):
        raise Failed(f"The channel {channel} has no pages, and so no sessions that could be somebody's.")
    async with installation.pool.acquire() as connection, connection.transaction():
        tenant = await tenants.get(connection, slug)
        await accounts.ensure(connection, installation.vault, tenant.id, plugin)
        listed = tuple(await accounts.list_all(connection, tenant.id))
        entry = Entry(await tenants.get(connection, slug), listed)  # with its data key
    key = sessions.identity_key(entry.opened(entry.own(channel), plugin, installation.vault))
    if as_json:
        show_json({"tenant": slug, "channel": channel, "key": key})
    else:
        click.echo(key)


@click.command()
@click.argument("slug")
@click.argument("channel")
@click.argument("address")
@json_option
@with_installation
async def seal(installation: Installation, slug: str, channel: str, address: str, as_json: bool) -> None:
    """Seal an account's credentials, read as JSON.

    \b
    Example:
      conserje seal acme twilio whatsapp:+56912345678 < acme.json
    """
    plain = click.open_file("-", "rb").read()
    plugin = enrolment.plugin_of(installation.plugins, channel)
    address = enrolment.address_of(plugin, slug, address)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        sealed = await enrolment.seal(installation, connection, tenant, plugin, address, plain)
    if as_json:
        show_json({"credentials": sealed})
    else:
        click.echo(sealed)


def _settings(plugin: AnyPlugin, written: str | None) -> dict[str, Any] | None:
    """What is given of the account's settings. Raises UsageError or AccountUnusable."""
    if not isinstance(plugin, Channel) and written not in (None, "{}"):
        kind = "assistant" if isinstance(plugin, Assistant) else "tool"
        raise click.UsageError(
            f"--settings is not for {kind}s: `conserje tenant set --{kind}-setting` changes theirs."
        )
    return validated(RootModel[dict[str, Any]], written, "settings").root if written else None


async def _say_others(connection: Connection, tenant: Tenant, plugin: AnyPlugin, address: str) -> None:
    """Say which other tenants have the number, whose messages will be theirs as well."""
    if not isinstance(plugin, Channel) or plugin.per_tenant:
        return
    if others := await accounts.others_at(connection, tenant.id, plugin.name, address):
        click.echo(f"{', '.join(others)} has {plugin.name} {address}, too.", err=True)


def _say_place(
    said: str,
    installation: Installation,
    plugin: AnyPlugin,
    slug: str,
    address: str,
    as_json: bool,
) -> None:
    """Say where the account is, and where its provider has to post."""
    url = enrolment.webhook_of(installation, slug, plugin)
    if as_json:
        show_json({"tenant": slug, "channel": plugin.name, "address": address, "webhook": url})
        return
    click.echo(said)
    if url:
        click.echo(f"Webhook for the provider: {url}")
