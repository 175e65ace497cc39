"""What the benchmark counts and writes, where it can be wrong without anybody seeing it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))  # where `bench` is, as bench/run.py has it

from bench import cost, memory, report
from bench.acknowledgements import Acknowledgements
from bench.cost import Cost, Process
from bench.load import percentile
from bench.relay import Counts, Messages
from bench.report import Report
from bench.throughput import Run

MACHINE = {
    "date": "2026-01-01T10:00:00",
    "commit": "abc",
    "load_before": 0.5,
    "cores": 2,
    "cpu": "a processor",
    "python_built": "PGO",
    "versions": {"python": "3.11", "nginx": "1", "postgres": "18"},
    "data": {"kind": "ext4", "device": "/dev/vda", "fsync_ms": 0.1},
}
PAGE = (
    "a\n<!-- measured: handshake -->\nold\n<!-- end -->\nb\n<!-- measured: reply -->\nkept\n<!-- end -->\nc\n"
)


def run(name: str, microseconds: float, void: str | None = None) -> Run:
    return Run(
        name, name.title(), 1, 100.0, 1.0, 2.0, 10, (10, 10), Cost({"server": microseconds}, 1, 1), void
    )


def test_only_what_was_measured_is_written() -> None:
    page = report.filled(PAGE, {"handshake": "new\n"})
    assert page == PAGE.replace("old\n", "\nnew\n\n")
    assert report.filled(page, {"handshake": "new\n"}) == page


def test_every_part_has_its_place_in_the_page() -> None:
    from bench.command import PAGES
    from bench.tables import SECTIONS

    places = [name for page in PAGES for name in report.BETWEEN.findall(page.read_text(encoding="utf-8"))]
    assert sorted(places) == sorted([*SECTIONS, "machine", "sentence"])


def test_the_median_of_the_rounds_that_count_is_told() -> None:
    runs = [run("conserje", each) for each in (100, 300, 200)]
    void = run("flask", 1, void="an answer was not 2xx")
    seen = Report(
        MACHINE, {}, {"acknowledgements": Acknowledgements(3, 1, [*runs, run("express", 500), void])}
    )
    text = seen.sections()["acknowledgements"]
    assert "| Conserje | 200 |  |  | 200 | 100-300 | 1.00 x |" in text
    assert "| Express | 500 |  |  | 500 | 500-500 | 2.50 x |" in text
    assert "| Flask |" not in text
    assert "Void: Flask, 1 workers: an answer was not 2xx" in text
    assert not seen.sound


def test_a_sentence_is_said_only_of_servers_in_one_run() -> None:
    ours, theirs = run("conserje", 500), run("express", 800)
    both = Report(MACHINE, {}, {"acknowledgements": Acknowledgements(1, 1, [ours, theirs])})
    assert "costs 0.50 ms of processor time" in both.sections()["sentence"]
    assert "Express 1.6 times as much" in both.sections()["sentence"]
    alone = Report(MACHINE, {}, {"acknowledgements": Acknowledgements(1, 1, [ours])})
    assert "sentence" not in alone.sections()


def test_a_part_that_failed_says_so_in_the_place_of_a_figure() -> None:
    seen = Report(MACHINE, {}, failed={"handshake": "nginx ended at once"})
    assert "Void: nginx ended at once" in report.filled(PAGE, seen.sections())
    assert "old" not in report.filled(PAGE, seen.sections())


def test_descendants_are_of_their_own_tree() -> None:
    seen = {pid: Process(parent, ticks=1) for pid, parent in ((2, 1), (3, 2), (4, 3), (5, 1))}
    assert sorted(cost.descendants(2, seen)) == [2, 3, 4]
    assert cost.descendants(9, seen) == []


def test_processor_time_has_that_of_children_that_ended() -> None:
    spin = "import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}]); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        used = cost.processor_time({"it": [process.pid], "nobody": []})
        assert cost.processor_time({"it": [process.pid]}, aside=process.pid) == {"it": 0}
        process.communicate(b"\n")
    assert used["it"] >= 100_000
    assert used["nobody"] == 0


@pytest.mark.parametrize(("part", "value"), [(0.5, 2), (0.99, 9), (0.1, 1)])
def test_percentiles_of_counts(part: float, value: int) -> None:
    assert percentile({1: 10, 2: 80, 9: 10}, part) == value


@pytest.mark.parametrize("piece", [1, 2, 7, 100])
def test_answers_are_counted_in_whatever_pieces_they_come(piece: int) -> None:
    rest = b"CZ" * 5  # of a row, which may have any bytes
    row = b"D" + (4 + len(rest)).to_bytes(4) + rest
    done, ready = b"C\0\0\0\x0dINSERT 0\0", b"Z\0\0\0\x05I"
    said = row + done + ready + b"1\0\0\0\x04" + row + b"s\0\0\0\x04" + ready
    messages, counts = Messages(), Counts()
    for at in range(0, len(said), piece):
        for kind in messages.kinds(said[at : at + piece]):
            counts.add(kind)
    assert (counts.trips, counts.statements) == (2, 2)


def test_who_listens_is_found_and_has_memory_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "here"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert memory.listening_at(path, [os.getppid(), os.getpid()]) == [os.getpid()]
        assert memory.listening_at(tmp_path / "there", [os.getpid()]) == []
    assert 0 < memory.own_megabytes(os.getpid()) <= memory.megabytes(os.getpid())
