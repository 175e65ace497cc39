"""One conversation: what was said, who has it, and what a person does in it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from http import HTTPStatus

from conserje.access import audit
from conserje.conversations import dialogue, handling, held, notes, prepared, presence, reads
from conserje.conversations.dialogue import Line, Part
from conserje.conversations.handling import Conversation, TakenByAnother
from conserje.conversations.notes import NoteError
from conserje.conversations.paging import LAST_ID
from conserje.conversations.prepared import Prepared
from conserje.conversations.presence import Present
from conserje.delivery import persons
from conserje.delivery.persons import Way
from conserje.files.quota import MEGABYTE
from conserje.storage.database import Connection
from conserje.storage.scope import acting_for
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import See, Seen, deed, view
from conserje_edge.console.talk import fates, once, shown
from conserje_edge.console.talk.shown import Day

PAGE = "talk/conversation.html"
LARGEST = 16 * MEGABYTE  # bytes of a file


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody wrote that is not sent yet, why, and what the assistant would write."""

    text: str = ""
    error: str = ""
    suggestion: str = ""


NOTHING = Typed()


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page of a conversation shows."""

    found: Conversation
    days: list[Day]
    older: int | None
    is_last: bool
    others: list[Present]
    way: Way | None  # None: the person may not write
    prepared: list[Prepared]
    typed: Typed
    once: str
    is_mine: bool

    @property
    def is_anothers(self) -> bool:
        """Whether somebody else has it, who is the one to write."""
        return self.found.state == "person" and self.found.person is not None and not self.is_mine

    @property
    def suggests(self) -> bool:
        """Whether the assistant may be asked what it would write."""
        return self.found.state == "person" and self.says

    @property
    def says(self) -> bool:
        """Whether what is written now is said to the contact."""
        return self.way is not None and self.way.obstacle is None and not self.is_anothers


def name_of(asked: Asked) -> str:
    """What the person is called in the tenant."""
    member = asked.person.member_of(asked.tenant.id)
    return member.person if member else asked.person.name


@view("conversation.read")
async def conversation(asked: Asked, conversation: int) -> Seen:
    return await seen(asked, conversation)


async def seen(
    asked: Asked,
    conversation: int,
    typed: Typed = NOTHING,
    status: int = HTTPStatus.OK,
) -> Seen:
    """The page, in a transaction of its own: the reader is seen by the others, and has read it."""
    before = _number(asked.query.get("before", ""))
    tenant_id, login_id = asked.tenant.id, asked.person.login_id
    async with acting_for(asked.context.pool, tenant_id) as scope:
        connection = scope.connection
        found = await handling.find(connection, asked.tenant, conversation)
        await audit.reading(
            connection,
            asked.person,
            tenant_id,
            conversation,
            address=asked.address,
            request_id=asked.request_id,
        )
        part = await dialogue.part(connection, tenant_id, conversation, before)
        days = await shown.days(asked, connection, conversation, part)
        place = (tenant_id, conversation, login_id)
        if "x-live" not in asked.request.headers:  # an open page says by itself who is at it
            await presence.see(connection, *place, name_of(asked), writes=False)
        if last := _last(part):
            await reads.mark(connection, tenant_id, login_id, conversation, last)
        page = Page(
            found,
            days,
            part.older,
            before == LAST_ID,
            await presence.others(connection, *place),
            await _way(asked, connection, found),
            await prepared.list_all(connection, tenant_id),
            typed,
            secrets.token_urlsafe(12),
            found.login_id == login_id,
        )
    values = {"page": page, "found": found, "pictures": shown.PICTURES, "obstacles": fates.OBSTACLES}
    return Seen(PAGE, values, status)


async def _way(asked: Asked, connection: Connection, found: Conversation) -> Way | None:
    if not asked.may("conversation.say"):
        return None
    assert asked.entry is not None  # the path has {slug}
    return await persons.way(connection, asked.entry, asked.context.plugins, found)


def _last(part: Part) -> int | None:
    return max((item.message.id for item in part.items if isinstance(item, Line)), default=None)


def _number(given: str) -> int:
    """Of an address' parameter; the last page for what is none."""
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else LAST_ID


