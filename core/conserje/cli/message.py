"""`conserje message`: what tenants and their contacts say to each other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta, tzinfo
from typing import Any

import click

from conserje.cli.export import export
from conserje.cli.message_show import show
from conserje.cli.send import send
from conserje.cli.table import in_json, json_option, show_json, terminal_width
from conserje.cli.times import written, zone
from conserje.contract.message import Media
from conserje.contract.plain import plain
from conserje.conversations import contacts, listing
from conserje.conversations.contacts import ContactError
from conserje.conversations.listing import Item, Message, Reject, Turn
from conserje.errors import OperatorError
from conserje.files import table as files
from conserje.files.links import Links, kept_ids
from conserje.installation import Installation, with_installation
from conserje.storage.scope import acting_for
from conserje.tenants import tenants
from conserje.tenants.tenants import Tenant

LOOK_EVERY = 0.5  # seconds
WINDOW = 500  # items that --follow looks at, each time
Addresses = Mapping[str, str] | None  # of kept files, by their reference; none: nobody asked for them
ALARMING = frozenset({"held", "refused", "failed", "unreadable"})


class NothingToFetch(OperatorError):
    """No file of the message is missing."""


@click.group()
def message() -> None:
    """Read what tenants and their contacts say, and write as a person."""


message.add_command(send)
message.add_command(export)
message.add_command(show)


@message.command()
@click.argument("slug")
@click.argument("message_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@with_installation
async def fetch(installation: Installation, slug: str, message_id: int) -> None:
    """Ask the provider once more for the files of a message that are not kept.

    \b
    Example:
      conserje message fetch acme 4711
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        scope.due.extend(await files.want_again(scope.connection, tenant.id, message_id))
    if not scope.due:
        raise NothingToFetch(f"Message {message_id} of {slug} has no file that is not kept.")
    click.echo(f"Asked again: `conserje message list {slug}` shows what becomes of it.")


@message.command("list")
@click.argument("slug")
@click.option("--follow", is_flag=True, help="Go on with what comes, and with what changes, until Ctrl-C.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The most to show."
)
@click.option(
    "--contact",
    default="",
    metavar="TEXT",
    help="Only contacts with TEXT in their name or address, of the 5000 heard of last.",
)
@click.option("--links", is_flag=True, help="Add the addresses of the files that are kept, good for a day.")
@json_option
@with_installation
async def list_messages(
    installation: Installation, slug: str, follow: bool, limit: int, contact: str, links: bool, as_json: bool
) -> None:
    """List a tenant's messages and turns, newest last, in the tenant's time zone.

    With --follow, --json prints one object a line.

    \b
    Example:
      conserje message list acme --follow
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    clock = zone(tenant)
    shown = await _latest(installation, tenant, max(limit, WINDOW) if follow else limit, contact)
    if contact and not shown:
        await _require_contact(installation, tenant, contact)
    addresses = await _addresses(installation, tenant, shown) if links else None
    if as_json and not follow:
        show_json([_data(item, clock, addresses) for item in shown])
        return
    if not shown:
        said = f"{contact} has no messages here." if contact else f"Nobody has written to {slug} yet."
        click.echo(said, err=True)
    _print(shown[-limit:], clock, as_json, addresses)
    while follow:
        await asyncio.sleep(LOOK_EVERY)
        items = await _latest(installation, tenant, max(limit, WINDOW), contact)
        known = {_key(item): item for item in shown}  # by their keys: what they say may not be hashable
        news = [item for item in items if known.get(_key(item)) != item]
        addresses = await _addresses(installation, tenant, news) if links else None
        _print(news, clock, as_json, addresses)
        shown = items


async def _require_contact(installation: Installation, tenant: Tenant, text: str) -> None:
    """Raises ContactError where nobody has `text` in the name or an address."""
    async with acting_for(installation.pool, tenant.id) as scope:
        if not await contacts.latest(scope.connection, tenant.id, text, 1):
            raise ContactError(
                f"{tenant.slug} has no contact {text!r}: see `conserje contact list {tenant.slug}`.",
                "contact",
            )


def _key(item: Item) -> tuple[type[Item], int]:
    return type(item), item.id


async def _latest(installation: Installation, tenant: Tenant, limit: int, contact: str) -> list[Item]:
    async with acting_for(installation.pool, tenant.id) as scope:
        items = await listing.latest(scope.connection, tenant.id, limit, contact)
    return await with_files(installation, tenant, items)


async def with_files(installation: Installation, tenant: Tenant, items: Sequence[Item]) -> list[Item]:
    """The items; messages whose files are not kept say why."""
    sent = [item for item in items if isinstance(item, Message) and isinstance(item.content, Media)]
    if not sent:
        return list(items)
    async with acting_for(installation.pool, tenant.id) as scope:
        places = [(item.conversation_id, item.id) for item in sent]
        causes = await files.not_kept(scope.connection, tenant.id, places)
    return [
        replace(item, cause=_not_kept(tenant, item.id, causes[item.id]))
        if isinstance(item, Message) and item.id in causes and not item.cause
        else item
        for item in items
    ]


def _not_kept(tenant: Tenant, message_id: int, causes: Sequence[str]) -> str:
    command = f"`conserje message fetch {tenant.slug} {message_id}`"
    return f"A file is not kept: {' '.join(causes)} {command} asks for it once more."


async def _addresses(installation: Installation, tenant: Tenant, items: list[Item]) -> dict[str, str]:
    """The addresses of the kept files that `items` name, by their reference."""
    kept = [id for item in items if isinstance(item, Message) for id in kept_ids(item.content)]
    links = Links(installation.pool, installation.vault, installation.settings)
    return await links.of(tenant, kept)


def _print(items: list[Item], zone: tzinfo, as_json: bool, addresses: Addresses) -> None:
    width = terminal_width()
    for item in items:
        if as_json:
            click.echo(in_json(_data(item, zone, addresses)))
        else:
            addressed = (f"{'':21}{address}" for address in _links(item, addresses or {}))
            for line in (*lines(item, zone, width), *addressed):
                click.echo(line)


def _data(item: Item, zone: tzinfo, addresses: Addresses) -> dict[str, Any]:
    data = as_data(item, zone)
    return data if addresses is None else data | {"links": _links(item, addresses)}


def _links(item: Item, addresses: Mapping[str, str]) -> list[str]:
    """The addresses of the item's files."""
    content = item.content if isinstance(item, Message) else None
    sent = content.files if isinstance(content, Media) else ()
    return [addresses[file.ref] for file in sent if file.ref in addresses]


