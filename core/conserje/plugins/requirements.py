"""What a plugin requires of Conserje: a release, by its distribution, and the number of a contract."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, version

CONTRACT = 1  # the number of the contract that this release has
OURS = "conserje"

_MEND = "install a release of it that goes with this one"
_NAME = re.compile(r"\s*([\w.-]*)")
_DASHES = re.compile(r"[-_.]+")


def unmet(entry: EntryPoint) -> str:
    """What its distribution requires of Conserje, and does not find; it goes on behind the plugin's name."""
    lines = (entry.dist.requires or ()) if entry.dist else ()
    return next(filter(None, (_unmet(line) for line in lines if _concerns_us(line))), "")


def of_ours(entry: EntryPoint) -> str:
    """What its distribution requires of Conserje, as it says it, extras left out; empty: nothing."""
    lines = (entry.dist.requires or ()) if entry.dist else ()
    return next((each for each in lines if _names_us(each) and "extra ==" not in each), "")


def _unmet(line: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement  # takes 20 ms, and few need it

    try:
        wanted = Requirement(line)
    except InvalidRequirement:
        return f"requires {line!r}, which cannot be read: its package is to be built anew"
    running = version(OURS)
    applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
    if not applies or wanted.specifier.contains(running, prereleases=True):
        return ""
    return f"requires {OURS}{wanted.specifier}, and this is {OURS} {running}: {_MEND}"


def _concerns_us(line: str) -> bool:
    return line != OURS and _names_us(line)


def _names_us(line: str) -> bool:
    name = _NAME.match(line)
    return name is not None and normal(name[1]) == OURS


def normal(distribution: str) -> str:
    """A distribution's name as the packaging rules compare it."""
    return _DASHES.sub("-", distribution).lower()


def contract_of(plugin: object) -> int:
    """The number of the contract that a plugin, or its class, is written for."""
    number = getattr(plugin, "contract", CONTRACT)
    return number if isinstance(number, int) else CONTRACT  # of what is none, the class's check tells


def other_contract(kind: object) -> str:
    """That a class says another contract's number, where it does; it goes on behind the plugin's name."""
    if (number := contract_of(kind)) == CONTRACT:
        return ""
    return f"is written for contract {number}, and this Conserje has contract {CONTRACT}: {_MEND}"
