"""The guard: every call of a plugin's method ends as the contract says, or as PluginFailed."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
)
from contextlib import aclosing, contextmanager
from math import isfinite
from typing import Any, TypeVar

from conserje.contract import signatures
from conserje.contract.account import Account, AnyAccount, NotOffered
from conserje.contract.assistant import AnyAssistant, NoAnswer, Turn
from conserje.contract.channel import (
    AccountFault,
    AnyChannel,
    CannotTell,
    FetchFailed,
    FetchRefused,
    Forged,
    Malformed,
    OptedOut,
    OutsideWindow,
    Refused,
    TryLater,
    Uncertain,
    Unreachable,
    Webhook,
)
from conserje.contract.limits import Limits, Pace
from conserje.contract.message import Event
from conserje.contract.tool import AnyTool, Call
from conserje.plugins import fences, given
from conserje.plugins.given import Checked, Wrong
from conserje.plugins.redaction import redacted
from conserje.telemetry import pulse
from conserje.telemetry.log import place

log = logging.getLogger(__name__)

T = TypeVar("T")
AnyPlugin = AnyChannel | AnyAssistant | AnyTool

GRACE = 5.0  # seconds that a cancelled call gets to end
MOST_ABANDONED = 3  # calls that live on after that; then the process ends
LATER = 5.0  # seconds until a call is tried again, where a plugin says nothing sensible
ENDING = 25.0  # seconds that the process gets to end by itself

_REFUSALS = (OptedOut, OutsideWindow, Unreachable, Refused)  # the narrower ones first
MAY_RAISE: dict[str, tuple[type[Exception], ...]] = {
    "address": (Malformed,),
    "claims": (Forged, Malformed),
    "verify": (Forged, Malformed),
    "parse": (Malformed,),
    "compose": (NotOffered, Malformed),
    "send": (*_REFUSALS, AccountFault, TryLater, Uncertain),
    "find": (CannotTell,),
    "fetch": (CannotTell,),
    "media": (NotOffered, *_REFUSALS, TryLater, FetchRefused, FetchFailed),
    "examine": (NotOffered, CannotTell),
    "probe": (NotOffered, CannotTell),
    "offer": (NotOffered, CannotTell),
    "configure": (NotOffered, *_REFUSALS, CannotTell),
    "reply": (NoAnswer,),
    "summarise": (NoAnswer,),
    "transcribe": (NoAnswer,),
}

_abandoned: set[asyncio.Task[Any]] = set()


class PluginFailed(Exception):
    """A plugin raised what its contract does not name, or gave what is wrong.

    The text is the kind of the error, or what was wrong; never its own, which may quote a message or a key.
    """

    def __init__(self, error: BaseException) -> None:
        wrong = isinstance(error, Wrong)
        super().__init__(str(error) if wrong else type(error).__name__)
        self.told = str(self) if wrong else f"ended with {self}"
        self.place = str(self) if wrong else place(error)


class PluginFenced(PluginFailed):
    """A plugin is not called for now, since it stood still again and again; the text says until when."""

    def __init__(self, why: str) -> None:
        Exception.__init__(self, why)
        self.told = self.place = why


def _heed_fence(plugin: AnyPlugin, slug: str, method: str) -> None:
    """Raises the contract's own word for "not now" where the method has one, else PluginFenced."""
    if not (rest := fences.rest(plugin.name, slug)):
        return
    why = f"{plugin.name} stood still again and again, and is tried again in {rest:.0f} s"
    if TryLater in (may := MAY_RAISE.get(method, ())):
        raise TryLater(why, rest)
    word = next((each for each in (CannotTell, NoAnswer) if each in may), None)
    raise word(why) if word else PluginFenced(why)


def called(
    plugin: AnyPlugin, slug: str, method: str, checked: Checked[T], /, *arguments: object, **named: object
) -> T:
    """What a method gives, `checked`; `slug` is the tenant's for whom it is called, "" for nobody's.

    Raises what MAY_RAISE names, in its own words without secrets, or PluginFailed.
    """
    _heed_fence(plugin, slug, method)
    try:
        with pulse.at_work(plugin.name, method, slug):
            return checked(getattr(plugin, method)(*arguments, **named))
    except BaseException as error:
        raise _told(plugin, method, (*arguments, *named.values()), error) from None


def parsing(
    plugin: AnyChannel, slug: str, into: list[Event], hook: Webhook, account: AnyAccount | None = None
) -> Iterator[None]:
    """Each step reads some of the events that `parse` gives into `into`; `account` where it parses by it.

    Raises as `called` does.
    """
    whose = {"account": account} if account else {}
    parts = called(plugin, slug, "parse", given.parts(into), hook, **whose)
    while True:
        try:
            with pulse.at_work(plugin.name, "parse", slug):
                next(parts)
        except StopIteration:
            return
        except BaseException as error:
            raise _told(plugin, "parse", (account,), error) from None
        yield


def parsed(channel: AnyChannel, slug: str, hook: Webhook, account: AnyAccount) -> list[Event]:
    """All that `parse` gives of a request that was composed here. Raises as `called` does."""
    events: list[Event] = []
    by_account = signatures.of_class(type(channel), "parse", "account")
    for _ in parsing(channel, slug, events, hook, account if by_account else None):
        pass
    return events


def shared_credentials(plugin: AnyPlugin) -> Any:
    """The operator's credentials for accounts without their own, or None. Raises PluginFailed."""
    return called(plugin, "", "shared_credentials", given.sound(plugin.Credentials | None))


