"""`conserje migrate`."""

from __future__ import annotations

import click
import uvloop

from conserje.cli.table import json_option, show_json
from conserje.installation import open_installation


@click.command()
@json_option
def migrate(as_json: bool) -> None:
    """Make the database's roles and schema what this release needs.

    \b
    Example:
      CONSERJE_DATABASE_URL=postgresql://conserje@db/conserje conserje migrate
    """
    before, after = uvloop.run(_migrate())
    if as_json:
        show_json({"before": before, "after": after})
        return
    click.echo(f"The schema is {after}" + (", as it was." if before == after else f"; it was {before}."))


async def _migrate() -> tuple[int, int]:
    async with open_installation(migrate=True) as installation:
        assert installation.migrated
        return installation.migrated
