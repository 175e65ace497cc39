"""The breaker: whoever fails again and again is left alone for a while, and then tried by one alone.

A model's server that is away would hold each turn for as long as it may think; so the fallback answers at
once.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from conserje.contract.assistant import NoAnswer
from conserje.contract.wire import VendorFailed

FAILURES = 3  # in a row, after which it is left alone
FIRST, LONGEST = 5.0, 120.0  # seconds for which it is; each time twice as long
_PATIENCE = 10.0  # seconds
_KEPT = 10_000  # names that have failed; the oldest are forgotten


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    until: float = 0.0
    rest: float = 0.0  # the seconds of the last time
    tried: bool = False  # somebody is trying it now


class Breaker:
    """Which servers, and which keys at them, are left alone for now; of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._circuits: OrderedDict[str, _Circuit] = OrderedDict()

    @contextmanager
    def asking(self, server: str, key: str) -> Iterator[None]:
        """A request to the server. Raises NoAnswer at once where it, or the key, is left alone.

        VendorFailed is counted against the server or the key; any other NoAnswer shows that both do their
        part. Who is cancelled after a long time has waited for the server.
        """
        names, began = (server, f"{server} {sha256(key.encode()).hexdigest()}"), self._clock()
        trying = self._heed(names)
        try:
            yield
        except VendorFailed as failed:
            self._failed(names[failed.of_key], failed.after)
            raise
        except NoAnswer:
            self._well(names)
            raise
        except asyncio.CancelledError:
            if self._clock() - began >= _PATIENCE:
                self._failed(server, 0.0)
            raise
        else:
            self._well(names)
        finally:
            for circuit in trying:
                circuit.tried = False

    def _heed(self, names: tuple[str, ...]) -> list[_Circuit]:
        """What this one tries for all: whoever was under way before tries nothing. Raises NoAnswer."""
        known = [self._circuits[name] for name in names if name in self._circuits]
        for circuit in known:
            if circuit.failures < FAILURES:
                continue
            rest = circuit.until - self._clock()
            if rest > 0 or circuit.tried:
                what = f"in {max(rest, 1):.0f} s" if rest > 0 else "by another turn now"
                why = (
                    f"The model's server failed {circuit.failures} times in a row; it is tried again {what}."
                )
                raise NoAnswer(why)
        trying = [circuit for circuit in known if circuit.failures >= FAILURES]
        for circuit in trying:
            circuit.tried = True
        return trying

    def _failed(self, name: str, after: float) -> None:
        circuit, now = self._circuits.setdefault(name, _Circuit()), self._clock()
        circuit.failures += 1
        if circuit.failures >= FAILURES and now >= circuit.until:  # others may have been under way
            circuit.rest = min(max(circuit.rest * 2, FIRST), LONGEST)
            circuit.until = now + min(max(circuit.rest, after), LONGEST)
        self._circuits.move_to_end(name)
        while len(self._circuits) > _KEPT:
            self._circuits.popitem(last=False)

    def _well(self, names: Iterable[str]) -> None:
        for name in names:
            self._circuits.pop(name, None)
