"""Subscriptions: where a tenant's systems, or the operator's, are told what happens; and what they were."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from conserje.conversations import paging
from conserje.notices import posting, subscriptions, tellings
from conserje.notices.subscriptions import LONGEST_SECRET, Change, Secrets, State, Subscription
from conserje.notices.tellings import Filter, Told
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Given, Id, Moment, Shown, Time
from conserje_edge.api.notifications import Kind
from conserje_edge.api.operation import Place, operation
from conserje_edge.api.page import Number, Page, Paged, after, page

Secret = Annotated[
    SecretStr,
    Field(max_length=LONGEST_SECRET, description="`whsec_` and the base64 of 24 to 64 random bytes."),
]
TokenSecret = Annotated[
    SecretStr,
    Field(max_length=LONGEST_SECRET, description="Of the JSON web token (HS256), at least 24 characters."),
]
Url = Annotated[str, Field(min_length=1, max_length=2000, description="https://, in the public internet.")]
Kinds = Annotated[tuple[Kind, ...], Field(max_length=50, description="What is told; none: everything.")]


class SubscriptionShown(Shown):
    """Where it is told, and how that goes; its secrets are written, and never read."""

    id: int
    url: str
    kinds: list[str]
    ordered: bool = Field(description="Within a conversation nothing passes what was not taken.")
    state: State
    cause: str | None = Field(description="Why the last one was not taken.")
    failing_since: Time | None
    both_sign_until: Time | None = Field(description="Until then the secret before signs, too.")
    created_at: Time


class Subscriptions(Shown):
    """All of them, which are few."""

    items: list[SubscriptionShown]


class NewSubscription(Given):
    """Where what is told."""

    url: Url
    kinds: Kinds = ()
    ordered: bool = False
    secret: Secret
    token_secret: TokenSecret


class ChangedSubscription(Given):
    """What is changed; the rest stays."""

    url: Url | None = None
    kinds: Kinds | None = None
    ordered: bool | None = None
    state: State | None = None
    secret: Secret | None = None
    token_secret: TokenSecret | None = None


class Trial(Shown):
    """What the receiver made of it; without a cause it has taken it."""

    status: int | None
    answer: str | None = Field(description="Its beginning; nothing of hosts that are not public.")
    cause: str | None


class Tellings(Paged):
    """Which are asked for."""

    state: tellings.State | None = None
    since: Moment | None = None


class TellingShown(Shown):
    """What became of one notification; `name` is the webhook's id."""

    name: str
    kind: str
    conversation_id: int | None
    state: tellings.State
    happened_at: Time
    tries: int
    next_try_at: Time | None
    told_at: Time | None
    status: int | None
    answer: str | None
    cause: str | None


class Replay(Given):
    """What is told again: one by its name, or all that failed, or all since a time."""

    name: Annotated[str | None, Field(max_length=100)] = None
    state: Literal["failed"] | None = None
    since: Moment | None = None
    dry_run: Annotated[bool, Field(description="Only say how many these are.")] = False

    @model_validator(mode="after")
    def _says_which(self) -> Replay:
        if self.name is None and self.state is None and self.since is None:
            raise ValueError("give name, state or since")
        return self


class Replayed(Shown):
    """How many are told again, or would be."""

    count: int


@operation(scope="admin")
async def list_subscriptions(asked: Asked) -> Subscriptions:
    """List where it is told what happens."""
    async with asked.context.pool.acquire() as connection:
        found = await subscriptions.list_all(connection, asked.tenant_id)
    return Subscriptions(items=[_shown(each) for each in found])


@operation(scope="admin", status=HTTPStatus.CREATED, transaction="core", errors=("refused",))
async def make_subscription(asked: Asked, body: NewSubscription) -> SubscriptionShown:
    """Tell from now on what happens."""
    secrets = Secrets((body.secret.get_secret_value(),), body.token_secret.get_secret_value())
    place = (asked.connection, asked.context.vault, asked.tenant_id)
    made = await subscriptions.add(*place, body.url, body.kinds, secrets, ordered=body.ordered)
    of = f"/tenants/{asked.tenant.slug}" if asked.entry else ""
    asked.headers["location"] = f"/api/v1{of}/subscriptions/{made.id}"
    return _shown(made)


@operation(scope="admin", tagged=True)
async def show_subscription(asked: Asked, id: Id) -> SubscriptionShown:
    """Show one."""
    return _shown(await _get(asked, id))


