"""Fences: a plugin that stood still again and again is not called for a while, for one tenant or for all.

After three strikes within an hour it is fenced off for that tenant; for all only after three tenants'
strikes, or one tenant's bad texts would take it away from everybody. It is tried again by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from conserje.plugins.strikes import Event, Resumed, Strike, Strikes, Suspicion
from conserje.telemetry.pulse import Call

log = logging.getLogger(__name__)

ENOUGH = 3  # strikes, or tenants
WITHIN = 3600.0  # seconds
TRIED_AFTER = (60.0, 300.0, 900.0, 3600.0)  # seconds, by the number of failures; the last one for all others
NAME = "strikes.jsonl"  # in the data directory
LOOK_EVERY = 0.25  # seconds: another process of the node may have written
SUSPECTED_FOR = 8.0  # seconds, in which a strike comes or does not, also on a busy machine
SUSPECT_LOOK = 2.0  # seconds: one that is over may have been none
REPLACED_WITHIN = 10.0  # seconds after a strike: until then no other process follows the one that was ended


@dataclass(frozen=True, slots=True)
class Fence:
    """A plugin is not called until then; `slug` is None where that holds for every tenant."""

    plugin: str
    slug: str | None
    until: float  # seconds since the epoch

    def __str__(self) -> str:
        whom = "for all tenants" if self.slug is None else f"for {self.slug or 'no tenant'}"
        again = datetime.fromtimestamp(self.until, UTC).strftime("%H:%M:%S")
        return f"fenced off {whom}, and tried again at {again} UTC"


@dataclass
class _Series:
    """Strikes that belong together; `keys` tells those apart that count."""

    recent: list[tuple[float, object]] = field(default_factory=list)
    failures: int = 0  # since it was fenced off
    until: float = 0.0

    def strike(self, at: float, key: object) -> None:
        if self.failures and at <= self.until + WITHIN:
            self.failures += 1
        else:
            self.recent = [each for each in self.recent if each[0] > at - WITHIN] + [(at, key)]
            self.failures = int(len({key for _, key in self.recent}) >= ENOUGH)
        if self.failures:
            self.until = at + TRIED_AFTER[min(self.failures, len(TRIED_AFTER)) - 1]


def fences(events: Iterable[Event], now: float) -> list[Fence]:
    """Those that stand; a strike of the future is none: the clock has been set since."""
    series: dict[tuple[str, str | None], _Series] = {}
    for event in events:
        match event:
            case Resumed(resumed=plugin, slug=None):
                series = {key: each for key, each in series.items() if key[0] != plugin}
            case Resumed(resumed=plugin, slug=slug):
                series.pop((plugin, slug), None)
            case Strike() if event.at <= now:
                series.setdefault((event.plugin, event.slug), _Series()).strike(event.at, event.at)
                series.setdefault((event.plugin, None), _Series()).strike(event.at, event.slug)
    return [Fence(*key, each.until) for key, each in series.items() if each.failures and each.until > now]


def _latest(events: Iterable[Event]) -> dict[tuple[str, str], Suspicion | Strike]:
    """What was written last of each plugin and tenant, unless an operator has forgiven it."""
    latest: dict[tuple[str, str], Suspicion | Strike] = {}
    for event in events:
        match event:
            case Suspicion():
                latest[event.suspected, event.slug] = event
            case Strike():
                latest[event.plugin, event.slug] = event
            case Resumed(resumed=plugin, slug=slug):
                latest = {
                    key: each
                    for key, each in latest.items()
                    if key[0] != plugin or slug not in (None, key[1])
                }
    return latest


def _is_over(last: Suspicion | Strike | None) -> bool:
    """Whether nothing stands still any more of what this was written down for."""
    limit = REPLACED_WITHIN if isinstance(last, Strike) else SUSPECTED_FOR
    return last is None or last.at <= time.time() - limit


@dataclass
class Fences:
    """The fences of this node, as its file says."""

    strikes: Strikes
    _stamp: tuple[int, int] = (-1, -1)
    _looked: float = float("-inf")
    _events: list[Event] = field(default_factory=list)
    _standing: dict[tuple[str, str | None], float] = field(default_factory=dict)
    _latest: dict[tuple[str, str], Suspicion | Strike] = field(default_factory=dict)

    def note(self, call: Call) -> None:
        """Write a strike down, and say what follows from it."""
        self.strikes.note(call)
        for fence in self.standing():
            if fence.plugin == call.plugin and fence.slug in (None, call.slug):
                log.error("Plugin %s is %s", fence.plugin, fence)

    def standing(self) -> list[Fence]:
        """Those that stand now."""
        self._look()
        return fences(self._events, time.time())

    def rest(self, plugin: str, slug: str) -> float:
        """The seconds until the plugin may be called for this tenant; 0: it may be."""
        self._look_again()
        if not self._standing:
            return 0.0
        until = max(self._standing.get((plugin, slug), 0.0), self._standing.get((plugin, None), 0.0))
        return min(max(until - time.time(), 0.0), TRIED_AFTER[-1])

    def may_try(self, plugin: str, slug: str) -> bool:
        """Whether no other process stands still in it for this tenant, nor did a moment ago.

        After a strike, of all processes of the node one tries first.
        """
        self._look_again()
        last = self._latest.get((plugin, slug))
        if _is_over(last) and isinstance(last, Strike):
            try:
                call = Call(plugin, "", slug)
                return self.strikes.try_again(
                    call, lambda events: _is_over(_latest(events).get((plugin, slug)))
                )
            except OSError as error:
                log.error("The strikes of %s cannot be read: %s", plugin, error)
        return _is_over(last)

    def struck(self, turn: str) -> Strike | None:
        """The strike within the last hour that ended this turn's worker."""
        self._look()
        since = time.time() - WITHIN
        mine = [each for each in self._events if isinstance(each, Strike) and each.turn == turn]
        return next((each for each in reversed(mine) if each.at > since), None)

    def _look_again(self) -> None:
        if (now := time.monotonic()) > self._looked + LOOK_EVERY:
            self._looked = now
            self._look()

    def _look(self) -> None:
        if (stamp := self.strikes.stamp()) == self._stamp:
            return
        self._stamp = stamp
        try:
            self._events = self.strikes.read()
        except OSError as error:
            log.error("The strikes of the watchdog cannot be read: %s", error)
        standing = fences(self._events, time.time())
        self._standing = {(each.plugin, each.slug): each.until for each in standing}
        self._latest = _latest(self._events)


def of_node(data_dir: Path) -> Fences:
    """Those of the machine whose data directory this is."""
    return Fences(Strikes(data_dir / NAME))


_here: Fences | None = None  # of this process, once it is one that works


def stand(fences: Fences) -> None:
    """From now on the guard of this process heeds them."""
    global _here
    _here = fences


def rest(plugin: str, slug: str) -> float:
    """As `Fences.rest`, of this process."""
    return _here.rest(plugin, slug) if _here else 0.0


def may_try(plugin: str, slug: str) -> bool:
    """As `Fences.may_try`, of this process."""
    return _here.may_try(plugin, slug) if _here else True


def struck(turn: str) -> Strike | None:
    """As `Fences.struck`, of this process."""
    return _here.struck(turn) if _here else None
