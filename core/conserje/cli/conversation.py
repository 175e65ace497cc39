"""`conserje conversation`: a person of the tenant takes a conversation over, and gives it back."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

import click

from conserje.cli.message import as_data, lines, shorten, with_files
from conserje.cli.table import json_option, show_fields, show_json, show_rows, terminal_width
from conserje.cli.times import Moment, zone
from conserje.contract.plain import plain
from conserje.conversations import effects, handling, notes
from conserje.conversations.effects import Listed
from conserje.conversations.handling import Conversation, Wanted
from conserje.conversations.notes import Note
from conserje.installation import Installation, with_installation
from conserje.notices import table as notices
from conserje.notices.table import Noticed
from conserje.rules import consent as consents
from conserje.rules.consent import Sign
from conserje.storage.scope import acting_for
from conserje.tenants import tenants
from conserje.tenants.tenants import Tenant

conversation_id = click.argument("conversation", metavar="ID", type=click.IntRange(1, 2**63 - 1))
NEVER = datetime.min.replace(tzinfo=UTC)
STATES = {"open": "with the assistant", "person": "with a person", "held": "held"}
WANTED = {None: "everything", "marketing": "nothing that the business begins", "all": "nothing"}


@click.group()
def conversation() -> None:
    """Look at conversations; take one over, and give it back to the assistant.

    The first column of `conserje conversation list` is the ID.
    """


async def tenant_of(installation: Installation, slug: str) -> Tenant:
    """Raises TenantError."""
    async with installation.pool.acquire() as connection:
        return await tenants.get(connection, slug)


def clocked(at: datetime | None, clock: tzinfo) -> str | None:
    return f"{at.astimezone(clock):%Y-%m-%d %H:%M:%S}" if at else None


@conversation.command("list")
@click.argument("slug", required=False)
@click.option("--with-person", "state", flag_value="person", help="Only conversations with a person.")
@click.option("--held", "state", flag_value="held", help="Only held conversations.")
@click.option(
    "--waiting",
    "state",
    flag_value="waiting",
    help="Only those in which a contact waits for an answer: the assistant's, a person's, or yours.",
)
@click.option(
    "--since", type=Moment(), help="Only those with a message since TIME, like 2h (ago) or 2026-03-01."
)
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The most to show."
)
@json_option
@with_installation
async def list_conversations(
    installation: Installation,
    slug: str | None,
    state: Wanted | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the conversations of a tenant, or of all tenants, the one with the newest message first.

    \b
    Example:
      conserje conversation list acme --with-person
      conserje conversation list --waiting --since 2h
    """
    found = [
        (tenant, each)
        for tenant in await _meant(installation, slug, state, limit)
        for each in await handling.list_all(installation.pool, tenant, state, limit)
        if since is None or (each.last_at and each.last_at >= since)
    ]
    found.sort(key=lambda pair: (pair[1].last_at or NEVER, pair[1].id), reverse=True)
    width = None if as_json else 60
    clocks = {tenant.id: zone(tenant) for tenant, _ in found[:limit]}
    rows: list[dict[str, object]] = [
        ({} if slug else {"tenant": tenant.slug})
        | {
            "id": each.id,
            "contact": f"{each.contact} {each.name}".strip(),
            "channel": each.channel,
            "state": each.state if as_json else STATES[each.state],
            "at": clocked(each.last_at, clocks[tenant.id]),
            "last_message": shorten(plain(each.last), width) if each.last else "",
        }
        for tenant, each in found[:limit]
    ]
    whose = slug or "any tenant"
    none = f"{slug} has no such conversation." if slug else "No tenant has such a conversation."
    none = none if state or since else f"Nobody has written to {whose} yet."
    show_rows(rows, as_json, none, alarming=lambda row: row["state"] == STATES["held"])


async def _meant(
    installation: Installation, slug: str | None, state: Wanted | None, limit: int
) -> list[Tenant]:
    """The tenant, or without a slug those whose conversations are among the newest. Raises TenantError."""
    if slug:
        return [await tenant_of(installation, slug)]
    active = await handling.active_tenants(installation.pool, state, limit)
    async with installation.pool.acquire() as connection:
        return [tenant for tenant in await tenants.list_all(connection) if tenant.id in active]


@conversation.command()
@click.argument("slug")
@conversation_id
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="The most messages, notices and effects to show.",
)
@json_option
@with_installation
async def show(installation: Installation, slug: str, conversation: int, limit: int, as_json: bool) -> None:
    """Show a conversation: who has it, its last messages, the notices that it has given, and what tools did.

    \b
    Example:
      conserje conversation show acme 12
    """
    tenant = await tenant_of(installation, slug)
    clock, pool = zone(tenant), installation.pool
    found = await handling.get(pool, tenant, conversation)
    said = await with_files(installation, tenant, await handling.said_in(pool, tenant, conversation, limit))
    noticed = await notices.of_conversation(pool, tenant.id, conversation, limit)
    given = [_notice(each, clock) for each in noticed]
    async with acting_for(pool, tenant.id) as scope:
        listed = await effects.of_conversation(scope.connection, tenant.id, conversation, limit)
        kept = await notes.latest(scope.connection, tenant.id, conversation, limit)
    noted = [_note(each, clock) for each in reversed(kept)]
    acted = [_effect(each, clock) for each in listed]
    if as_json:
        show_json(
            _fields(found, clock, found.state)
            | {"notes": noted, "notices": given, "effects": acted, "said": [as_data(i, clock) for i in said]}
        )
        return
    show_fields(_fields(found, clock, STATES[found.state]))
    click.echo()
    for item in said:
        for line in lines(item, clock, terminal_width()):
            click.echo(line)
    for rows in filter(None, (noted, given, acted)):
        click.echo()
        show_rows(rows, False, "")


