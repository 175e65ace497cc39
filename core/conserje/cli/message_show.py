"""`conserje message show`: why a message was answered, or said, as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import click

from conserje.cli.table import json_option, show_fields, show_json
from conserje.cli.times import written, zone
from conserje.contract.plain import plain
from conserje.conversations import listing
from conserje.conversations.listing import Explained
from conserje.costs import ledger
from conserje.costs.ledger import Line
from conserje.errors import OperatorError
from conserje.installation import Installation, with_installation
from conserje.storage.scope import acting_for
from conserje.tenants import tenants
from conserje.tenants.tenants import Tenant


class NoMessage(OperatorError):
    """The tenant has no such message."""


@click.command("show")
@click.argument("slug")
@click.argument("message_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@json_option
@with_installation
async def show(installation: Installation, slug: str, message_id: int, as_json: bool) -> None:
    """Show a message and its turn: what the assistant was told and called, how long it took, what it cost.

    Times are by the tenant's clock, amounts in USD. What was told is kept as long as what it quotes.

    \b
    Example:
      conserje message show acme 4711
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        found = await listing.explained(scope.connection, tenant.id, message_id)
        if found is None:
            raise NoMessage(f"{slug} has no message {message_id}: see `conserje message list {slug}`.")
        place = (tenant.id, found.message.conversation_id, found.message.turn_id, message_id)
        lines = await ledger.of_turn(scope.connection, *place)
    if as_json:
        show_json(_data(found, lines, tenant))
    else:
        _print(found, lines, tenant)


def _data(found: Explained, lines: Iterable[Line], tenant: Tenant) -> dict[str, Any]:
    message, turn, clock = found.message, found.turn, zone(tenant)
    data: dict[str, Any] = {
        "id": message.id,
        "at": message.at.astimezone(clock).isoformat(timespec="milliseconds"),
        "conversation_id": message.conversation_id,
        "contact": message.contact,
        "name": message.name,
        "direction": message.direction,
        "state": message.state,
        "cause": message.cause,
        "said_by": message.said_by,
        "content": plain(message.content),
        "turn": None,
    }
    if turn:
        data["turn"] = {
            "id": turn.id,
            "at": turn.at.astimezone(clock).isoformat(timespec="milliseconds"),
            "assistant": turn.assistant,
            "intent": turn.intent,
            "confidence": turn.confidence,
            "cause": turn.cause,
            "waited": turn.waited.total_seconds(),
            "thought": turn.thought.total_seconds(),
            "usage": found.usage,
            "calls": [asdict(each) for each in found.calls],
            "told": found.told,
        }
    costs = [_cost(line) for line in lines]
    return data | {
        "costs": costs,
        "usd": _total(lines),
        "unknown": sum(cost["usd"] is None for cost in costs),
    }


def _cost(line: Line) -> dict[str, Any]:
    data = asdict(line)
    del data["at"], data["micros"]
    return data | {"usd": None if line.usd is None else f"{line.usd:.6f}"}


def _total(lines: Iterable[Line]) -> str:
    return f"{sum((line.usd for line in lines if line.usd), Decimal()):.6f}"


def _print(found: Explained, lines: list[Line], tenant: Tenant) -> None:
    data = _data(found, lines, tenant)
    turn = data.pop("turn")
    for name in ("costs", "usd", "unknown"):
        del data[name]
    show_fields(data | (_of_turn(found) if turn else {}) | {"cost": _priced(lines)})
    for line in _calls(found):
        click.echo(line)
    if found.told:
        click.echo("\nWhat it was told:\n")
        for line in found.told.splitlines():
            click.echo("  " + "".join(c if c.isprintable() else " " for c in line))


def _of_turn(found: Explained) -> dict[str, object]:
    turn = found.turn
    assert turn is not None  # it is asked of those alone
    sure = "" if turn.confidence is None else f" ({turn.confidence:.2f})"
    return {
        "turn": turn.id,
        "assistant": turn.assistant,
        "intent": f"{turn.intent or '-'}{sure}",
        "why": turn.cause,
        "waited": turn.waited,
        "thought": turn.thought,
        "usage": found.usage,
    }


def _priced(lines: list[Line]) -> str:
    if not lines:
        return "nothing"
    unknown = sum(line.usd is None for line in lines)
    guessed = sum(line.category == ledger.ESTIMATED for line in lines)
    return (
        f"USD {_total(lines)}"
        + (f", {guessed} of it at a guess, since the call was cut off" if guessed else "")
        + (f", and {unknown} without a price" if unknown else "")
    )


def _calls(found: Explained) -> Iterator[str]:
    if found.calls:
        yield "\nWhat it called:\n"
    for each in found.calls:
        failed = " failed" if each.failed else ""
        yield f"  {each.kind} {each.name}{failed}, {_seconds(each.took)}"
        for name, text in (("with", each.arguments), ("gave", each.result)):
            if text:
                yield f"    {name}  {' '.join(''.join(c if c.isprintable() else ' ' for c in text).split())}"


def _seconds(took: float) -> str:
    return written(timedelta(seconds=took)) or "0 s"
