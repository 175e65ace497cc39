"""The service manager: systemd hears that this process is ready, and that it goes on."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

FEED_EVERY = 0.3  # of the time after which systemd would restart us


def ready() -> None:
    """Started: from now on systemd watches this process, where it is told to."""
    _tell("READY=1")


@dataclass
class Feed:
    """Tells systemd that this process goes on, as often as it wants to hear it."""

    _next: float = 0.0

    def tell(self) -> None:
        wanted = int(os.environ.get("WATCHDOG_USEC") or 0) / 1e6
        if wanted and (now := time.monotonic()) >= self._next:
            self._next = now + wanted * FEED_EVERY
            _tell("WATCHDOG=1")


def _tell(what: str) -> None:
    if path := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
            told.setblocking(False)
            try:
                told.sendto(what.encode(), "\0" + path[1:] if path.startswith("@") else path)
            except OSError:
                return  # nobody listens, or its queue is full: the next one comes
