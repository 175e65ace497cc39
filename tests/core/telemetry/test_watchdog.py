"""The watchdog's judgement of one process, of which the kernel says what a test wants."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from conserje.telemetry import procfs, pulse
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
