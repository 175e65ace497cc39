"""`conserje held`: what waits for an operator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import click

from conserje.cli.table import json_option, show_fields, show_json, show_rows
from conserje.cli.times import Moment, ago
from conserje.conversations import held as holding
from conserje.conversations.held import Filter, Held
from conserje.installation import Installation, with_installation
from conserje.storage.database import Connection
from conserje.tenants import tenants

R = TypeVar("R")


@click.group()
def held() -> None:
    """Look at what was given up on for now; retry or drop it.

    An id says what is held: t12 the turn of a conversation, m12 a message to be sent, r12 a webhook that
    could not be read, e12 what a tool was to do.
    """


def filtered(command: Callable[..., R]) -> Callable[..., R]:
    """Options that say which of all that is held is meant, for the command's `wanted`."""

    @click.option("--tenant", metavar="SLUG", help="Only what is this tenant's.")
    @click.option("--cause", metavar="TEXT", help="Only what has TEXT in its cause.")
    @click.option(
        "--since", type=Moment(), help="Only what is held since TIME, like 2h (ago) or 2026-03-01T12:30."
    )
    @click.option("--before", type=Moment(), help="Only what is held since before TIME.")
    @functools.wraps(command)
    def run(
        *args: Any,
        tenant: str | None,
        cause: str | None,
        since: datetime | None,
        before: datetime | None,
        **kwargs: Any,
    ) -> R:
        return command(*args, wanted=Filter(tenant, cause, since, before), **kwargs)

    return run


def one_or_all(command: Callable[..., R]) -> Callable[..., R]:
    """An id, or --all-matching with the filters."""

    @click.argument("id", required=False)
    @click.option("--all-matching", is_flag=True, help=f"Take all that match, at most {holding.LARGEST}.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @json_option
    @functools.wraps(command)
    def run(*args: Any, id: str | None, all_matching: bool, wanted: Filter, **kwargs: Any) -> R:
        if bool(id) == all_matching or (id and wanted != Filter()):
            raise click.UsageError(
                "Give an ID, or --all-matching with --tenant, --cause, --since or --before."
            )
        return command(*args, id=id, wanted=wanted, **kwargs)

    return filtered(run)


@held.command("list")
@filtered
@json_option
@with_installation
async def list_held(installation: Installation, wanted: Filter, as_json: bool) -> None:
    """List what is held, the longest held first.

    \b
    Example:
      conserje held list --tenant acme --cause "no answer" --since 2h
    """
    async with installation.pool.acquire() as connection:
        if wanted.tenant:
            await tenants.get(connection, wanted.tenant)
        found = await holding.list_all(connection, wanted)
    rows = [_fields(each) for each in found]
    if not as_json:
        for row, each in zip(rows, found, strict=True):
            row["since"] = ago(each.since)
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
        found = await holding.get(connection, id)
    fields = _fields(found)
    if id.startswith("t"):
        fields["waits_for"] = f"a person: write to {found.contact}, or `conserje held retry {id}`"
    if as_json:
        show_json(fields)
    else:
        texts = fields.pop("texts")
        show_fields(fields | {f"text {n}": text for n, text in enumerate(texts, 1)})


@held.command()
@one_or_all
@with_installation
async def retry(installation: Installation, id: str | None, wanted: Filter, yes: bool, as_json: bool) -> None:
    """Think a turn again, send a message again, or let a tool do again what it was to do.

    \b
    Example:
      conserje held retry m12
      conserje held retry --all-matching --tenant acme --cause "no answer"
    """
    async with installation.pool.acquire() as connection:
        if id is None:
            found = await _matching(connection, replace(wanted, kinds="tme"), "Retry", yes)
            count = await holding.retry_all(connection, found)
            _say_done(f"{count} are tried again.", {"retried": count}, as_json)
            return
        one = await holding.get(connection, id)
        await holding.retry(connection, id)
    said = f"{id} is tried again: see `conserje message list {one.tenant}`."
    _say_done(said, {"retried": 1}, as_json)
    if one.uncertain:
        twice = "it may be done" if id.startswith("e") else "the contact may receive it"
        click.echo(f"It may have been taken before: {twice} twice.", err=True)


@held.command()
@one_or_all
@with_installation
async def drop(installation: Installation, id: str | None, wanted: Filter, yes: bool, as_json: bool) -> None:
    """Give up for good: messages stay unanswered, or unsent; a webhook is forgotten.

    \b
    Example:
      conserje held drop r12
      conserje held drop --all-matching --tenant acme --before 30d
    """
    async with installation.pool.acquire() as connection:
        if id is None:
            found = await _matching(connection, wanted, "Drop", yes)
            count = await holding.drop_all(connection, found)
            _say_done(f"{count} are dropped.", {"dropped": count}, as_json)
            return
        await holding.drop(connection, id)
    _say_done(f"{id} is dropped.", {"dropped": 1}, as_json)


def _say_done(said: str, counted: dict[str, int], as_json: bool) -> None:
    if as_json:
        show_json(counted)
    else:
        click.echo(said)


async def _matching(connection: Connection, wanted: Filter, verb: str, yes: bool) -> list[Held]:
    """What the filters leave, once the operator has agreed to it."""
    if wanted.tenant:
        await tenants.get(connection, wanted.tenant)
    found = await holding.list_all(connection, wanted, holding.LARGEST)
    if found and not yes:
        count = await holding.count(connection, wanted)
        which = f"{len(found)}" if count <= len(found) else f"the {len(found)} longest held of {count}"
        uncertain = sum(each.uncertain for each in found)
        twice = f" Contacts may receive {uncertain} of them twice." if uncertain and verb == "Retry" else ""
        click.confirm(f"{verb} {which}?{twice}", abort=True, err=True)
    return found


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
