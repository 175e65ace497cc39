"""Base domains: which names an installation may be reached under."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from tldextract import TLDExtract

from conserje.settings import HOST, SettingsError


def base_domains(domains: Iterable[str]) -> list[str]:
    """The domains in lower case, each once. Raises SettingsError for what cannot be a base domain."""
    bases = list(dict.fromkeys(_written(domain) for domain in domains))
    if not bases:
        raise SettingsError("CONSERJE_DOMAINS names no domain: write one, such as bots.example.com.")
    for base in bases:
        if _is_public_suffix(base):
            raise SettingsError(
                f"CONSERJE_DOMAINS: {base} is a public suffix: "
                f"write a domain of your own, such as bots.example.{base}."
            )
    return bases


@cache  # the list of suffixes takes as long to read as a short command takes
def _is_public_suffix(base: str) -> bool:
    split = TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)
    return not split("tenant." + base).subdomain


def _written(domain: str) -> str:
    base = domain.lower().removesuffix(".")
    if not HOST.fullmatch(base) or base.rpartition(".")[2].isdigit():
        raise SettingsError(f"CONSERJE_DOMAINS: {domain!r} is no domain such as bots.example.com.")
    return base
