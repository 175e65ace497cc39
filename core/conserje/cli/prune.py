"""`conserje prune`: what is kept no longer goes now."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import click

from conserje.cli.table import json_option, show_rows
from conserje.files.folder import Folder
from conserje.installation import Installation, with_installation
from conserje.operations import retention
from conserje.operations.retention import Pruned, PruningError

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
    sums: Counter[tuple[str, str]] = Counter()
    try:
        async with installation.pool.acquire() as connection:
            if dry_run:
                sums.update({each[:2]: each.rows async for each in retention.due(connection)})
            else:
                folder = Folder(installation.settings.files)
                await _add(retention.prune(connection, folder, retention.QUICK), sums)
    except PruningError:  # what went, went
        if sums:
            _show(sums, as_json)
        raise
    _show(sums, as_json)


async def _add(pruned: AsyncIterator[Pruned], sums: Counter[tuple[str, str]]) -> None:
    """Add up by tenant and kind; how far it has come is said beside the output."""
    async for tenant, kind, rows in pruned:
        before = sums[tenant, kind]
        sums[tenant, kind] += rows
        if before // TELL_EVERY < sums[tenant, kind] // TELL_EVERY:
            click.echo(f"{tenant}: {sums[tenant, kind]:,} {kind} so far", err=True)


def _show(sums: Counter[tuple[str, str]], as_json: bool) -> None:
    found = [Pruned(*place, rows) for place, rows in sums.items() if rows]
    show_rows([each._asdict() for each in found], as_json, "Nothing is older than it is kept.")
