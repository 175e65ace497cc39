"""The folder of backups: which there are, which are kept, and what a run that was broken off left."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from conserje.operations import archive
from conserje.operations.archive import BackupError, Head
from conserje.settings import KEEP

SUFFIX, HALF = ".backup", ".part"
NODE = "node"  # the file in a data directory that names it
SKEW = timedelta(hours=1)  # between the clocks of Postgres, of the folder's machine and ours
OLD_AFTER = timedelta(hours=36)  # a daily one was left out, or does not end well
_PERIODS: tuple[Callable[[datetime], tuple[int, ...]], ...] = (
    lambda at: (at.year, at.month, at.day),
    lambda at: at.isocalendar()[:2],
    lambda at: (at.year, at.month),
)

_DAYS = (timedelta(days=1), timedelta(days=7), timedelta(days=31))


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that is finished; `fault`: why nothing is known of it."""

    path: Path
    bytes: int
    written_at: datetime
    head: Head | None
    fault: str | None = None

    @property
    def made_at(self) -> datetime:
        return self.head.made_at if self.head else datetime.min.replace(tzinfo=UTC)

    @property
    def age(self) -> timedelta:
        return datetime.now(UTC) - self.made_at

    @property
    def node(self) -> str | None:
        return self.head.node if self.head else None

    @property
    def oddity(self) -> str | None:
        """What an operator has to know of its clock; None: nothing."""
        if self.age > -SKEW:
            return None
        return (
            f"{self.path.name} says that it was made at {self.made_at:%Y-%m-%d %H:%M} UTC, which is yet to"
            " come: see that the clocks are right, and remove it once another one is there."
        )

    @property
    def proven(self) -> bool:
        return self.head is not None and self.head.unproven is None


@dataclass(frozen=True, slots=True)
class Keep:
    """Of how many days, weeks and months a backup is kept."""

    counts: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises ValueError."""
        if not (found := KEEP.fullmatch(text)):
            raise ValueError("write days, weeks and months, such as 7d4w6m")
        return cls(tuple(int(number or 0) for number in found.groups()))

    @property
    def longest(self) -> timedelta:
        """How old a backup becomes, as long as new ones come."""
        return max(count * days for count, days in zip(self.counts, _DAYS, strict=True))

    def chosen(self, backups: Sequence[Backup]) -> set[Path]:
        """Those of each node by themselves: each holds files that no other one has.

        One whose clock was ahead is kept, and takes no other's place.
        """
        right = [each for each in backups if not each.oddity]
        nodes = {each.node for each in right if each.node} or {""}  # older ones name none: each node's
        of_each = [[each for each in right if each.node in (node, "")] for node in nodes]
        odd = {each.path for each in backups if each.oddity}
        return odd | {path for those in of_each for path in self._of_one(those)}

    def _of_one(self, backups: Sequence[Backup]) -> set[Path]:
        """The newest of each period, one that was proven before others, and the newest, proven or not."""
        best = sorted(backups, key=lambda each: (each.proven, each.made_at), reverse=True)
        kept = {each.path for each in (*best[:1], *sorted(best, key=lambda each: each.made_at)[-1:])}
        for count, period_of in zip(self.counts, _PERIODS, strict=True):
            periods: dict[tuple[int, ...], Path] = {}
            for each in best:
                periods.setdefault(period_of(each.made_at.astimezone(UTC)), each.path)
            latest = sorted(periods, reverse=True)[:count]
            kept |= {periods[period] for period in latest}
        return kept


def list_all(folder: Path) -> list[Backup]:
    """The newest first. Raises BackupError where the folder is not there or may not be read."""
    try:
        found = [_backup(path) for path in folder.iterdir() if path.name.endswith(SUFFIX)]
    except FileNotFoundError:
        raise BackupError(
            f"The folder of backups {folder} is not there: mount it, or make one by `conserje backup`."
        ) from None
    except OSError as error:
        raise BackupError(f"The folder of backups {folder} cannot be read ({error.strerror}).") from None
    there = [each for each in found if each]
    return sorted(there, key=lambda each: (each.made_at, each.path.name), reverse=True)


def _backup(path: Path) -> Backup | None:
    """None: it went after it was listed."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    size, written_at = found.st_size, datetime.fromtimestamp(found.st_mtime, UTC)
    try:
        return Backup(path, size, written_at, archive.read_head(path))
    except BackupError as error:
        return Backup(path, size, written_at, None, str(error)) if path.exists() else None


