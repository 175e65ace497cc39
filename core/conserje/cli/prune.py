"""`conserje prune`: what is kept no longer goes now."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import click

from conserje.cli.table import json_option, show_rows
from conserje.files.folder import Folder
from conserje.installation import Installation, with_installation
from conserje.operations import retention
from conserje.operations.retention import Pruned

TELL_EVERY = 10_000  # rows


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
@with_installation
async def prune(installation: Installation, dry_run: bool, as_json: bool) -> None:
    """Empty and remove what tenants keep no longer, now.

    Workers do so by themselves; `conserje tenant set` says how long each tenant keeps what.

    \b
    Example:
      conserje prune --dry-run
    """
    async with installation.pool.acquire() as connection:
        if dry_run:
            found = [each async for each in retention.due(connection)]
        else:
            folder = Folder(installation.settings.files)
            found = await _told(retention.prune(connection, folder, retention.QUICK))
    show_rows([each._asdict() for each in found], as_json, "Nothing is older than it is kept.")


async def _told(pruned: AsyncIterator[Pruned]) -> list[Pruned]:
    """The sums by tenant and kind; how far it has come is said beside the output."""
    sums: Counter[tuple[str, str]] = Counter()
    async for tenant, kind, rows in pruned:
        before = sums[tenant, kind]
        sums[tenant, kind] += rows
        if before // TELL_EVERY < sums[tenant, kind] // TELL_EVERY:
            click.echo(f"{tenant}: {sums[tenant, kind]:,} {kind} so far", err=True)
    return [Pruned(*place, rows) for place, rows in sums.items() if rows]
