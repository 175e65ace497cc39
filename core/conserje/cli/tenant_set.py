"""`conserje tenant set`: changes all that a tenant has."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, BinaryIO, get_args

import click
import uvloop
from pydantic import RootModel

from conserje.cli.tenant_tools import tool_options
from conserje.cli.times import EVER, Duration, Term
from conserje.contract.hours import DAYS
from conserje.installation import Installation, open_installation
from conserje.storage.database import Connection
from conserje.tenants.tenants import LateRule

if TYPE_CHECKING:
    from conserje.operations.tenant_change import Changes


class Bound(click.ParamType[Any]):
    """What may be spent: a number, `none`, or `default`, which is the operator's."""

    name = "bound"

    def __init__(self, kind: Callable[[str], int | Decimal]) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in ("none", "default"):
            return 0 if value == "none" else DEFAULT
        try:
            bound = self._kind(str(value))
        except (ValueError, InvalidOperation):
            self.fail(f"{value!r} is no number, `none` or `default`.", param, ctx)
        return bound


DEFAULT = "default"
# An empty text takes them away.
EMPTIED = ("late_text", "held_text", "notice_url", "notice_email", "voice_notes")


@click.command("set")
@click.argument("slug")
@click.option(
    "--slug",
    "renamed",
    metavar="SLUG",
    help="The first label of its host; the one before goes on for 90 days.",
)
@click.option("--name", help="The name of the business.")
@click.option("--assistant", help="The assistant that answers.")
@click.option("--fallback-assistant", help="The assistant that answers when that one cannot.")
@click.option(
    "--assistant-settings",
    type=click.File("rb"),
    metavar="FILE",
    help="The settings of the assistant that change, as JSON; - reads standard input, null takes one away.",
)
@click.option(
    "--assistant-setting",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="One of them; VALUE is JSON, or else text; repeatable.",
)
@click.option(
    "--settings-of",
    metavar="ASSISTANT",
    help="Whose settings these are; those of the assistant that answers, if not given.",
)
@tool_options
@click.option("--locale", help="The language and country, like es-CL.")
@click.option("--currency", help="The currency, like CLP.")
@click.option("--time-zone", help="The time zone, like America/Santiago.")
@click.option(
    "--quiet-period",
    type=Duration(zero=True),
    help="The silence after which a contact has finished writing, like 2s.",
)
@click.option(
    "--longest-wait",
    type=Duration(zero=True),
    help="The age of the first unanswered message at which no more is waited for, like 8s.",
)
@click.option(
    "--alias", "aliases", multiple=True, metavar="ID", help="An old id by which it is known, too; repeatable."
)
@click.option("--no-alias", "dropped", multiple=True, metavar="ID", help="An old id that goes; repeatable.")
@click.option(
    "--hours",
    multiple=True,
    metavar="DAY=HOURS",
    help="The hours of a day, like monday=09:00-13:00,15:00-19:00; none, if empty; repeatable.",
)
@click.option(
    "--late-after", type=Duration(), help="The age at which an unanswered message is late, like 15m."
)
@click.option(
    "--late-rule",
    type=click.Choice(get_args(LateRule)),
    help="What becomes of late messages: answer them, apologise before the answer, hand the conversation"
    " over to a person, or park it among the held.",
)
@click.option("--late-text", help="The apology; a sentence in the tenant's language, if empty.")
@click.option("--held-text", help="What a contact is told whose turn is held; nothing, if empty.")
@click.option(
    "--hand-back-after",
    type=Duration(),
    help="The silence of a person after which the assistant has the conversation back, like 2h.",
)
@click.option(
    "--notice-url",
    help="The https:// address that is told when a contact waits for a person; none, if empty.",
)
@click.option("--notice-email", help="The e-mail address that is told that; none, if empty.")
@click.option(
    "--lead-rule",
    metavar="RULE",
    help="To whom a new lead is given: turns, least_open (who has the fewest), or the name of a person.",
)
@click.option(
    "--voice-notes",
    metavar="ASSISTANT",
    help="The assistant that writes down voice notes, like openai: each goes to its vendor; none, if empty.",
)
@click.option(
    "--keep-messages", type=Term(), help="The age at which what messages say is emptied, like 365d, or ever."
)
@click.option(
    "--keep-files",
    type=Term(),
    help="The age at which a file goes where its message stays, like 90d, or ever.",
)
@click.option(
    "--keep-statuses", type=Term(), help="The age at which what providers report goes, like 35d, or ever."
)
@click.option(
    "--context-days",
    type=click.IntRange(1, EVER.days),
    help="How far back an assistant reads; a contact who returns later begins a new talk.",
)
@click.option(
    "--tokens-of-contact",
    type=Bound(int),
    help="The tokens that models may read and write for one contact in a day; none, or default.",
)
@click.option("--usd-of-contact", type=Bound(Decimal), help="What models may cost for one contact in a day.")
@click.option("--tokens-of-day", type=Bound(int), help="The tokens that models may read and write in a day.")
@click.option("--usd-of-day", type=Bound(Decimal), help="What models may cost in a day.")
@click.option(
    "--tokens-of-month", type=Bound(int), help="The tokens that models may read and write in a month."
)
@click.option(
    "--usd-of-month",
    type=Bound(Decimal),
    help="What models and messages may cost in a month; somebody is told at 80 and at 100 percent.",
)
@click.option(
    "--hold-over-month/--send-over-month",
    default=None,
    help="Whether messages, too, are held once that is spent.",
)
def set_tenant(
    slug: str,
    renamed: str | None,
    assistant_settings: BinaryIO | None,
    pairs: tuple[str, ...],
    settings_of: str | None,
    aliases: tuple[str, ...],
    dropped: tuple[str, ...],
    hours: tuple[str, ...],
    tools: Mapping[str, Any],
    **options: object,
) -> None:
    """Change a tenant at once; what is not given stays.

    \b
    Example:
      conserje tenant set acme --late-rule apologise --held-text "Te respondemos en un rato."
      conserje tenant set acme --assistant openai --assistant-setting temperature=0.2
      conserje tenant set acme --hours monday=09:00-13:00,15:00-19:00 --hours sunday=
      conserje tenant set acme --keep-messages 180d --keep-files 30d
      conserje tenant set acme --usd-of-month 50 --tokens-of-contact none
      conserje tenant set acme --tool reserve --tool-setting reserve.calendar=3 --no-tool search_products
    """
    columns: dict[str, object] = {"slug": renamed} if renamed and renamed != slug else {}
    columns |= {name: value for name, value in options.items() if value is not None}
    columns |= {name: None for name in EMPTIED if columns.get(name) == ""}
    columns |= {name: None for name, value in columns.items() if value is DEFAULT}
    settings = _settings(assistant_settings, pairs)
    opening = _opening(hours)
    if settings_of and not settings:
        raise click.UsageError("--settings-of needs --assistant-settings or --assistant-setting.")
    if not (columns or settings or aliases or dropped or opening or tools):
        raise click.UsageError("Give an option with what changes: see --help.")
    from conserje.operations.tenant_change import (
        Changes,
    )  # with what it looks at, which `--help` does not need

    changes = Changes(
        columns, tools=tools, hours={"week": opening} if opening else {}, aliases=aliases, dropped=dropped
    )
    uvloop.run(_set(slug, changes, settings_of, settings))
    click.echo(f"{slug} is changed.")
    if "slug" in columns:
        click.echo(
            f"It is called {renamed}; its addresses below {slug} go on for 90 days, and nobody else's."
        )


