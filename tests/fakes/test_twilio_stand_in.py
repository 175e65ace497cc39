"""The Twilio stand-in refuses what Twilio refuses, and posts as Twilio posts."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator
from waiting import LIMIT, until

from conserje_fakes.server import serving
from conserje_fakes.twilio import Habit, StandIn, TwilioAccount, create

SID = "AC" + "1" * 32
OTHER = "AC" + "2" * 32
NUMBER = "whatsapp:+56911111111"
SMS_NUMBER = "+56911111111"
CONTACT = "whatsapp:+56922222222"
SMS_CONTACT = "+56922222222"
ACCOUNTS = [
    TwilioAccount(SID, "secreto", (NUMBER, SMS_NUMBER)),
    TwilioAccount(OTHER, "otro", ("+56933333333",)),
]
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages.json"


@dataclass
class Receiver:
    """Somebody's webhook: keeps what is posted, answers what it is told to."""

    answers: list[Response | None] = field(default_factory=list)  # None: no answer
    posted: list[tuple[Request, FormData]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        self.posted.append((request, await request.form()))
        answer = self.answers.pop(0) if self.answers else Response(status_code=204)
        if answer is None:
            await request.receive()  # returns when the caller is gone
        return answer or Response(status_code=500)

    async def count(self, count: int) -> list[FormData]:
        """The first `count` forms, as soon as there are so many."""
        await until(lambda: len(self.posted) >= count)
        return [form for _, form in self.posted]


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()

    async def endpoint(request: Request) -> Response:
        return await receiver(request)

    async with serving(Starlette(routes=[Route("/{path:path}", endpoint, methods=["GET", "POST"])])) as url:
        yield receiver, url.replace("127.0.0.1", "tienda.localhost")


@asynccontextmanager
async def twilio(**ways: Any) -> AsyncIterator[tuple[httpx2.AsyncClient, StandIn]]:
    app = create(ACCOUNTS, **ways)
    async with (
        serving(app) as url,
        httpx2.AsyncClient(base_url=url, auth=(SID, "secreto"), timeout=LIMIT, trust_env=False) as http,
    ):
        yield http, app.state.stand_in


def ordered(**fields: Any) -> dict[str, Any]:
    plain = {"To": CONTACT, "From": NUMBER, "Body": "Hola"}
    return {name: value for name, value in {**plain, **fields}.items() if value is not None}


async def test_a_message_is_taken_as_twilio_takes_it() -> None:
    async with twilio() as (http, stand_in):
        answer = await http.post(MESSAGES, data=ordered())
    taken = answer.json()
    assert answer.status_code == 201
    assert (taken["status"], taken["from"], taken["to"], taken["body"]) == ("queued", NUMBER, CONTACT, "Hola")
    assert taken["sid"].startswith("SM")
    assert taken["date_created"].endswith(" +0000")
    assert taken["date_sent"] is None
    assert stand_in.sent(NUMBER, CONTACT) == ["Hola"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"To": None}, 21604),
        ({"To": "56922222222"}, 21211),
        ({"To": "whatsapp:hola"}, 21211),
        ({"From": None}, 21603),
        ({"From": "whatsapp:+56999999999"}, 63007),
        ({"From": "+56933333333", "To": SMS_CONTACT}, 21606),
        ({"From": SMS_NUMBER}, 21910),
        ({"Body": None}, 21602),
        ({"Body": ""}, 21602),
        ({"Body": " \n"}, 21602),
        ({"Body": "a" * 1601}, 21617),
        ({"Body": None, "MediaUrl": ["https://a.example/1.jpg", "https://a.example/2.jpg"]}, 21623),
        ({"Body": None, "MediaUrl": "kept:1"}, 21620),
        ({"PersistentAction": "geo:1e-05,-70"}, 20001),
        ({"PersistentAction": "geo:91,-70"}, 20001),
        ({"Body": None, "ContentSid": "HX1"}, 21655),
        ({"StatusCallback": "tienda.example/status"}, 21609),
        ({"StatusCallback": "https://mi_tienda.example/status"}, 21609),
    ],
)
async def test_what_twilio_refuses_is_refused(fields: dict[str, Any], code: int) -> None:
    async with twilio() as (http, stand_in):
        answer = await http.post(MESSAGES, data=ordered(**fields))
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert answer.json()["status"] == 400
    assert answer.json()["more_info"].endswith(f"/{code}")
    assert stand_in.messages == []


