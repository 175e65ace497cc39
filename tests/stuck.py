"""Plugins that get stuck as they are told to: a channel and assistants, and the ways to get stuck."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from signed import Signed

from conserje import Assistant, InboundMessage, Nothing, Reply, Text, Turn, Unreadable, Webhook, plain

_kept: list[bytes] = []


def _match() -> None:
    re.match("(a+)+$", "a" * 64 + "b")


def _count() -> None:
    sum(range(10**15))  # in C, which lets nobody else have the interpreter


def _sleep() -> None:
    time.sleep(3600)


def _hoard() -> None:
    _kept.append(b"x" * (256 * 1024 * 1024))


ORDERS = {"expression": _match, "C call": _count, "sleep": _sleep, "hoard": _hoard}


async def swallow() -> None:
    """Go on whatever is cancelled."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


class Stuck(Signed):
    """Gets stuck while parsing a message that is an order."""

    name = "stuck"

    def parse(self, hook: Webhook) -> Iterable[InboundMessage | Unreadable]:
        events = list(super().parse(hook))
        for event in events:
            if isinstance(event, InboundMessage):
                ORDERS.get(plain(event.content), lambda: None)()
        return events


class Stalled(Assistant[Nothing, Nothing, Nothing]):
    """Gets stuck at an order; else says back what was written."""

    name = "stalled"
    Credentials = Settings = Operator = Nothing

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        written = "\n".join(plain(message.content) for message in turn.messages)
        if written == "swallow":
            await swallow()
        ORDERS.get(written, lambda: None)()
        return Reply((Text(written),))


class Unstarted(Stalled):
    """Does not start, or gets stuck where UNSTARTED names an order."""

    name = "unstarted"

    async def start(self) -> None:
        ORDERS.get(os.environ.get("UNSTARTED", ""), lambda: None)()
        raise ConnectionError


def install(folder: Path) -> str:
    """Make them plugins of a process whose PYTHONPATH begins with what this returns."""
    metadata = folder / "stuck-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stuck\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[conserje.channels]\nstuck = stuck:Stuck\n"
        "[conserje.assistants]\nstalled = stuck:Stalled\nunstarted = stuck:Unstarted\n"
    )
    return f"{folder}:{Path(__file__).parent}"
