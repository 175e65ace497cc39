"""What plugins do besides answering: sockets, files, programs, sleep, and how long a processor is theirs."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from types import FrameType
from typing import Any, TypeVar

import pytest

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

T = TypeVar("T")

QUICK = 0.05  # seconds of a processor that `verify` and `parse` may take
_STILL = 0.1  # that a coroutine may keep the loop from others
_AT_FIRST = 0.5  # the first time, when a library makes up its mind
_ENDLESS = 2.0  # after which a call is broken off
_TRIES = 3  # what a machine does besides is not the plugin's
_PATIENCE = 60.0  # that a coroutine may wait for what does not come
_SLEEP = 1.0  # that it may sleep in all

_ASKED = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "socket.sendto"}
_STARTED = {"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork"}
_OPENED = {"open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "sqlite3.connect"}
_LOOK = 0.001  # seconds: who waits no longer only looks
_WAKING = "_set_result_unless_cancelled"  # what `asyncio.sleep` has the loop call
_STARTING = threading.Thread.start.__code__  # waits for the new thread alone
_IMPORTS = ("<frozen importlib", "linecache.py", "tokenize.py")  # read source, as every program does


@dataclass
class _Watch:
    """What is not to be done, and what was done of it."""

    forbidden: frozenset[str]
    thread: int = field(default_factory=threading.get_ident)
    seen: list[str] = field(default_factory=list)


_sleeping = time.sleep
_watch: _Watch | None = None
_called: set[object] = set()  # coroutines
_is_hooked = False
_slept: ContextVar[list[float] | None] = ContextVar("slept", default=None)


def idly(call: Callable[..., T], *arguments: Any) -> T:
    """What the call gives, or raises; fails if it does anything but compute."""
    for _ in range(_TRIES):
        with _watching(_ASKED | _STARTED | _OPENED) as seen:
            before = _times_asleep()
            outcome = _outcome(call, arguments)
            slept = _times_asleep() > before
        if seen or not slept:  # the machine, too, has it wait at times
            break
    if seen or slept:
        pytest.fail(
            f"It does {_listed(seen) or 'wait'}. `claims`, `verify`, `parse` and `acknowledge` only "
            "compute: ask and wait in a coroutine, read files when the module is loaded."
        )
    return outcome()


def _times_asleep() -> int:
    """How often this thread has waited for something; where the system does not say, never."""
    if resource is None or not hasattr(resource, "RUSAGE_THREAD"):
        return 0
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


@contextmanager
def without_blocking() -> Iterator[None]:
    """Fails if what is called within asks others than by its client, or makes the loop wait."""
    with _watching(_ASKED | _STARTED) as seen:
        yield
    if seen:
        pytest.fail(
            f"It does {_listed(seen)}. A coroutine asks by `self.http`, the client that it was made with, "
            "and waits by `await` alone: one that sleeps otherwise stops everybody in its process."
        )


@contextmanager
def _watching(forbidden: set[str]) -> Iterator[list[str]]:
    global _watch, _is_hooked
    if not _is_hooked:  # a hook stays for as long as the process does
        sys.addaudithook(_heed)
        _is_hooked = True
    waiting, before = threading.Condition.wait, _watch
    watch = _watch = _Watch(frozenset(forbidden))
    sleepers = _sleepers(len(sys.modules))

    def wait(self: threading.Condition, timeout: float | None = None) -> bool:
        waits = timeout is None or timeout > _LOOK
        if waits and threading.get_ident() == watch.thread and sys._getframe(2).f_code is not _STARTING:
            watch.seen.append("threading wait")
        return waiting(self, timeout)

    threading.Condition.wait = wait  # type: ignore[method-assign]
    for each in sleepers:
        each["sleep"] = _sleep
    try:
        yield watch.seen
    finally:
        threading.Condition.wait = waiting  # type: ignore[method-assign]
        for each in sleepers:
            each["sleep"] = _sleeping
        _watch = before


def _sleep(seconds: float) -> None:
    if (watch := _watch) is not None and threading.get_ident() == watch.thread:
        watch.seen.append("time.sleep")
    else:  # what was loaded meanwhile has this one for good
        _sleeping(seconds)


@lru_cache(maxsize=1)
def _sleepers(modules: int) -> list[dict[str, Any]]:
    """The modules that have it by this name, `time` among them."""
    known = [getattr(each, "__dict__", {}) for each in list(sys.modules.values())]
    return [each for each in known if each.get("sleep") is _sleeping]


def _heed(event: str, arguments: tuple[Any, ...]) -> None:
    watch = _watch
    if watch is None or event not in watch.forbidden:
        return
    if event not in _ASKED and threading.get_ident() != watch.thread:
        return
    if event in _OPENED:
        if not _is_import(sys._getframe()):
            watch.seen.append(f"{event} {arguments[0]!r}")
        return
    watch.seen.append(event)
    raise RuntimeError(f"{event} is not for a plugin's test.")


def _is_import(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORTS[0]) or frame.f_code.co_filename.endswith(_IMPORTS):
            return True
        frame = frame.f_back
    return False


def _listed(seen: list[str]) -> str:
    return ", ".join(sorted(set(seen)))


def quick(what: str, call: Callable[..., T], *arguments: Any) -> T:
    """What the call gives, or raises; fails if it takes too much of a processor whenever it is tried."""
    for _ in range(_TRIES):
        with _uncollected(), _broken_off(what):
            began = time.thread_time()
            outcome = _outcome(call, arguments)
            took = time.thread_time() - began
        if took <= QUICK:
            return outcome()
    pytest.fail(f"{what} takes {took * 1000:.0f} ms of a processor; it may take {QUICK * 1000:.0f}.")


def _outcome(call: Callable[..., T], arguments: tuple[Any, ...]) -> Callable[[], T]:
    try:
        given = call(*arguments)
    except Exception as error:
        raised = error

        def again() -> T:
            raise raised

        return again
    return lambda: given


@contextmanager
def _uncollected() -> Iterator[None]:
    """What the tests of a whole process left behind is no plugin's to pay for."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _broken_off(what: str) -> Iterator[None]:
    """Ends what computes without end, such as an expression that tries all ways to fit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        pytest.fail(f"{what} does not end within {_ENDLESS:g} s of a processor.")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, _ENDLESS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


async def breathing(work: Awaitable[T], *, may_wait: bool = False) -> T:
    """What the coroutine gives; fails if others could not work meanwhile, or if it does not end.

    It never waits long here: where it says that it sleeps, that is over at once, and `may_wait` or not.
    """
    still = _Stillness()
    ticking = asyncio.create_task(still.tick())
    try:
        with _uncollected(), without_blocking(), _short_sleeps() as slept:
            async with asyncio.timeout(_PATIENCE):
                given = await work
    except TimeoutError:
        pytest.fail(f"It still waits after {_PATIENCE:g} s for what does not come.")
    finally:
        ticking.cancel()
        if sum(slept) > _SLEEP and not may_wait:
            pytest.fail(
                f"It sleeps for {sum(slept):g} s: raise TryLater, or CannotTell, and core asks again."
            )
        if (longest := still.longest()) > _limit(work):
            pytest.fail(
                f"The loop stands still for {longest * 1000:.0f} ms while it computes: what takes long goes "
                "to asyncio.to_thread, or is done in parts."
            )
    return given


def _limit(work: object) -> float:
    code = getattr(work, "cr_code", None)
    is_first = code is not None and code not in _called
    _called.add(code)
    return _AT_FIRST if is_first else _STILL


@contextmanager
def _short_sleeps() -> Iterator[list[float]]:
    """Whoever sleeps here by `asyncio.sleep`, or in a task that is begun here, wakes up at once; gives for
    how long they meant to. What else is in the loop sleeps on."""
    slept: list[float] = []
    loop: Any = asyncio.get_running_loop()
    calling, ours = loop.call_later, _slept.set(slept)

    def call_later(delay: float, callback: Any, *arguments: Any, **named: Any) -> Any:
        if _slept.get() is slept and getattr(callback, "__name__", "") == _WAKING and delay > _LOOK:
            slept.append(delay)
            delay = _LOOK
        return calling(delay, callback, *arguments, **named)

    loop.call_later = call_later
    try:
        yield slept
    finally:
        loop.call_later = calling
        _slept.reset(ours)


class _Stillness:
    """How long of a processor the loop was with one callback."""

    def __init__(self) -> None:
        self._last = time.thread_time()
        self._longest = 0.0

    async def tick(self) -> None:
        while True:
            self.longest()
            await asyncio.sleep(_LOOK)

    def longest(self) -> float:
        now = time.thread_time()
        self._longest, self._last = max(self._longest, now - self._last), now
        return self._longest