@pytest.mark.parametrize(
    "fields",
    [
        {"Body": "a" * 1600},
        {"Body": None, "MediaUrl": ["https://a.example/1.jpg"]},
        {"PersistentAction": "geo:-33.45,-70.66|Alameda 1"},
        {"To": "whatsapp:US.ABC123"},
        {"StatusCallback": "http://tienda.localhost:8080/status?message=7"},
    ],
)
async def test_what_twilio_takes_is_taken(fields: dict[str, Any]) -> None:
    async with twilio(habit="none") as (http, _):
        assert (await http.post(MESSAGES, data=ordered(**fields))).status_code == 201


@pytest.mark.parametrize(
    ("path", "auth", "status", "code"),
    [
        (MESSAGES, (SID, "otro"), 401, 20003),
        (MESSAGES, ("AC" + "9" * 32, "secreto"), 401, 20003),
        (MESSAGES, ("", ""), 401, 20003),
        (MESSAGES.replace(SID, OTHER), (SID, "secreto"), 404, 20404),
    ],
)
async def test_only_the_account_itself_may_send_or_list(
    path: str, auth: tuple[str, str], status: int, code: int
) -> None:
    async with twilio() as (http, _):
        for answer in (
            await http.post(path, data=ordered(), auth=auth),
            await http.get(path, auth=auth),
        ):
            assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_above_the_rate_messages_are_refused() -> None:
    async with twilio(rate=2) as (http, _):
        answers = [await http.post(MESSAGES, data=ordered()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].json()["code"] == 20429


async def test_the_list_is_newest_first_filtered_and_paged() -> None:
    async with twilio(habit="late") as (http, _):
        for n in range(5):
            await http.post(MESSAGES, data=ordered(Body=str(n)))
        await http.post(MESSAGES, data=ordered(From=SMS_NUMBER, To=SMS_CONTACT))
        first = (await http.get(MESSAGES, params={"To": CONTACT, "PageSize": 3})).json()
        second = (await http.get(first["next_page_uri"])).json()
        everything = (await http.get(MESSAGES)).json()
        queued = (await http.get(MESSAGES, params={"DateSent>": "2000-01-01"})).json()
    assert [message["body"] for message in first["messages"]] == ["4", "3", "2"]
    assert [message["body"] for message in second["messages"]] == ["1", "0"]
    assert second["next_page_uri"] is None
    assert len(everything["messages"]) == 6
    assert queued["messages"] == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"DateSent>": "2000-01-01"}, 1),
        ({"DateSent>": "2000-01-01T00:00:00Z", "DateSent<": "2999-01-01"}, 1),
        ({"DateSent>": "2999-01-01"}, 0),
        ({"DateSent<": "2000-01-01"}, 0),
        ({"DateSent": "2000-01-01"}, 0),
    ],
)
async def test_sent_messages_are_listed_by_date(
    receiver: tuple[Receiver, str], filters: dict[str, str], found: int
) -> None:
    webhook, url = receiver
    async with twilio() as (http, _):
        await http.post(MESSAGES, data=ordered(StatusCallback=url))
        await webhook.count(1)
        assert len((await http.get(MESSAGES, params=filters)).json()["messages"]) == found


@pytest.mark.parametrize(
    ("habit", "statuses"),
    [
        ("in order", ["sent", "delivered"]),
        ("late", ["sent", "delivered"]),
        ("doubled", ["sent", "sent", "delivered", "delivered"]),
        ("out of order", ["delivered", "sent"]),
        ("before the answer", ["sent", "delivered"]),
    ],
)
async def test_what_becomes_of_a_message_is_reported_signed(
    receiver: tuple[Receiver, str], habit: Habit, statuses: list[str]
) -> None:
    webhook, url = receiver
    callback = f"{url}/bot/twilio/status?message=7"
    async with twilio(habit=habit, late=1) as (http, _):
        taken = (await http.post(MESSAGES, data=ordered(StatusCallback=callback))).json()
        came_first = len(webhook.posted)
        forms = await webhook.count(len(statuses))
    assert [form["MessageStatus"] for form in forms] == statuses
    if habit in ("before the answer", "late"):
        assert came_first == (0 if habit == "late" else len(statuses))
    assert {form["MessageSid"] for form in forms} == {taken["sid"]}
    validator = RequestValidator("secreto")  # type: ignore[no-untyped-call]
    for request, form in webhook.posted:
        assert validator.validate(callback, form, request.headers["x-twilio-signature"])  # type: ignore[no-untyped-call]


