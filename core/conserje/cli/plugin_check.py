"""`conserje plugin check`: what Conserje would say of a plugin, in a line each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from conserje.cli.table import json_option, show_json
from conserje.plugins import checks
from conserje.plugins.checks import Package, Row

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command("check")
@click.argument("plugin", metavar="[NAME|PATH]", default="")
@click.option("--no-suite", is_flag=True, help="Do not run the package's own tests.")
@json_option
@click.pass_context
def check_plugin(context: click.Context, plugin: str, no_suite: bool, as_json: bool) -> None:
    """Check a plugin, installed or in a folder: names, models, methods, contract, requirements, its tests.

    Without a name, all that are installed. Each is tried in a process of its own, whatever it does there.

    \b
    Example:
      conserje plugin check ./conserje-acme
    """
    rows: list[Row] = []
    with _packages(plugin) as packages:
        for package in packages:
            for row in checks.check(package, with_suite=bool(plugin) and not no_suite):
                rows.append(row)
                if not as_json:
                    _show(row)
    if as_json:
        show_json([asdict(row) for row in rows])
    context.exit(any(row.verdict == "error" for row in rows))


@contextmanager
def _packages(plugin: str) -> Iterator[list[Package]]:
    if plugin and (plugin != Path(plugin).name or (Path(plugin) / "pyproject.toml").is_file()):
        with tempfile.TemporaryDirectory() as shadow:
            yield [checks.of_folder(Path(plugin).resolve(), Path(shadow))]
    else:
        yield checks.of_name(plugin)


def _show(row: Row) -> None:
    verdict = click.style(f"{row.verdict:8}", fg=_COLOURS[row.verdict])
    click.echo(f"{verdict}{row.plugin:12}  {row.check:12}  {row.text}")
