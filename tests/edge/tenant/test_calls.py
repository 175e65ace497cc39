"""A plugin that fails: what a provider is told, what is kept, and what the log may show."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from doorway import FORM, FORM_OF_ANA, Edge, boom

from conserje import Answer, Text, Webhook
from conserje.contract.message import Event, InboundMessage, StatusUpdate
from conserje.plugins import fences, given
from conserje.plugins.fences import Fences
from conserje.plugins.strikes import Strikes
from conserje.telemetry.pulse import Call


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


async def test_webhooks_of_a_channel_that_is_fenced_off_are_503(
    edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Fences(Strikes(tmp_path / "strikes"))
    monkeypatch.setattr(fences, "_here", here)
    for _ in range(fences.ENOUGH):
        here.note(Call("signed", "parse", "acme"))
    answer = await edge.post(FORM_OF_ANA)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert await edge.stored() == []
    assert await edge.rejects() == []


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


WRONG = {
    "its sender": InboundMessage("+1", "b", None, Text("x")),  # type: ignore[arg-type]
    "its content": InboundMessage("+1", "b", "ana", "x"),  # type: ignore[arg-type]
    "its text": InboundMessage("+1", "b", "ana", Text(7)),  # type: ignore[arg-type]
    "its key": InboundMessage("+1", b"b", "ana", Text("x")),  # type: ignore[arg-type]
    "its time": InboundMessage("+1", "b", "ana", Text("x"), at="now"),  # type: ignore[arg-type]
    "its address": InboundMessage(["+1"], "b", "ana", Text("x")),  # type: ignore[arg-type]
    "its status": StatusUpdate("+1", "b", "gone", "P1"),  # type: ignore[arg-type]
    "nothing of it": None,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_a_wrongly_typed_event_is_kept_raw_and_those_beside_it_are_taken(
    edge: Edge, wrong: object
) -> None:
    before, after = (InboundMessage("+1", key, "ana", Text(key)) for key in ("before", "after"))
    edge.channel.habits["parse"] = lambda hook: [before, wrong, after]
    for _ in range(2):
        assert (await edge.post(FORM_OF_ANA)).status_code == 200
    assert await edge.stored() == ["before", "after"]
    [(raw, cause)] = await edge.rejects()
    assert raw == "to=%2B1&from=ana&id=1&text=hola"
    assert cause.startswith("The channel failed to parse: gave ")


async def test_of_too_many_events_the_rest_is_kept_raw(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "MOST_EVENTS", 3)
    asked = itertools.count()
    edge.channel.habits["parse"] = lambda hook: (
        InboundMessage("+1", f"{n}", "ana", Text(f"{n}")) for n in asked
    )
    assert (await edge.post(FORM_OF_ANA)).status_code == 200
    assert await edge.stored() == ["0", "1", "2"]
    [(raw, cause)] = await edge.rejects()
    assert (raw, cause) == (
        "to=%2B1&from=ana&id=1&text=hola",
        "The channel failed to parse: gave more than 3 events",
    )
    assert next(asked) == 4


async def test_promise_11_others_have_their_turn_while_a_post_of_many_events_is_read(edge: Edge) -> None:
    turns = itertools.count()
    seen = []

    def many(hook: Webhook) -> Iterable[Event]:
        for n in range(3 * given.PART):
            seen.append(next(turns))
            yield InboundMessage("+1", f"{n}", "ana", Text(f"{n}"))

    async def take_turns() -> None:
        while True:
            next(turns)
            await asyncio.sleep(0)

    edge.channel.habits["parse"] = many
    other = asyncio.create_task(take_turns())
    assert (await edge.post(FORM_OF_ANA)).status_code == 200
    other.cancel()
    apart = [n for n, (before, after) in enumerate(itertools.pairwise(seen), 1) if after > before + 1]
    assert apart == [given.PART, 2 * given.PART]
    assert len(await edge.stored()) == 3 * given.PART


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()])
@pytest.mark.parametrize("step", ["claims", "verify", "parse", "acknowledge"])
async def test_promise_8_a_channel_that_exits_ends_its_request_alone(
    edge: Edge, step: str, error: BaseException
) -> None:
    def habit(*_: object) -> Any:
        raise error

    edge.channel.habits[step] = habit
    assert (await edge.post(FORM_OF_ANA)).status_code == (503 if step in ("claims", "verify") else 200)
    del edge.channel.habits[step]
    assert (await edge.post({**FORM_OF_ANA, "id": "2"})).status_code == 200


@pytest.mark.parametrize("step", ["claims", "verify"])
async def test_what_names_no_address_or_secret_is_503(edge: Edge, step: str) -> None:
    edge.channel.habits[step] = lambda *_: {"claims": "+1", "verify": 7}[step]
    assert (await edge.post(FORM_OF_ANA)).status_code == 503


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