async def test_outside_the_window_a_message_is_taken_and_fails(receiver: tuple[Receiver, str]) -> None:
    webhook, url = receiver
    async with twilio(window=timedelta(hours=24)) as (http, stand_in):
        refused = await http.post(MESSAGES, data=ordered(StatusCallback=url))
        (failed,) = await webhook.count(1)
        await stand_in.deliver(url, list(stand_in.inbound(NUMBER, CONTACT, "Hola").items()))
        await http.post(MESSAGES, data=ordered(StatusCallback=url))
        forms = await webhook.count(4)
    assert refused.status_code == 201
    assert (failed["MessageStatus"], failed["ErrorCode"]) == ("failed", "63016")
    assert [form["MessageStatus"] for form in forms[2:]] == ["sent", "delivered"]


async def test_who_writes_stop_by_sms_is_left_alone_until_start(receiver: tuple[Receiver, str]) -> None:
    _, url = receiver
    sms = ordered(From=SMS_NUMBER, To=SMS_CONTACT)
    async with twilio() as (http, stand_in):
        for text, status in ((" stop ", 400), ("START", 201)):
            await stand_in.deliver(url, list(stand_in.inbound(SMS_NUMBER, SMS_CONTACT, text).items()))
            answer = await http.post(MESSAGES, data=sms)
            assert answer.status_code == status
        await stand_in.deliver(url, list(stand_in.inbound(NUMBER, CONTACT, "STOP").items()))
        assert (await http.post(MESSAGES, data=ordered())).status_code == 201


async def test_an_inbound_message_is_posted_as_twilio_posts_it(receiver: tuple[Receiver, str]) -> None:
    webhook, url = receiver
    target = f"{url}/bot/twilio/webhook?a=%20b"
    webhook.answers.append(Response('<?xml version="1.0"?><Response/>', media_type="text/xml"))
    async with twilio() as (_, stand_in):
        form = stand_in.inbound(SMS_NUMBER, SMS_CONTACT, "¿Hola? ☕")
        delivered = await stand_in.deliver(f"{target}#rc=2&rp=all", list(form.items()))
    assert (delivered.attempts, delivered.status, delivered.error_code) == (1, 200, None)
    ((request, received),) = webhook.posted
    assert dict(received) == form
    assert received["FromCity"] == ""
    assert request.headers["host"] == url.removeprefix("http://")
    validator = RequestValidator("secreto")  # type: ignore[no-untyped-call]
    assert validator.validate(target, received, request.headers["x-twilio-signature"])  # type: ignore[no-untyped-call]


TWIML = Response("<Response/>", media_type="text/xml")
BROKEN = Response(status_code=503)
MISSING = Response(status_code=404)


@pytest.mark.parametrize(
    ("fragment", "answers", "attempts", "status"),
    [
        ("", [BROKEN, TWIML], 1, 503),
        ("#rc=3", [BROKEN, TWIML], 1, 503),
        ("#rp=5xx", [BROKEN, TWIML], 2, 200),
        ("#rp=5xx", [BROKEN, BROKEN, TWIML], 2, 503),
        ("#rc=5&rp=all", [BROKEN, MISSING, BROKEN, TWIML], 4, 200),
        ("#rc=5&rp=4xx", [MISSING, BROKEN, TWIML], 2, 503),
        ("#rc=0&rp=all", [BROKEN, TWIML], 1, 503),
        ("#rc=1&rp=rt&rt=1000", [None, TWIML], 2, 200),
        ("#rc=5&rp=all&rt=15000", [TWIML, TWIML], 1, 200),
    ],
)
async def test_only_the_fragment_makes_twilio_post_again(
    receiver: tuple[Receiver, str],
    fragment: str,
    answers: Sequence[Response | None],
    attempts: int,
    status: int,
) -> None:
    webhook, url = receiver
    webhook.answers.extend(answers)
    async with twilio() as (_, stand_in):
        form = list(stand_in.inbound(NUMBER, CONTACT, "Hola").items())
        delivered = await stand_in.deliver(url + "/" + fragment, form)
    assert (delivered.attempts, delivered.status) == (attempts, status)
    assert len(webhook.posted) == attempts
    assert delivered.error_code == (None if status == 200 else 11200)
    tokens = {request.headers["i-twilio-idempotency-token"] for request, _ in webhook.posted}
    assert len(tokens) == 1


