"""Runs what may hang, exit, flood or fork as a process of its own, and leaves nothing of it behind."""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST_PROCESSES = 64
_MARK = "PLUGIN_CHECK"  # in the environment of each process that comes of it, by which they are found
_LOOK_EVERY = 0.2  # seconds
_MOST_PASSES = 500
_LIMITS = {  # by process, as it sets them itself
    resource.RLIMIT_FSIZE: 64 * 1024 * 1024,
    resource.RLIMIT_AS: 4 * 1024 * 1024 * 1024,
    resource.RLIMIT_CORE: 0,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: by itself with a code, or because of `why`."""

    pid: int
    code: int
    why: str = ""


def run(words: Sequence[str], seconds: float, folder: Path, output: Path | None = None) -> Ended:
    """Run a program in a folder for at most so many seconds; what it prints goes to `output`, or nowhere."""
    mark = secrets.token_hex(16)
    with open(output or os.devnull, "wb") as printed:
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=_environment(os.environ, mark),
            start_new_session=True,
        )
    try:
        return _watched(child, mark, time.monotonic() + seconds, seconds)
    finally:
        _end(child, mark)


async def filtered(module: str, given: bytes, seconds: float, *words: str) -> bytes | None:
    """What a module of ours prints that is run by itself, with this on its standard input; None: it failed,
    or took longer."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", module, *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            printed, _ = await child.communicate(given)
    except TimeoutError:
        return None
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return None if child.returncode else printed


def spend_little(memory: int, cpu_seconds: int) -> None:
    """Called by such a module itself: so many bytes and seconds, and no file."""
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))


def set_limits() -> None:
    """Called by the process itself before it does what may be too much; a lower limit that is there stays."""
    for limit, most in _LIMITS.items():
        _, hard = resource.getrlimit(limit)
        lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (lowest, lowest))


def _environment(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    return {**environment, _MARK: mark, "PYTHONDONTWRITEBYTECODE": "1"}


def _watched(child: subprocess.Popen[bytes], mark: str, deadline: float, seconds: float) -> Ended:
    while time.monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            return Ended(child.pid, child.wait(_LOOK_EVERY))
        if len(list(_marked(mark))) > MOST_PROCESSES:
            return Ended(child.pid, -signal.SIGKILL, f"it started more than {MOST_PROCESSES} processes")
    return Ended(child.pid, -signal.SIGKILL, f"it did not end within {seconds:g} s")


def _end(child: subprocess.Popen[bytes], mark: str) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    for _ in range(_MOST_PASSES):  # what forks may have done so since
        if not (left := list(_marked(mark))):
            break
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    child.wait()


def _marked(mark: str) -> Iterator[int]:
    """The processes that have come of it and live, also those that left its group; where there is /proc."""
    wanted = f"{_MARK}={mark}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                yield int(place.name)
