"""Finds the plugins that are installed, by entry point, and makes the one instance of each by itself."""

from __future__ import annotations

import logging
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import click
from pydantic import BaseModel, ValidationError

from conserje import commands, settings
from conserje.contract.assistant import AnyAssistant, Assistant
from conserje.contract.channel import AnyChannel, Channel
from conserje.contract.tool import AnyTool, Tool, is_several
from conserje.errors import OperatorError, first_fault
from conserje.plugins import given, requirements
from conserje.plugins.redaction import redacted
from conserje.plugins.requirements import normal
from conserje.settings import plugin_choice, plugin_values, plugin_variable

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger(__name__)

P = TypeVar("P")

CHANNELS = "conserje.channels"
ASSISTANTS = "conserje.assistants"
TOOLS = "conserje.tools"
CONTRACTS: dict[str, type[Any]] = {CHANNELS: Channel, ASSISTANTS: Assistant, TOOLS: Tool}
KINDS = {CHANNELS: "channel", ASSISTANTS: "assistant", TOOLS: "tool"}
LONGEST = 300  # characters of what a plugin says of itself

_PLAIN = ("Credentials", "Settings", "Operator")
MODELS = {CHANNELS: _PLAIN, ASSISTANTS: _PLAIN, TOOLS: ("Parameters", *_PLAIN)}

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|_URL\Z")  # in the name of a variable
_CALLABLE = re.compile(r"[a-z][a-z0-9_]{0,39}")  # the name of a tool, as every model takes it


class PluginMissing(OperatorError):
    """A tenant needs a plugin that is not installed, or that could not be loaded."""


class Broken(Exception):
    """A plugin cannot be used; the text goes on behind its name."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin that a process has found, in the version that it found; `wrong`: why it cannot be used."""

    kind: str
    name: str
    distribution: str
    version: str
    contract: int | None = None
    wrong: str = ""


@dataclass
class Plugins:
    """The channels, assistants and tools of this process, and why others are not among them."""

    channels: dict[str, AnyChannel] = field(default_factory=dict)
    assistants: dict[str, AnyAssistant] = field(default_factory=dict)
    tools: dict[str, AnyTool] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    loaded: list[Loaded] = field(default_factory=list)  # what `load` found, also what is broken

    def channel(self, name: str) -> AnyChannel:
        """Raises PluginMissing."""
        return self._named(self.channels, "channel", name)

    def assistant(self, name: str) -> AnyAssistant:
        """Raises PluginMissing."""
        return self._named(self.assistants, "assistant", name)

    def tool(self, name: str) -> AnyTool:
        """Raises PluginMissing."""
        return self._named(self.tools, "tool", name)

    def tool_of(self, name: str) -> AnyTool:
        """The tool of this name, or the one that offers it. Raises PluginMissing."""
        if name not in self.tools:
            several = [each for each, tool in self.tools.items() if is_several(tool)]
            if owners := [each for each in several if name.startswith(f"{each}_")]:
                return self.tools[max(owners, key=len)]
        return self.tool(name)

    def say_broken(self) -> None:
        """Log what could not be loaded: for whoever serves all tenants; a command names what it misses."""
        for name, why in self.broken.items():
            log.error("Plugin %s skipped: it %s", name, why)

    def add(self, group: str, made: Any) -> None:
        found: dict[str, dict[str, Any]] = {
            CHANNELS: self.channels,
            ASSISTANTS: self.assistants,
            TOOLS: self.tools,
        }
        found[group][made.name] = made

    def all(self) -> list[AnyChannel | AnyAssistant | AnyTool]:
        """Every plugin that this process uses."""
        return [*self.channels.values(), *self.assistants.values(), *self.tools.values()]

    def drop(self, plugin: AnyChannel | AnyAssistant | AnyTool, why: str) -> None:
        """Use a plugin no more in this process, as if it could not be made."""
        for found in (self.channels, self.assistants, self.tools):
            if found.get(plugin.name) is plugin:
                found.pop(plugin.name)
        self.broken[plugin.name] = why

    def _named(self, found: Mapping[str, P], kind: str, name: str) -> P:
        if name in found:
            return found[name]
        why = self.broken.get(name, "is not installed")
        raise PluginMissing(f"The {kind} {name} {why}: see `conserje plugin list`.")


