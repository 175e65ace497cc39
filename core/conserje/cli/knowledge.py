"""`conserje knowledge`: what tenants say about themselves, from lists and into lists."""

from __future__ import annotations

import csv
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from conserje.cli.conversation import clocked
from conserje.cli.table import json_option, show_json, show_rows
from conserje.cli.times import zone
from conserje.installation import Installation, with_installation
from conserje.operations import lore
from conserje.shop import asked, written
from conserje.shop import knowledge as known
from conserje.shop.knowledge import Told
from conserje.tenants import tenants
from conserje.tenants.tenants import Tenant


@click.group()
def knowledge() -> None:
    """List, change, remove, import and export what tenants say about themselves."""


@knowledge.command("import")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Remove what is not listed.")
@json_option
@with_installation
async def import_knowledge(
    installation: Installation, slug: str, file: Path, replace: bool, as_json: bool
) -> None:
    """Take what a tenant says about itself from FILE.json, FILE.csv or FILE.md: all of it, or nothing.

    What is there is replaced, what is not listed stays. Columns of a table: topic, question, answer, wordings
    (with | between them); their heads may be Spanish: tema, pregunta, respuesta, otras formas. In Markdown a
    heading is a topic or a question, a heading right below it another wording.

    \b
    Example:
      conserje knowledge import acme preguntas.csv --replace
    """
    listed = written.read(file.name, _content(file))
    async with installation.pool.acquire() as connection, connection.transaction():
        taken = await lore.take(connection, slug, listed, replace=replace)
    if as_json:
        show_json(asdict(taken))
        return
    removed = f", removed {taken.removed}" if replace else ""
    click.echo(f"Took {taken.facts} facts and {taken.questions} questions of {slug}{removed}.")


def _content(file: Path) -> bytes:
    """Raises KnowledgeError for more than a list may have."""
    with file.open("rb") as opened:
        content = opened.read(written.LONGEST + 1)
    return content


@knowledge.command("export")
@click.argument("slug")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "csv", "md"]),
    default="json",
    show_default=True,
    help="The format of the list.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@with_installation
async def export_knowledge(installation: Installation, slug: str, form: str) -> None:
    """Print what a tenant says about itself, as `conserje knowledge import` takes it.

    \b
    Example:
      conserje knowledge export acme --format md > acme.md
    """
    tenant, told = await _read(installation, slug)
    if form == "json":
        show_json(written.as_json(told, tenant.hours))
    elif form == "md":
        click.echo(written.as_markdown(told, tenant.hours))
    else:
        writer = csv.DictWriter(sys.stdout, written.HEADS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(written.as_rows(told, tenant.hours))


@knowledge.command("list")
@click.argument("slug")
@click.option("--asked", "is_asked", is_flag=True, help="List what people asked and nobody could answer.")
@json_option
@with_installation
async def list_knowledge(installation: Installation, slug: str, is_asked: bool, as_json: bool) -> None:
    """List a tenant's facts and questions; with --asked, what it has not said, the most asked first.

    What people asked is without names, phones and addresses. `conserje knowledge set` answers it.

    \b
    Example:
      conserje knowledge list acme --asked
    """
    if is_asked:
        await _list_asked(installation, slug, as_json)
        return
    tenant, told = await _read(installation, slug)
    rows: list[dict[str, Any]] = [
        {"about": row["topic"] or row["question"], "answer": row["answer"], "wordings": row["wordings"]}
        for row in written.as_rows(told, tenant.hours)
    ]
    show_rows(
        rows, as_json, f"{slug} has said nothing: `conserje knowledge import {slug} FILE` takes a list."
    )


async def _list_asked(installation: Installation, slug: str, as_json: bool) -> None:
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        found = await asked.listed(connection, tenant.id)
    rows = [
        {"question": each.question, "times": each.times, "last": clocked(each.last_at, zone(tenant))}
        for each in found
    ]
    show_rows(rows, as_json, f"Nobody asked {slug} what it has not said.")


@knowledge.command("set")
@click.argument("slug")
@click.argument("about")
@click.argument("answer")
@click.option("--wording", "wordings", multiple=True, help="Another wording of the question; repeatable.")
@with_installation
async def set_knowledge(
    installation: Installation, slug: str, about: str, answer: str, wordings: tuple[str, ...]
) -> None:
    """Say something about a tenant: ABOUT is a topic or a question. What it said of it before is replaced.

    Topics: hours, address, address.place, delivery.where, delivery.cost, delivery.time, payment, returns,
    wholesale, invoices. Of hours, the days stay that are not named.

    \b
    Example:
      conserje knowledge set acme hours "lunes a viernes 10:00-20:00; 2026-12-25 cerrado"
      conserje knowledge set acme "¿Tienen estacionamiento?" "Sí, gratis." --wording "¿Dónde me estaciono?"
    """
    if wordings and written.topic_of(about):
        raise click.UsageError(f"--wording is for questions: {about} is a topic.")
    async with installation.pool.acquire() as connection, connection.transaction():
        topic = await lore.say(connection, slug, about, answer, wordings)
    click.echo(f"{slug} says {topic or about!r} so now.")


@knowledge.command("remove")
@click.argument("slug")
@click.argument("about")
@with_installation
async def remove_knowledge(installation: Installation, slug: str, about: str) -> None:
    """Remove a topic or a question, as `conserje knowledge set` names it; `delivery` removes all of it.

    \b
    Example:
      conserje knowledge remove acme delivery.cost
    """
    async with installation.pool.acquire() as connection, connection.transaction():
        await lore.unsay(connection, slug, about)
    click.echo(f"{about} of {slug} is removed.")


async def _read(installation: Installation, slug: str) -> tuple[Tenant, Told]:
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        return tenant, await known.read(connection, tenant.id)
