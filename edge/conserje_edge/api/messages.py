"""Messages: what contacts and the tenant say to each other, and why an assistant said it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue

from conserje.contract.message import contents
from conserje.contract.plain import plain
from conserje.conversations import handling, listing, paging
from conserje.conversations.listing import Answered, Called, Message, Turn
from conserje.conversations.sending import State
from conserje.costs import ledger
from conserje.costs.ledger import Line
from conserje.costs.prices import Kind
from conserje.storage.scope import acting_for
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Id, Moment, Shown, Time
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Number, Page, Paged, after, page
from conserje_edge.api.problem import problem
from conserje_edge.api.sends import send_message


class Messages(Paged):
    """Which messages are asked for."""

    since: Annotated[Moment | None, Field(description="Only those that were taken, or made, since then.")] = (
        None
    )


class MessageShown(Shown):
    """A message as it stands."""

    id: int
    at: Time
    conversation_id: int
    contact: str
    name: str
    direction: Literal["in", "out"]
    state: State | Answered = Field(description="Of one that is out, its way; of one that is in, its answer.")
    cause: str | None
    text: str = Field(description="What it says, in words.")
    content: dict[str, JsonValue] = Field(
        description="What it says, by its `type`; a file `kept:N` is at `/tenants/{slug}/files/N`."
    )
    turn_id: int | None = Field(description="The turn that answers it, or says it.")
    took: float | None = Field(description="Seconds from its making until the provider had it.")
    said_by: str | None = Field(
        description="Of what the business said of its own accord: a key's id, or `operator`."
    )

    @classmethod
    def of(cls, found: Message) -> Self:
        return cls(
            id=found.id,
            at=found.at,
            conversation_id=found.conversation_id,
            contact=found.contact,
            name=found.name,
            direction=found.direction,
            state=found.state,
            cause=found.cause,
            text=plain(found.content),
            content=contents.dump_python(found.content, mode="json"),
            turn_id=found.turn_id,
            took=_seconds(found.took),
            said_by=found.said_by,
        )


class CallShown(Shown):
    """A model or a tool that was called."""

    kind: Literal["model", "tool"]
    name: str
    arguments: str
    result: str
    failed: bool
    took: float = Field(description="In seconds.")


class TurnShown(Shown):
    """A turn: who answered, how surely, and why so."""

    id: int
    at: Time
    assistant: str = Field(description="`person` where a person has said it.")
    intent: str | None
    confidence: float | None
    cause: str | None = Field(description="Why the first choice of assistant did not answer.")
    waited: float = Field(description="Seconds from the oldest message to the start of thinking.")
    thought: float = Field(description="In seconds.")
    usage: dict[str, int] = Field(description="Of the models that were asked.")
    told: str = Field(description="What the assistant was told, where one was told something.")
    calls: list[CallShown]


class ChargeShown(Shown):
    """One spending; what has no price is null, and in no total."""

    kind: Kind
    name: str
    category: str
    country: str
    units: int
    input: int
    cached: int
    output: int
    seconds: int
    usd: str | None


class MessageWhole(MessageShown):
    """A message, its turn, and what that cost."""

    turn: TurnShown | None
    costs: list[ChargeShown]
    usd: str


@operation(scope="read")
async def list_messages(asked: Asked, query: Messages) -> Page[MessageShown]:
    """List the messages, newest first."""
    return await _list(asked, query, None)


@operation(scope="read")
async def list_conversation_messages(asked: Asked, id: Id, query: Messages) -> Page[MessageShown]:
    """List a conversation's messages, newest first."""
    await handling.get(asked.context.pool, asked.tenant, id)
    return await _list(asked, query, id)


async def _list(asked: Asked, query: Messages, conversation_id: int | None) -> Page[MessageShown]:
    [before] = after(query, tuple[Number], (paging.LAST_ID,))
    tenant_id, since = asked.tenant.id, query.since or paging.LONG_AGO
    async with acting_for(asked.context.pool, tenant_id) as scope:
        found = await paging.messages(
            scope.connection,
            tenant_id,
            query.limit + 1,
            before=before,
            since=since,
            conversation_id=conversation_id,
        )
    return page(query, found, MessageShown.of, lambda each: (each.id,))


@operation(scope="read")
async def show_message(asked: Asked, id: Id) -> MessageWhole:
    """Show a message, and why it was answered or said so."""
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        found = await listing.explained(scope.connection, asked.tenant.id, id)
        if found is None:
            raise problem("not-found")
        message = found.message
        place = (asked.tenant.id, message.conversation_id, message.turn_id, id)
        lines = await ledger.of_turn(scope.connection, *place)
    turn = _turn(found.turn, found.usage, found.told, found.calls) if found.turn else None
    spent = sum((line.usd for line in lines if line.usd), Decimal())
    shown = MessageShown.of(message).model_dump()
    return MessageWhole(**shown, turn=turn, costs=[_cost(line) for line in lines], usd=f"{spent:.6f}")


def _turn(turn: Turn, usage: dict[str, int], told: str, calls: tuple[Called, ...]) -> TurnShown:
    return TurnShown(
        id=turn.id,
        at=turn.at,
        assistant=turn.assistant,
        intent=turn.intent,
        confidence=turn.confidence,
        cause=turn.cause,
        waited=turn.waited.total_seconds(),
        thought=turn.thought.total_seconds(),
        usage=usage,
        told=told,
        calls=[CallShown.model_validate(each) for each in calls],
    )


def _cost(line: Line) -> ChargeShown:
    return ChargeShown(
        kind=line.kind,
        name=line.name,
        category=line.category,
        country=line.country,
        units=line.units,
        input=line.input,
        cached=line.cached,
        output=line.output,
        seconds=line.seconds,
        usd=None if line.usd is None else f"{line.usd:.6f}",
    )


def _seconds(took: timedelta | None) -> float | None:
    return None if took is None else took.total_seconds()


PLACES = (
    Place("/tenants/{slug}/messages", {"GET": list_messages, "POST": send_message}),
    Place("/tenants/{slug}/messages/{id}", {"GET": show_message}),
    Place("/tenants/{slug}/conversations/{id}/messages", {"GET": list_conversation_messages}),
)
