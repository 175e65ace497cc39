"""`conserje plugin new`: the package that an author begins with."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from conserje.cli.table import json_option, show_json
from conserje.plugins import skeleton


@click.command("new")
@click.argument("kind", type=click.Choice(skeleton.KINDS))
@click.argument("name")
@click.option(
    "--auth",
    type=click.Choice(skeleton.AUTHS),
    default="bearer",
    show_default=True,
    help="How it is shown who posts or asks: by a secret in a header, by one that signs, or not at all.",
)
@click.option(
    "--into",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("."),
    metavar="DIR",
    help="The folder that gets the package's; this one unless it is given.",
)
@json_option
def new_plugin(kind: str, name: str, auth: str, into: Path, as_json: bool) -> None:
    """Make the package of a new channel, assistant or tool, whose tests pass as it stands.

    \b
    Example:
      conserje plugin new channel acme --auth hmac
    """
    folder = skeleton.make(cast(skeleton.Kind, kind), name, cast(skeleton.Auth, auth), into)
    if as_json:
        show_json({"folder": str(folder)})
    else:
        click.echo(f"{folder} is made: `pip install -e '{folder}[test]'`, then `pytest {folder}`.")
