"""Saying: what a person writes to a contact, with a file, which takes the conversation over."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.datastructures import UploadFile

from conserje.contract.limits import Limits
from conserje.conversations import handling, prepared
from conserje.conversations.handling import PersonError, TakenByAnother
from conserje.conversations.prepared import NoPrepared
from conserje.delivery import persons
from conserje.delivery.persons import Obstacle, Way
from conserje.errors import OperatorError
from conserje.files import outbound
from conserje.files.folder import HEAD, Folder
from conserje.files.outbound import PART, Attachment, FileRefused, Given
from conserje.files.quota import Quota
from conserje.storage.scope import Scope, acting_for
from conserje.storage.text import clean
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import See, Seen, deed
from conserje_edge.console.talk import once
from conserje_edge.console.talk.conversation import LARGEST, Typed, anothers, seen, take_over
from conserje_edge.console.talk.fates import OBSTACLES

LONGEST_NAME = 100  # characters


class Obstructed(OperatorError):
    """Nothing can be sent now; `obstacle` says why."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(OBSTACLES[obstacle])


@deed("conversation.say", upload=LARGEST)
async def say(asked: Asked, conversation: int) -> See | Seen:
    """Take the conversation over and say it, in one transaction."""
    asked.of = f"conversation {conversation}"
    text, file = asked.given("text"), asked.file("file")
    try:
        await _say(asked, conversation, text, file if file and file.size else None)
    except TakenByAnother as error:
        return await seen(asked, conversation, Typed(text, anothers(asked, error)), HTTPStatus.CONFLICT)
    except (PersonError, FileRefused, NoPrepared, Obstructed) as error:
        told = Typed(text, _told(asked, error, text))
        return await seen(asked, conversation, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    return See(asked.to("desk", conversation))


def _told(asked: Asked, error: OperatorError, text: str) -> str:
    if isinstance(error, Obstructed):
        return asked._(str(error))
    if isinstance(error, PersonError) and not text:
        return asked._("Write something, or choose a file.")
    if isinstance(error, FileRefused):
        return asked._(
            "The file cannot be sent: it is of a kind or a size that is not taken. %(why)s", why=error
        )
    return str(error)


async def _say(asked: Asked, conversation: int, text: str, file: UploadFile | None) -> None:
    """Raises OperatorError."""
    pool, folder = asked.context.pool, Folder(asked.context.settings.files)
    way, words = await _look(asked, conversation, text)
    digest = await _digest(file) if file else ""
    attached = await _attach(asked, folder, file, way.limits) if file else None
    try:
        async with acting_for(pool, asked.tenant.id) as scope:
            done = await _say_once(asked, scope, conversation, words, digest, way.limits, attached)
    except OperatorError:  # whatever else ends it, the message may be stored: retention looks after a day
        if attached:
            await outbound.detach(folder, attached)
        raise
    if attached and not done:
        await outbound.detach(folder, attached)


async def _look(asked: Asked, conversation: int, text: str) -> tuple[Way, str]:
    """Whether anything can be sent, and all that is said: behind the prepared answer, if one is chosen.

    Raises OperatorError.
    """
    assert asked.entry is not None  # the path has {slug}
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        connection = scope.connection
        found = await handling.find(connection, asked.tenant, conversation)
        way = await persons.way(connection, asked.entry, asked.context.plugins, found)
        chosen = asked.given("prepared")
        if chosen.isascii() and chosen.isdecimal() and len(chosen) < 19:
            answer = await prepared.get(connection, asked.tenant.id, int(chosen))
            text = "\n".join(filter(None, (answer.said_to(found.name), text)))
    if way.obstacle:
        raise Obstructed(way.obstacle)
    return way, text


async def _say_once(
    asked: Asked,
    scope: Scope,
    conversation: int,
    words: str,
    digest: str,
    limits: Limits,
    attached: Attachment | None,
) -> bool:
    """Whether it is done now, and was not before."""
    connection = scope.connection
    if not await once.begin(asked, connection, words, digest):
        return False
    await take_over(asked, connection, conversation)
    quota = Quota.of(asked.context.settings)
    await persons.say(scope, asked.tenant, conversation, words, limits, attached, quota)
    await asked.audit(connection)
    await once.end(asked, connection, words, digest)
    return True


async def _attach(asked: Asked, folder: Folder, file: UploadFile, limits: Limits) -> Attachment:
    name = clean(file.filename or "")[-LONGEST_NAME:] or asked._("file")
    head = await file.read(HEAD)
    await file.seek(0)
    given = Given(name, file.size or 0, head, _parts(file))
    return await outbound.attach(asked.context.pool, folder, asked.tenant.id, given, limits)


async def _parts(file: UploadFile) -> AsyncIterator[bytes]:
    while part := await file.read(PART):
        yield part


async def _digest(file: UploadFile) -> str:
    """What the file is: the same file of a form that is posted twice."""
    digest = hashlib.sha256()
    while part := await file.read(PART):
        digest.update(part)
    await file.seek(0)
    return digest.hexdigest()
