"""Where it is told what happens: the subscriptions of a tenant, or the operator's over all."""

from __future__ import annotations

from typing import Literal

from conserje.notices import posting, subscriptions
from conserje.notices.hosts import SubscriptionError
from conserje.notices.subscriptions import Change, Secrets
from conserje.storage.notifications import KINDS
from conserje.storage.scope import acting_for_all
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import Place, See, Seen, ShowOnce, deed, view


@view("subscription.read", transaction="core")
async def listed(asked: Asked) -> Seen:
    return await _page(asked, "")


@deed("subscription.change", transaction="core")
async def add(asked: Asked) -> Seen | ShowOnce:
    """Tell from now on; the secrets are made here."""
    secrets = Secrets.new()
    kinds = [kind for kind in KINDS if kind in asked.chosen("kind")]
    try:
        made = await subscriptions.add(
            asked.connection,
            asked.context.vault,
            asked.tenant_id,
            asked.given("url"),
            kinds,
            secrets,
            ordered=bool(asked.given("ordered")),
        )
    except SubscriptionError as error:
        wrong = asked._(
            "It is told to no such address: it begins with https:// and is on the public internet."
        )
        return await _page(asked, wrong if error.of == "url" else str(error))
    asked.of, asked.after = f"subscription {made.id}", {"url": made.url, "kinds": kinds}
    values = {"signing": secrets.signing[0], "token": secrets.token, "back": _path(asked)}
    return ShowOnce(_path(asked), values)


@deed("subscription.change", transaction="core")
async def switch(asked: Asked, id: int, state: Literal["on", "off"]) -> See:
    await subscriptions.change(
        asked.connection, asked.context.vault, asked.tenant_id, id, Change(state=state)
    )
    asked.of, asked.after = f"subscription {id}", {"state": state}
    return See(_path(asked))


@deed("subscription.change", transaction="core")
async def remove(asked: Asked, id: int) -> See:
    await subscriptions.remove(asked.connection, asked.tenant_id, id)
    asked.of = f"subscription {id}"
    asked.flash(asked._("Nothing more is told there."))
    return See(_path(asked))


@deed("subscription.change")
async def test(asked: Asked, id: int) -> See:
    """Tell something that says nothing, and say what became of it."""
    context = asked.context
    async with context.pool.acquire() as connection:
        found = await subscriptions.get(connection, asked.tenant_id, id)
    answer = await posting.test(context.pool, context.vault, context.settings, found)
    asked.of = f"subscription {id}"
    async with acting_for_all(context.pool) as scope:
        await asked.audit(scope.connection)
    if answer.cause:
        asked.flash(asked._("It was not taken: %(cause)s", cause=answer.cause), "bad")
    else:
        asked.flash(asked._("It was taken, with the status %(status)s.", status=answer.status))
    return See(_path(asked))


async def _page(asked: Asked, wrong: str) -> Seen:
    found = await subscriptions.list_all(asked.connection, asked.tenant_id)
    values = {"found": found, "kinds": KINDS, "path": _path(asked), "wrong": wrong}
    return Seen("operator/subscriptions.html", values, 422 if wrong else 200)


def _path(asked: Asked) -> str:
    return asked.to("subscriptions") if asked.entry else "/o/subscriptions"


PLACES = tuple(
    place
    for path in ("/t/{slug}/subscriptions", "/o/subscriptions")
    for place in (
        Place(path, listed, add, "operator/subscription_made.html"),
        Place(path + "/{id}/remove", post=remove),
        Place(path + "/{id}/test", post=test),
        Place(path + "/{id}/{state}", post=switch),
    )
)
