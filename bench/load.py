"""Load by wrk: prepared webhooks over kept connections, every request with its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bench.process import output

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = 64
THREADS = 2
DRAIN = 2  # seconds that wrk stays for the last answers


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw; times in milliseconds."""

    seconds: int
    answers: int
    refused: int
    broken: int
    ran_out: int
    p50: float
    p99: float

    @property
    def accepted(self) -> int:
        return self.answers - self.refused

    @property
    def rate(self) -> float:
        """Accepted webhooks a second.

        A connection sends until its time is up, so each one's last answer, and no other, came after.
        """
        return max(self.accepted - CONNECTIONS, 0) / self.seconds

    def fault(self) -> str | None:
        """Why this run says nothing, if it does not."""
        if self.ran_out:
            return "the prepared webhooks ran out: raise --ceiling"
        if self.broken:
            return f"{self.broken} connections broke or waited over 10 s"
        if self.refused:
            return f"{self.refused} of {self.answers} answers were not 2xx"
        if self.answers < CONNECTIONS:
            return f"only {self.answers} answers"
        return None


async def drive(port: int, webhooks: Path, seconds: int) -> Load:
    """Post the files' webhooks to a server of this machine for `seconds`."""
    said = await output(
        "wrk",
        f"--connections={CONNECTIONS}",
        f"--threads={THREADS}",
        f"--duration={seconds + DRAIN}s",
        "--timeout=10s",
        f"--script={SCRIPT}",
        f"http://127.0.0.1:{port}/",
        "--",
        str(webhooks),
        str(seconds),
    )
    seen = json.loads(said.splitlines()[-1])
    return Load(
        seconds,
        seen["answers"],
        seen["refused"],
        seen["broken"],
        seen["ran_out"],
        seen["p50"] / 1000,
        seen["p99"] / 1000,
    )
