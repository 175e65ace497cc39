"""A package that is installed for as long as a folder is on the path."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def install(
    folder: Path, name: str, source: str, entry_points: Mapping[str, str], requires: Sequence[str] = ()
) -> None:
    """Write a one-module distribution into `folder`, with entry points given as name: group.

    What an entry point names is the module's attribute of its name, capitalised for a plugin.
    """
    sys.modules.pop(name, None)  # an earlier one of that name
    (folder / f"{name}.py").write_text(source)
    metadata = folder / f"{name}-1.2.dist-info"
    metadata.mkdir()
    said = [f"Name: {name}", "Version: 1.2", *(f"Requires-Dist: {each}" for each in requires)]
    (metadata / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *said, ""]))
    lines = []
    for entry, group in entry_points.items():
        attribute = entry if group == "conserje.commands" else entry.capitalize()
        lines.append(f"[{group}]\n{entry} = {name}:{attribute}\n")
    (metadata / "entry_points.txt").write_text("\n".join(lines))
