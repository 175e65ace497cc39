"""Tables fit the terminal; durations are as people write them; colours are for what needs a look."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from processes import bare_environment

from conserje.cli import table
from conserje.cli.main import main
from conserje.cli.times import Duration, ago, read_duration, written

ROWS = [
    {"id": 1, "name": "Ana", "text": "hola, ¿tienen pan amasado para mañana?"},
    {"id": 22, "name": "Ñandú 🦤", "text": "sí"},
]


def shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int | None
) -> list[str]:
    monkeypatch.setattr(table, "terminal_width", lambda: width)
    table.show_rows(ROWS, False, "none")
    return capsys.readouterr().out.splitlines()


def test_the_widest_column_is_cut_where_the_terminal_is_narrower(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(monkeypatch, capsys, 30) == [
        "ID  NAME      TEXT",
        "1   Ana       hola, ¿tienen p…",
        "22  Ñandú 🦤  sí",
    ]


def test_whoever_reads_a_pipe_gets_everything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(monkeypatch, capsys, None)[1] == "1   Ana       hola, ¿tienen pan amasado para mañana?"


def test_no_column_is_cut_to_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(monkeypatch, capsys, 5)[1] == "1   Ana       hola, ¿…"


def test_a_long_cell_costs_in_proportion_to_its_length() -> None:
    began = time.thread_time()
    assert table._cut("ñandú " * 100_000, 9) == "ñandú ña…"
    assert time.thread_time() - began < 5  # a look at all that is left, for each letter: half an hour


def on_terminal(*words: str, columns: int, **environment: str) -> str:
    """What `conserje` prints on a terminal of this width."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.Popen(
            [sys.executable, "-m", "conserje", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.DEVNULL,
            env=bare_environment() | {"COLUMNS": str(columns)} | environment,
        )
        os.close(theirs)
        said = b""
        while part := _read(ours):
            said += part
        assert done.wait(60) == 0
        return said.decode()
    finally:
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def test_on_a_terminal(tmp_path: Path) -> None:
    said = on_terminal("plugin", "list", columns=80, CONSERJE_DATA_DIR=str(tmp_path))
    lines = [click.unstyle(line) for line in said.splitlines()]
    assert len(lines) > 4 and max(map(len, lines)) <= 80 and any("…" in line for line in lines)
    assert "\x1b[1m" in said
    plain = on_terminal("plugin", "list", columns=80, CONSERJE_DATA_DIR=str(tmp_path), NO_COLOR="1")
    assert "\x1b" not in plain and plain.splitlines() == lines


def test_what_alarms_is_red_on_a_terminal_alone() -> None:
    @click.command()
    def show() -> None:
        table.show_rows(ROWS, False, "none", alarming=lambda row: row["id"] == 22)

    assert CliRunner().invoke(show, color=True).output.splitlines()[2].startswith("\x1b[31m22")
    assert "\x1b" not in CliRunner().invoke(show).output


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (timedelta(), "0 s"),
        (timedelta(milliseconds=34), "34 ms"),
        (timedelta(seconds=1.2), "1.2 s"),
        (timedelta(seconds=90), "1 min 30 s"),
        (timedelta(minutes=15), "15 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=3, seconds=1), "3 days 1 s"),
    ],
)
def test_durations_are_written_as_people_do_and_read_back(duration: timedelta, said: str) -> None:
    assert written(duration) == said
    assert "." in said or read_duration(said) == duration


def test_how_long_ago_is_told_in_two_units() -> None:
    assert ago(datetime.now(UTC) - timedelta(days=3, hours=4, minutes=5, seconds=6)) == "3 days 4 h ago"
    assert ago(datetime.now(UTC) - timedelta(hours=2, minutes=5, seconds=6)) == "2 h 5 min ago"
    assert ago(datetime.now(UTC) + timedelta(hours=1)) == "0 s ago"


@pytest.mark.parametrize("text", ["", "h", "2", "2x", "2 h 5", "-2h", "2hours", "123456d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


def test_the_help_is_the_same_without_colours() -> None:
    assert CliRunner().invoke(main, ["--help"], env={"NO_COLOR": "1"}).exit_code == 0