def _proven(there: Sequence[Backup]) -> list[Backup]:
    return [each for each in there if each.proven and not each.oddity]


def node_of(data_dir: Path) -> str | None:
    """The name that backups of this data directory have; None: it has made none. Raises OSError."""
    try:
        return (data_dir / NODE).read_text()
    except FileNotFoundError:
        return None


def _of_node(there: Sequence[Backup], node: str | None) -> list[Backup]:
    """With older ones, which name none; all of them for who has made none."""
    return [each for each in there if node is None or each.node in (node, "", None)]


def newest(folder: Path, node: str | None = None) -> Backup | None:
    """The newest of this node that was proven; None: there is none. Raises BackupError."""
    return next(iter(_proven(_of_node(list_all(folder), node))), None)


def to_restore(folder: Path) -> Path:
    """The newest that was proven, where all are of one node. Raises BackupError."""
    there = list_all(folder)
    if not (proven := _proven(there)):
        raise BackupError(f"{folder} has no backup that was proven: name one.")
    if odd := [each.oddity for each in there if each.oddity]:
        raise BackupError(f"Nobody knows which backup is the newest, so name one: {odd[0]}")
    if len(nodes := {str(each.node) for each in proven if each.node or each is proven[0]}) > 1:
        named = ", ".join(sorted(nodes))
        raise BackupError(
            f"{folder} has backups of several machines ({named}): name one of `conserje backup list`."
        )
    return proven[0].path


def needed_since(folder: Path) -> datetime:
    """Since when what is told beside the backups is needed by one: their clocks may have been ahead."""
    known = [each for each in list_all(folder) if each.head]
    return min((min(each.made_at, each.written_at) for each in known), default=datetime.now(UTC))


def warning(folder: Path, node: str | None = None) -> str | None:
    """What an operator has to do about the backups of this node; None: nothing."""
    try:
        there = list_all(folder)
    except BackupError as error:
        return str(error)
    odd = [each.oddity for each in there if each.oddity]
    return " ".join(filter(None, [*odd[:1], _want(folder, _of_node(there, node), node)])) or None


def _want(folder: Path, there: Sequence[Backup], node: str | None) -> str | None:
    """A newer or a proven one; None: they do."""
    if not (proven := _proven(there)):
        latest = there[0].head if there else None
        why = f"none that was proven ({latest.unproven})" if latest and latest.unproven else "none"
        whose = f" of {node}" if node else ""
        return f"Of the backups{whose} in {folder} there is {why}: run `conserje backup`."
    if (age := proven[0].age) > OLD_AFTER:
        hours = age.total_seconds() / 3600
        whose = f" of {named}" if (named := node or proven[0].node) else ""
        return (
            f"The newest proven backup{whose} in {folder} is {hours:.0f} hours old: see why `conserje backup`"
            " ends."
        )
    return None


def drop(folder: Path, keep: Keep) -> list[Path]:
    """Remove what is not kept; what was. A file of which nothing can be read is left to the operator."""
    known = [each for each in list_all(folder) if each.head]
    gone = [each.path for each in known if each.path not in keep.chosen(known)]
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


@contextmanager
def working(folder: Path) -> Iterator[None]:
    """Make the folder, keep others from making a backup in it, and remove what a dead one left.

    Raises BackupError.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BackupError(f"The folder of backups {folder} cannot be used ({error.strerror}).") from None
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for half in folder.glob(f"*{SUFFIX}{HALF}"):
            half.unlink()
        yield
    except BlockingIOError:
        raise BackupError(f"Somebody else makes a backup in {folder} just now: wait for its end.") from None
    finally:
        os.close(place)


def finish(half: Path) -> Path:
    """Give a whole backup its name, once it is on the disk."""
    whole = half.with_suffix("")
    half.rename(whole)
    keep_names(whole.parent)
    return whole


def keep_names(folder: Path) -> None:
    """Returns once the disk has the names of its files."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
