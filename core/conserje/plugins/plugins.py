"""Finds the plugins that are installed, by entry point, and makes their one instance."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pydantic import ValidationError

from conserje import commands, settings
from conserje.contract.assistant import AnyAssistant, Assistant
from conserje.contract.channel import AnyChannel, Channel
from conserje.errors import OperatorError
from conserje.settings import plugin_values, plugin_variable

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger(__name__)

P = TypeVar("P")

CHANNELS = "conserje.channels"
ASSISTANTS = "conserje.assistants"


class PluginMissing(OperatorError):
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
        raise PluginMissing(f"The {kind} {name} {why}: see `conserje plugin list`.")


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
        raise settings.wrong(error, kind.name) from None


def operator_models(wanted: Collection[str] | None = None) -> Iterator[tuple[str, type[Any]]]:
    """The name and Operator model of each plugin that can be loaded, and may have a variable of `wanted`."""
    for group in (CHANNELS, ASSISTANTS):
        for entry in entry_points(group=group):
            prefix = plugin_variable(entry.name, "")
            if wanted is None or any(variable.startswith(prefix) for variable in wanted):
                try:
                    yield entry.name, entry.load().Operator
                except Exception:  # noqa: S112 - named and logged by load()
                    continue


def variables(wanted: Collection[str] | None = None) -> set[str]:
    """The names of the operator's settings that plugins, and the commands of packages, have.

    Where the plugins named in `wanted` have all of these, only theirs: the others' SDKs need not be loaded.
    """
    if wanted is not None:
        named = _variables_of_plugins(operator_models(wanted))
        if named.issuperset(wanted):
            return named
    of_commands = {name for command in commands.loaded() for name in _variables_of(command)}
    return _variables_of_plugins(operator_models()) | of_commands


def _variables_of_plugins(models: Iterable[tuple[str, type[Any]]]) -> set[str]:
    return {plugin_variable(name, field) for name, model in models for field in model.model_fields}


def _variables_of(command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for part in command.commands.values():
            yield from _variables_of(part)
    for option in command.params:
        if isinstance(option.envvar, str):
            yield option.envvar
