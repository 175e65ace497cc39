"""What tests of backups share: the programs of a server, which root's would copy for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import new_folder

from conserje.storage import programs


@pytest.fixture(scope="session")
def programs_for() -> Iterator[Callable[[Path], None]]:
    """Lends a data directory the programs that are copied once."""
    with new_folder() as folder:
        programs.ensure_user()
        programs.place(folder)
        copied = next((path for path in folder.iterdir() if path.is_dir()), None)

        def lend(data_dir: Path) -> None:
            if copied:
                shutil.copytree(copied, data_dir / copied.name, copy_function=os.link)

        yield lend
