"""`python -m conserje` as a fork of a process that has loaded it and its plugins: most of what a start costs.

Whatever the command does, it does in a process of its own, as it would without. The one that is forked is
there for all tests of a parallel worker, and ends with it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import IO

from conserje.cli.main import COMMANDS, main
from conserje.plugins.plugins import CONTRACTS
from conserje.telemetry import pulse

LONGEST = 2**18  # bytes of a request
OF_AN_INTERPRETER = ("LD_", "PYTHON", "LANG", "LC_", "TZ")  # variables that are read when it starts
_FIRST = dict(os.environ)


class Forked:
    """A process that was forked, in the words in which asyncio has its own."""

    def __init__(self, pid: int, ending: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ending = ending
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(ending, self._hear)

    def _hear(self) -> None:
        asyncio.get_running_loop().remove_reader(self._ending)
        with self._ending:
            self.returncode = int(self._ending.recv(16))
        self._ended.set()

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # its end is on its way here
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether it would start the same interpreter, in which our release is what is loaded."""
    changed = {name for name, value in _FIRST.items() ^ environment.items()} - {"PYTHONPATH"}
    if any(name.startswith(OF_AN_INTERPRETER) for name in changed):
        return False
    loaded = {"conserje", *(each.module.partition(".")[0] for each in _plugins())}
    there = {path.stem for folder in _folders(environment) for path in Path(folder).glob("conserje*")}
    return not loaded & there


@cache
def _plugins() -> tuple[EntryPoint, ...]:
    """Of this installation."""
    return tuple(each for group in CONTRACTS for each in entry_points(group=group))


async def fork(
    environment: Mapping[str, str], command: Sequence[str], output: IO[bytes], errors: IO[bytes]
) -> Forked:
    """Start `conserje` with this command, in a session of its own."""
    request = json.dumps([dict(environment), os.getcwd(), list(command)]).encode()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with theirs:
        asking, _ = _parent()
        socket.send_fds(asking, [request], [output.fileno(), errors.fileno(), theirs.fileno()])
    return Forked(int(await asyncio.get_running_loop().sock_recv(ours, 16)), ours)


@cache
def _parent() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The process that is forked, and the way to it, at whose end it ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {name: value for name, value in _FIRST.items() if name != "PYTHONPATH"}
    with theirs:
        started = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    return ours, started


def _folders(environment: Mapping[str, str]) -> list[str]:
    return [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]


def _live_as_asked(asking: socket.socket) -> None:
    """Fork for each request, and tell of each end. Returns in the forks alone."""
    endings: dict[int, socket.socket] = {}
    wakened, waking = socket.socketpair()
    waking.setblocking(False)
    wakened.setblocking(False)
    signal.set_wakeup_fd(waking.fileno())
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    while True:
        ready, _, _ = select.select([asking, wakened], [], [])
        if wakened in ready:
            wakened.recv(4096)
            _tell_of_ends(endings)
        if asking in ready:
            request, descriptors, _, _ = socket.recv_fds(asking, LONGEST, 3)
            if not request:
                for pid in endings:  # of tests that were killed
                    with suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)
                sys.exit()
            if (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (asking, wakened, waking, *endings.values()):
                    each.close()
                _become(json.loads(request), descriptors)
                return
            endings[pid] = socket.socket(fileno=descriptors[2])
            endings[pid].send(str(pid).encode())
            for descriptor in descriptors[:2]:
                os.close(descriptor)


def _tell_of_ends(endings: dict[int, socket.socket]) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with endings.pop(pid) as ending, suppress(BrokenPipeError):  # nobody waits for it
                ending.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: tuple[dict[str, str], str, list[str]], descriptors: list[int]) -> None:
    """Have what an interpreter has that was started with this environment, here, for this command."""
    environment, folder, command = request
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, *descriptors[:2])):
        os.dup2(descriptor, number)
    for descriptor in (nothing, *descriptors):
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.path[:0] = [folder, *_folders(environment)]
    sys.argv = ["conserje", *command]
    pulse.adopt(pulse.create())  # what was loaded has made one already


if __name__ == "__main__":
    # What is to be loaded, besides commands and plugins.
    import anyio._backends._asyncio  # noqa: F401
    import httpcore2  # noqa: F401

    import conserje_edge.server.serve  # noqa: F401

    for command in COMMANDS:
        command.load()
    for plugin in _plugins():
        plugin.load()
    gc.collect()
    gc.freeze()  # it is one for all that are forked
    _live_as_asked(socket.socket(fileno=os.dup(0)))
    main(prog_name="conserje")