class Installed(NamedTuple):
    """What a distribution says that it has; `twins` are the distributions that have another of the name."""

    entry: EntryPoint
    twins: tuple[str, ...]
    chosen: str | None  # the distribution that the operator wants

    @property
    def distribution(self) -> str:
        return _called(self.entry.dist)[0]

    @property
    def version(self) -> str:
        return _called(self.entry.dist)[1]

    @property
    def place(self) -> tuple[str, str]:
        """Its kind and its name."""
        return KINDS[self.entry.group], self.entry.name

    @property
    def left_out(self) -> str:
        """Why it is not to be loaded; empty: it is."""
        if self.chosen is not None:
            wanted = normal(self.chosen) == normal(self.distribution)
            return "" if wanted else f"is of {self.distribution}, and CONSERJE_PLUGINS chooses {self.chosen}"
        if not self.twins:
            return ""
        both = " and ".join(sorted({self.distribution, *self.twins}))
        return f"is in {both}, of which CONSERJE_PLUGINS must choose one"

    @property
    def has_better(self) -> bool:
        """Whether the operator has chosen a twin of it."""
        return self.chosen is not None and normal(self.chosen) in map(normal, self.twins)


def installed(environment: Mapping[str, str]) -> list[Installed]:
    """All that is installed, channels first, tools last. Raises SettingsError for a choice that is none."""
    choice = plugin_choice(environment)
    all_there = entry_points()  # once: it reads a file of every distribution
    found = [entry for group in CONTRACTS for entry in all_there.select(group=group)]
    owners: dict[str, set[str]] = defaultdict(set)
    for entry in found:
        owners[entry.name].add(_called(entry.dist)[0])
    return [
        Installed(entry, tuple(owners[entry.name] - {_called(entry.dist)[0]}), choice.get(entry.name))
        for entry in found
    ]


@lru_cache(maxsize=100)  # of one look: each time that it is asked, a distribution reads its file
def _called(distribution: Distribution | None) -> tuple[str, str]:
    """Its name and version."""
    said = distribution.metadata if distribution else {"Name": "", "Version": ""}
    return said["Name"], said["Version"]


def load(environment: Mapping[str, str], http: httpx2.AsyncClient) -> Plugins:
    """Every channel, assistant and tool installed; one that fails is skipped, and named among the broken.

    Raises SettingsError for an operator's setting that a plugin does not understand.
    """
    plugins = Plugins()
    for each in installed(environment):
        if each.has_better:
            continue
        number = None
        try:
            made = make(each, environment, http)
            number = requirements.contract_of(made)
            plugins.add(each.entry.group, made)
        except Broken as why:
            plugins.broken[each.entry.name] = str(why)
        plugins.loaded.append(Loaded(*each.place, each.distribution, each.version, number))
    return plugins


def make(each: Installed, environment: Mapping[str, str], http: httpx2.AsyncClient) -> Any:
    """Raises Broken or SettingsError."""
    kind = class_of(each, environment)
    operator = _operator(kind, environment)
    try:
        made = kind(operator, http)
        if (made.operator, made.http) != (operator, http):
            raise TypeError("its __init__ does not hand on what it was given")
    except BaseException as error:
        why = f"could not be made: {_said(each.entry.name, error, environment)}"
        raise Broken(why) from None
    return made


def class_of(each: Installed, environment: Mapping[str, str]) -> type[Any]:
    """The class, checked to be what its contract asks for. Raises Broken."""
    entry, contract = each.entry, CONTRACTS[each.entry.group]
    if why := each.left_out or requirements.unmet(entry):
        raise Broken(why)
    try:
        kind: Any = entry.load()
        if not (unfit := requirements.other_contract(kind)):
            _check(kind, entry, contract)
    except BaseException as error:
        why = f"could not be loaded: {_said(entry.name, error, environment)}"
        raise Broken(why) from None
    if unfit:
        raise Broken(unfit)
    return kind  # type: ignore[no-any-return]