def _settings(file: BinaryIO | None, pairs: Sequence[str]) -> dict[str, Any]:
    """What is given of an assistant's settings. Raises UsageError or AccountUnusable."""
    from conserje.tenants.entry import validated  # with cryptography, which `tenant list` does not need

    given = validated(RootModel[dict[str, Any]], file.read(), "assistant's settings").root if file else {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise click.UsageError(f"--assistant-setting {pair}: write KEY=VALUE.")
        given[key] = _value(value)
    return given


def _value(written: str) -> Any:
    try:
        return json.loads(written)
    except ValueError:
        return written


def _opening(hours: Sequence[str]) -> dict[str, list[str] | None]:
    """The hours of each day that is given. Raises UsageError."""
    opening: dict[str, list[str] | None] = {}
    for each in hours:
        day, sign, ranges = each.partition("=")
        if not sign or day.lower() not in DAYS:
            raise click.UsageError(f"--hours {each}: write DAY=HOURS, DAY one of {', '.join(DAYS)}.")
        opening[day.lower()] = [part.strip() for part in ranges.split(",")] if ranges.strip() else None
    return opening


async def _set(slug: str, changes: Changes, settings_of: str | None, settings: Mapping[str, Any]) -> None:
    """`settings` are of the assistant `settings_of`, or of the one that answers then."""
    from conserje.operations import tenant_change

    async with (
        open_installation() as installation,
        installation.pool.acquire() as connection,
        connection.transaction(),
    ):
        now = await tenant_change.change(installation, connection, slug, changes)
        if settings:
            of_assistant = tenant_change.Changes(assistant_settings={settings_of or now.assistant: settings})
            await tenant_change.change(installation, connection, now.slug, of_assistant)
        named = {"assistant", "fallback_assistant", "voice_notes"}
        others = bool(settings or named & changes.columns.keys())
        await warn(installation, connection, now.slug, changes.tools, assistants=others)


async def warn(
    installation: Installation,
    connection: Connection,
    slug: str,
    tools: Collection[str] = (),
    *,
    assistants: bool = True,
) -> None:
    """Say which of the tenant's assistants cannot answer as it stands, which of these tools cannot be
    called, and why."""
    from conserje.operations import tenant_change

    found = await tenant_change.unready(installation, connection, slug, assistants=assistants, tools=tools)
    for name, why in found.items():
        if name in tools:
            click.echo(f"{name} cannot be called for {slug} yet. {why}", err=True)
        else:
            click.echo(f"{name} cannot answer for {slug} yet. {why}", err=True)
            click.echo(f"Next: conserje account add {slug} {name} ADDRESS --credentials FILE", err=True)
