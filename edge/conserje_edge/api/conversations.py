"""Conversations: who has them, who waits; taken over, given back, noted upon."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Self

from pydantic import Field

from conserje.contract.plain import plain
from conserje.conversations import handling, notes, paging
from conserje.conversations.handling import Conversation, Wanted
from conserje.conversations.listing import ConversationState, OptedOut
from conserje.conversations.notes import LONGEST, LONGEST_AUTHOR, Note
from conserje.storage.scope import acting_for
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Given, Id, Moment, Shown, Time
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Number, Page, Paged, after, page


class Conversations(Paged):
    """Which conversations are asked for."""

    state: Annotated[
        Wanted | None,
        Field(
            description="`person`: with a person; `held`: given up on for now; `waiting`: a contact waits for"
            " an answer, of whoever it is."
        ),
    ] = None
    since: Annotated[
        Moment | None, Field(description="Only where a turn or a person was at work since then.")
    ] = None


class ConversationShown(Shown):
    """A conversation, and who has it."""

    id: int
    contact_id: int
    contact: str = Field(description="The contact's name at the channel, such as a phone.")
    name: str
    channel: str
    account: str = Field(description="The address of the tenant's account.")
    state: ConversationState
    opted_out: OptedOut | None = Field(description="What the contact wants none of.")
    with_person_since: Time | None
    with_person_until: Time | None
    cause: str | None = Field(description="Why it is held.")
    active_at: Time = Field(description="When a turn or a person was at work last.")
    last_at: Time | None
    last: str | None = Field(description="What was said last, in words.")

    @classmethod
    def of(cls, found: Conversation) -> Self:
        return cls(
            id=found.id,
            contact_id=found.contact_id,
            contact=found.contact,
            name=found.name,
            channel=found.channel,
            account=found.account,
            state=found.state,
            opted_out=found.opted_out,
            with_person_since=found.since,
            with_person_until=found.until,
            cause=found.cause,
            active_at=found.active_at,
            last_at=found.last_at,
            last=plain(found.last) if found.last else None,
        )


class TakeOver(Given):
    """By whom a conversation is taken over."""

    person: Annotated[
        str, Field(max_length=80, description="The name that the chat page shows; or none.")
    ] = ""


class TakenShown(Shown):
    """Until when the conversation is with a person."""

    until: Time
    again: bool = Field(description="Whether it was with one before.")


class GivenShown(Shown):
    """What the assistant has to do now."""

    answers: int = Field(description="How many messages it answers that the person left.")


class NewNote(Given):
    """What is to be noted."""

    text: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    author: Annotated[str, Field(max_length=LONGEST_AUTHOR)] = ""


class NoteShown(Shown):
    """What somebody noted about a conversation; no contact is shown it."""

    id: int
    author: str
    text: str
    at: Time


@operation(scope="read")
async def list_conversations(asked: Asked, query: Conversations) -> Page[ConversationShown]:
    """List the conversations, the one first in which a turn or a person was at work last.

    One that comes up while you read is in no later page: ask again with `since`.
    """
    before = after(query, tuple[Moment, Number], paging.NEWEST)
    tenant_id, since = asked.tenant.id, query.since or paging.LONG_AGO
    async with acting_for(asked.context.pool, tenant_id) as scope:
        found = await paging.conversations(
            scope.connection, tenant_id, query.limit + 1, wanted=query.state, before=before, since=since
        )
    return page(query, found, ConversationShown.of, lambda each: (each.active_at, each.id))


@operation(scope="read")
async def show_conversation(asked: Asked, id: Id) -> ConversationShown:
    """Show a conversation, and who has it."""
    return ConversationShown.of(await handling.get(asked.context.pool, asked.tenant, id))


@operation(scope="write", errors=("conflict",))
async def take_conversation(asked: Asked, id: Id, body: TakeOver) -> TakenShown:
    """Let a person have the conversation: the assistant is silent in it from now on.

    It has it back when it is given back, or when nothing was written for the tenant's `hand_back_after`.
    """
    taken = await handling.take(asked.context.pool, asked.tenant, id, body.person.strip())
    return TakenShown(until=taken.until, again=taken.again)


@operation(scope="write", errors=("conflict",))
async def give_conversation(asked: Asked, id: Id) -> GivenShown:
    """Let the assistant have the conversation back, which answers at once what the person left."""
    return GivenShown(answers=await handling.give(asked.context.pool, asked.tenant, id))


@operation(scope="read")
async def list_notes(asked: Asked, id: Id, query: Paged) -> Page[NoteShown]:
    """List what people noted about a conversation, newest first."""
    [before] = after(query, tuple[Number], (paging.LAST_ID,))
    await handling.get(asked.context.pool, asked.tenant, id)
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        found = await notes.latest(scope.connection, asked.tenant.id, id, query.limit + 1, before)
    return page(query, found, _note, lambda each: (each.id,))


@operation(scope="write", status=HTTPStatus.CREATED, transaction="tenant")
async def add_note(asked: Asked, id: Id, body: NewNote) -> NoteShown:
    """Note something for whoever of the tenant looks at the conversation; the contact is not told."""
    return _note(await notes.add(asked.connection, asked.tenant.id, id, body.author, body.text))


def _note(kept: Note) -> NoteShown:
    return NoteShown(id=kept.id, author=kept.author, text=kept.text, at=kept.at)


PLACES = (
    Place("/tenants/{slug}/conversations", {"GET": list_conversations}),
    Place("/tenants/{slug}/conversations/{id}", {"GET": show_conversation}),
    Place("/tenants/{slug}/conversations/{id}/take", {"POST": take_conversation}),
    Place("/tenants/{slug}/conversations/{id}/give", {"POST": give_conversation}),
    Place("/tenants/{slug}/conversations/{id}/notes", {"GET": list_notes, "POST": add_note}),
)