def _fields(found: Conversation, clock: tzinfo, state: str) -> dict[str, Any]:
    return {
        "id": found.id,
        "contact": found.contact,
        "name": found.name,
        "channel": found.channel,
        "account": found.account,
        "state": state,
        "cause": found.cause,
        "with_a_person_since": clocked(found.since, clock),
        "until": clocked(found.until, clock),
        "contact_wants": WANTED[found.opted_out],
    }


def _note(each: Note, clock: tzinfo) -> dict[str, Any]:
    return {"note": each.id, "at": clocked(each.at, clock), "author": each.author, "text": each.text}


def _notice(each: Noticed, clock: tzinfo) -> dict[str, Any]:
    return {
        "notice": each.kind,
        "state": each.state,
        "of": clocked(each.created_at, clock),
        "tries": each.tries,
        "sent": clocked(each.sent_at, clock),
        "again": clocked(each.due_at, clock),
        "cause": each.cause,
    }


def _effect(each: Listed, clock: tzinfo) -> dict[str, Any]:
    return {
        "effect": f"e{each.id}",
        "tool": each.tool,
        "state": each.state,
        "of": clocked(each.created_at, clock),
        "ended": clocked(each.ended_at, clock),
        "shown": each.shown,
        "cause": each.cause,
        "arguments": each.arguments,
    }


@conversation.command()
@click.argument("slug")
@conversation_id
@click.option(
    "--as", "person", default="", metavar="NAME", help="Who takes it; the chat page shows the name."
)
@json_option
@with_installation
async def take(installation: Installation, slug: str, conversation: int, person: str, as_json: bool) -> None:
    """Take a conversation over: from now on the assistant is silent in it.

    The reply that it thinks of is not sent; one that is on its way arrives. The assistant has the
    conversation back when you give it, or when you have written nothing for the tenant's
    --hand-back-after.

    \b
    Example:
      conserje conversation take acme 12 --as Ana
      conserje message send acme 12 "Hola, soy Ana. ¿En qué te ayudo?"
    """
    tenant = await tenant_of(installation, slug)
    taken = await handling.take(installation.pool, tenant, conversation, person.strip()[:80])
    until = clocked(taken.until, zone(tenant))
    if as_json:
        show_json({"id": conversation, "until": until, "again": taken.again})
    elif taken.again:
        click.echo(f"Conversation {conversation} was with a person already: it stays so until {until}.")
    else:
        click.echo(f"Conversation {conversation} is with a person until {until}.")
        click.echo(f"Next: conserje message send {slug} {conversation} TEXT")


@conversation.command()
@click.argument("slug")
@conversation_id
@json_option
@with_installation
async def give(installation: Installation, slug: str, conversation: int, as_json: bool) -> None:
    """Give a conversation back to the assistant, who answers at once what was left unanswered.

    \b
    Example:
      conserje conversation give acme 12
    """
    tenant = await tenant_of(installation, slug)
    count = await handling.give(installation.pool, tenant, conversation)
    if as_json:
        show_json({"id": conversation, "answers": count})
        return
    left = f"; it answers {count} {'message' if count == 1 else 'messages'}" if count else ""
    click.echo(f"Conversation {conversation} is with the assistant{left}.")


@conversation.command()
@click.argument("slug")
@conversation_id
@click.argument("text")
@click.option("--as", "author", default="", metavar="NAME", help="Who notes it.")
@json_option
@with_installation
async def note(
    installation: Installation, slug: str, conversation: int, text: str, author: str, as_json: bool
) -> None:
    """Note something about a conversation for whoever of the tenant looks at it; the contact is not told.

    \b
    Example:
      conserje conversation note acme 12 "Paga el lunes." --as Ana
    """
    tenant = await tenant_of(installation, slug)
    async with acting_for(installation.pool, tenant.id) as scope:
        kept = await notes.add(scope.connection, tenant.id, conversation, author, text)
    if as_json:
        show_json(_note(kept, zone(tenant)) | {"conversation": conversation})
        return
    click.echo(f"Noted: `conserje conversation show {slug} {conversation}` shows it.")


@conversation.command()
@click.argument("slug")
@conversation_id
@click.argument("wanted", type=click.Choice(["out", "in"]))
@json_option
@with_installation
async def consent(
    installation: Installation, slug: str, conversation: int, wanted: Literal["out", "in"], as_json: bool
) -> None:
    """Note that a contact wants no more messages (out), or wants them again (in).

    The contact said so elsewhere, by telephone for example, and is not told.

    \b
    Example:
      conserje conversation consent acme 12 out
    """
    tenant = await tenant_of(installation, slug)
    found = await handling.get(installation.pool, tenant, conversation)
    async with acting_for(installation.pool, tenant.id) as scope:
        sign = Sign(wanted, "operator", "conserje conversation consent")
        changed = await consents.record(scope.connection, tenant.id, conversation, sign)
    if as_json:
        show_json({"id": conversation, "contact": found.contact, "wants": wanted, "changed": changed})
        return
    already = "" if changed else "already "
    what = "no more messages" if wanted == "out" else "messages"
    click.echo(f"{found.contact} {already}wants {what}.")
