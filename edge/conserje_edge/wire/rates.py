"""How often strangers may come: what a page's visitors may do in a time, counted in this process."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
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
        self._most = most
        self._seconds = seconds
        self._counts: LRUCache[Hashable, tuple[float, int]] = LRUCache(100_000)

    def admit(self, key: Hashable) -> None:
        """Count one more. Raises Problem, with the time after which to come again, where it is too many."""
        now = monotonic()
        began, count = self._counts.get(key, (now, 0))
        if now - began >= self._seconds:
            began, count = now, 0
        if count >= self._most:
            wait = b"%d" % ceil(began + self._seconds - now)
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "", (b"retry-after", wait))
        self._counts[key] = (began, count + 1)


@dataclass
class Limits:
    """What a page's visitors may do; one who drops the cookie keeps the address."""

    sessions_of_address: Window = field(default_factory=lambda: Window(60, HOUR))  # offices share one
    sessions_of_tenant: Window = field(default_factory=lambda: Window(1000, 10 * MINUTE))
    posts_of_address: Window = field(default_factory=lambda: Window(120, MINUTE))
    messages_of_visitor: Window = field(default_factory=lambda: Window(30, MINUTE))


def client_network(scope: Scope, trusted: bool) -> str:
    """The address that asks, as the proxy next to us says; of IPv6 the /64, which one person has whole."""
    client = scope.get("client")
    written = client[0] if client else ""
    if trusted:
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                written = value.decode("latin-1").rpartition(",")[2].strip()
    try:
        address = ip_address(written)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        mapped: IPv4Address | None = address.ipv4_mapped
        return str(mapped or IPv6Address(int(address) >> 64 << 64))
    return str(address)