@view("conversation.read", transaction="tenant")
async def here(asked: Asked, conversation: int) -> Seen:
    """Somebody still looks at it, or writes: who else does."""
    place = (asked.tenant.id, conversation, asked.person.login_id)
    writes = asked.query.get("writes") == "1"
    await presence.see(asked.connection, *place, name_of(asked), writes=writes)
    return Seen("talk/here.html", {"others": await presence.others(asked.connection, *place)})


@deed("conversation.take")
async def take(asked: Asked, conversation: int) -> See | Seen:
    """`from` is the login of whoever has it, and loses it."""
    asked.of = f"conversation {conversation}"
    try:
        async with acting_for(asked.context.pool, asked.tenant.id) as scope:
            await take_over(asked, scope.connection, conversation)
            await asked.audit(scope.connection)
    except TakenByAnother as error:
        return await seen(asked, conversation, Typed(error=anothers(asked, error)), HTTPStatus.CONFLICT)
    asked.flash(asked._("You have it now. The assistant is silent."))
    return See(asked.to("desk", conversation))


async def take_over(asked: Asked, connection: Connection, conversation: int) -> None:
    """Raises PersonError: what was somebody's when the page was shown may be another's now."""
    found = await handling.find(connection, asked.tenant, conversation)
    wanted = asked.given("from")
    from_another = bool(wanted) and wanted == str(found.login_id or 0)
    who = (name_of(asked), asked.person.login_id)
    await handling.take_in(connection, asked.tenant, conversation, *who, from_another=from_another)


def anothers(asked: Asked, error: TakenByAnother) -> str:
    if error.person:
        return asked._("%(name)s has this conversation now.", name=error.person)
    return asked._("Somebody else has this conversation now.")


@deed("conversation.give", transaction="tenant")
async def give(asked: Asked, conversation: int) -> See:
    asked.of = f"conversation {conversation}"
    found = await handling.find(asked.connection, asked.tenant, conversation)
    if found.state == "person":
        await handling.give_in(asked.transaction, asked.tenant, conversation)
        asked.flash(asked._("The assistant has it again."))
    return See(asked.to("desk", conversation))


@deed("conversation.note", upload=LARGEST)
async def note(asked: Asked, conversation: int) -> See | Seen:
    asked.of = f"conversation {conversation}"
    text = asked.given("text")
    if asked.file("file"):
        why = asked._("A note is words alone: take the file away, or send it.")
        return await seen(asked, conversation, Typed(text, why), HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        async with acting_for(asked.context.pool, asked.tenant.id) as scope:
            if await once.begin(asked, scope.connection, text):
                await notes.add(scope.connection, asked.tenant.id, conversation, name_of(asked), text)
                await asked.audit(scope.connection)
                await once.end(asked, scope.connection, text)
    except NoteError as error:
        why = asked._("Write something.") if not text else str(error)
        return await seen(asked, conversation, Typed(text, why), HTTPStatus.UNPROCESSABLE_ENTITY)
    return See(asked.to("desk", conversation))


@deed("conversation.say", transaction="core")
async def again(asked: Asked, conversation: int, message: int) -> See:
    """Try a held message again."""
    asked.of = f"message {message}"
    found = await handling.states_in(asked.connection, asked.tenant, conversation, [message])
    if any(each.state == "held" for each in found):
        await held.retry(asked.connection, f"m{message}")
        asked.flash(asked._("It is tried again."))
    return See(asked.to("desk", conversation))


@deed("conversation.give", transaction="core")
async def think_again(asked: Asked, conversation: int) -> See:
    """Let the assistant try a held conversation again."""
    asked.of = f"conversation {conversation}"
    found = await handling.find(asked.connection, asked.tenant, conversation)
    if found.state == "held":
        await held.retry(asked.connection, f"t{conversation}")
        asked.flash(asked._("The assistant tries again."))
    return See(asked.to("desk", conversation))
