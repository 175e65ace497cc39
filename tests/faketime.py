"""Clocks that are wrong: a program's, or a Postgres of the test's own, by Debian's libfaketime."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from crash import postgres
from debian import require

LIBRARY = "libfaketimeMT.so.1"  # of programs with threads


def fast(seconds: int) -> Mapping[str, str]:
    """What a program's environment says for its clock to be fast, and nothing else: waiting takes as long."""
    return {"LD_PRELOAD": _library(), "FAKETIME": f"+{seconds}", "DONT_FAKE_MONOTONIC": "1"}


def _library() -> str:
    prefix = Path(require("faketime", "faketime")).parents[1]
    return str(next(prefix.glob(f"lib/*/faketime/{LIBRARY}")))


@dataclass(frozen=True)
class Clock:
    """The clock of a Postgres, which can be set while that runs."""

    file: Path
    url: str

    def set(self, ahead: int) -> None:
        """Seconds that it is fast from now on."""
        draft = self.file.with_suffix(".draft")
        draft.write_text(f"{ahead:+d}\n")
        draft.rename(self.file)


@asynccontextmanager
async def postgres_fast(folder: Path, seconds: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Clock]:
    """A Postgres in `folder` with a clock that is fast; the database is empty."""
    clock = Clock(folder / "clock", "")
    clock.set(seconds)
    with monkeypatch.context() as environment:
        for name, value in fast(0).items():
            environment.setenv(name, value)
        environment.delenv("FAKETIME")
        environment.setenv("FAKETIME_TIMESTAMP_FILE", str(clock.file))
        environment.setenv("FAKETIME_NO_CACHE", "1")
        server = postgres.running(folder)
        running = await server.__aenter__()
    try:
        yield Clock(clock.file, running.url)
    finally:
        await server.__aexit__(None, None, None)
