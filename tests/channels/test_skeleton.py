"""The channels of several files have the modules that docs/channels.md names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = re.findall(r"^\| `(\w+)` \| ", (ROOT / "docs" / "channels.md").read_text(), re.M)
SKELETON = MODULES[MODULES.index("__init__") :]


def test_the_manual_names_all_eight() -> None:
    assert len(SKELETON) == 8


@pytest.mark.parametrize("name", ["meta", "twilio"])
def test_the_modules_are_there(name: str) -> None:
    folder = ROOT / "plugins" / "channels" / name / f"conserje_{name}"
    assert not [module for module in SKELETON if not (folder / f"{module}.py").exists()]
