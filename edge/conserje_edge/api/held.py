"""What is held: given up on for now, with the cause, until somebody retries or drops it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from conserje.conversations import held
from conserje.conversations.held import Filter, Held
from conserje.storage.pruning import EARLIEST
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Moment, Shown, Time
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Page, Paged, Word, after, page
from conserje_edge.api.problem import problem

HeldId = Annotated[str, Field(pattern="^[tmre][0-9]{1,18}$")]


class HeldOnes(Paged):
    """Which held things are asked for."""

    cause: Annotated[str | None, Field(max_length=200, description="Only with this in the cause.")] = None
    since: Moment | None = None
    before: Moment | None = None


class HeldShown(Shown):
    """Something given up on for now."""

    id: str = Field(
        description="t and a number: a turn; m: a message; r: what nobody could read; e: an effect."
    )
    contact: str
    name: str
    cause: str
    since: Time
    attempts: int
    texts: list[str]
    uncertain: bool = Field(description="Whether the provider may have it, or the tool have done it.")


@operation(scope="read")
async def list_held(asked: Asked, query: HeldOnes) -> Page[HeldShown]:
    """List what is held, the longest held first."""
    place = after(query, tuple[Moment, Word], (EARLIEST, ""))
    wanted = Filter(asked.tenant.slug, query.cause, query.since, query.before)
    async with asked.context.pool.acquire() as connection:
        found = await held.list_all(connection, wanted, query.limit + 1, place)
    return page(query, found, _shown, lambda each: (each.since, each.id))


@operation(scope="read")
async def show_held(asked: Asked, id: HeldId) -> HeldShown:
    """Show one thing that is held."""
    return _shown(await _own(asked, id))


@operation(scope="write", errors=("refused",))
async def retry_held(asked: Asked, id: HeldId) -> None:
    """Think the turn, send the message or call the tool again."""
    await _own(asked, id)
    async with asked.context.pool.acquire() as connection:
        await held.retry(connection, id)


@operation(scope="write", errors=("refused",))
async def drop_held(asked: Asked, id: HeldId) -> None:
    """Give it up for good."""
    await _own(asked, id)
    async with asked.context.pool.acquire() as connection:
        await held.drop(connection, id)


async def _own(asked: Asked, id: str) -> Held:
    """Raises HeldError or Problem: another tenant's is not there."""
    async with asked.context.pool.acquire() as connection:
        found = await held.get(connection, id)
    if found.tenant != asked.tenant.slug:
        raise problem("not-found")
    return found


def _shown(found: Held) -> HeldShown:
    return HeldShown(
        id=found.id,
        contact=found.contact,
        name=found.name,
        cause=found.cause,
        since=found.since,
        attempts=found.attempts,
        texts=list(found.texts),
        uncertain=found.uncertain,
    )


PLACES = (
    Place("/tenants/{slug}/held", {"GET": list_held}),
    Place("/tenants/{slug}/held/{id}", {"GET": show_held}),
    Place("/tenants/{slug}/held/{id}/retry", {"POST": retry_held}),
    Place("/tenants/{slug}/held/{id}/drop", {"POST": drop_held}),
)
