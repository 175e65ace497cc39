"""Names of hosts: what a certificate has to cover, and what it covers."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import click

HOST = re.compile(r"(?=.{4,251}\Z)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?![0-9]+\Z)[a-z0-9-]{2,63}")


def written(value: str) -> str:
    """A host as it stands in a certificate. Raises BadParameter for what is none."""
    try:
        host = value.strip().removesuffix(".").encode("idna").decode().lower()
    except UnicodeError:
        host = ""
    if not HOST.fullmatch(host):
        raise click.BadParameter(f"{value!r} is no domain such as bots.example.com.")
    return host


def wildcard_names(bases: Sequence[str]) -> list[str]:
    """What one certificate must name for all tenants of these base domains.

    A base below another is left to that one's wildcard; Let's Encrypt refuses both in one order.
    """
    wildcards = [f"*.{base}" for base in bases]
    return [base for base in bases if not covers(wildcards, base)] + wildcards


def covers(names: Collection[str], name: str) -> bool:
    return name in names or f"*.{name.partition('.')[2]}" in names


def is_below(host: str, bases: Sequence[str]) -> bool:
    return any(host == base or host.endswith(f".{base}") for base in bases)
