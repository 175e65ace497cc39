"""All that is below `/api/v1`."""

from __future__ import annotations

from starlette.routing import Route

from conserje_edge.api import (
    accounts,
    contacts,
    conversations,
    files,
    held,
    keys,
    knowledge,
    leads,
    messages,
    notifications,
    products,
    reference,
    statistics,
    subscriptions,
    tenants,
)
from conserje_edge.api.endpoint import Endpoint
from conserje_edge.operator.context import Context

BASE = "/api/v1"
PLACES = (
    *tenants.PLACES,
    *accounts.PLACES,
    *products.PLACES,
    *knowledge.PLACES,
    *contacts.PLACES,
    *conversations.PLACES,
    *messages.PLACES,
    *files.PLACES,
    *leads.PLACES,
    *held.PLACES,
    *statistics.PLACES,
    *notifications.PLACES,
    *subscriptions.PLACES,
    *keys.PLACES,
)


def routes(context: Context) -> list[Route]:
    """The operations' routes, and those of what is written about them."""
    operations = [Route(BASE + place.path, Endpoint(context, place.operations)) for place in PLACES]
    return [*operations, *reference.routes(BASE, PLACES)]


def is_open(path: str) -> bool:
    """Whether it needs no key: what is written about the API is the same for everybody."""
    return path in (BASE, f"{BASE}/", f"{BASE}/openapi.json") or path.startswith(f"{BASE}/problems/")
