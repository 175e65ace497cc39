"""What a test needs of Debian beyond git, make and Python: without it the test is skipped, by its name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

SYSTEM = "/usr/sbin:/usr/local/sbin"  # not on everybody's path


def require(program: str, package: str) -> str:
    """Where the package's program is."""
    return _there(shutil.which(program, path=f"{os.environ['PATH']}:{SYSTEM}"), package)


def require_postgres() -> Path:
    """The folder of the programs of Debian's newest Postgres, which are on nobody's path."""
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    return Path(_there(str(servers[-1]) if servers else None, "postgresql")).parent


def _there(found: str | None, package: str) -> str:
    if not found:
        pytest.skip(f"needs Debian's {package}")
    return found
