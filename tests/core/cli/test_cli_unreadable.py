"""What only the service's user may read is said to be that, and not to be missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal

from conserje.tenants.keyring import VaultError, create_keyring, read_keyring


def closed(monkeypatch: pytest.MonkeyPatch, method: str, path: Path) -> None:
    """Let the system refuse this path, as it does to who is not root."""
    before = getattr(Path, method)

    def refused(self: Path, *args: Any, **options: Any) -> Any:
        if self == path:
            raise PermissionError(13, "Permission denied", str(path))
        return before(self, *args, **options)

    monkeypatch.setattr(Path, method, refused)


async def test_a_data_directory_of_the_service(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = tmp_path / "data" / "postgres" / "PG_VERSION"
    closed(monkeypatch, "stat", version)
    elsewhere = {"DATABASE_URL": "", "DATA_DIR": str(tmp_path / "data")}
    said = (await terminal.type("tenant", "list", code=1, **elsewhere)).stderr
    assert said.startswith(f"conserje: {version} is not open to the user who runs this: run it as")
    assert "sudo -u conserje" in said and said.count("\n") == 1


def test_a_keyring_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = tmp_path / "master.json"
    create_keyring(keyring)
    closed(monkeypatch, "open", keyring)
    with pytest.raises(VaultError, match="is not open to the user who runs this"):
        read_keyring(keyring)