@pytest.mark.parametrize("fragment", ["#rt=100", "#tt=100", "#tt=200&rc=5&rp=all&rt=150"])
async def test_an_answer_that_does_not_come_in_time_is_an_error(
    receiver: tuple[Receiver, str], fragment: str
) -> None:
    webhook, url = receiver
    webhook.answers.extend([None] * 6)
    async with twilio() as (_, stand_in):
        form = list(stand_in.inbound(NUMBER, CONTACT, "Hola").items())
        delivered = await stand_in.deliver(url + "/" + fragment, form)
    assert (delivered.status, delivered.error_code) == (None, 11200)


async def test_nobody_there_is_an_error_and_tried_once_more() -> None:
    async with twilio() as (_, stand_in):
        form = list(stand_in.inbound(NUMBER, CONTACT, "Hola").items())
        async with serving(Starlette()) as url:
            pass
        delivered = await stand_in.deliver(url, form)
    assert (delivered.attempts, delivered.error_code) == (2, 11200)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Response("hola", media_type="application/json"), 12300),
        (Response("<Response>", media_type="text/xml"), 12100),
        (Response("<html/>", media_type="text/xml"), 12100),
        (Response(status_code=204), None),
        (Response(status_code=302, headers={"location": "/elsewhere"}), 11200),
    ],
)
async def test_an_answer_that_is_no_twiml_is_an_error(
    receiver: tuple[Receiver, str], answer: Response, code: int | None
) -> None:
    webhook, url = receiver
    webhook.answers.append(answer)
    async with twilio() as (_, stand_in):
        form = list(stand_in.inbound(NUMBER, CONTACT, "Hola").items())
        assert (await stand_in.deliver(url, form)).error_code == code


@pytest.mark.parametrize("fragment", ["#rp=always", "#rc=6", "#tt=15001", "#rt=soon"])
async def test_an_override_that_twilio_does_not_know_is_an_error(
    receiver: tuple[Receiver, str], fragment: str
) -> None:
    webhook, url = receiver
    async with twilio() as (_, stand_in):
        form = list(stand_in.inbound(NUMBER, CONTACT, "Hola").items())
        assert (await stand_in.deliver(url + fragment, form)).error_code == 11243
    assert webhook.posted == []


async def test_it_can_be_steered_from_outside(receiver: tuple[Receiver, str]) -> None:
    webhook, url = receiver
    async with twilio() as (http, stand_in):
        assert (await http.post("/_stand-in/faults", json={"next": ["500", "html"]})).status_code == 204
        assert (await http.post("/_stand-in/faults", json={"next": ["flood"]})).status_code == 400
        assert (await http.post("/_stand-in/habit", json={"habit": "doubled"})).status_code == 204
        assert (await http.post("/_stand-in/habit", json={"habit": "lazy"})).status_code == 400
        answers = [await http.post(MESSAGES, data=ordered(StatusCallback=url)) for _ in range(3)]
        await webhook.count(4)
        shown = (await http.get("/_stand-in/messages")).json()
        form = stand_in.inbound(NUMBER, CONTACT, "Hola")
        delivered = (await http.post("/_stand-in/deliver", json={"url": url, "form": form})).json()
    assert [answer.status_code for answer in answers] == [500, 200, 201]
    assert shown["accepted"] == 1
    assert [message["sid"] for message in shown["messages"]] == [answers[2].json()["sid"]]
    assert (delivered["attempts"], delivered["status"]) == (1, 204)


async def test_it_runs_as_a_program(tmp_path: Path) -> None:
    async with serving(Starlette()) as free:  # a port that was free a moment ago
        port = free.rpartition(":")[2]
    accounts = tmp_path / "accounts.json"
    accounts.write_text(json.dumps([{"account_sid": SID, "auth_token": "secreto", "numbers": [NUMBER]}]))
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "conserje_fakes.twilio", "--port", port, "--accounts", str(accounts)
    )
    try:
        transport = httpx2.AsyncHTTPTransport(retries=10)
        async with httpx2.AsyncClient(transport=transport, auth=(SID, "secreto"), timeout=LIMIT) as http:
            answer = await http.post(f"http://127.0.0.1:{port}{MESSAGES}", data=ordered())
    finally:
        program.terminate()
        await program.wait()
    assert answer.status_code == 201
