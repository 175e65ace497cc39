"""Which tenant a Host header names: a slug below a base domain, or a domain of the tenant's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

from conserje.settings import HOST
from conserje.tenants.base_domains import base_domains

# The same expression as the CHECK of tenants.slug.
SLUG = re.compile(r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
_HEADER = re.compile(r"([A-Za-z0-9.-]{1,254})(?::([0-9]{0,5}))?\Z")
_LARGEST_PORT = 65535
LONGEST_HEADER = 260  # of what the expression takes
MOST_HEADERS = 4096  # whose names are remembered


class Name(NamedTuple):
    """What the directory is asked for."""

    kind: Literal["slug", "domain"]
    value: str


class Hosts:
    """The base domains; the longest that fits a host decides."""

    def __init__(self, domains: Iterable[str]) -> None:
        """Raises SettingsError for what cannot be a base domain."""
        self.bases = sorted(base_domains(domains), key=len, reverse=True)
        self._found = lru_cache(MOST_HEADERS)(self._find)

    def is_base(self, header: str) -> bool:
        """Whether a Host header names a base domain itself."""
        return _host(header) in self.bases

    def name(self, header: str) -> Name | None:
        """The name in a Host header; None where no tenant can have it."""
        return self._found(header) if len(header) <= LONGEST_HEADER else None

    def _find(self, header: str) -> Name | None:
        if (host := _host(header)) is None:
            return None
        for base in self.bases:
            if host == base:
                return None
            if host.endswith("." + base):
                label = host[: -len(base) - 1]
                return Name("slug", label) if SLUG.match(label) else None
        return Name("domain", host) if _can_be_domain(host) else None


def _host(header: str) -> str | None:
    """The host in a Host header, in lower case; None where it can be none."""
    if not (match := _HEADER.match(header)) or int(match[2] or 0) > _LARGEST_PORT:
        return None
    return match[1].lower().removesuffix(".")


def _can_be_domain(host: str) -> bool:
    last = host.rpartition(".")[2]
    return last != host and not last.isdigit() and HOST.fullmatch(host) is not None
