"""`conserje api-key`: the keys that programs show to the API, and to the predecessors' routes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from conserje.cli.table import json_option, show_json, show_rows
from conserje.cli.times import Duration
from conserje.installation import Installation, with_installation
from conserje.tenants import api_keys, tenants
from conserje.tenants.api_keys import ApiKey


@click.group("api-key")
def api_key() -> None:
    """Add, list and revoke the keys to the API and to the operator's listener."""


@api_key.command()
@click.argument("name")
@click.option("--tenant", "slug", help="The tenant that it is for; all tenants, if not given.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(api_keys.SCOPES),
    default=["read"],
    help="What the key may do; repeatable. [default: read]",
)
@click.option(
    "--expires", "life", type=Duration(), help="How long the key lives, like 90d; for ever, if not given."
)
@json_option
@with_installation
async def add(
    installation: Installation,
    name: str,
    slug: str | None,
    scopes: tuple[str, ...],
    life: timedelta | None,
    as_json: bool,
) -> None:
    """Make a key and show it, this once.

    NAME says who will use it. The key goes into the header `Authorization: Bearer KEY`. `read` shows,
    `write` changes products, knowledge, leads and conversations, `send` sends messages, `export` hands out
    what contacts said and files, `admin` changes the tenant, its accounts and its keys.

    \b
    Example:
      conserje api-key add shop --tenant acme --scope read --scope write --expires 90d
    """
    async with installation.pool.acquire() as connection:
        tenant_id = (await tenants.get(connection, slug)).id if slug is not None else None
        made, shown = await api_keys.add(connection, name, tenant_id=tenant_id, scopes=set(scopes), life=life)
    if as_json:
        show_json(_described(made) | {"key": shown})
    else:
        click.echo(shown)
        click.echo("Keep it: it is not shown again. `conserje api-key revoke` ends it.", err=True)


def _described(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": sorted(key.scopes),
        "uses": key.uses,
        "created": _moment(key.created_at),
        "expires": _moment(key.expires_at),
        "used": _moment(key.used_at),
        "used_from": str(key.used_from) if key.used_from else None,
    }


def _moment(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None


@api_key.command("list")
@json_option
@with_installation
async def list_keys(installation: Installation, as_json: bool) -> None:
    """List the keys, whose they are, and when and from where each was last used.

    One whose `uses` are predecessors opens the predecessors' routes alone.

    \b
    Example:
      conserje api-key list
    """
    async with installation.pool.acquire() as connection:
        found = await api_keys.list_all(connection)
    show_rows(
        [_described(key) for key in found],
        as_json,
        "There are no keys yet: `conserje api-key add NAME` makes one.",
    )


@api_key.command()
@click.argument("key_id", metavar="ID")
@with_installation
async def revoke(installation: Installation, key_id: str) -> None:
    """Let nobody in by a key any more.

    ID is what `conserje api-key list` shows, the key's second part.

    \b
    Example:
      conserje api-key revoke 8f3k2m9x0a
    """
    async with installation.pool.acquire() as connection:
        await api_keys.revoke(connection, key_id)
    click.echo(f"{key_id} is revoked.")
