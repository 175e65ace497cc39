"""`conserje message send`: what a person writes, having taken over, or the business of its own accord."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from conserje.cli.failure import Failed
from conserje.cli.send_first import say_first, written
from conserje.cli.table import json_option, show_json
from conserje.conversations import handling
from conserje.conversations.handling import MessageState
from conserje.errors import OperatorError
from conserje.installation import Installation, with_installation
from conserje.plugins import guard
from conserje.storage.deadline import looks
from conserje.storage.scope import acting_for
from conserje.tenants import tenants
from conserje.tenants.tenants import Tenant

PATIENCE = 15.0  # seconds
LOOK_EVERY = 0.1  # seconds
ENDED = ("sent", "delivered", "read", "failed", "refused", "held")
BAD = ("failed", "refused", "held")


@click.command()
@click.argument("slug")
@click.argument("words", nargs=-1, metavar="[ID] [TEXT]")
@click.option("--to", metavar="PHONE", help="Write to a phone as the business; nobody takes over.")
@click.option("--contact", type=click.IntRange(1, 2**63 - 1), metavar="ID", help="The same to a contact.")
@click.option(
    "--conversation", type=click.IntRange(1, 2**63 - 1), metavar="ID", help="The same in a conversation."
)
@click.option("--take", is_flag=True, help="Take the conversation over with it.")
@click.option(
    "--account", metavar="CHANNEL[ ADDRESS]", default="", help="The account that writes, of several."
)
@click.option("--template", metavar="NAME", help="A template that the provider has approved.")
@click.option("--language", default="", help="The template's language.")
@click.option("--param", "params", multiple=True, metavar="VALUE", help="What is filled into its places.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file to send, TEXT below it.",
)
@click.option("--no-wait", is_flag=True, help="Do not wait until the provider has it.")
@json_option
@with_installation
async def send(
    installation: Installation,
    slug: str,
    words: tuple[str, ...],
    to: str | None,
    contact: int | None,
    conversation: int | None,
    take: bool,
    account: str,
    template: str | None,
    language: str,
    params: tuple[str, ...],
    file: Path | None,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Write into a conversation that is with a person; or as the business, to whom you like.

    TEXT leaves behind what is on its way already, a long one in parts. A file is kept as those are that
    contacts send; what its channel would not take is refused before anything is sent. The exit code is 1 if
    it was refused within 15 seconds.

    With --to, --contact or --conversation nobody has to take over. What consent or the provider's window
    forbids is refused, and the rest leaves at its account's pace.

    \b
    Example:
      conserje conversation take acme 12
      conserje message send acme 12 "Tu pedido sale hoy."
      conserje message send acme 12 --file boleta.pdf
      conserje message send acme --to +56912345678 --template pedido_listo --language es --param Ana
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    to_whom = [each for each in (to, contact, conversation) if each is not None]
    if to_whom:
        if len(to_whom) > 1 or file:
            raise click.UsageError("Give one of --to, --contact and --conversation, and no --file.")
        content = written(_one(words, "TEXT"), template, language, params)
        whom = (to, contact, conversation)
        conversation, ids = await say_first(installation, tenant, whom, account, content, take=take)
    else:
        if template or language or params or account or take:
            raise click.UsageError("Give --to, --contact or --conversation with that.")
        conversation, text = _place(words)
        if not text.strip() and file is None:
            raise click.UsageError("Give a TEXT, or --file.")
        ids = await _say(installation, tenant, conversation, text, file)
    states = await _message_states(installation, tenant, conversation, ids, 0.0 if no_wait else PATIENCE)
    bad = next((each for each in states if each.state in BAD), None)
    if as_json:
        show_json([{"id": each.id, "state": each.state, "cause": each.cause} for each in states])
    elif not bad:
        click.echo(_told(slug, conversation, states))
    if bad:
        raise Failed(f"The message is {bad.state}: {bad.cause or 'no cause is known'}")


def _one(words: Sequence[str], name: str) -> str:
    if len(words) > 1:
        raise click.UsageError(f"Give one {name}, in quotation marks.")
    return words[0] if words else ""


def _place(words: Sequence[str]) -> tuple[int, str]:
    """The conversation, and what is said in it."""
    first, *rest = words or ("",)
    if not (first.isascii() and first.isdecimal() and 0 < int(first[:20]) < 2**63):
        raise click.UsageError("Give the ID of a conversation, or --to, or --contact.")
    return int(first), _one(rest, "TEXT")


async def _say(
    installation: Installation, tenant: Tenant, conversation: int, text: str, file: Path | None
) -> list[int]:
    """Write as a person; the ids of the messages. Raises FileRefused or PersonError."""
    from conserje.delivery import persons
    from conserje.files import outbound
    from conserje.files.folder import Folder
    from conserje.files.quota import Quota

    pool, folder = installation.pool, Folder(installation.settings.files)
    found = await handling.get(pool, tenant, conversation)
    limits = guard.limits_of(installation.plugins.channel(found.channel), tenant.slug, found.account)
    attached = await outbound.attach(pool, folder, tenant.id, outbound.at(file), limits) if file else None
    quota = Quota.of(installation.settings)
    try:
        async with acting_for(pool, tenant.id) as scope:
            return await persons.say(scope, tenant, conversation, text, limits, attached, quota)
    except OperatorError:  # whatever else ends it, the message may be stored: retention looks after a day
        if attached:
            await outbound.detach(folder, attached)
        raise


async def _message_states(
    installation: Installation, tenant: Tenant, conversation: int, ids: Sequence[int], patience: float
) -> list[MessageState]:
    """What became of the messages, once all have ended or the time is over."""
    states: list[MessageState] = []
    async for _ in looks(patience, LOOK_EVERY):
        states = await handling.message_states(installation.pool, tenant, conversation, ids)
        if all(each.state in ENDED for each in states):
            break
    return states


def _told(slug: str, conversation: int, states: Sequence[MessageState]) -> str:
    if all(each.state in ENDED for each in states):
        return "The message is sent."
    waiting = next(each for each in states if each.state not in ENDED)
    cause = f" ({waiting.cause})" if waiting.cause else ""
    return f"The message is {waiting.state}{cause}: see `conserje conversation show {slug} {conversation}`."
