"""What was called while thinking, for who asks why something was said."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from conserje.contract.assistant import Offer, Result, Tools
from conserje.plugins.redaction import redacted
from conserje.storage.text import clean

MOST = 50  # calls that are kept of a turn
LONGEST = 2000  # characters of what one was called with, and of what came of it


@dataclass(frozen=True, slots=True)
class Called:
    """A model or a tool that was called: with what, what came of it, how long it took."""

    kind: Literal["model", "tool"]
    name: str
    arguments: str = ""  # as they were given
    result: str = ""  # what the model read of it
    failed: bool = False
    took: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Noted:
    """The tools of a turn; each call of one is noted in `called`."""

    tools: Tools
    called: list[Called]

    @property
    def offers(self) -> Sequence[Offer]:
        return self.tools.offers

    async def call(self, name: str, arguments: Mapping[str, Any] | str) -> Result:
        started = time.monotonic()
        result = await self.tools.call(name, arguments)
        took = timedelta(seconds=time.monotonic() - started)
        self.called.append(Called("tool", name, _written(arguments), result.text, result.failed, took))
        return result


def _written(arguments: Mapping[str, Any] | str) -> str:
    if isinstance(arguments, str):
        return arguments
    try:
        return json.dumps(dict(arguments), ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return ""  # nothing was called with it


def stored(called: Sequence[Called]) -> str | None:
    """As they are kept, without what looks like a secret; None: nothing was called."""
    if not called:
        return None
    kept = [
        {
            "kind": each.kind,
            "name": _kept(each.name),
            "arguments": _kept(each.arguments),
            "result": _kept(each.result),
            "failed": each.failed,
            "took": round(each.took.total_seconds(), 3),
        }
        for each in called[:MOST]
    ]
    return json.dumps(kept, ensure_ascii=False)


def _kept(text: str) -> str:
    return redacted(clean(text[: 2 * LONGEST]))[:LONGEST]  # a secret that is cut looks like none
