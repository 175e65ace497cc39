"""Where and how long a part of the benchmark is measured."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from bench.postgres import Postgres
from bench.servers import Conserje


@dataclass(frozen=True)
class Place:
    """What the parts have in common; each makes its own database."""

    postgres: Postgres
    conserje: Conserje
    folder: Path
    seconds: int  # that a run is measured


def say(line: str) -> None:
    """Progress, for who waits."""
    print(line, file=sys.stderr, flush=True)