def _check(kind: Any, entry: EntryPoint, contract: type[Any]) -> None:
    """Raises TypeError."""
    fits = isinstance(kind, type) and issubclass(kind, contract)
    if not fits:
        raise TypeError(f"{entry.value} is no {contract.__name__}")
    if kind.name != entry.name:
        raise TypeError(f"{entry.value} calls itself {kind.name!r}, its entry point {entry.name!r}")
    for name in MODELS[entry.group]:
        model = getattr(kind, name, None)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{entry.value} has no model {name}")
    for name, hint in get_type_hints(contract).items():
        if get_origin(hint) is ClassVar and name != "name":
            try:
                check = given.limits if name == "limits" else given.sound(get_args(hint)[0])
                check(getattr(kind, name))
            except TypeError as error:
                raise TypeError(f"{entry.value} has a wrong {name}: {error}") from None
    if contract is Tool:
        _check_tool(kind, entry)


def _check_tool(kind: type[AnyTool], entry: EntryPoint) -> None:
    """Raises TypeError for what no model could call."""
    if not _CALLABLE.fullmatch(kind.name):
        raise TypeError(f"{entry.value} has a name that is not a-z, 0-9 and _, at most 40")
    if not kind.description.strip():
        raise TypeError(f"{entry.value} has no description")
    if kind.reserves and not kind.effect:
        raise TypeError(f"{entry.value} reserves, so that it has an effect")
    kind.Parameters.model_json_schema()  # raises for what JSON has no type for


def _said(name: str, error: BaseException, environment: Mapping[str, str]) -> str:
    """What an error of a plugin says, in one line and without secrets."""
    prefix = plugin_variable(name, "")
    secrets = [
        value
        for variable, value in environment.items()
        if variable.startswith(prefix) or _SECRET.search(variable.upper())
    ]
    try:
        text = " ".join(str(error).split())
    except BaseException:  # its class is the plugin's own
        text = ""
    return f"{type(error).__name__}: {redacted(text, credentials=[secrets])[:LONGEST]}".removesuffix(": ")


def _operator(kind: type[Any], environment: Mapping[str, str]) -> Any:
    """Raises SettingsError for what the operator wrote wrongly, else Broken."""
    values = plugin_values(environment, kind.name, kind.Operator)
    try:
        return kind.Operator.model_validate(values)
    except ValidationError as error:
        if (fault := first_fault(error)).type == "missing":
            lacking = f"needs {plugin_variable(kind.name, fault.place.replace('.', '_'))}"
            raise Broken(lacking) from None
        raise settings.wrong(error, kind.name) from None
    except BaseException as error:
        why = f"could not be made: {_said(kind.name, error, environment)}"
        raise Broken(why) from None


def operator_models(
    wanted: Collection[str] | None = None, environment: Mapping[str, str] = os.environ
) -> Iterator[tuple[str, type[Any]]]:
    """The name and Operator model of each plugin that can be loaded, and may have a variable of `wanted`."""
    for each in installed(environment):
        prefix = plugin_variable(each.entry.name, "")
        if wanted is None or any(variable.startswith(prefix) for variable in wanted):
            try:
                yield each.entry.name, class_of(each, environment).Operator
            except Broken:  # load() names it
                continue


def variables(wanted: Collection[str] | None = None, environment: Mapping[str, str] = os.environ) -> set[str]:
    """The names of the operator's settings that plugins, and the commands of packages, have.

    Where the plugins named in `wanted` have all of these, only theirs: the others' SDKs need not be loaded.
    What is written for a plugin that cannot be loaded is its own, whatever it is.
    """
    if wanted is not None:
        named = _variables_of_plugins(operator_models(wanted, environment))
        if named.issuperset(wanted):
            return named
    models = list(operator_models(environment=environment))
    broken = {each.entry.name for each in installed(environment)} - {name for name, _ in models}
    prefixes = tuple(plugin_variable(name, "") for name in broken)
    of_broken = {variable for variable in wanted or () if variable.startswith(prefixes)}
    of_commands = {name for command in commands.loaded() for name in _variables_of(command)}
    return _variables_of_plugins(models) | of_broken | of_commands


def _variables_of_plugins(models: Iterable[tuple[str, type[Any]]]) -> set[str]:
    return {plugin_variable(name, field) for name, model in models for field in model.model_fields}


def _variables_of(command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for part in command.commands.values():
            yield from _variables_of(part)
    for option in command.params:
        if isinstance(option.envvar, str):
            yield option.envvar
