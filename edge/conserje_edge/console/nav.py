"""The way around: what a person may open, of the tenant or of the installation that they look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Place, View


@dataclass(frozen=True, slots=True)
class Item:
    """One page of the navigation."""

    path: str
    label: str  # not translated yet
    icon: str
    url: str = ""
    current: bool = False


# The first ones are at hand on a telephone; the others are one tap further away.
AT_HAND = 4
OF_TENANT = (
    Item("/t/{slug}/desk", N_("Conversations"), "talk"),
    Item("/t/{slug}/leads", N_("Leads"), "lead"),
    Item("/t/{slug}/products", N_("Products"), "box"),
    Item("/t/{slug}/numbers", N_("Numbers"), "chart"),
    Item("/t/{slug}/knowledge", N_("Knowledge"), "book"),
    Item("/t/{slug}/assistant", N_("Assistant"), "spark"),
    Item("/t/{slug}/start", N_("First steps"), "flag"),
    Item("/t/{slug}/accounts", N_("Phones"), "phone"),
    Item("/t/{slug}/page", N_("Chat page"), "window"),
    Item("/t/{slug}/people", N_("People"), "people"),
    Item("/t/{slug}/keys", N_("API keys"), "key"),
    Item("/t/{slug}/subscriptions", N_("Subscriptions"), "bell"),
    Item("/t/{slug}/audit", N_("Who did what"), "list"),
)
OF_OPERATOR = (
    Item("/o/tenants", N_("Tenants"), "shop"),
    Item("/o/desk", N_("Waiting for a person"), "talk"),
    Item("/o/held", N_("Held"), "hand"),
    Item("/o/nodes", N_("Machines"), "server"),
    Item("/o/plugins", N_("Plugins"), "plug"),
    Item("/o/subscriptions", N_("Subscriptions"), "bell"),
    Item("/o/keys", N_("API keys"), "key"),
    Item("/o/backups", N_("Backups"), "disk"),
    Item("/o/logins", N_("Logins"), "people"),
    Item("/o/audit", N_("Who did what"), "list"),
)


class Nav:
    """Knows which places there are, and who may see them."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._views: dict[str, View] = {place.path: place.get for place in places if place.get}

    def of(self, asked: Asked) -> list[Item]:
        """What the person may open where they are."""
        if asked.who is None:
            return []
        if asked.entry:
            return [self._shown(item, asked) for item in OF_TENANT if self._may(item, asked)]
        if asked.who.operator_role:
            return [self._shown(item, asked) for item in OF_OPERATOR if self._may(item, asked)]
        return []

    def first(self, asked: Asked) -> str | None:
        """The first of these pages."""
        items = self.of(asked)
        return items[0].url if items else None

    def _may(self, item: Item, asked: Asked) -> bool:
        view = self._views.get(item.path)
        return view is not None and (not view.is_act or asked.may(view.act))

    def _shown(self, item: Item, asked: Asked) -> Item:
        url = item.path.replace("{slug}", asked.tenant.slug) if asked.entry else item.path
        here = asked.request.url.path
        current = here == url or here.startswith(f"{url}/")
        return Item(item.path, asked._(item.label), item.icon, url, current)
