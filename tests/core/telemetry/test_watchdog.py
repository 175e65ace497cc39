"""The watchdog's judgement of one process, of which the kernel says what a test wants."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator

import pytest

from conserje.telemetry import niceness, procfs, pulse
from conserje.telemetry.pulse import Call
from conserje.telemetry.watchdog import Watchdog

CALL = Call("parrot", "reply", "acme")
LOOK = 0.5  # seconds


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["sleep", "3600"]) as process:
        yield process.pid
        process.kill()


def test_promise_8_others_are_warned_of_one_that_spins_on_a_busy_machine(
    sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = {"1": 0.0}
    monkeypatch.setattr(procfs, "waited", lambda _: dict(waits))
    told: list[Call] = []
    watchdog, own = Watchdog(10**6, suspect=told.append), pulse.create()
    watchdog.watch("work", sleeper, own)
    [watched] = watchdog._watched
    own.beats = 1
    own.write(pulse._packed(*CALL))
    seen = []
    for _ in range(12):  # it has none of the processor
        watchdog._judge(watched, LOOK)
        waits["1"] += LOOK
        seen.append(len(told))
    assert seen == [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2]  # within the lease of its turn, and again
    assert told == [CALL] * 2
    assert watched.still == 0 and watched.killed_at is None
    own.beats = 2
    watchdog._judge(watched, LOOK)
    assert watched.silent == 0


@pytest.mark.parametrize("allowed", [True, False])
def test_promise_11_one_that_stands_still_gives_way_until_it_comes_round(
    sleeper: int, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    if not allowed:  # whoever gave way would do so for ever
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(resource, "getrlimit", lambda _: (0, 0))
    watchdog, own = Watchdog(10**6), pulse.create()
    watchdog.watch("work", sleeper, own)
    [watched] = watchdog._watched
    level = os.getpriority(os.PRIO_PROCESS, sleeper)
    behind = niceness.BEHIND if niceness.may_be_taken_back() else level
    levels = []
    for beats in (1, 1, 1, 2):
        own.beats = beats
        watchdog._judge(watched, LOOK)
        levels.append(os.getpriority(os.PRIO_PROCESS, sleeper))
    assert levels == [level, behind, behind, level]


def test_promise_8_one_that_others_keep_waiting_gives_way_for_some_seconds_only(
    sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = {"1": 0.0}
    monkeypatch.setattr(procfs, "waited", lambda _: dict(waits))
    watchdog, own = Watchdog(10**6), pulse.create()
    watchdog.watch("work", sleeper, own)
    [watched] = watchdog._watched
    own.beats, level = 1, os.getpriority(os.PRIO_PROCESS, sleeper)
    behind = niceness.BEHIND if niceness.may_be_taken_back() else level
    levels = []
    for _ in range(14):
        watchdog._judge(watched, LOOK)
        waits["1"] += 0.75 * LOOK
        levels.append(os.getpriority(os.PRIO_PROCESS, sleeper))
    assert levels == [level] * 4 + [behind] * 8 + [level] * 2
    assert watched.killed_at is None


def test_one_that_is_told_to_end_does_so_before_others(sleeper: int) -> None:
    watchdog, own = Watchdog(10**6), pulse.create()
    watchdog.watch("work", sleeper, own)
    [watched] = watchdog._watched
    own.beats, level = 1, os.getpriority(os.PRIO_PROCESS, sleeper)
    while watched.killed_at is None:
        watchdog._judge(watched, LOOK)
    assert os.getpriority(os.PRIO_PROCESS, sleeper) == level
