"""`conserje message send`: what a person writes into a conversation that they have taken over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from conserje.cli.failure import Failed
from conserje.cli.table import json_option, show_json
from conserje.contract.fit import fit
from conserje.contract.limits import Limits
from conserje.contract.message import Media, Text
from conserje.conversations import handling
from conserje.conversations.handling import MessageState, PersonError
from conserje.errors import OperatorError
from conserje.installation import Installation, with_installation
from conserje.plugins import guard
from conserje.storage.database import Connection
from conserje.storage.deadline import looks
from conserje.tenants import tenants
from conserje.tenants.tenants import Tenant

PATIENCE = 15.0  # seconds
LOOK_EVERY = 0.1  # seconds
ENDED = ("sent", "delivered", "read", "failed", "refused", "held")
BAD = ("failed", "refused", "held")


@click.command()
@click.argument("slug")
@click.argument("conversation", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@click.argument("text", default="")
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
    conversation: int,
    text: str,
    file: Path | None,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Write into a conversation that is with a person.

    TEXT leaves behind what is on its way already, a long one in parts. A file is kept as those are that
    contacts send; what its channel would not take is refused before anything is sent. The exit code is 1 if
    it was refused within 15 seconds.

    \b
    Example:
      conserje conversation take acme 12
      conserje message send acme 12 "Tu pedido sale hoy."
      conserje message send acme 12 --file boleta.pdf
    """
    if not text.strip() and file is None:
        raise click.UsageError("Give a TEXT, or --file.")
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
    if not tenant.active:
        raise PersonError(f"{slug} is suspended: `conserje tenant resume {slug}` lets it send again.")
    found = await handling.get(installation.pool, tenant, conversation)
    limits = guard.limits_of(installation.plugins.channel(found.channel), slug, found.account)
    if file:
        ids = await _say_file(installation, tenant, conversation, file, text, limits)
    else:
        said = fit(Text(text), limits, tenant.locale)
        ids = await handling.say(installation.pool, tenant, conversation, said)
    states = await _message_states(installation, tenant, conversation, ids, 0.0 if no_wait else PATIENCE)
    bad = next((each for each in states if each.state in BAD), None)
    if as_json:
        show_json([{"id": each.id, "state": each.state, "cause": each.cause} for each in states])
    elif not bad:
        click.echo(_told(slug, conversation, states))
    if bad:
        raise Failed(f"The message is {bad.state}: {bad.cause or 'no cause is known'}")


async def _say_file(
    installation: Installation, tenant: Tenant, conversation: int, path: Path, text: str, limits: Limits
) -> list[int]:
    """Keep the file, and say it with `text`; the ids of the messages. Raises FileRefused or PersonError."""
    from conserje.files import outbound
    from conserje.files.folder import Folder
    from conserje.files.quota import Quota

    pool, folder = installation.pool, Folder(installation.settings.files)
    attached = await outbound.attach(pool, folder, tenant.id, path, limits)
    said = fit(Media((attached.file,), text), limits, tenant.locale)

    async def keep(connection: Connection, ids: Sequence[int]) -> None:
        await attached.keep(connection, said, ids, Quota.of(installation.settings))

    try:
        return await handling.say(pool, tenant, conversation, said, keep)
    except OperatorError:  # whatever else ends it, the message may be stored: retention looks after a day
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
