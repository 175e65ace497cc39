"""Forgetting a contact: nothing of theirs stays in the tables, the files and the node's spool."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from conserje.conversations import names as known
from conserje.conversations import rights as conversations
from conserje.conversations.names import Names
from conserje.costs import rights as costs
from conserje.errors import OperatorError
from conserje.files import rights as files
from conserje.files.folder import Folder, NoRoom
from conserje.intake.node import FOLDER, MEGABYTE
from conserje.intake.packing import unpack
from conserje.intake.spool import Spool
from conserje.leads import rights as leads
from conserje.notices import rights as notices
from conserje.operations import shelf
from conserje.operations.archive import BackupError
from conserje.operations.shelf import Keep
from conserje.rules import rights as rules
from conserje.settings import Settings
from conserje.storage.database import Connection, plan_for_any
from conserje.storage.sqlite import NodeFileError

STATEMENTS = (
    *conversations.FORGET, *files.FORGET, *leads.FORGET, *notices.FORGET, *rules.FORGET, *costs.FORGET
)  # fmt: skip
LONGEST = 600.0  # seconds that a statement may take
ALL = (*conversations.EMPTYING, *STATEMENTS)


class ForgettingError(OperatorError):
    """Something of a contact is still there; the text says what, and why."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten of a contact."""

    messages: int
    files: int
    spooled: int  # events that waited in this node's spool


async def forget(connection: Connection, tenant_id: int, contact_id: int) -> int:
    """Leave nothing of the contact in the tables; how many messages were emptied.

    What is being thought or sent meanwhile is thrown away, and whoever writes meanwhile is another contact.
    A long history is emptied before others are kept waiting. It may be done again. Raises ContactError.
    """
    place = (tenant_id, contact_id)
    done = 0
    async with connection.transaction():
        await plan_for_any(connection)
        names = await known.names(connection, *place)
        await conversations.remember_sent(connection, *place)
    for conversation in await conversations.conversations(connection, *place):
        done += await _empty(connection, tenant_id, conversation, everything=False)
    await known.drop_rejects(connection, names)  # while nobody waits for a lock of ours
    done += await _forget_the_rest(connection, *place)
    await conversations.wait_for_writers(connection)  # who found the conversation before, and stored since
    await known.drop_rejects(connection, names)
    return done + await _forget_the_rest(connection, *place)


async def _forget_the_rest(connection: Connection, tenant_id: int, contact_id: int) -> int:
    async with connection.transaction():
        await plan_for_any(connection)
        done = 0
        for conversation in await conversations.conversations(connection, tenant_id, contact_id, locked=True):
            done += await _empty(connection, tenant_id, conversation, everything=True)
            await conversations.wake(connection, tenant_id, conversation)
        for statement in STATEMENTS:
            await connection.execute(statement, tenant_id, contact_id, timeout=LONGEST)
        return done


async def _empty(connection: Connection, tenant_id: int, conversation_id: int, *, everything: bool) -> int:
    done = after = 0
    while True:
        async with connection.transaction():
            await plan_for_any(connection)
            ids = await conversations.empty(
                connection, tenant_id, conversation_id, after, everything=everything
            )
        if not ids:
            return done
        done, after = done + len(ids), ids[-1]


async def forget_everywhere(
    connection: Connection, settings: Settings, tenant_id: int, contact_id: int
) -> Forgotten:
    """The same in the files of this machine, too.

    The spool comes first, while it is known by what the contact is called. What gets into it afterwards, or
    is in another node's, is dropped once it comes. Raises ContactError and ForgettingError.
    """
    names = await known.names(connection, tenant_id, contact_id)
    try:
        spooled = await _drop_spooled(settings, names)
    except NodeFileError as error:
        raise ForgettingError(f"Nothing is forgotten yet: {error}") from None
    messages = await forget(connection, tenant_id, contact_id)
    folder = Folder(settings.files)
    try:
        removed = await folder.clear(connection) if folder.path.exists() else 0
    except NoRoom as error:
        raise ForgettingError(
            f"All is forgotten but the files, which a worker removes as soon as it can: {error}"
        ) from None
    return Forgotten(messages, removed, spooled)


def held_until(settings: Settings) -> str:
    """Until when backups hold what is forgotten now, as far as they can be read."""
    try:
        there = shelf.list_all(settings.backups) if settings.backups else []
    except BackupError as error:
        return (
            f"Backups made before now hold it until they are removed; which there are is not known: {error}"
        )
    if not there:
        return "Backups made before now, if there are any, hold it until they are removed."
    last = datetime.now(UTC) + Keep.of(settings.backups_keep).longest
    return (
        f"{len(there)} backups in {settings.backups} hold it until they are removed, the last about"
        f" {last:%Y-%m-%d} ({settings.backups_keep}); what is restored forgets it again."
    )


async def _drop_spooled(settings: Settings, names: Names) -> int:
    folder = settings.data_dir / FOLDER
    if not folder.exists():
        return 0
    async with Spool(folder, settings.spool_limit * MEGABYTE) as spool:
        return await spool.drop(lambda event: names.are_in(unpack(event)))
