"""`conserje tenant domain`: hosts of a tenant's own."""

from __future__ import annotations

from collections.abc import Sequence

import click

from conserje.installation import Installation, with_installation
from conserje.tenants import domains, tenants
from conserje.tenants.refusals import SENTENCES, TenantError


@click.group()
def domain() -> None:
    """Let a host outside the base domains name a tenant."""


@domain.command()
@click.argument("slug")
@click.argument("host")
@with_installation
async def add(installation: Installation, slug: str, host: str) -> None:
    """Add a domain to a tenant.

    \b
    Example:
      conserje tenant domain add acme chat.acme.cl
    """
    host = own_host(host, installation.settings.domains)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        await domains.add(connection, tenant.id, host)
    click.echo(f"{host} names {slug}, once its DNS record points here.")


@domain.command()
@click.argument("slug")
@click.argument("host")
@with_installation
async def remove(installation: Installation, slug: str, host: str) -> None:
    """Remove a domain from a tenant.

    \b
    Example:
      conserje tenant domain remove acme chat.acme.cl
    """
    host = _written(host)
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        await domains.remove(connection, tenant.id, host)
    click.echo(f"{host} no longer names {slug}.")


def own_host(host: str, bases: Sequence[str]) -> str:
    """The host as it is stored. Raises TenantError for one that cannot be a tenant's own."""
    from tldextract import TLDExtract  # a tenth of a second, for this command alone

    written = _written(host)
    for base in map(_written, bases):
        if written == base or written.endswith(f".{base}"):
            raise TenantError(
                f"{host} is a base domain or below one: give a domain of the tenant's own.", "host"
            )
    if not TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)(written).domain:
        raise TenantError(f"{host} is a public suffix: give a domain below it.", "host")
    return written


def _written(host: str) -> str:
    import idna

    try:
        return idna.encode(host.strip().rstrip("."), uts46=True, std3_rules=True).decode()
    except UnicodeError:
        raise TenantError(SENTENCES["domains_host_check"], "host") from None
