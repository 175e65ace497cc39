"""A plugin that fails: what a provider is told, what is kept, and what the log may show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from doorway import FORM, FORM_OF_ANA, Edge, boom

from conserje import Answer, Text, Webhook
from conserje.contract.message import Event, InboundMessage


@pytest.mark.parametrize("step", ["claims", "verify"])
async def test_a_plugin_that_fails_before_verification_is_503(
    edge: Edge, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    edge.channel.habits[step] = boom
    answer = await edge.post(FORM_OF_ANA)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Boom" not in answer.text
    assert "Channel signed failed to verify: Boom at " in caplog.text
    assert "secret-in-text" not in caplog.text
    assert answer.headers["x-request-id"] in caplog.text


async def test_what_a_plugin_cannot_parse_is_kept_raw(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    def halfway(hook: Webhook) -> Iterable[Event]:
        yield InboundMessage("+1", "a", "ana", Text("before"))
        boom(hook)

    edge.channel.habits["parse"] = halfway
    body = b"to=%2B1&odd=\xff\x00"
    assert (await edge.post(body, headers={"content-type": FORM})).status_code == 400  # not ASCII: malformed
    edge.channel.habits["claims"] = lambda hook: ["+1"]
    for _ in range(2):
        assert (await edge.post(body)).status_code == 200
    assert await edge.stored() == ["before"]
    assert await edge.rejects() == [
        ("to=%2B1&odd=\\xff\ufffd", "The channel failed to parse: Boom"),
    ]
    assert "secret-in-text" not in caplog.text


async def test_a_parser_that_yields_no_event_keeps_the_body(edge: Edge) -> None:
    edge.channel.habits["parse"] = lambda hook: ["what is this"]
    assert (await edge.post(FORM_OF_ANA)).status_code == 200
    assert len(await edge.rejects()) == 1


@pytest.mark.parametrize("habit", [boom, lambda hook: Answer(404), lambda hook: None])
async def test_a_failing_acknowledgement_is_an_empty_200(edge: Edge, habit: Callable[..., Any]) -> None:
    edge.channel.habits["acknowledge"] = habit
    answer = await edge.post(FORM_OF_ANA)
    assert (answer.status_code, answer.content) == (200, b"")
    assert await edge.stored() == ["hola"]


async def test_a_slow_plugin_is_named_in_the_log(
    edge: Edge, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conserje_edge.tenant.calls.SLOW", 0.0)
    await edge.post(FORM_OF_ANA)
    assert "Channel signed: verifying took" in caplog.text
    assert "Channel signed: parsing took" in caplog.text
