"""The rooms of core and edge: what `make check` holds of them, and that it does."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = (ROOT / "pyproject.toml").read_text()
BIN = Path(sys.executable).parent
ROOMS = sorted(
    path.parent
    for package in ("core/conserje", "edge/conserje_edge")
    for path in (ROOT / package).glob("*/__init__.py")
    if path.parent.name not in ("kit", "testing")  # which are doors of plugins, as the package itself is
)
INTRUSIONS = (
    "import conserje.storage.queue",
    "from conserje import storage",
    "from conserje.storage.queue import enqueue",
    "from conserje.contract.message import Text",
    "def later() -> None:\n    from conserje.tenants import vault",
    "from conserje.kit.signing import Hmac",
)


@pytest.mark.parametrize(
    ("statement", "owner"),
    [
        ("UPDATE conversations", "state.py"),
        ("next_sequence", "outbox.py"),
        ("direction, content, kind, turn_id", "outbox.py"),
    ],
)
def test_a_conversation_s_row_and_what_it_says_have_one_owner(statement: str, owner: str) -> None:
    found = {path.name for path in (ROOT / "core/conserje").rglob("*.py") if statement in path.read_text()}
    assert found == {owner}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_s_init_is_its_sentence_alone(room: Path) -> None:
    """What it re-exported would get past the linter."""
    tree = ast.parse((room / "__init__.py").read_text())
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


def test_edge_has_no_sql() -> None:
    """A table is asked by the room of core that owns it."""
    asking = re.compile(
        r"\b(?:SELECT|INSERT|UPDATE|DELETE FROM)\b|\.(?:fetch|fetchrow|fetchval|execute|executemany)\("
    )
    found = {
        f"{path.name}:{number}"
        for path in (ROOT / "edge").rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if asking.search(line)
    }
    assert not found


@pytest.mark.parametrize("intrusion", INTRUSIONS)
def test_a_plugin_of_one_file_that_enters_a_room_fails_the_check(intrusion: str) -> None:
    done = subprocess.run(
        [
            BIN / "ruff",
            "check",
            "--select",
            "TID251",
            "--stdin-filename",
            "plugins/channels/x/conserje_x.py",
            "-",
        ],
        input=intrusion,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert "TID251" in done.stdout


@pytest.mark.parametrize("intrusion", INTRUSIONS)
def test_a_plugin_that_enters_a_room_fails_the_check(intrusion: str, tmp_path: Path) -> None:
    doors = "from conserje import Tool, testing\nfrom conserje.kit import Closed"
    assert lint(tmp_path, doors).returncode == 0
    done = lint(tmp_path, intrusion)
    assert done.returncode == 1
    assert "Plugins see the door only BROKEN" in done.stdout


def lint(folder: Path, module: str) -> subprocess.CompletedProcess[str]:
    """What `make check` says of the imports where one more package is a plugin."""
    (folder / "conserje_x").mkdir(exist_ok=True)
    (folder / "conserje_x" / "__init__.py").write_text(module)
    settings = folder / "pyproject.toml"
    settings.write_text(SETTINGS.replace('"conserje_meta",', '"conserje_meta", "conserje_x",', 1))
    return subprocess.run(
        [BIN / "lint-imports", "--no-cache", str(settings)],
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
