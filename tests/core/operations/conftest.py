"""What tests of backups share: the programs of a server, which root's would copy for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import new_folder

from conserje.operations.progress import Progress
from conserje.operations.restore import Order
from conserje.settings import Settings
from conserje.storage import programs
from conserje.tenants.vault import Vault


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


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder() as folder:
        yield folder


@pytest.fixture
def old(folder: Path, keyring: Path) -> Settings:
    (folder / "old").mkdir()
    return Settings(data_dir=folder / "old", master_keys_file=keyring, backups=folder / "backups")


@pytest.fixture
def new(folder: Path, keyring: Path) -> Settings:
    (folder / "new").mkdir()
    return Settings(data_dir=folder / "new", master_keys_file=keyring, backups=folder / "backups")


@pytest.fixture
def order(empty_database_url: str, new: Settings, keyring: Path) -> Order:
    assert new.backups
    return Order(Path("nowhere"), empty_database_url, new, Vault.read(keyring), (new.backups,), Progress())
