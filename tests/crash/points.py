"""The named points of a message's way: where each is in the program, and how a process dies there.

The harness orders a death by a file named after the point. Whichever process passes the point next
takes the file, so that one order is one death, and is gone before it can do anything else.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from conserje import InboundMessage, StatusUpdate
from conserje.delivery.outcome import Step

ORDERS = "CRASH_ORDERS"  # the variable that names the folder of orders

Program = Literal["serve", "work"]
Arguments = Sequence[Any]


def always(_arguments: Arguments, _result: object) -> bool:
    return True


def with_messages(arguments: Arguments, _result: object) -> bool:
    """Of Intake.take(self, tenant, events)."""
    return any(isinstance(event, InboundMessage) for _, event in arguments[2])


def with_reports(arguments: Arguments, _result: object) -> bool:
    """Of Intake.take(self, tenant, events)."""
    return any(isinstance(event, StatusUpdate) for _, event in arguments[2])


def to_be_sent(_arguments: Arguments, result: object) -> bool:
    return isinstance(result, Step) and not result.uncertain


def with_effects(arguments: Arguments, _result: object) -> bool:
    """Of propose(connection, tenant_id, conversation_id, turn_id, effects)."""
    return bool(arguments[4])


def to_be_done(_arguments: Arguments, result: object) -> bool:
    """Of Acting._take."""
    return result is not None


def with_happened(_arguments: Arguments, result: object) -> bool:
    """Of reader.read."""
    return isinstance(result, tuple) and bool(result[0])


@dataclass(frozen=True)
class Point:
    """A moment in a program: before or after the call of what is at one of `places`."""

    name: str
    program: Program
    when: Literal["before", "after"]
    places: tuple[str, ...]  # module:name, or module:Class.name
    meaning: str
    counts: Callable[[Arguments, object], bool] = always
    needs: str = ""  # the death shortly before, without which nobody passes the point


SENDS = ("conserje_twilio:Twilio.send", "conserje_web:Web.send", "conserje_meta:Meta.send")

CONVERSATION, DELIVERY = "conserje.turns.turn:", "conserje.delivery.delivery:"
LEASE, SENDING = "conserje.turns.lease:", "conserje.conversations.sending:"
MESSAGES, SPOOL = "conserje.conversations.messages:", "conserje.intake.spool:"
ACTING, EFFECTS = "conserje.turns.acting:", "conserje.conversations.effects:"
INTAKE, TELLING = "conserje.intake.intake:", "conserje.notices.telling:"

# The way of a message, in its order.
# fmt: off
POINTS = (
    Point("verified", "serve", "after", ("conserje_edge.tenant.calls:verify",), "signed, nothing written"),
    Point("storing", "serve", "before", (MESSAGES + "take", MESSAGES + "take_plain"), "nothing is written"),
    Point("inserted", "serve", "after", (MESSAGES + "take", MESSAGES + "take_plain"),
          "messages written, and their jobs where they are plain"),
    Point("enqueued", "serve", "after", ("conserje.storage.jobs:enqueue",), "all written, not committed"),
    Point("committed", "serve", "after", (INTAKE + "Intake.take",), "on a disk, not answered",
          with_messages),
    Point("acknowledged", "serve", "after", ("conserje_edge.tenant.reception:Reception.respond",),
          "answered"),

    Point("spooling", "serve", "before", (SPOOL + "Spool.keep",), "Postgres did not take it",
          needs="postgres"),
    Point("spooled", "serve", "after", (SPOOL + "Spool.keep",), "in the file, not answered",
          needs="postgres"),
    Point("draining", "serve", "before", (SPOOL + "Spool.forget",), "in Postgres and in the file",
          needs="postgres"),
    Point("drained", "serve", "after", (SPOOL + "Spool.forget",), "in Postgres alone",
          needs="postgres"),

    Point("picked", "work", "before", (CONVERSATION + "Conversation.converse",), "a turn's job in hand"),
    Point("leasing", "work", "after", (LEASE + "lease_at_once", LEASE + "lease_out"),
          "leased, not committed where it was not plain"),
    Point("claimed", "work", "before", (CONVERSATION + "Conversation._think_under_lease",),
          "the lease is committed"),
    Point("thought", "work", "after", ("conserje.turns.thinking:Thinking.think",), "a reply that nobody has"),
    Point("unsettled", "work", "before", (CONVERSATION + "Conversation._settle",),
          "the lease is no longer renewed"),
    Point("proposing", "work", "after", (EFFECTS + "propose",), "the effects written, not committed",
          with_effects),
    Point("settling", "work", "after", (LEASE + "store", LEASE + "settle_at_once"),
          "the reply written, not committed where it was not plain"),
    Point("settled", "work", "before", ("conserje.telemetry.metrics:turn",), "the turn is committed"),
    Point("handled", "work", "after", ("conserje.work.worker:Worker._attend",),
          "the job is still in the queue"),

    Point("acting", "work", "before", (ACTING + "Acting.act",), "an effect's job in hand"),
    Point("begun", "work", "after", (ACTING + "Acting._take",), "`doing` is committed, nothing done",
          to_be_done),
    Point("done", "work", "after", ("crash.notary:Stamp.run",), "it is done, nobody wrote that down"),
    Point("ending", "work", "after", (EFFECTS + "end",), "written, not committed"),
    Point("ended", "work", "after", (ACTING + "Acting._end",), "the end is committed"),

    Point("delivering", "work", "before", (DELIVERY + "Delivery.deliver", DELIVERY + "Delivery.take_first"),
          "a delivery's job in hand, or a reply that is not committed"),
    Point("marking", "work", "after", (DELIVERY + "Delivery._take_next",),
          "`sending` is written, not committed", to_be_sent),
    Point("sending", "work", "before", (DELIVERY + "Delivery._send",), "`sending` is committed"),
    Point("calling", "work", "before", SENDS, "the provider is not yet called"),
    Point("called", "work", "after", SENDS, "the provider has it, nobody wrote that down"),
    Point("writing", "work", "after", (DELIVERY + "Delivery._write_down", SENDING + "note_sent_at_once"),
          "written, not committed where it was not plain"),
    Point("written", "work", "after", (DELIVERY + "Delivery._finish",), "the end is committed"),
    Point("looking", "work", "before", (DELIVERY + "Delivery._look",), "about to ask for its fate",
          needs="calling"),
    Point("looked", "work", "after", (DELIVERY + "Delivery._look",), "told its fate, nothing written",
          needs="called"),

    Point("reporting", "serve", "before", (MESSAGES + "report",), "a status, nothing written"),
    Point("reported", "serve", "after", (MESSAGES + "report",), "a status applied, not committed"),
    Point("applied", "serve", "after", (INTAKE + "Intake.take",), "a status on a disk, not answered",
          with_reports),

    Point("happened", "work", "after", ("conserje.notices.reader:read",), "read, not kept to be told",
          with_happened),
    Point("telling", "work", "before", (TELLING + "Teller._tell",), "the lease is committed, nobody told"),
    Point("told", "work", "after", ("conserje.notices.posting:Receiver.post",), "told, not written down"),
    Point("noting", "work", "after", ("conserje.notices.tellings:note",), "written, not committed"),
)
# fmt: on
BY_NAME = {point.name: point for point in POINTS}


def arm(program: str) -> None:
    """Let this process watch the points of its program."""
    for point in POINTS:
        if point.program == program:
            for place in point.places:
                _watch(point, place)


def _watch(point: Point, place: str) -> None:
    module, _, path = place.partition(":")
    owner: Any = import_module(module)
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    setattr(owner, name, _watched(getattr(owner, name), point))


def _watched(function: Callable[..., Any], point: Point) -> Callable[..., Any]:
    before = point.when == "before"

    @functools.wraps(function)
    async def run_async(*arguments: Any, **named: Any) -> Any:
        if before:
            _pass(point, arguments, None)
        result = await function(*arguments, **named)
        if not before:
            _pass(point, arguments, result)
        return result

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        if before:
            _pass(point, arguments, None)
        result = function(*arguments, **named)
        if not before:
            _pass(point, arguments, result)
        return result

    return run_async if inspect.iscoroutinefunction(function) else run


def _pass(point: Point, arguments: Arguments, result: object) -> None:
    """Obey an order for this point, if there is one."""
    order = Path(os.environ[ORDERS], point.name)
    if not (order.exists() and point.counts(arguments, result)):
        return
    try:
        number = signal.Signals[order.read_text()]
        order.rename(order.with_name(f"{point.name}.{os.getpid()}"))
    except FileNotFoundError:  # another process was quicker
        return
    os.kill(os.getpid(), number)
