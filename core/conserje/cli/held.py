"""`conserje held`: what waits for an operator."""

from __future__ import annotations

from typing import Any

import click

from conserje import held as holding
from conserje import tenants
from conserje.cli.installation import Installation, with_installation
from conserje.cli.table import json_option, show_fields, show_json, show_rows
from conserje.held import Held


@click.group()
def held() -> None:
    """Look at what was given up on for now; retry or drop it.

    An id says what is held: t12 the turn of a conversation, m12 a message to be sent, r12 a webhook that
    could not be read.
    """


@held.command("list")
@click.argument("slug", required=False)
@json_option
@with_installation
async def list_held(installation: Installation, slug: str | None, as_json: bool) -> None:
    """List what is held, of one tenant or of all.

    \b
    Example:
      conserje held list acme
    """
    async with installation.pool.acquire() as connection:
        if slug:
            await tenants.get(connection, slug)
        found = await holding.list_all(connection, slug)
    rows = [_fields(each) for each in found]
    if not as_json:
        for row in rows:
            del row["texts"], row["attempts"]
    show_rows(rows, as_json, "Nothing is held.")


@held.command()
@click.argument("id")
@json_option
@with_installation
async def show(installation: Installation, id: str, as_json: bool) -> None:
    """Show one thing that is held, with its text.

    \b
    Example:
      conserje held show t12
    """
    async with installation.pool.acquire() as connection:
        fields = _fields(await holding.get(connection, id))
    if as_json:
        show_json(fields)
    else:
        texts = fields.pop("texts")
        show_fields(fields | {f"text {n}": text for n, text in enumerate(texts, 1)})


@held.command()
@click.argument("id")
@with_installation
async def retry(installation: Installation, id: str) -> None:
    """Think a turn again, or send a message again.

    \b
    Example:
      conserje held retry m12
    """
    async with installation.pool.acquire() as connection:
        found = await holding.get(connection, id)
        await holding.retry(connection, id)
    click.echo(f"{id} is tried again: see `conserje message list {found.tenant}`.")
    if found.uncertain:
        click.echo("The provider may have taken it before: the contact may receive it twice.", err=True)


@held.command()
@click.argument("id")
@with_installation
async def drop(installation: Installation, id: str) -> None:
    """Give up for good: messages stay unanswered, or unsent; a webhook is forgotten.

    \b
    Example:
      conserje held drop r12
    """
    async with installation.pool.acquire() as connection:
        await holding.drop(connection, id)
    click.echo(f"{id} is dropped.")


def _fields(each: Held) -> dict[str, Any]:
    contact = f"{each.contact} {each.name}".strip()
    return {
        "id": each.id,
        "tenant": each.tenant,
        "contact": contact,
        "since": each.since.isoformat(timespec="seconds"),
        "cause": each.cause,
        "attempts": each.attempts,
        "texts": each.texts,
    }
