"""`python -m crash.launch serve`, `... work`: Conserje's command line, in haste, mortal at its points.

It is started again whenever it dies, as by a service manager; as a fork of a process that has loaded
everything already, since loading would take most of a run's time.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from datetime import timedelta

from crash import bugs, points

import conserje.cli.work
import conserje.files.collector
import conserje.notices.notifier
import conserje.notices.telling
import conserje.turns.acting
import conserje.turns.turn  # noqa: F401 - loaded before the fork, as are those above
import conserje_edge.server.serve  # noqa: F401 - loaded before the fork
from conserje.cli.main import main
from conserje.conversations import effects, overdue
from conserje.delivery import delivery, outcome
from conserje.notices import telling, tellings
from conserje_twilio import listing

AGAIN_AFTER = 0.1  # seconds
FAMILY_LIMIT = 5.0  # seconds that the children of a killed process get to end by themselves
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def hasten() -> None:
    """Shorten what a test cannot wait for; each keeps its place among the others."""
    delivery.GRACE = timedelta(seconds=1)
    outcome.LOOK_EVERY = timedelta(seconds=1)  # 10 s
    listing.SETTLED_AFTER = timedelta(seconds=7)  # 60 s; the stand-in lists at once
    outcome.UNCERTAIN_FOR = timedelta(seconds=9)  # 2 minutes
    effects.LEASE = timedelta(seconds=8)  # 20 s; a stamp takes no time
    effects.LOST_AFTER = timedelta(seconds=8)  # 30 s
    overdue.SWEEP_AFTER = timedelta(seconds=8)  # 30 s
    telling.PAUSES = (timedelta(seconds=0.5),) * 30  # 5 s to 10 hours
    telling.LONGEST_REST = 2.0  # 5 minutes
    tellings.LEASE = timedelta(seconds=5)  # 20 s; the subscriber is quick
    tellings.CALLED = timedelta(seconds=5)  # 10 s


def keep() -> None:
    """Run the command as a child, for ever, or until SIGTERM."""
    child, ending = 0, False

    def end(*_: object) -> None:
        nonlocal ending
        ending = True
        if child:
            os.kill(child, signal.SIGTERM)

    _end_with_parent()
    signal.signal(signal.SIGTERM, end)
    while not ending:
        if (child := os.fork()) == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.setsid()
            _end_with_parent()
            main(prog_name="conserje")
        if ending:  # between the two lines above
            os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        _end_family(child)
        child = 0
        time.sleep(AGAIN_AFTER)


def _end_with_parent() -> None:
    """Nothing outlives a harness that is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_family(group: int) -> None:
    """Return when nothing of the group is left; whoever does not go is killed."""
    deadline = time.monotonic() + FAMILY_LIMIT
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)


hasten()
if bug := os.environ.get(bugs.BUG):
    bugs.plant(bug)
points.arm(sys.argv[1])

if __name__ == "__main__":
    keep()
