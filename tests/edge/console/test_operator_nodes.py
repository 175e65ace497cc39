"""The operator sees the machines, and what waits on a disk of theirs."""

from __future__ import annotations

from people import House

from conserje.telemetry import metrics

BEAT = """
INSERT INTO heartbeats (process, kind, started_at, counted) VALUES ($1, 'edge', now(), $2)
"""


async def test_what_waits_in_a_spool_is_shown_once_for_each_machine(console: House) -> None:
    for process, size in (("one:1", 3_000_000), ("one:2", 3_000_000), ("two:1", 10), ("three:1", 0)):
        with metrics.showing_spool(lambda size=size: size):  # type: ignore[misc]
            await console.pool.execute(BEAT, process, metrics.write())
    page = await (await console.as_operator("reader")).get("/o/nodes")
    assert "Taken, and not in the database yet 2.9 MB on one; it goes there by itself" in page.text
    assert page.text.count("2.9 MB") == 1 and "0.1 MB on two" in page.text and "on three" not in page.text


async def test_an_empty_spool_is_nothing(console: House) -> None:
    page = await (await console.as_operator("reader")).get("/o/nodes")
    assert "Taken, and not in the database yet nothing" in page.text
