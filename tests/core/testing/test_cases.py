"""Cases of JSON: what a provider posts and is asked, written by hand or as it was recorded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest
from mistakes import failing, module

from conserje import Account, OutboundMessage, Receipt, Text, TryLater
from conserje.testing import ProviderChannelContract
from conserje.testing.cases import incoming_case, outgoing_case

INCOMING, OUTGOING = "test_reads_the_cases", "test_sends_the_cases"
POSTED = {"to": "4000111", "events": [{"type": "message", "id": "9", "from": "56922222222", "text": "hola"}]}
READ = {
    "event": "InboundMessage",
    "address": "4000111",
    "sender": "56922222222",
    "content": {"type": "text", "text": "hola"},
    "provider_id": "9",
}
SENT: dict[str, Any] = {
    "message": {"content": {"type": "text", "text": "hola"}},
    "answers": [{"status": 201, "json": {"id": "m-1"}}],
    "requests": [
        {
            "method": "POST",
            "url": "https://api.acme.example/messages",
            "headers": {"authorization": "Bearer ${token}"},
            "json": {"to": "56922222222", "text": "hola", "callback": "*"},
        }
    ],
    "outcome": {"receipt": {"provider_id": "m-1"}},
}


def found(folder: Path, test: str, case: dict[str, Any], sound: Any = None) -> str:
    """What the suite says of a folder with this case."""
    (folder / "case.json").write_text(json.dumps(case))
    made = sound or module("sound_channel")

    class TestAcme(ProviderChannelContract):
        channel = made.Acme
        address = "4000111"
        sender = "56922222222"
        credentials: ClassVar = {"token": "ficha", "secret": "secreto"}
        incoming = folder if test == INCOMING else ""
        outgoing = folder if test == OUTGOING else ""

    return failing(TestAcme, test).get(test, "")


def changed(case: dict[str, Any], part: str, change: dict[str, Any]) -> dict[str, Any]:
    first, *others = case[part] if isinstance(case[part], list) else [case[part]]
    new = {**first, **change}
    return {**case, part: [new, *others] if isinstance(case[part], list) else new}


def test_what_a_provider_posts_is_read_as_the_case_says(tmp_path: Path) -> None:
    case = {"request": {"json": POSTED}, "events": [READ]}
    assert found(tmp_path, INCOMING, case) == ""
    assert found(tmp_path, INCOMING, changed(case, "events", {"key": "in:9"})) == ""
    for change in ({"key": "in:8"}, {"content": {"type": "text", "text": "chao"}}, {"name": "Ana"}):
        assert "case: event 0" in found(tmp_path, INCOMING, changed(case, "events", change))
    left_out = {name: value for name, value in READ.items() if name != "provider_id"}
    assert "provider_id is '9'" in found(tmp_path, INCOMING, {**case, "events": [left_out]})
    assert "2 events are to be read" in found(tmp_path, INCOMING, {**case, "events": [READ, READ]})


def test_a_message_is_sent_as_the_case_says(tmp_path: Path) -> None:
    assert found(tmp_path, OUTGOING, SENT) == ""
    asked = SENT["requests"][0]
    for change, told in (
        ({"url": "https://api.acme.example/other"}, "request 0.url"),
        ({"headers": {"authorization": "Bearer other"}}, "request 0.headers.authorization"),
        ({"json": {**asked["json"], "text": "chao"}}, "request 0.json.text"),
    ):
        assert told in found(tmp_path, OUTGOING, changed(SENT, "requests", change))
    assert "asked once more" in found(tmp_path, OUTGOING, {**SENT, "answers": []})
    wrong = {**SENT, "outcome": {"receipt": {"provider_id": "m-2"}}}
    assert "the outcome.receipt.provider_id" in found(tmp_path, OUTGOING, wrong)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"error": "ReadTimeout"}, {"error": "Uncertain"}),
        ({"status": 429, "headers": {"retry-after": "17"}}, {"error": "TryLater", "after": 17.0}),
        ({"status": 401, "json": {}}, {"error": "AccountFault", "retry": False}),
    ],
)
def test_an_answer_means_what_the_case_says(
    tmp_path: Path, answer: dict[str, Any], outcome: dict[str, Any]
) -> None:
    assert found(tmp_path, OUTGOING, {**SENT, "answers": [answer], "outcome": outcome}) == ""


def test_a_folder_without_cases_is_an_error(tmp_path: Path) -> None:
    class TestAcme(ProviderChannelContract):
        channel = module("sound_channel").Acme
        incoming = tmp_path

    assert "There are no cases" in failing(TestAcme, INCOMING)[INCOMING]


def test_what_is_recorded_is_a_case(tmp_path: Path) -> None:
    made = module("sound_channel")
    credentials = made.AcmeCredentials(token="ficha", secret="secreto")
    account = Account("tienda", "4000111", credentials, made.AcmeSettings())
    acme = made.Acme(made.AcmeOperator(), None)
    hook = acme.compose(account, "https://tienda.bot.example/bot/acme/webhook", "569", "¿hola?")
    assert found(tmp_path, INCOMING, incoming_case(hook, list(acme.parse(hook))), made) == ""
    message = OutboundMessage(7, "569", Text("¿hola?"), "https://a.example/status", datetime.now(UTC))
    body = {"from": "4000111", "to": "569", "reference": 7, "callback": message.status_url, "text": "¿hola?"}
    request = httpx2.Request("POST", "https://api.acme.example/messages", json=body)
    for answer, outcome in (
        (httpx2.Response(201, json={"id": "m-1"}), Receipt("m-1")),
        (httpx2.Response(429, headers={"retry-after": "17"}), TryLater("Acme is busy.", 17)),
    ):
        case = outgoing_case(message, [(request, answer)], outcome)
        assert "ficha" not in json.dumps(case)
        assert found(tmp_path, OUTGOING, case, made) == ""
