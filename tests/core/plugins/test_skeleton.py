"""The package that an author begins with."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from itertools import product
from pathlib import Path

import pytest
from terminal import Terminal

from conserje.plugins import skeleton

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
ALL = list(product(skeleton.KINDS, skeleton.AUTHS))


def made(into: Path) -> list[Path]:
    return [skeleton.make(kind, f"{kind[0]}_{auth}", auth, into) for kind, auth in ALL]


def test_what_is_made_is_in_good_style(tmp_path: Path) -> None:
    folders = made(tmp_path)
    assert len(folders) == 9
    settings = ["--no-cache", "--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
    select = ["--select", "E,F,UP,B,SIM,RUF,ASYNC,TID", "--ignore", "RUF001,RUF002,RUF003"]
    for words in (["ruff", "check", "--quiet", *select], ["ruff", "format", "--diff"]):
        done = subprocess.run([BIN / words[0], *words[1:], *settings], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        [BIN / "rumdl", "check", "--config", ROOT / "pyproject.toml", tmp_path],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_no_mark_of_a_template_is_left(tmp_path: Path) -> None:
    for folder in made(tmp_path):
        for path in folder.rglob("*.*"):
            text = path.read_text()
            assert not any(mark in text.lower() for mark in ("#:", "acme", "{kind}", "{version}")), path


def test_dashes_stand_where_an_underline_is_out_of_place(tmp_path: Path) -> None:
    folder = skeleton.make("channel", "mi_canal", "hmac", tmp_path)
    assert folder == tmp_path / "conserje-mi-canal"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "conserje-mi-canal"
    assert project["entry-points"] == {"conserje.channels": {"mi_canal": "conserje_mi_canal:MiCanalChannel"}}
    source = (folder / "conserje_mi_canal.py").read_text()
    assert '"x-mi-canal-signature"' in source and "https://api.mi-canal.example" in source
    assert "CONSERJE_MI_CANAL_BASE_URL" in source


@pytest.mark.parametrize(
    "name", ["", "Acme", "1a", "a b", "a-b", "../x", "a_", "_a", "a__b", "a" * 41, "ñandú", "a\n", "a/b", "~"]
)
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(skeleton.NotMade, match="is no name of a plugin"):
        skeleton.make("tool", name, "none", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["json", "edge", "catalog"])
def test_the_name_of_a_package_that_is_installed_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(skeleton.NotMade, match=f"conserje_{name} is installed already"):
        skeleton.make("tool", name, "none", tmp_path)
    assert not list(tmp_path.iterdir())


async def test_a_folder_that_is_there_stays_as_it_is(terminal: Terminal, tmp_path: Path) -> None:
    (folder := tmp_path / "conserje-acme").mkdir()
    (folder / "mine.txt").write_text("mine")
    result = await terminal.type("plugin", "new", "channel", "acme", "--into", str(tmp_path), code=1)
    assert "is there already" in result.stderr
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


async def test_it_is_made_where_it_is_wanted_and_says_what_comes_next(
    terminal: Terminal, tmp_path: Path
) -> None:
    result = await terminal.type("plugin", "new", "channel", "acme", "--into", str(tmp_path))
    assert f"pip install -e '{tmp_path}/conserje-acme[test]'" in result.stdout
    said = await terminal.read("plugin", "new", "tool", "other", "--into", str(tmp_path), "--json")
    assert said == {"folder": str(tmp_path / "conserje-other")}


@pytest.mark.long
def test_each_is_green_beside_what_is_released(tmp_path: Path) -> None:
    """In a fresh environment, from built wheels alone, as an author's machine has it."""
    folders = made(tmp_path)
    wheels, python = tmp_path / "wheels", tmp_path / "venv/bin/python"
    for folder in (ROOT / "core", *folders):
        run("uv", "build", "--quiet", "--wheel", "--out-dir", wheels, folder)
    run("uv", "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    wanted = [f"{folder.name}[test]" for folder in folders]
    run("uv", "pip", "install", "--quiet", "--python", python, "--find-links", wheels, *wanted)
    done = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(each / "tests" for each in folders))
    assert " passed" in done
    listed = run(python, "-m", "conserje", "plugin", "list", "--json")
    assert listed.count('"ready"') >= len(folders)
    verdicts = run(python, "-m", "conserje", "plugin", "check", folders[1])
    assert {line.split()[0] for line in verdicts.splitlines()} == {"ok"} and " passed" in verdicts


def run(*words: str | Path) -> str:
    found = str(BIN / words[0]) if words[0] == "uv" else str(words[0])
    left_out = ("PYTHON", "PYTEST", "VIRTUAL_ENV", "CONSERJE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    done = subprocess.run(
        [found, *map(str, words[1:])],
        capture_output=True,
        text=True,
        timeout=400,
        env=environment | {"CONSERJE_DATA_DIR": "data"},
        cwd=Path(found).parents[2] if words[0] != "uv" else None,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
