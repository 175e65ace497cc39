"""How often strangers may come: what a page's visitors may do in a time, counted in this process."""

from __future__ import annotations

from collections.abc import Hashable
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import ceil
from time import monotonic

from cachetools import LRUCache
from starlette.types import Scope

from conserje_edge.wire.answers import Problem

HOUR, MINUTE = 3600.0, 60.0


class Window:
    """At most `most` events of one key in `seconds`."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most = most
        self._seconds = seconds
        self._counts: LRUCache[Hashable, tuple[float, int]] = LRUCache(100_000)

    def admit(self, key: Hashable) -> None:
        """Count one more. Raises Problem, with the time after which to come again, where it is too many."""
        now = monotonic()
        began, count = self._counts.get(key, (now, 0))
        if now - began >= self._seconds:
            began, count = now, 0
        if count >= self.most:
            wait = b"%d" % ceil(began + self._seconds - now)
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "", (b"retry-after", wait))
        self._counts[key] = (began, count + 1)


class Limits:
    """What a page's visitors may do; one who drops the cookie keeps the address.

    Of so many processes, among which a stranger's requests are dealt, each allows its part.
    """

    def __init__(self, processes: int = 1) -> None:
        self.sessions_of_address = Window(ceil(60 / processes), HOUR)  # offices share one
        self.sessions_of_tenant = Window(ceil(1000 / processes), 10 * MINUTE)
        self.posts_of_address = Window(ceil(120 / processes), MINUTE)
        self.messages_of_visitor = Window(ceil(30 / processes), MINUTE)
        self.uploads_of_address = Window(ceil(40 / processes), 10 * MINUTE)
        self.identified_by_visitor = Window(ceil(30 / processes), HOUR)
        self.seen_by_visitor = Window(ceil(120 / processes), MINUTE)


def client_address(scope: Scope, trusted: bool) -> IPv4Address | IPv6Address | None:
    """The address that asks, as the proxy next to us says; None at a unix socket."""
    client = scope.get("client")
    written = client[0] if client else ""
    if trusted:
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                written = value.decode("latin-1").rpartition(",")[2].strip()
    try:
        address = ip_address(written)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def client_network(scope: Scope, trusted: bool) -> str:
    """The same as what one person has: of IPv6 the /64."""
    address = client_address(scope, trusted)
    if isinstance(address, IPv6Address):
        address = IPv6Address(int(address) >> 64 << 64)
    return str(address or "")
