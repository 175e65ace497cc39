"""`conserje plugin record`: what a channel's provider posts and answers, as cases for the channel's tests."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic

import click
import uvloop

from conserje.cli.failure import Failed
from conserje.cli.table import json_option, show_json
from conserje.cli.times import Duration, written
from conserje.installation import open_installation, read_settings
from conserje.plugins import running
from conserje.plugins.cases import DIRECTIONS
from conserje.plugins.recording import LOOK_EVERY, Asked
from conserje.tenants import tenants

LONGEST = timedelta(hours=1)
AFTER = 3 * LOOK_EVERY  # seconds in which the last is still kept


@click.command()
@click.argument("slug")
@click.argument("channel")
@click.option("--for", "lasts", type=Duration(), default="10m", help="How long, like 90s or 10m; at most 1h.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("cases"),
    help="The folder for the cases, in which incoming/ and outgoing/ are made.",
)
@click.option(
    "--keep-words", is_flag=True, help="Leave what people wrote as it is; phones are replaced still."
)
@json_option
def record(slug: str, channel: str, lasts: timedelta, into: Path, keep_words: bool, as_json: bool) -> None:
    """Keep what a channel's provider posts for a tenant, and answers, as cases for `conserje[testing]`.

    Requests that verify and messages that are sent by processes of this machine, as long as this runs.
    Secrets, phones, ids and words are replaced, the same by the same; what cannot be is left out, and why.

    \b
    Example:
      conserje plugin record acme telegram --for 10m --into tests/cases
    """
    if lasts > LONGEST:
        raise click.BadParameter(f"{written(lasts)} is longer than {written(LONGEST)}.", param_hint="--for")
    uvloop.run(_record(slug, channel, lasts, into, keep_words, as_json))


async def _record(
    slug: str, channel: str, lasts: timedelta, into: Path, keep_words: bool, as_json: bool
) -> None:
    await _look_at(slug, channel)
    asked = Asked(read_settings().data_dir, slug, channel, keep_words)
    try:
        asked.begin()
    except FileExistsError:
        raise Failed(f"The channel {channel} of {slug} is being recorded already.") from None
    try:
        kept = await _keep(asked, lasts, into, as_json)
        left_out = asked.left_out()
    finally:
        asked.end()
    _tell(kept, left_out, into, as_json)


async def _look_at(slug: str, channel: str) -> None:
    """Raises TenantError or PluginMissing; says where nobody would keep anything."""
    async with open_installation(connections=1) as installation:
        installation.plugins.channel(channel)
        async with installation.pool.acquire() as connection:
            await tenants.get(connection, slug)
        if not any(each.is_here for each in await running.processes(installation.pool)):
            click.echo("No process runs on this machine: `conserje serve` and `conserje work`.", err=True)


async def _keep(asked: Asked, lasts: timedelta, into: Path, as_json: bool) -> Counter[str]:
    """Fetch what is kept until the time is over, or Ctrl-C; how many cases of which direction."""
    end, kept = monotonic() + lasts.total_seconds(), Counter[str]()
    if not as_json:
        click.echo(f"Recording for {written(lasts)}, or until Ctrl-C.", err=True)
    with suppress(asyncio.CancelledError):
        while (rest := end - monotonic()) > 0:
            asked.ask()
            _fetch(asked, into, kept, as_json)
            await asyncio.sleep(min(LOOK_EVERY, rest))
    asked.stop()
    await asyncio.sleep(AFTER)
    _fetch(asked, into, kept, as_json)
    return kept


def _fetch(asked: Asked, into: Path, kept: Counter[str], as_json: bool) -> None:
    for path in asked.fetch(into):
        kept[path.parent.name] += 1
        if not as_json:
            click.echo(str(path))


def _tell(kept: Mapping[str, int], left_out: list[str], into: Path, as_json: bool) -> None:
    why = Counter(left_out)
    if as_json:
        show_json({"into": str(into), **{name: kept.get(name, 0) for name in DIRECTIONS}, "left_out": why})
        return
    click.echo(f"{kept['incoming']} incoming and {kept['outgoing']} outgoing cases are in {into}.", err=True)
    for each, count in why.items():
        click.echo(f"{count} left out: {each}", err=True)
