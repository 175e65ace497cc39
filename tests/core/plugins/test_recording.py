"""Recording: only while somebody asks, into private files, of that tenant and channel alone."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from terminal import Terminal
from waiting import until

from conserje import (
    Account,
    Channel,
    Event,
    InboundMessage,
    Nothing,
    OutboundMessage,
    Receipt,
    Refused,
    Text,
    TryLater,
    Webhook,
)
from conserje.kit import Closed
from conserje.net import exchanges
from conserje.net.client import client
from conserje.plugins import guard, recording
from conserje.plugins.disguise import Disguise
from conserje.plugins.recording import Asked, Recorder
from conserje.testing import cases

TOKEN, PHONE = "123456:AAE-x/y+z=9", "56922222222"


class BirdCredentials(Closed):
    token: SecretStr
    user: str = "ana.perez"


class Bird(Channel[BirdCredentials, Nothing, Nothing]):
    """Its token stands in addresses, bodies, forms, and in what is signed by it."""

    name = "bird"
    Credentials = BirdCredentials
    Settings = Operator = Nothing

    def parse(self, hook: Webhook) -> Iterable[Event]:
        if (posted := hook.json)["type"] == "text" and hook.headers.get("x-event") == "message":
            yield InboundMessage(posted["to"], posted["id"], posted["from"], Text(posted["body"]))

    async def send(self, message: OutboundMessage, account: Account[BirdCredentials, Nothing]) -> Receipt:
        token = account.credentials.token.get_secret_value()
        assert isinstance(message.content, Text)
        said = {"to": message.to, "body": message.content.text, "auth": token}
        basic = base64.b64encode(f"ana:{token}".encode()).decode()
        url = f"https://bird.example/bot{token}/send"
        answer = await self.http.post(url, params={"k": token}, json=said, headers={"authorization": basic})
        await self.http.post(url, data={"key": basic, "text": message.content.text})
        if answer.status_code == 429:
            raise TryLater("Too many.", after=7)
        if answer.status_code != 200:
            raise Refused(f"No: {answer.json()['why']}")
        return Receipt(answer.json()["id"])


@pytest.fixture
def answers() -> list[httpx2.Response]:
    return []


@pytest.fixture
def bird(answers: list[httpx2.Response]) -> Bird:
    http = client()
    http._transport = httpx2.MockTransport(lambda _: answers.pop(0) if answers else httpx2.Response(204))
    return Bird(Nothing(), http)


@pytest.fixture
def account() -> Account[BirdCredentials, Nothing]:
    return Account("acme", "56911111111", BirdCredentials(token=SecretStr(TOKEN)), Nothing())


@pytest.fixture
def asked(tmp_path: Path) -> Iterable[Asked]:
    asked = Asked(tmp_path, "acme", "bird")
    asked.begin()
    recording.look(tmp_path / recording.FOLDER)
    yield asked
    recording._recorders.clear()


def here() -> Recorder:
    found = recording.of("acme", "bird")
    assert found
    return found


def hook(**more: Any) -> Webhook:
    posted = {
        "type": "text", "to": "56911111111", "from": PHONE, "id": "A1b2C3d4E5f6G7h8i9", "body": "Hola Ana",
        "echo": {"token": TOKEN, "url": f"https://bird.example/{TOKEN}?key={TOKEN}", "user": "ana.perez"},
        "basic": base64.b64encode(f"ana:{TOKEN}".encode()).decode(), "city": "Valdivia", **more,
    }  # fmt: skip
    headers = {"content-type": "application/json", "x-signature": "5ab", "x-event": "message", "x-key": TOKEN}
    headers |= {"x-user": "5ña", "x-name": "Valdivia", "x-forwarded-host": "acme"}
    url = f"https://acme.example.com/bot/bird/webhook?secret={TOKEN.replace('+', '%2B')}"
    return Webhook("POST", "webhook", url, headers, json.dumps(posted).encode())


def message(text: str = "Hola Ana, son 5000") -> OutboundMessage:
    status = "https://acme.example.com/bot/bird/status?message=12"
    return OutboundMessage(12, PHONE, Text(text), status, datetime.now(UTC))


async def receive(bird: Bird, account: Account[BirdCredentials, Nothing], posted: Webhook) -> None:
    await here().receive(bird, posted, account, guard.parsed(bird, "acme", posted, account))


async def send(bird: Bird, account: Account[BirdCredentials, Nothing]) -> Receipt:
    said = message()
    try:
        return await here().send(bird, said, account, lambda: bird.send(said, account))
    finally:
        await recording.kept()


def kept(asked: Asked, into: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in asked.fetch(into)]


async def test_a_request_becomes_a_case_that_is_read_as_it_was(
    bird: Bird, account: Account[BirdCredentials, Nothing], asked: Asked, tmp_path: Path
) -> None:
    await receive(bird, account, hook())
    [case] = kept(asked, tmp_path / "cases")
    request, [event] = case["request"], case["events"]
    assert request["json"]["echo"]["token"] == "${token}" and request["json"]["echo"]["user"] == "${user}"
    assert request["json"]["type"] == "text" and request["json"]["city"] != "Valdivia"
    assert request["headers"] == {"x-event": "message"}, "and none that is not needed"
    assert event["sender"] == request["json"]["from"] != PHONE
    assert event["content"]["text"] == request["json"]["body"] != "Hola Ana"
    assert case["address"] == event["address"] == request["json"]["to"] != "56911111111"
    cases.check_incoming("it", case, bird, account)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx2.Response(200, json={"id": "m-56922222222", "token": TOKEN}), {"receipt"}),
        (httpx2.Response(400, json={"why": f"{TOKEN} is not {PHONE}"}), {"error"}),
        (httpx2.Response(429, headers={"retry-after": "7", "x-token": TOKEN}), {"error", "after"}),
    ],
    ids=lambda each: str(getattr(each, "status_code", "")),
)
async def test_a_sending_becomes_a_case_that_is_sent_as_it_was(
    bird: Bird,
    account: Account[BirdCredentials, Nothing],
    asked: Asked,
    answers: list[httpx2.Response],
    tmp_path: Path,
    answer: httpx2.Response,
    outcome: set[str],
) -> None:
    answers.append(answer)
    try:
        assert (await send(bird, account)).provider_id == "m-56922222222"
    except (Refused, TryLater):
        assert answer.status_code != 200
    [case] = kept(asked, tmp_path / "cases")
    assert case["outcome"].keys() == outcome
    assert case["requests"][0]["url"].startswith("https://bird.example/bot${token}/send?k=")
    said, request = case["message"], case["requests"][0]["json"]
    assert (request["to"], request["body"], request["auth"]) == (
        said["to"],
        said["content"]["text"],
        "${token}",
    )
    for each in case["requests"]:  # httpx2 escapes the token here as it likes, and a form has it in base64
        each["url"] = "*"
        each.pop("form", None)
    await cases.check_outgoing("it", case, lambda http: Bird(Nothing(), http), account, PHONE)


async def test_promise_7_no_file_of_a_recording_holds_a_credential_a_phone_or_a_word(
    bird: Bird,
    account: Account[BirdCredentials, Nothing],
    asked: Asked,
    answers: list[httpx2.Response],
    tmp_path: Path,
) -> None:
    answers.append(httpx2.Response(200, json={"id": f"m-{PHONE}", "token": TOKEN, "name": "Ana"}))
    await receive(bird, account, hook())
    await send(bird, account)
    files = [path for path in asked.folder.rglob("*.json") if path.name != recording.ASKING]
    assert len(files) == 2
    for text in map(Path.read_text, files):
        for known in (TOKEN, "AAE-x", PHONE, "56911111111", "Ana", "Hola", "Valdivia", "acme", "ana.perez"):
            assert known not in text, text
        assert base64.b64encode(TOKEN.encode()).decode()[2:-4] not in text


async def test_promise_7_a_case_in_which_a_credential_would_stand_is_not_written(
    bird: Bird,
    account: Account[BirdCredentials, Nothing],
    asked: Asked,
    answers: list[httpx2.Response],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Disguise, "_hidden", lambda _, text: text)  # whatever one forgot to hide
    answers.append(httpx2.Response(200, json={"id": "m1"}))
    await receive(bird, account, hook())
    await send(bird, account)
    assert asked.fetch(tmp_path / "cases") == []
    assert asked.left_out() == ["A credential or a phone would stand in it."] * 2


async def test_what_cannot_be_disguised_is_left_out_and_said(
    bird: Bird, account: Account[BirdCredentials, Nothing], asked: Asked, tmp_path: Path
) -> None:
    plain = hook()
    await here().receive(bird, Webhook("POST", "webhook", plain.url, {}, b"<xml/>"), account, [])
    await here().receive(bird, Webhook("POST", "webhook", plain.url, {}, b"{}" + b" " * 70_000), account, [])
    events = guard.parsed(bird, "acme", plain, account)
    await here().receive(bird, hook(type="image"), account, events)
    assert kept(asked, tmp_path / "cases") == []
    assert asked.left_out() == [
        "Its body is neither JSON nor a form.",
        "Its body has more than 64 KiB.",
        "It would be read as something else without its phones and words.",
    ]


async def test_no_fault_of_a_recording_harms_what_is_recorded(
    bird: Bird,
    account: Account[BirdCredentials, Nothing],
    asked: Asked,
    answers: list[httpx2.Response],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(*_: object) -> dict[str, Any]:
        raise RuntimeError(TOKEN)

    monkeypatch.setattr("conserje.plugins.cases.incoming", fail)
    monkeypatch.setattr("conserje.plugins.cases.outgoing", fail)
    answers.append(httpx2.Response(200, json={"id": "m1"}))
    await receive(bird, account, hook())
    assert (await send(bird, account)).provider_id == "m1"
    assert asked.left_out() == ["It could not be kept: RuntimeError."] * 2 and TOKEN not in caplog.text
    asked.end()
    await receive(bird, account, hook())  # whose folder is gone


async def test_files_are_their_owner_s_alone(
    bird: Bird, account: Account[BirdCredentials, Nothing], asked: Asked, tmp_path: Path
) -> None:
    await receive(bird, account, hook())
    into = tmp_path / "cases"
    [moved] = asked.fetch(into)
    await receive(bird, account, hook(body="Chao"))
    for path in (moved, *asked.folder.rglob("*.json")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for path in (moved.parent, asked.folder.parent, asked.folder, asked.folder / "incoming"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_nothing_is_kept_unless_asked_and_of_nobody_else(asked: Asked, tmp_path: Path) -> None:
    assert recording.of("acme", "bird") and not recording.of("bravo", "bird")
    assert not recording.of("acme", "twilio")
    asked.end()
    recording.look(tmp_path / recording.FOLDER)
    assert not recording.of("acme", "bird") and not (tmp_path / recording.FOLDER).exists()


def test_it_ends_by_itself_when_nobody_asks_any_more(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr("conserje.plugins.recording.time.time", lambda: now + recording.LASTS + 1)
    assert not recording.of("acme", "bird")
    recording.look(tmp_path / recording.FOLDER)
    assert asked.folder.exists()
    monkeypatch.setattr("conserje.plugins.recording.time.time", lambda: now + recording.LASTS + 61)
    recording.look(tmp_path / recording.FOLDER)
    assert not asked.folder.exists(), "what nobody came for is gone"


def test_a_clock_that_is_set_back_makes_it_no_longer(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = time.time() - 3600
    monkeypatch.setattr(time, "time", lambda: before)
    assert recording.of("acme", "bird") is None
    recording.look(tmp_path / recording.FOLDER)
    assert recording.of("acme", "bird") is None
    asked.ask()
    recording.look(tmp_path / recording.FOLDER)
    assert here()


def test_one_at_a_time_and_what_was_killed_is_no_hindrance(asked: Asked, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        Asked(tmp_path, "acme", "bird").begin()
    asked.stop()
    (asked.folder / "incoming" / "left.json").write_text("{}")
    again = Asked(tmp_path, "acme", "bird")
    again.begin()
    assert again.fetch(tmp_path / "cases") == []


async def test_only_so_many_cases_are_kept(
    bird: Bird, account: Account[BirdCredentials, Nothing], asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MOST_CASES", 1)
    await receive(bird, account, hook())
    assert not recording.of("acme", "bird")


def test_no_link_is_followed_to_what_is_another_s(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "another's").write_text("private")
    (asked.folder / "incoming" / "text.json").symlink_to(tmp_path / "another's")
    with pytest.raises(OSError, match="symbolic links"):
        asked.fetch(tmp_path / "cases")


async def test_what_nobody_records_is_not_kept_in_memory_either(bird: Bird) -> None:
    await bird.http.get("https://bird.example/")
    assert exchanges.wanted.get() is None
    with exchanges.kept() as kept_:
        await asyncio.create_task(bird.http.get("https://bird.example/"))
    assert len(kept_) == 1


async def test_the_command_moves_the_cases_and_takes_the_rest_away(
    terminal: Terminal,
    tmp_path: Path,
    bird: Bird,
    account: Account[BirdCredentials, Nothing],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("conserje.cli.plugin_record.AFTER", 0.1)
    data_dir = Path(terminal.environment["CONSERJE_DATA_DIR"])
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    words = ("plugin", "record", "acme", "json", "--for", "1h", "--into", str(tmp_path / "cases"))
    async with recording.heeded(data_dir):
        running = asyncio.create_task(terminal.type(*words, "--json"))
        await until(lambda: recording.of("acme", "json"))
        found = recording.of("acme", "json")
        assert found
        await found.receive(bird, posted := hook(), account, guard.parsed(bird, "acme", posted, account))
        monkeypatch.setattr("conserje.cli.plugin_record.monotonic", lambda: time.monotonic() + 3600)
        ended = await running
    told = json.loads(ended.stdout)
    assert told == {"into": str(tmp_path / "cases"), "incoming": 1, "outgoing": 0, "left_out": {}}
    assert "No process runs on this machine" in ended.stderr
    assert len(list((tmp_path / "cases" / "incoming").glob("text-*.json"))) == 1
    assert not (data_dir / recording.FOLDER).exists()


async def test_the_command_says_what_it_cannot_record(terminal: Terminal, tmp_path: Path) -> None:
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    into = ("--into", str(tmp_path / "cases"))
    assert (
        "There is no tenant" in (await terminal.type("plugin", "record", "b", "json", *into, code=1)).stderr
    )
    said = await terminal.type("plugin", "record", "acme", "unicorn", *into, code=1)
    assert "The channel unicorn is not installed" in said.stderr
    longer = await terminal.type("plugin", "record", "acme", "json", "--for", "2h", *into, code=2)
    assert "2 h is longer than 1 h." in longer.stderr
    assert not (tmp_path / "cases").exists()
