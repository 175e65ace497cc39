"""The pulse: by it a process that watches this one sees that its loop runs, and whose code it runs."""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import reduction
from struct import Struct
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from conserje.storage import stillness
from conserje.storage.stillness import COME_ROUND_EVERY
from conserje.telemetry.log import place

log = logging.getLogger(__name__)

T = TypeVar("T")

_COUNT = Struct("=Q")
_CALL = slice(_COUNT.size, 256)  # a page of memory holds both
_NOBODY = bytes(_CALL.stop - _CALL.start)


class Exited(Exception):
    """What a plugin runs wants to end the process, and ends alone; the text is what it raised."""


class Call(NamedTuple):
    """A call of a plugin's method; `turn` is the conversation that it is for, `tenant_id:conversation_id`."""

    plugin: str
    method: str
    slug: str = ""
    turn: str = ""


@dataclass
class Pulse:
    """The record of one process, in memory that the watching process sees too."""

    descriptor: int
    _written: bytes = _NOBODY

    def __post_init__(self) -> None:
        self._memory = mmap.mmap(self.descriptor, mmap.PAGESIZE)

    @property
    def beats(self) -> int:
        """How often its loop came round; 0 while it starts or ends."""
        return int(_COUNT.unpack_from(self._memory)[0])

    @beats.setter
    def beats(self, count: int) -> None:
        _COUNT.pack_into(self._memory, 0, count)

    @property
    def call(self) -> Call | None:
        """What runs right now; None: our own code."""
        words = self._memory[_CALL].rstrip(b"\0").decode("utf-8", "replace")
        *others, plugin = words.split("\n", 3)
        return Call(plugin, *others) if plugin else None

    def write(self, call: bytes) -> bytes:
        """Say what runs from now on; what did until now."""
        before, self._written = self._written, call
        self._memory[_CALL] = call
        return before

    def __reduce__(self) -> tuple[Callable[[Any], Pulse], tuple[Any]]:
        """To a process that is spawned goes the memory itself, not what stands in it."""
        return _opened, (reduction.DupFd(self.descriptor),)

    def close(self) -> None:
        self._memory.close()
        os.close(self.descriptor)


def create() -> Pulse:
    """A pulse for a process that is still to be started."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("conserje-pulse")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, mmap.PAGESIZE)
    return Pulse(descriptor)


def _opened(descriptor: Any) -> Pulse:
    return Pulse(descriptor.detach())


@lru_cache(1024)
def _packed(plugin: str, *others: str) -> bytes:
    words = "\n".join((*others, plugin))  # its name comes last: it may be cut
    return words.encode()[: len(_NOBODY)].ljust(len(_NOBODY), b"\0")


@dataclass
class _Here:
    """This process."""

    pulse: Pulse = field(default_factory=create)  # nobody's, until `adopt`


_here = _Here()
turn: ContextVar[str] = ContextVar("turn", default="")  # which one what runs is for, as in `Call`
_call: ContextVar[Call | None] = ContextVar("call", default=None)  # whose tasks these are


def adopt(pulse: Pulse) -> None:
    """From now on this process writes to `pulse`, which another one watches."""
    _here.pulse = pulse


class at_work:
    """Says whose code runs in this block, in which nothing is awaited.

    A function to those who use it; made of a generator it would cost every webhook twice as much.
    """

    __slots__ = ("_before", "_packed")

    def __init__(self, plugin: str, method: str, slug: str = "") -> None:
        self._packed = _packed(plugin, method, slug, turn.get())

    def __enter__(self) -> None:
        self._before = _here.pulse.write(self._packed)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _here.pulse.write(self._before)


def awaited(work: Awaitable[T], plugin: str, method: str, slug: str = "") -> Coroutine[Any, Any, T]:
    """What `work` comes to; whose code runs is said while `work` itself runs, and not while it waits.

    So it is for the tasks that it starts.
    """
    return _Steps(_coroutine(work), Call(plugin, method, slug, turn.get()))


def _coroutine(work: Awaitable[T]) -> Coroutine[Any, Any, T]:
    async def wait() -> T:
        return await work

    return work if isinstance(work, Coroutine) else wait()


class _Steps(Coroutine[Any, Any, T]):
    """A coroutine each of whose steps is a call of the plugin."""

    __slots__ = ("_call", "_packed", "_work")

    def __init__(self, work: Coroutine[Any, Any, T], call: Call) -> None:
        self._work, self._call, self._packed = work, call, _packed(*call)

    def __await__(self) -> Generator[Any, Any, T]:
        return self  # it has all that `await` asks of one

    def __next__(self) -> Any:
        return self._step(self._work.send, None)

    def send(self, value: Any) -> Any:
        return self._step(self._work.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._work.throw, *error)

    def close(self) -> None:
        self._step(self._work.close)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)  # anyio asks a task's coroutine for its state, others for its name

    def _step(self, step: Callable[..., Any], *given: Any) -> Any:
        before, outer = _here.pulse.write(self._packed), _call.set(self._call)
        try:
            return step(*given)
        except (
            SystemExit,
            KeyboardInterrupt,
        ) as error:  # of a task of the plugin's own: it would end the loop
            log.error("A task of plugin %s exits, in %s for %s: %s", *self._call[:3], place(error))
            raise Exited(type(error).__name__) from None
        finally:
            _call.reset(outer)
            _here.pulse.write(before)


def _task(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], **how: Any) -> asyncio.Task[T]:
    if (call := _call.get()) and isinstance(work, Coroutine):
        work = _Steps(work, call)
    return asyncio.Task(work, loop=loop, **how)


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """While this is entered the loop counts how often it comes round, and a plugin's tasks bear its name."""
    loop = asyncio.get_running_loop()
    _here.pulse.beats = 1  # also who runs first is watched
    stillness.begin()
    loop.set_task_factory(_task)  # type: ignore[arg-type] # which knows no coroutine but those of `async def`
    task = loop.create_task(_beat())
    try:
        yield
    finally:
        task.cancel()
        loop.set_task_factory(None)
        stillness.end()
        _here.pulse.beats = 0


async def _beat() -> None:
    while True:
        await asyncio.sleep(COME_ROUND_EVERY)
        _here.pulse.beats += 1
        stillness.come_round()
