"""`conserje audit`: what was done at the console."""

from __future__ import annotations

from dataclasses import asdict

import click

from conserje.access import audit as lines
from conserje.access.audit import Line
from conserje.cli.table import json_option, show_rows
from conserje.installation import Installation, with_installation
from conserje.tenants import tenants


@click.command()
@click.option("--tenant", "slug", help="What was done to this tenant alone.")
@click.option("--act", default="", help="Such acts alone, like people.change.")
@click.option("--who", default="", help="By this login alone: its e-mail address.")
@click.option("--before", type=int, default=lines.LAST, help="What was done before the line of this id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, help="So many lines. [default: 50]")
@json_option
@with_installation
async def audit(
    installation: Installation, slug: str | None, act: str, who: str, before: int, limit: int, as_json: bool
) -> None:
    """Print who did what at the console, newest first.

    JSON has also what it was before and after. An operator who reads a conversation is in it.

    \b
    Example:
      conserje audit --tenant acme --act people.change
    """
    async with installation.pool.acquire() as connection:
        tenant_id = (await tenants.get(connection, slug)).id if slug is not None else None
        found = await lines.list_all(connection, tenant_id, act=act, who=who, before=before, limit=limit)
    rows = [asdict(each) if as_json else _row(each) for each in found]
    show_rows(rows, as_json, "Nothing was done at the console yet.")


def _row(line: Line) -> dict[str, object]:
    return {
        "id": line.id,
        "at": line.at,
        "tenant": line.tenant,
        "who": line.who,
        "role": f"operator's {line.role}" if line.of_operator else line.role,
        "act": line.act,
        "of": line.of,
        "address": line.address,
    }
