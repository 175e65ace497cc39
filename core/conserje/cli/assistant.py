"""`conserje assistant`: who answers, and how well."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import click

from conserje.cli import progress
from conserje.cli.table import json_option, show_json, show_rows
from conserje.cli.times import written
from conserje.costs.prices import usd
from conserje.files.folder import Folder
from conserje.installation import Installation, with_installation
from conserje.rules.budget import Bounds
from conserje.tenants import assistants, tenants
from conserje.tenants.assistants import Use
from conserje.tenants.directory import Directory
from conserje.tenants.tenants import Tenant
from conserje.turns import grading, phrases
from conserje.turns.phrases import Phrase, PhrasesError
from conserje.turns.trial import Trial, Tried
from conserje.turns.turn import Conversation

NAMED = 5  # tenants of an assistant


@click.group()
def assistant() -> None:
    """Look at the assistants installed, and try one by phrases of customers."""


@assistant.command("list")
@json_option
@with_installation
async def list_assistants(installation: Installation, as_json: bool) -> None:
    """List assistants, whether they can be used, and which tenants have them.

    \b
    Example:
      conserje assistant list
    """
    async with installation.pool.acquire() as connection:
        used = await assistants.used(connection, NAMED)
    there = installation.plugins
    rows = []
    for name in sorted({*there.assistants, *used}):
        use = used.get(name, Use(name))
        state = "ready" if name in there.assistants else there.broken.get(name, "is not installed")
        rows.append(
            {
                "name": name,
                "state": state,
                "tenants": use.tenants,
                "fallback_of": use.fallback_of,
                "slugs": [*use.slugs, *(["..."] if use.tenants > NAMED and not as_json else [])],
            }
        )
    show_rows(
        rows,
        as_json,
        "No assistant is installed: `pip install conserje-catalog`.",
        alarming=lambda row: row["state"] != "ready",
    )


@assistant.command("try")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--assistant", "name", metavar="NAME", help="Another assistant than the tenant's.")
@click.option(
    "--least",
    default=100.0,
    show_default=True,
    metavar="PERCENT",
    type=click.FloatRange(0, 100),
    help="With fewer right answers the command fails.",
)
@click.option(
    "--jobs",
    default=4,
    show_default=True,
    type=click.IntRange(1, 64),
    help="The most phrases that are asked at once.",
)
@json_option
@with_installation
async def try_assistant(
    installation: Installation,
    slug: str,
    file: Path,
    name: str | None,
    least: float,
    jobs: int,
    as_json: bool,
) -> None:
    """Ask a tenant's assistant the phrases of FILE.json or FILE.csv, and judge its answers.

    It answers with the tenant's products, knowledge, settings and credentials, each phrase as if from a new
    contact. Nothing is sent or stored, and no effect follows; a model costs what it costs. Phrases of other
    tenants in the file are left out.

    \b
    Columns of a table, with | between several: frase, antes (what the contact wrote before), contiene (one of
    these), contiene todo, no contiene, productos, montos, persona (sí, no, también). docs/assistants.md has
    them in JSON.

    \b
    Example:
      conserje assistant try acme frases.csv --assistant openai --least 90
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    listed = _listed(file, tenant)
    async with Directory(installation.pool, installation.url) as directory:
        asked = Conversation(
            installation.pool,
            directory,
            installation.plugins,
            installation.vault,
            installation.settings.turn_limit,
            Folder(installation.settings.files),
            Bounds.of(installation.settings),
        )
        trial = Trial.of(asked.thinking, await directory.by_id(tenant.id), name)
        with progress.shown() as shown:
            tried = await trial.ask_all(
                listed, jobs, lambda done: shown.tell(f"{done} of {len(listed)} answered")
            )
    right = sum(not each.fault for each in tried)
    if as_json:
        show_json(_summed(trial.assistant, tried) | {"phrases": [_fields(each) for each in tried]})
    else:
        _show(tried)
        click.echo(f"\n{_told(trial.assistant, tried)}")
    if 100 * right < least * len(tried):
        click.get_current_context().exit(1)


def _listed(file: Path, tenant: Tenant) -> Sequence[Phrase]:
    """Raises PhrasesError."""
    with file.open("rb") as opened:
        listed = phrases.read(file.name, opened.read(phrases.LONGEST + 1), tenant.currency)
    if own := [each for each in listed if each.tenant in ("", tenant.slug)]:
        return own
    raise PhrasesError(f"{file.name} has phrases for other tenants, and none for {tenant.slug}.", "file")


def _show(tried: Sequence[Tried]) -> None:
    has_effects = any(each.effects for each in tried)
    rows = [
        {
            "phrase": " / ".join(each.phrase.texts),
            "answer": grading.words(each.reply),
            "right": "no" if each.fault else "yes",
            "why": each.fault,
        }
        | ({"would_do": [effect.tool for effect in each.effects]} if has_effects else {})
        for each in tried
    ]
    show_rows(rows, False, "", alarming=lambda row: row["why"])


def _summed(name: str, tried: Sequence[Tried]) -> dict[str, Any]:
    times = [each.took.total_seconds() for each in tried]
    usage: Counter[str] = Counter()
    for each in tried:
        usage.update(each.usage)
    right = sum(not each.fault for each in tried)
    return {
        "assistant": name,
        "asked": len(tried),
        "right": right,
        "share": round(100 * right / len(tried), 1),
        "handed_over": sum(each.reply.hand_over for each in tried),
        "seconds": {"median": round(median(times), 3), "longest": round(max(times), 3)},
        "usage": dict(usage),
        "usd": _usd(each.micros for each in tried),
    }


def _usd(micros: Iterable[int | None]) -> float | None:
    """None: nothing is known of what it cost."""
    known = [each for each in micros if each is not None]
    return float(usd(sum(known))) if known else None


def _told(name: str, tried: Sequence[Tried]) -> str:
    summed = _summed(name, tried)
    half, longest = (written(timedelta(seconds=each)) for each in summed["seconds"].values())
    used = "".join(f", {number:,} {what.replace('_', ' ')}" for what, number in summed["usage"].items())
    cost = "" if summed["usd"] is None else f", USD {summed['usd']:.4f}"
    return (
        f"{name}: {summed['right']} of {summed['asked']} right ({summed['share']:g} %),"
        f" {summed['handed_over']} handed over; half within {half}, the longest {longest}{used}{cost}."
    )


def _fields(tried: Tried) -> dict[str, Any]:
    return {
        "phrase": list(tried.phrase.texts),
        "answer": grading.words(tried.reply),
        "right": not tried.fault,
        "why": tried.fault,
        "assistant": tried.assistant,
        "intent": tried.reply.intent,
        "hand_over": tried.reply.hand_over,
        "seconds": round(tried.took.total_seconds(), 3),
        "would_do": [{"tool": each.tool, "arguments": json.loads(each.arguments)} for each in tried.effects],
        "usage": tried.usage,
        "usd": _usd([tried.micros]),
    }