def limits_of(channel: AnyChannel, slug: str, address: str) -> Limits:
    """What the account can carry; where the channel cannot say, what its other accounts can."""
    try:
        return called(channel, slug, "limits_of", given.limits, address)
    except PluginFailed as error:
        log.warning("Channel %s: limits_of failed for %s: %s", channel.name, slug, error.place)
        return channel.limits


def pace_of(channel: AnyChannel, slug: str, address: str) -> Pace:
    """The account's pace; a channel that cannot say has that of all others."""
    try:
        return called(channel, slug, "pace", given.pace, address)
    except PluginFailed as error:
        log.warning("Channel %s: pace failed for %s: %s", channel.name, slug, error.place)
        return Pace()


async def awaited(
    plugin: AnyPlugin, slug: str, method: str, checked: Checked[T], /, *arguments: object, **named: object
) -> T:
    """The same of a method that is awaited, in a task of its own: cancelled, it gets GRACE to end."""
    _heed_fence(plugin, slug, method)

    async def work() -> T:
        with _only_told(plugin, method, (*arguments, *named.values())):
            return checked(await getattr(plugin, method)(*arguments, **named))

    return await _in_a_task(plugin, slug, method, work())


async def consumed(
    plugin: AnyPlugin,
    slug: str,
    consume: Callable[[AsyncIterator[bytes]], Awaitable[T]],
    *arguments: object,
) -> T:
    """What `consume` makes of the bytes that `media` gives as they come; what it raises itself is raised."""
    method = "media"
    _heed_fence(plugin, slug, method)

    async def parts() -> AsyncGenerator[bytes, None]:
        with _only_told(plugin, method, arguments):
            stream = getattr(plugin, method)(*arguments)
            try:
                async for part in stream:
                    yield given.part(part)
            finally:
                if isinstance(stream, AsyncGenerator):
                    await stream.aclose()

    async def work() -> T:
        async with aclosing(parts()) as checked:
            return await consume(checked)

    return await _in_a_task(plugin, slug, method, work())


@contextmanager
def _only_told(plugin: AnyPlugin, method: str, arguments: tuple[object, ...]) -> Iterator[None]:
    """Whatever the plugin raises here is told; our own cancelling and closing is not its doing."""
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        raise _told(plugin, method, arguments, error) from None


async def _in_a_task(plugin: AnyPlugin, slug: str, method: str, work: Coroutine[Any, Any, T]) -> T:
    name = f"{plugin.name}.{method} for {slug}"
    task = asyncio.create_task(pulse.awaited(work, plugin.name, method, slug), name=name)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await _end(task)
        raise
    try:
        return task.result()
    except (asyncio.CancelledError, GeneratorExit) as error:  # of the plugin's own making
        raise PluginFailed(error) from None


async def _end(task: asyncio.Task[Any]) -> None:
    """Cancel the task, and wait a while; it is judged then, even should this be cancelled before."""
    task.add_done_callback(_retrieve)
    task.cancel()
    asyncio.get_running_loop().call_later(GRACE, _judge, task)
    try:
        await asyncio.wait({task}, timeout=GRACE)
    finally:
        if not task.done():
            asyncio.tasks._unregister_task(task)  # the end of the loop would wait for it, for ever


def _retrieve(ended: asyncio.Task[Any]) -> None:
    """Nobody asks any more what it raised."""
    if not ended.cancelled():
        ended.exception()


def _judge(task: asyncio.Task[Any]) -> None:
    """Leave a task alone that does not end; with too many of them the process ends, and is started again."""
    if task.done():
        return
    _abandoned.add(task)
    task.add_done_callback(_abandoned.discard)
    log.error("The call %s did not end when it was cancelled: it is left alone", task.get_name())
    if len(_abandoned) == MOST_ABANDONED:
        names = ", ".join(sorted(each.get_name() for each in _abandoned))
        log.critical("This process ends, since %d calls do not: %s", MOST_ABANDONED, names)
        last = threading.Timer(ENDING, os._exit, (1,))
        last.daemon = True
        last.start()
        os.kill(os.getpid(), signal.SIGTERM)


def _told(plugin: AnyPlugin, method: str, arguments: tuple[object, ...], error: BaseException) -> Exception:
    """The error as it may be told on: one of the contract's own, made anew, or that the plugin failed."""
    kind = next((each for each in MAY_RAISE.get(method, ()) if isinstance(error, each)), None)
    if kind is None:
        return PluginFailed(error)
    if kind is Forged:  # a stranger's, which shall cost little: nobody reads why
        return Forged()
    text = redacted(_text(error), plugin.operator, list(_credentials(arguments)))
    if kind is OptedOut:
        return OptedOut(text, marketing=getattr(error, "marketing", None) is True)
    if kind is AccountFault:
        return AccountFault(text, retry=getattr(error, "retry", None) is not False)
    return TryLater(text, _seconds(error)) if kind is TryLater else kind(text)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # it is the plugin's own class
        return type(error).__name__


def _seconds(error: BaseException) -> float:
    after: Any = getattr(error, "after", None)
    fits = isinstance(after, int | float) and isfinite(after) and after >= 0
    return float(after) if fits else LATER


def _credentials(arguments: Iterable[object]) -> Iterator[object]:
    """Those of the accounts, turns and calls that a method was called with."""
    for argument in arguments:
        if isinstance(argument, Account | Turn | Call):
            yield argument.credentials