@operation(scope="admin", transaction="core", tagged=True, errors=("refused", "changed-meanwhile"))
async def change_subscription(asked: Asked, id: Id, body: ChangedSubscription) -> SubscriptionShown:
    """Change what is given; a new secret signs beside the one before for a day."""
    connection, tenant_id = asked.connection, asked.tenant_id
    asked.match(_shown(await subscriptions.get(connection, tenant_id, id)))
    change = Change(
        body.url,
        body.kinds,
        body.ordered,
        body.state,
        *(each.get_secret_value() if each else None for each in (body.secret, body.token_secret)),
    )
    return _shown(await subscriptions.change(connection, asked.context.vault, tenant_id, id, change))


@operation(scope="admin", status=HTTPStatus.NO_CONTENT, transaction="core")
async def remove_subscription(asked: Asked, id: Id) -> None:
    """Tell nothing more, and forget what was told."""
    await subscriptions.remove(asked.connection, asked.tenant_id, id)


@operation(scope="admin", errors=("refused",))
async def test_subscription(asked: Asked, id: Id) -> Trial:
    """Tell something that says nothing, and say what is wrong; once a minute."""
    context = asked.context
    answer = await posting.test(context.pool, context.vault, context.settings, await _get(asked, id))
    return Trial(status=answer.status, answer=answer.said, cause=answer.cause)


@operation(scope="admin")
async def list_tellings(asked: Asked, id: Id, query: Tellings) -> Page[TellingShown]:
    """List what it was told or is to be, the newest first."""
    [before] = after(query, tuple[Number], (paging.LAST_ID,))
    await _get(asked, id)
    async with asked.context.pool.acquire() as connection:
        wanted = Filter(id, None, query.since, query.state)
        found = await tellings.list_all(connection, asked.tenant.id, wanted, query.limit + 1, before)
    return page(query, found, _told, lambda each: (each.id,))


@operation(scope="admin", transaction="core")
async def replay(asked: Asked, id: Id, body: Replay) -> Replayed:
    """Tell again, under the same names."""
    await subscriptions.get(asked.connection, asked.tenant.id, id)
    wanted = Filter(id, body.name, body.since, body.state)
    if body.dry_run:
        counts = await tellings.count(asked.connection, asked.tenant.id, wanted)
        return Replayed(count=sum(counts.values()))
    return Replayed(count=await tellings.replay(asked.connection, asked.tenant.id, wanted))


async def _get(asked: Asked, id: int) -> Subscription:
    async with asked.context.pool.acquire() as connection:
        return await subscriptions.get(connection, asked.tenant_id, id)


def _shown(found: Subscription) -> SubscriptionShown:
    return SubscriptionShown(
        id=found.id,
        url=found.url,
        kinds=list(found.kinds),
        ordered=found.ordered,
        state=found.state,
        cause=found.cause,
        failing_since=found.failing_since,
        both_sign_until=found.former_until,
        created_at=found.created_at,
    )


def _told(found: Told) -> TellingShown:
    return TellingShown(
        name=found.name,
        kind=found.kind,
        conversation_id=found.conversation_id,
        state=found.state,
        happened_at=found.happened_at,
        tries=found.tries,
        next_try_at=found.due_at,
        told_at=found.told_at,
        status=found.status,
        answer=found.answer,
        cause=found.cause,
    )


def _of_all(place: Place) -> Place:
    """The same of the operator's own, which are told of all tenants."""
    path = place.path.removeprefix("/tenants/{slug}")
    operations = {
        method: replace(each, name=f"{each.name}_of_all", whose="operator")
        for method, each in place.operations.items()
    }
    return Place(path, operations)


_ALL = "/tenants/{slug}/subscriptions"
_BOTH = (
    Place(_ALL, {"GET": list_subscriptions, "POST": make_subscription}),
    Place(
        _ALL + "/{id}",
        {"GET": show_subscription, "PATCH": change_subscription, "DELETE": remove_subscription},
    ),
    Place(_ALL + "/{id}/test", {"POST": test_subscription}),
)
PLACES = (
    *_BOTH,
    *map(_of_all, _BOTH),
    Place(_ALL + "/{id}/tellings", {"GET": list_tellings}),
    Place(_ALL + "/{id}/replay", {"POST": replay}),
)
