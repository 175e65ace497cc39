"""The commands that installed packages add to `conserje`, and such as are loaded when they are asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.metadata import entry_points
from pkgutil import resolve_name

import click

log = logging.getLogger(__name__)

GROUP = "conserje.commands"

_broken: set[str] = set()  # the places of those that were logged


class Deferred(click.Command):
    """Stands for a command until it is asked for; the first sentence of its help is enough to list it."""

    def __init__(self, name: str, place: str, help: str) -> None:
        super().__init__(name, help=help)
        self.place = place  # as package.module:attribute

    def load(self) -> click.Command:
        return _load(self.place)


def installed(name: str = "") -> Iterator[click.Command]:
    """The commands that installed packages add, or that of a name, deferred or not.

    A broken one is logged, once, and skipped.
    """
    for entry in entry_points(group=GROUP, name=name) if name else entry_points(group=GROUP):
        if command := _attempt(entry.name, entry.value):
            yield command


def loaded() -> Iterator[click.Command]:
    """The same, none of them deferred."""
    for listed in installed():
        command = _attempt(str(listed.name), listed.place) if isinstance(listed, Deferred) else listed
        if command:
            yield command


def _attempt(name: str, place: str) -> click.Command | None:
    try:
        return _load(place)
    except (Exception, SystemExit) as error:
        why = f": {error}" if isinstance(error, ImportError) else ""  # of others the text may hold a secret
        if place not in _broken:
            log.error("Command %s skipped: %s%s", name, type(error).__name__, why)
        _broken.add(place)
        return None


def _load(place: str) -> click.Command:
    command = resolve_name(place)
    if not isinstance(command, click.Command):
        raise TypeError(f"{place} is no click command")
    return command
