"""The shape of the repository: what a rule says, a test holds."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/*/pyproject.toml"))
DISTRIBUTIONS = [*(ROOT / name for name in ("core", "edge", "nginx", "certbot", "tests/fakes")), *PLUGINS]


def project(folder: Path) -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return table


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_is_one_module_with_one_entry_point(folder: Path) -> None:
    name = f"conserje_{folder.name}"
    assert (folder / f"{name}.py").exists() != (folder / name / "__init__.py").exists()
    described = project(folder)
    assert described["name"] == f"conserje-{folder.name}"
    points = described["entry-points"]
    assert isinstance(points, dict)
    assert list(points) == [f"conserje.{folder.parent.name}"]
    assert points[f"conserje.{folder.parent.name}"][folder.name].startswith(f"{name}:")


def test_names_are_unique_over_channels_and_assistants() -> None:
    names = [folder.name for folder in PLUGINS]
    assert len(names) == len(set(names))


def test_every_distribution_is_installed_by_what_runs() -> None:
    listed = (ROOT / "requirements.txt").read_text()
    for folder in DISTRIBUTIONS:
        assert f"-e ./{folder.relative_to(ROOT)}" in listed


def test_all_distributions_have_one_version_and_the_changelog_knows_it() -> None:
    versions = {project(folder)["version"] for folder in DISTRIBUTIONS}
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest
    assert versions == {newest[1]}


def test_the_root_cannot_be_installed() -> None:
    assert "project" not in tomllib.loads((ROOT / "pyproject.toml").read_text())


def pinned(file: str) -> dict[str, str]:
    """The version of each distribution in a file of pins; every one of them has hashes."""
    text = (ROOT / "deployment" / "pins" / file).read_text()
    pins = re.findall(r"^([a-z0-9._-]+)==(\S+)[^\n]*\\\n    --hash=sha256:", text, re.M)
    assert len(pins) == len(re.findall(r"^\S", text, re.M)), "each has a version and a hash"
    return dict(pins)


@pytest.mark.parametrize("folder", [folder for folder in DISTRIBUTIONS if folder.name != "fakes"])
def test_what_a_release_is_installed_with_is_pinned_by_hashes(folder: Path) -> None:
    pins = pinned("certbot.txt" if folder.name == "certbot" else "conserje.txt")
    wanted = project(folder)["dependencies"]
    assert isinstance(wanted, list)
    for requirement in map(Requirement, wanted):
        if not requirement.name.startswith("conserje"):
            assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), "make pins"


def test_both_files_of_pins_can_be_installed_beside_each_other() -> None:
    one, other = pinned("certbot.txt"), pinned("conserje.txt")
    assert {name for name in one.keys() & other.keys() if one[name] != other[name]} == set()


def test_no_file_is_longer_than_500_lines_and_no_lock_file_names_hosts() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    long = [
        name
        for name in tracked
        if name.endswith(".py")
        and (ROOT / name).exists()
        and len((ROOT / name).read_text().splitlines()) > 500
    ]
    assert not long
    assert not [name for name in tracked if name.endswith((".lock", "package-lock.json"))]
