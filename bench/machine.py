"""What a result was measured on."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sysconfig
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from bench.postgres import Postgres
from bench.process import Failed, output
from bench.servers import COMPETITORS, FOLDER, VENV

FSYNCS = 100
OPTIMISED = {"PGO": "--enable-optimizations", "LTO": "--with-lto"}


async def describe(postgres: Postgres) -> dict[str, Any]:
    (server,) = await postgres.row("postgres", "SHOW server_version")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": await _commit(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "python_built": _built(),
        "system": platform.platform(),
        "durability": await postgres.durability(),
        "data": _data(await postgres.folder()),
        "versions": {
            "python": platform.python_version(),
            "postgres": server,
            "wrk": " ".join(_said("wrk", "--version").split()[1:2]),
            "nginx": _said("nginx", "-v").strip().rpartition("/")[2],
        }
        | {name: version(name) for name in ("conserje", "granian", "asyncpg", "pgqueuer", "starlette")},
    }


async def competitors_versions() -> dict[str, str]:
    """The competitors' packages, as far as they are installed."""
    versions = {}
    if VENV.exists():
        frozen = await output(str(VENV / "bin/pip"), "freeze")
        versions = dict(line.split("==") for line in frozen.split() if "==" in line)
    if shutil.which("node"):
        versions["node"] = (await output("node", "--version")).strip()
    for name in ("express", "pg"):
        package = COMPETITORS / "express/node_modules" / name / "package.json"
        if package.exists():
            versions[name] = json.loads(package.read_text(encoding="utf-8"))["version"]
    return versions


async def _commit() -> str:
    """The checked-out commit, with a plus sign where files differ from it."""
    try:
        said = await output("git", "-C", str(FOLDER), "describe", "--always", "--abbrev=12", "--dirty=+")
    except Failed:
        return "unknown"
    return said.strip()


def _built() -> str:
    """How this Python was optimised, which all servers in Python run on."""
    said = str(sysconfig.get_config_var("CONFIG_ARGS"))
    used = [name for name, option in OPTIMISED.items() if option in said]
    return " and ".join(used) or "neither PGO nor LTO"


def _data(folder: Path) -> dict[str, Any]:
    """The file system that Postgres writes to, and what a commit must wait for there."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    within = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    device, _, kind = max(within, key=lambda mount: len(mount[1]))[:3]
    return {"folder": str(folder), "device": device, "kind": kind, "fsync_ms": _fsync_ms(folder)}


def _fsync_ms(folder: Path) -> float:
    """The median of some, each of a page."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FSYNCS):
            os.pwrite(file.fileno(), b"x" * 8192, 0)
            began = time.monotonic()
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - began) * 1000)
    return median(took)


def _cpu() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1] if found else platform.processor()


def _said(*command: str) -> str:
    """What a program says of itself; nothing where it is not installed, nor needed."""
    if not shutil.which(command[0]):
        return ""
    seen = subprocess.run(command, capture_output=True, text=True, check=False)
    return seen.stdout + seen.stderr
