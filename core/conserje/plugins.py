"""Finds the plugins that are installed, by entry point, and makes their one instance."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import click
import httpx2
from pydantic import ValidationError

from conserje.assistant import AnyAssistant, Assistant
from conserje.channel import AnyChannel, Channel
from conserje.settings import SettingsError, plugin_values, plugin_variable

log = logging.getLogger(__name__)

P = TypeVar("P")

CHANNELS = "conserje.channels"
ASSISTANTS = "conserje.assistants"
COMMANDS = "conserje.commands"


class PluginMissing(Exception):
    """A tenant needs a plugin that is not installed, or that could not be loaded."""


@dataclass
class Plugins:
    """The channels and assistants of this process, and why others are not among them."""

    channels: dict[str, AnyChannel] = field(default_factory=dict)
    assistants: dict[str, AnyAssistant] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def channel(self, name: str) -> AnyChannel:
        """Raises PluginMissing."""
        return self._named(self.channels, "channel", name)

    def assistant(self, name: str) -> AnyAssistant:
        """Raises PluginMissing."""
        return self._named(self.assistants, "assistant", name)

    def _named(self, found: Mapping[str, P], kind: str, name: str) -> P:
        if name in found:
            return found[name]
        why = self.broken.get(name, "is not installed")
        raise PluginMissing(f"The {kind} {name} {why}; see `conserje plugin list`.")


def load(environment: Mapping[str, str], http: httpx2.AsyncClient) -> Plugins:
    """Every channel and assistant installed; one that fails is logged by name and skipped.

    Raises SettingsError for an operator's setting that a plugin does not understand.
    """
    plugins = Plugins()
    for group, contract, found in (
        (CHANNELS, Channel, plugins.channels),
        (ASSISTANTS, Assistant, plugins.assistants),
    ):
        for entry in entry_points(group=group):
            try:
                kind = _load_class(entry, contract)
            except Exception as error:
                plugins.broken[entry.name] = f"could not be loaded: {type(error).__name__}: {error}"
                log.error("Plugin %s skipped: it %s", entry.name, plugins.broken[entry.name])
            else:
                found[entry.name] = kind(_operator(kind, environment), http)
    return plugins


def _load_class(entry: EntryPoint, contract: type[Any]) -> Any:
    kind: Any = entry.load()
    fits = isinstance(kind, type) and issubclass(kind, contract)
    if not fits:
        raise TypeError(f"{entry.value} is no {contract.__name__}")
    if kind.name != entry.name:
        raise TypeError(f"{entry.value} calls itself {kind.name!r}, its entry point {entry.name!r}")
    return kind


def _operator(kind: type[Any], environment: Mapping[str, str]) -> Any:
    values = plugin_values(environment, kind.name, kind.Operator)
    try:
        return kind.Operator.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = f"CONSERJE_{kind.name}_{'_'.join(map(str, first['loc']))}".upper()
        raise SettingsError(f"{name}: {first['msg']}.") from None


def operator_models() -> Iterator[tuple[str, type[Any]]]:
    """The name and Operator model of every plugin that can be loaded."""
    for group in (CHANNELS, ASSISTANTS):
        for entry in entry_points(group=group):
            try:
                yield entry.name, entry.load().Operator
            except Exception:  # noqa: S112 - named and logged by load()
                continue


def variables() -> list[str]:
    """The names of the operator's settings that plugins, and the commands of packages, have."""
    of_plugins = [
        plugin_variable(name, field) for name, model in operator_models() for field in model.model_fields
    ]
    return [*of_plugins, *(name for command in commands() for name in _variables_of(command))]


def _variables_of(command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for part in command.commands.values():
            yield from _variables_of(part)
    for option in command.params:
        if isinstance(option.envvar, str):
            yield option.envvar


def commands() -> Iterator[click.Command]:
    """The commands that installed packages add to `conserje`; a broken one is logged and skipped."""
    for entry in entry_points(group=COMMANDS):
        try:
            command = entry.load()
            if not isinstance(command, click.Command):
                raise TypeError(f"{entry.value} is no click command")
        except Exception as error:
            log.error("Command %s skipped: %s: %s", entry.name, type(error).__name__, error)
        else:
            yield command