def as_data(item: Item, zone: tzinfo) -> dict[str, Any]:
    """`item` for JSON: times by the tenant's clock, durations in seconds."""
    data: dict[str, Any] = {"kind": type(item).__name__.lower()}
    for name, value in asdict(item).items():
        data[name] = value.total_seconds() if isinstance(value, timedelta) else value
    data["at"] = item.at.astimezone(zone).isoformat(timespec="milliseconds")
    if isinstance(item, Message):
        data["content"] = plain(item.content)
    return data


def lines(item: Item, zone: tzinfo, width: int | None) -> Iterator[str]:
    """`item` in a line of at most `width` characters, and its cause in one more."""
    who, kind, state, text = _columns(item)
    head = f"{item.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {shorten(who, 28):28}  {kind:6}  "
    room = None if width is None else max(width - len(head) - 22, 10)
    colour = "red" if state.partition(" ")[0] in ALARMING else None
    yield head + click.style(f"{state:20}", colour) + f"  {shorten(text, room)}"
    if cause := _cause(item):
        yield f"{'':21}{shorten(cause, None)}"


def _cause(item: Item) -> str | None:
    if isinstance(item, Message) and item.direction == "in" and item.state == "held":
        cause = (item.cause or "No cause is known").rstrip(".")
        return f"{cause}. It waits for a person: see `conserje held show t{item.conversation_id}`."
    return item.cause


def _columns(item: Item) -> tuple[str, str, str, str]:
    """Who, what, its state, and its text."""
    match item:
        case Message():
            took = "" if item.took is None else f" {written(item.took)}"
            return f"{item.contact} {item.name}", item.direction, item.state + took, plain(item.content)
        case Turn():
            sure = "" if item.confidence is None else f" {item.confidence:.2f}"
            times = f"waited {written(item.waited)}, thought {written(item.thought)}"
            return (
                f"{item.contact} {item.name}",
                "turn",
                f"{item.intent or '-'}{sure}",
                f"{item.assistant}, {times}",
            )
        case Reject():
            return f"{item.channel} {item.address}", "reject", "unreadable", item.raw


def shorten(text: str, length: int | None) -> str:
    """`text` as one line that a terminal shows and does not obey, of at most `length` characters."""
    line = " ".join("".join(c if c.isprintable() or c == JOINER else " " for c in text).split())
    return line if length is None or len(line) <= length else line[: length - 1] + "…"


JOINER = "\u200d"  # holds many emoji together
