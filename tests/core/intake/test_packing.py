"""Packing: what a node spooled is opened by its own release, by the last one and by the next."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scene import Scene

from conserje import InboundMessage, StatusUpdate, Text, Unreadable
from conserje.contract.message import File, Media
from conserje.conversations.rows import FileRow, InboundRow, RejectRow, ReportRow, Row, prepare
from conserje.intake import packing
from conserje.intake.intake import Intake
from conserje.intake.packing import pack, unpack
from conserje.intake.spool import Spool

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MESSAGE = InboundRow(
    1, 2, "json", "ana", b"key", '{"text":"hola","type":"text"}', "P1", AT, "[]", "Ana", "P0", True, b"old",
    "{}", "out", "{}", (FileRow("a", "image/png", "a.png"), FileRow("b", "", "")),
)  # fmt: skip
REPORT = ReportRow(1, 2, b"key", 7, "P1", "failed", "why", True, "utility", True, "marketing out")
REJECT = RejectRow(1, 2, b"key", "raw", "cause")
ROWS = (MESSAGE, REPORT, REJECT)


@pytest.mark.parametrize(
    "event",
    [
        InboundMessage("+1", "k", "añá", Text("☕ \ud800 \0"), ("x\0",), "Ñandú", "P1", datetime.now(UTC)),
        InboundMessage("+1", "k", "a", Text("b")),
        InboundMessage("+1", "k", "a", Media((File("a", "image/png", "a.png"), File("b")))),
        StatusUpdate("+1", "k", "failed", "P1", 7, "why"),
        StatusUpdate("+1", "k", "read", "P1"),
        StatusUpdate("+1", "k", "failed", "P1", consent="out", billable=True, outside_window=True),
        Unreadable("+1", "k", "raw \0", "cause"),
    ],
)
async def test_a_row_is_the_same_after_the_spool(
    scene: Scene, event: InboundMessage | StatusUpdate | Unreadable
) -> None:
    entry = await scene.entry()
    row: Row = prepare(entry.tenant.id, entry.accounts[0], event)
    assert unpack(pack(row)) == row
    assert type(unpack(pack(row))) is type(row)
    assert not isinstance(row, RejectRow) or "\0" not in row.raw


def changed(row: Row, **fields: Any) -> bytes:
    told = json.loads(pack(row))
    told["row"] |= fields
    return json.dumps(told).encode()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_a_field_that_a_later_release_added_is_passed_over(row: Row) -> None:
    assert unpack(changed(row, mood="good")) == row


def test_a_field_that_a_later_release_gave_to_files_is_passed_over() -> None:
    files = [file._asdict() | {"pages": 3} for file in MESSAGE.files]
    assert unpack(changed(MESSAGE, files=files)) == MESSAGE


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_a_field_that_an_earlier_release_did_not_know_has_its_default(row: Row) -> None:
    for name, default in row._field_defaults.items():
        told = json.loads(pack(row))
        del told["row"][name]
        assert unpack(json.dumps(told).encode()) == row._replace(**{name: default})


def test_the_order_of_the_fields_says_nothing() -> None:
    told = json.loads(pack(MESSAGE))
    told["row"] = dict(reversed(told["row"].items()))
    assert unpack(json.dumps(told).encode()) == MESSAGE


@pytest.mark.parametrize("what", [{"kind": "vote"}, {"version": packing.VERSION + 1}])
def test_what_only_a_later_release_can_read_is_kept_as_it_came(what: dict[str, Any]) -> None:
    packed = json.dumps(json.loads(pack(MESSAGE)) | what).encode()
    row = unpack(packed)
    assert isinstance(row, RejectRow)
    assert row[:4] == (1, 2, b"key", packed.decode())


async def test_what_only_a_later_release_can_read_keeps_nobody_waiting(scene: Scene, tmp_path: Path) -> None:
    """A node went back to this release with a spool of the next."""
    entry = await scene.entry()
    account = entry.accounts[0]
    event = InboundMessage(account.address, "1", "ana", Text("hola"))
    mine = prepare(entry.tenant.id, account, event)
    later = json.loads(pack(mine._replace(event_key=b"2"))) | {"kind": "vote"}
    async with (
        Spool(tmp_path / "spool", 64 * 1024 * 1024) as spool,
        Intake(scene.pool, scene.intake.plugins, spool) as intake,
    ):
        await spool.keep([json.dumps(later).encode(), pack(mine)])
        assert await intake._drain(spool) == 2
        assert not spool.busy
    assert await scene.pool.fetchval("SELECT count(*) FROM messages") == 1
    [[raw, cause]] = await scene.pool.fetch("SELECT raw, cause FROM rejects")
    assert json.loads(raw) == later and "later release" in cause
