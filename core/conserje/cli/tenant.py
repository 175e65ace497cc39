"""`conserje tenant`: the clients of this installation."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import uvloop

from conserje.cli.domain import domain
from conserje.cli.insert import insert_phone, insert_tenant
from conserje.cli.phone import phone
from conserje.cli.table import json_option, refuse_both, show_fields, show_json, show_rows
from conserje.cli.tenant_move import (
    export_before_removal,
    export_tenant,
    import_tenant,
    passphrase_option,
)
from conserje.cli.tenant_set import set_tenant, warn
from conserje.cli.times import term
from conserje.installation import Installation, open_installation, read_settings, with_installation
from conserje.rules.budget import Bounds
from conserje.settings import Settings
from conserje.storage.database import Connection
from conserje.tenants import domains as tenant_domains
from conserje.tenants import phones as tenant_phones
from conserje.tenants import tenants
from conserje.tenants.refusals import TenantError
from conserje.tenants.tenants import Tenant


@click.group()
def tenant() -> None:
    """Add, list, show, change, suspend, resume, export, import and remove tenants."""


tenant.add_command(domain)
tenant.add_command(phone)
tenant.add_command(set_tenant)
tenant.add_command(export_tenant)
tenant.add_command(import_tenant)


@tenant.command()
@click.argument("slug")
@click.option("--name", required=True, help="The name of the business.")
@click.option("--assistant", help="The assistant that answers; catalog, if not given.")
@click.option("--locale", help="The language and country; es-CL, if not given.")
@click.option("--currency", help="The currency; CLP, if not given.")
@click.option("--time-zone", help="The time zone; America/Santiago, if not given.")
@click.option(
    "--phone", "phones", multiple=True, help="A phone whose messages to `POST /webhook` are its; repeatable."
)
@click.option("--sql", is_flag=True, help="Print the rows instead of storing them.")
@json_option
def add(slug: str, phones: tuple[str, ...], sql: bool, as_json: bool, **options: str | None) -> None:
    """Add a tenant; it is live at once.

    SLUG is the first label of its host.

    \b
    Example:
      conserje tenant add nueva-tienda --name "Nueva Tienda"
    """
    refuse_both(sql, as_json)
    columns = {name: value for name, value in options.items() if value is not None}
    if base := tenants.reserving_base(slug, read_settings().domains):
        raise TenantError(
            f"The slug {slug} belongs to the base domain {base} (CONSERJE_DOMAINS): choose another.",
            "slug",
        )
    phones = tuple(dict.fromkeys(map(tenant_phones.normalised, phones)))
    if sql:
        rows = [insert_tenant({"slug": slug, **columns}), *(insert_phone(slug, phone) for phone in phones)]
        click.echo("\n".join(rows))
    else:
        uvloop.run(_add(slug, columns, phones, as_json))


async def _add(slug: str, columns: dict[str, str], phones: tuple[str, ...], as_json: bool) -> None:
    async with open_installation() as installation:
        if "assistant" in columns:
            installation.plugins.assistant(columns["assistant"])  # raises where there is none
        async with installation.pool.acquire() as connection, connection.transaction():
            added = await tenants.add(connection, slug, **columns)
            for phone in phones:
                await tenant_phones.add(connection, added.id, phone)
            if "assistant" in columns:
                await warn(installation, connection, slug)
    if as_json:
        show_json(_described(added, installation.settings))
    else:
        click.echo(f"{added.name} is live at {installation.settings.tenant_url(slug)}")
        click.echo(f"Next: conserje account add {slug} CHANNEL ADDRESS --credentials FILE")


def _described(tenant: Tenant, settings: Settings) -> dict[str, Any]:
    return {
        "slug": tenant.slug,
        "name": tenant.name,
        "status": tenant.status,
        "address": settings.tenant_url(tenant.slug),
        "assistant": tenant.assistant,
    }


@tenant.command("list")
@json_option
@with_installation
async def list_tenants(installation: Installation, as_json: bool) -> None:
    """List the tenants.

    \b
    Example:
      conserje tenant list
    """
    async with installation.pool.acquire() as connection:
        found = await tenants.list_all(connection)
    rows = [_described(tenant, installation.settings) for tenant in found]
    show_rows(rows, as_json, "There are no tenants yet: `conserje tenant add SLUG --name NAME` adds one.")


@tenant.command()
@click.argument("slug")
@click.option("--notice-secret", is_flag=True, help="Also the secret that signs its notices.")
@json_option
@with_installation
async def show(installation: Installation, slug: str, notice_secret: bool, as_json: bool) -> None:
    """Show a tenant, its domains, phones and accounts.

    \b
    Example:
      conserje tenant show acme
    """
    from conserje.cli.account_list import described_all

    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        domains = await tenant_domains.list_all(connection, tenant.id)
        phones = await tenant_phones.list_all(connection, tenant.id)
        former = await tenants.former_slugs(connection, tenant.id)
        owned = await described_all(connection, tenant.id)
        secret = await _notice_secret(installation, connection, tenant.id) if notice_secret else None
    fields = _described(tenant, installation.settings) | {
        "fallback_assistant": tenant.fallback_assistant,
        "assistant_settings": tenant.assistant_settings,
        "tool_settings": tenant.tool_settings,
        "lead_rule": tenant.lead_rule,
        "voice_notes": tenant.voice_notes,
        "locale": tenant.locale,
        "currency": tenant.currency,
        "time_zone": tenant.time_zone,
        "quiet_period": tenant.quiet_period,
        "longest_wait": tenant.longest_wait,
        "hand_back_after": tenant.hand_back_after,
        "late_after": tenant.late_after,
        "late_rule": tenant.late_rule,
        "late_text": tenant.late_text,
        "held_text": tenant.held_text,
        "notice_url": tenant.notice_url,
        "notice_email": tenant.notice_email,
        "keep_messages": term(tenant.keep_messages, "not said, so all"),
        "keep_files": term(tenant.keep_files, "as their messages"),
        "keep_statuses": term(tenant.keep_statuses, "not said, so all"),
        "context_days": tenant.context_days,
        **_bounds(tenant),
        "hours": tenant.hours.written() if tenant.hours else {},
        "aliases": tenant.aliases,
        "former_slugs": [f"{slug} until {until:%Y-%m-%d}" for slug, until in former.items()],
        "domains": domains,
        "phones": phones,
    }
    if secret:
        fields["notice_secret"] = secret
    if as_json:
        show_json(fields | {"accounts": owned})
    else:
        show_fields(fields)
        click.echo()
        show_rows(owned, False, f"{slug} has no accounts.", alarming=lambda account: account["ill_of"])


def _bounds(tenant: Tenant) -> dict[str, object]:
    """What may be spent; `default`: as the operator has it, `none`: anything."""
    given = {each.name: getattr(tenant, each.name) for each in fields(Bounds)}
    said = {
        name: "default" if bound is None else str(bound) if bound else "none" for name, bound in given.items()
    }
    return said | {"hold_over_month": tenant.hold_over_month}


async def _notice_secret(installation: Installation, connection: Connection, tenant_id: int) -> str:
    from conserje.notices import notifier

    return await notifier.secret(connection, installation.vault, tenant_id)


@tenant.command()
@click.argument("slug")
@with_installation
async def suspend(installation: Installation, slug: str) -> None:
    """Keep nothing and answer nobody for a tenant; providers are still told that all is well.

    \b
    Example:
      conserje tenant suspend acme
    """
    async with installation.pool.acquire() as connection:
        await tenants.suspend(connection, slug)
    click.echo(f"{slug} is suspended.")


@tenant.command()
@click.argument("slug")
@with_installation
async def resume(installation: Installation, slug: str) -> None:
    """End a tenant's suspension.

    \b
    Example:
      conserje tenant resume acme
    """
    async with installation.pool.acquire() as connection:
        await tenants.resume(connection, slug)
    click.echo(f"{slug} is active.")


@tenant.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-export", is_flag=True, help="Do not export it first.")
@passphrase_option
@with_installation
async def remove(
    installation: Installation, slug: str, yes: bool, no_export: bool, passphrase_file: Path | None
) -> None:
    """Remove a tenant with all that is its: accounts, contacts, conversations, products.

    It is exported first, as `conserje tenant export` does it, and where to is said.

    \b
    Example:
      conserje tenant remove acme
    """
    async with installation.pool.acquire() as connection:
        found = await tenants.get(connection, slug)
        if not yes:
            click.confirm(f"Remove {found.name} ({slug}) and all its conversations?", abort=True)
        if not no_export:
            path = await export_before_removal(installation, slug, passphrase_file)
            click.echo(f"{slug} is exported to {path}.")
        await tenants.remove(connection, slug)
    click.echo(f"{slug} is removed.")
