"""Which tenant a Host header names: a slug below a base domain, or a domain of the tenant's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

import tldextract

from conserje.settings import HOST, SettingsError

# The same expression as the CHECK of tenants.slug.
SLUG = re.compile(r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
_HEADER = re.compile(r"([A-Za-z0-9.-]{1,254})(?::([0-9]{0,5}))?\Z")
_LARGEST_PORT = 65535


class Name(NamedTuple):
    """What the directory is asked for."""

    kind: Literal["slug", "domain"]
    value: str


class Hosts:
    """The base domains; the longest that fits a host decides."""

    def __init__(self, domains: Iterable[str]) -> None:
        """Raises SettingsError for what cannot be a base domain."""
        self.bases = sorted({_base(domain) for domain in domains}, key=len, reverse=True)
        if not self.bases:
            raise SettingsError("CONSERJE_DOMAINS names no domain.")
        _refuse_public_suffixes(self.bases)

    def is_base(self, header: str) -> bool:
        """Whether a Host header names a base domain itself."""
        return _host(header) in self.bases

    def name(self, header: str) -> Name | None:
        """The name in a Host header; None where no tenant can have it."""
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


def _base(domain: str) -> str:
    base = domain.lower().removesuffix(".")
    if not HOST.fullmatch(base) or base.rpartition(".")[2].isdigit():
        raise SettingsError(f"CONSERJE_DOMAINS: {domain!r} is no domain such as bots.example.com.")
    return base


def _refuse_public_suffixes(bases: Iterable[str]) -> None:
    split = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)
    for base in bases:
        if not split("tenant." + base).subdomain:
            raise SettingsError(
                f"CONSERJE_DOMAINS: {base} is a public suffix, under which anybody may register names. "
                f"Write a domain of your own, such as bots.example.{base}."
            )
