"""The backups of this machine's folder, and whether they were proven."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from conserje.operations import journal, shelf
from conserje.operations.archive import BackupError
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import Place, Seen, view

SHOWN = 50


@view("installation.read")
async def backups(asked: Asked) -> Seen:
    folder = asked.context.settings.backups
    found = await asyncio.to_thread(_look, folder, asked.context.settings.data_dir) if folder else {}
    return Seen(
        "operator/backups.html", {"folder": folder, "there": [], "warnings": [], "fault": "", **found}
    )


def _look(folder: Path, data_dir: Path) -> dict[str, Any]:
    try:
        there = sorted(shelf.list_all(folder), key=lambda each: each.made_at, reverse=True)[:SHOWN]
        said = (shelf.warning(folder, shelf.node_of(data_dir)), journal.warning(folder))
    except (BackupError, OSError) as error:
        return {"fault": str(error)}
    return {"there": there, "warnings": [each for each in said if each]}


PLACES = (Place("/o/backups", backups),)
