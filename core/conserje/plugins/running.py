"""Which running processes have which plugins, as each tells by its heartbeat."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from pydantic import TypeAdapter, ValidationError

from conserje.plugins import plugins
from conserje.plugins.fences import Fence
from conserje.plugins.plugins import Installed, Loaded, Plugins
from conserje.storage.database import Connection, Pool
from conserje.telemetry import heartbeat
from conserje.telemetry.heartbeat import Kind

MOST_NAMED = 3  # processes in a sentence

_RESTART = "restart to "

_loaded = TypeAdapter(tuple[Loaded, ...])


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was heard of lately."""

    name: str  # machine:number
    kind: Kind
    plugins: tuple[Loaded, ...] | None  # None: its release does not say

    @property
    def is_here(self) -> bool:
        return self.name.rpartition(":")[0] == socket.gethostname()

    def plugin(self, kind: str, name: str) -> Loaded | None:
        return next((each for each in self.plugins or () if (each.kind, each.name) == (kind, name)), None)


@dataclass(frozen=True, slots=True)
class Run:
    """A plugin as one process has it."""

    process: str
    kind: Kind
    version: str
    state: str


@dataclass(frozen=True, slots=True)
class Described:
    """A plugin that is installed here, or that a process has."""

    name: str
    kind: str
    distribution: str
    version: str | None  # that is installed here
    contract: int | None
    state: str
    running: list[Run] = field(default_factory=list)

    @property
    def is_stale(self) -> bool:
        """Whether processes of this machine have to be started anew."""
        return self.state.startswith(_RESTART)


def tell(found: Plugins) -> str:
    """What the process that has these plugins tells the others of them, as JSON."""
    return json.dumps([asdict(replace(each, wrong=found.broken.get(each.name, ""))) for each in found.loaded])


async def processes(database: Pool | Connection) -> list[Process]:
    """Those of all machines."""
    return [Process(name, kind, _read(told)) for name, kind, told in await heartbeat.told(database)]


def _read(told: str | None) -> tuple[Loaded, ...] | None:
    try:
        return None if told is None else _loaded.validate_json(told)
    except ValidationError:  # another release's
        return None


def described(
    environment: Mapping[str, str], found: Plugins, fences: Sequence[Fence], living: Sequence[Process]
) -> list[Described]:
    """Every plugin that is installed here, or that a process of any machine has."""
    here = plugins.installed(environment)
    loaded = {(each.kind, each.name): each for each in found.loaded}
    rows = [_described(each, loaded.get(each.place), found, fences, living) for each in here]
    rows += _not_installed({(*each.place, each.distribution) for each in here}, living)
    kinds = list(plugins.KINDS.values())
    return sorted(rows, key=lambda row: (kinds.index(row.kind), row.name, row.distribution))


def _described(
    each: Installed,
    loaded: Loaded | None,
    found: Plugins,
    fences: Sequence[Fence],
    living: Sequence[Process],
) -> Described:
    name = each.entry.name
    fenced = "; ".join(str(fence) for fence in fences if fence.plugin == name)
    wrong = each.left_out or found.broken.get(name)
    state = wrong or fenced or _stale(each, living) or "ready"
    number = loaded.contract if loaded and not each.left_out else None
    running = _running(living, *each.place, each.distribution)
    return Described(name, each.place[0], each.distribution, each.version, number, state, running)


def _stale(each: Installed, living: Sequence[Process]) -> str:
    """That processes of this machine have to be started anew, where they have another version or none."""
    has = [
        (process, process.plugin(*each.place)) for process in living if process.is_here and process.plugins
    ]
    differ = [
        f"{process.name} has {loaded.version if loaded else 'none'}"
        for process, loaded in has
        if loaded is None or (loaded.distribution, loaded.version) != (each.distribution, each.version)
    ]
    return f"{_RESTART}load: {_named(differ)}" if differ else ""


def _not_installed(here: set[tuple[str, str, str]], living: Sequence[Process]) -> list[Described]:
    others = {
        (each.kind, each.name, each.distribution): each.contract
        for process in living
        for each in process.plugins or ()
        if (each.kind, each.name, each.distribution) not in here
    }
    rows = []
    for (kind, name, distribution), number in others.items():
        running = _running(living, kind, name, distribution)
        local = {process.name for process in living if process.is_here}
        of_here = [each.process for each in running if each.process in local]
        state = f"{_RESTART}unload: {_named(of_here)}" if of_here else "is not installed here"
        rows.append(Described(name, kind, distribution, None, number, state, running))
    return rows


def _running(living: Iterable[Process], kind: str, name: str, distribution: str) -> list[Run]:
    return [
        Run(process.name, process.kind, loaded.version, loaded.wrong or "ready")
        for process in living
        if (loaded := process.plugin(kind, name)) and loaded.distribution == distribution
    ]


def _named(few: Sequence[str]) -> str:
    more = f" and {len(few) - MOST_NAMED} more" if len(few) > MOST_NAMED else ""
    return ", ".join(few[:MOST_NAMED]) + more
