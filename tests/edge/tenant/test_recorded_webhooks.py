"""Webhooks recorded: those that verify, of the tenant and channel that are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from doorway import FORM_OF_ANA, SECRET, Edge

from conserje.plugins import recording
from conserje.plugins.recording import Asked


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    asked = Asked(tmp_path, "acme", "signed")
    asked.begin()
    recording.look(tmp_path / recording.FOLDER)
    yield asked
    recording._recorders.clear()


async def test_a_request_that_verifies_is_recorded_and_no_other_is(
    edge: Edge, asked: Asked, tmp_path: Path
) -> None:
    await edge.add("bravo", "+2")
    assert (await edge.post(FORM_OF_ANA, secret="wrong")).status_code == 403
    assert (await edge.post({**FORM_OF_ANA, "to": "+2"}, host="bravo.localhost")).status_code == 200
    assert (await edge.post(FORM_OF_ANA)).status_code == 200
    await edge.webhooks.close()  # which waits for what is still being written
    [moved] = asked.fetch(tmp_path / "cases")
    case = json.loads(moved.read_text())
    assert [event["event"] for event in case["events"]] == ["InboundMessage"]
    assert dict(case["request"]["form"])["from"] == case["events"][0]["sender"]
    assert SECRET not in moved.read_text()
