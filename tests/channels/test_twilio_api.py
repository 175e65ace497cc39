"""Sending and finding: what Twilio answers, over real sockets, and what the channel makes of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import impatient
import pytest
import pytest_asyncio
from waiting import LIMIT, until

from conserje import (
    Account,
    AccountFault,
    CannotTell,
    ContactCard,
    Content,
    File,
    Location,
    Media,
    OptedOut,
    OutboundMessage,
    Receipt,
    Refused,
    Template,
    Text,
    TryLater,
    Uncertain,
)
from conserje_fakes.server import serving
from conserje_fakes.twilio import TwilioAccount, create
from conserje_fakes.twilio_messages import StandIn
from conserje_twilio import Twilio, TwilioCredentials, TwilioOperator, TwilioSettings

SID = "AC" + "1" * 32
TRIAL = "AC" + "2" * 32
NUMBER = "whatsapp:+56911111111"
SMS_NUMBER = "+56911111111"
CONTACT = "whatsapp:+56922222222"
SMS_CONTACT = "+56922222222"
BODY = "Son $5.990 en efectivo"
ACCOUNTS = [
    TwilioAccount(SID, "secreto", (NUMBER, SMS_NUMBER)),
    TwilioAccount(TRIAL, "de prueba", ("+56933333333",), trial=True),
]


class Front:
    """The channel in front of a stand-in, with short time limits."""

    def __init__(self, url: str, stand_in: StandIn, faults: Any, http: httpx2.AsyncClient) -> None:
        self.url = url
        self.stand_in = stand_in
        self.faults = faults
        self.channel = Twilio(TwilioOperator(base_url=url), http)


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    app = create(ACCOUNTS)
    async with serving(app) as url, impatient.client(app.state.faults) as http:
        yield Front(url, app.state.stand_in, app.state.faults, http)


def account(
    address: str = NUMBER, sid: str = SID, token: str = "secreto", next_token: str | None = None
) -> Account[TwilioCredentials, TwilioSettings]:
    given = {"account_sid": sid, "auth_token": token, "next_auth_token": next_token}
    return Account("tienda", address, TwilioCredentials.model_validate(given), TwilioSettings())


def message(content: Content | str = BODY, to: str = CONTACT, **fields: Any) -> OutboundMessage:
    return OutboundMessage(
        id=7,
        to=to,
        content=Text(content) if isinstance(content, str) else content,
        status_url=fields.get("status_url", ""),
        attempted_at=fields.get("attempted_at", datetime.now(UTC)),
        owned=fields.get("owned", frozenset()),
    )


async def test_a_taken_message_has_twilio_s_id(front: Front) -> None:
    receipt = await front.channel.send(message(), account())
    (taken,) = front.stand_in.messages
    assert receipt == Receipt(taken.sid)
    assert (taken.sender, taken.to, taken.body) == (NUMBER, CONTACT, BODY)


async def test_the_status_url_travels_with_the_message(front: Front) -> None:
    await front.channel.send(message(status_url="http://tienda.localhost:9/status?message=7"), account())
    assert front.stand_in.messages[0].status_callback == "http://tienda.localhost:9/status?message=7"


async def test_the_process_s_own_twilio_variables_change_nothing(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_EDGE", "TWILIO_REGION"):
        monkeypatch.setenv(name, "dublin")
    assert await front.channel.send(message(), account()) == Receipt(front.stand_in.messages[0].sid)


@pytest.mark.parametrize(
    ("content", "to", "body", "media"),
    [
        (
            Media((File("https://a.example/1.jpg"), File("https://a.example/2.jpg")), "Mira"),
            SMS_CONTACT,
            "Mira",
            ["https://a.example/1.jpg", "https://a.example/2.jpg"],
        ),
        (Media((File("https://a.example/1.jpg"),)), CONTACT, "", ["https://a.example/1.jpg"]),
        (Location(-33.45, -70.66, "Plaza", "Alameda 1"), CONTACT, "Plaza", []),
    ],
)
async def test_files_and_places(front: Front, content: Content, to: str, body: str, media: list[str]) -> None:
    await front.channel.send(message(content, to), account(NUMBER if to == CONTACT else SMS_NUMBER))
    (taken,) = front.stand_in.messages
    assert (taken.body, taken.media) == (body, media)


@pytest.mark.parametrize(
    "content",
    [
        Media((File("ME123"),)),
        Media((File("file:///etc/passwd"),)),
        ContactCard("Ana", ("+56922222222",)),
        Template("saludo"),
    ],
)
async def test_what_twilio_cannot_carry_is_refused_before_it_is_asked(front: Front, content: Content) -> None:
    with pytest.raises(Refused):
        await front.channel.send(message(content), account())
    assert front.stand_in.messages == []


async def test_in_a_rotation_the_token_that_lives_is_used(front: Front) -> None:
    await front.channel.send(message(), account(token="muerto", next_token="secreto"))
    await front.channel.send(message(), account(token="secreto", next_token="todavía no"))
    assert front.stand_in.sent(NUMBER, CONTACT) == [BODY, BODY]


@pytest.mark.parametrize(
    ("sending", "by", "cause"),
    [
        (message(to="56922222222"), account(), r"21211: "),
        (message(to=SMS_CONTACT), account(), r"21910: "),
        (message(""), account(), r"21602: the message is empty"),
        (message("a" * 1601), account(), r"21617: .*1600"),
        (message(status_url="http://mi_tienda.example/"), account(), r"21609: .*CONSERJE_PUBLIC_URL"),
    ],
)
async def test_a_refusal_says_what_to_do_and_quotes_nothing(
    front: Front, sending: OutboundMessage, by: Account[TwilioCredentials, TwilioSettings], cause: str
) -> None:
    with pytest.raises(Refused, match=cause) as refused:
        await front.channel.send(sending, by)
    assert BODY not in str(refused.value)
    assert front.stand_in.messages == []


@pytest.mark.parametrize(
    ("sending", "by", "cause", "retry"),
    [
        (message(), account(token="otro"), r"20003: .*auth_token", False),
        (message(), account(token="otro", next_token="tampoco"), r"20003: .*auth_token", False),
        (message(), account(address="whatsapp:+56999999999"), r"63007: .*address", True),
        (message(to=SMS_CONTACT), account(address="+56999999999"), r"21606: .*address", True),
    ],
)
async def test_what_is_the_account_s_fault_says_so(
    front: Front,
    sending: OutboundMessage,
    by: Account[TwilioCredentials, TwilioSettings],
    cause: str,
    retry: bool,
) -> None:
    with pytest.raises(AccountFault, match=cause) as fault:
        await front.channel.send(sending, by)
    assert fault.value.retry == retry
    assert BODY not in str(fault.value)
    assert front.stand_in.messages == []


async def test_who_opted_out_is_refused(front: Front) -> None:
    await front.stand_in.deliver(
        f"{front.url}/nowhere", list(front.stand_in.inbound(SMS_NUMBER, SMS_CONTACT, "STOP").items())
    )
    with pytest.raises(OptedOut, match="21610: the contact has opted out"):
        await front.channel.send(message(to=SMS_CONTACT), account(SMS_NUMBER))


@pytest.mark.parametrize(("fault", "after"), [("429", 7.0), ("429 without retry-after", 5.0)])
async def test_a_busy_twilio_is_tried_later(front: Front, fault: str, after: float) -> None:
    front.faults.append(fault)
    with pytest.raises(TryLater, match="20429") as later:
        await front.channel.send(message(), account())
    assert later.value.after == after
    assert await front.channel.send(message(), account())


@pytest.mark.parametrize(
    ("fault", "taken"),
    [
        ("500", 0),
        ("html", 0),
        ("redirect", 0),
        ("stall", 0),
        ("stall-after-accept", 1),
        ("hang-up-after-accept", 1),
    ],
)
async def test_where_nobody_knows_it_is_uncertain(front: Front, fault: str, taken: int) -> None:
    front.faults.append(fault)
    with pytest.raises(Uncertain) as uncertain:
        await front.channel.send(message(), account())
    await until(lambda: len(front.stand_in.messages) == taken)
    assert BODY not in str(uncertain.value)
    assert "secreto" not in str(uncertain.value)


async def test_a_connection_cut_before_the_answer_is_uncertain() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        channel = Twilio(TwilioOperator(base_url=f"http://127.0.0.1:{port}"), http)
        with pytest.raises(Uncertain):
            await channel.send(message(), account())


async def test_a_refused_connection_is_tried_later() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        channel = Twilio(TwilioOperator(base_url=f"http://127.0.0.1:{port}"), http)
        with pytest.raises(TryLater):
            await channel.send(message(), account())


ERROR = '{{"code": {}, "message": "about {}", "more_info": "", "status": {}}}'


@pytest.mark.parametrize(
    ("status", "answer", "retry_after", "outcome", "text"),
    [
        (400, ERROR.format(21611, BODY, 400), "", TryLater, "21611: the sender's queue is full"),
        (400, ERROR.format(30001, BODY, 400), "", TryLater, "30001"),
        (400, ERROR.format(63017, BODY, 400), "", TryLater, "63017"),
        (403, ERROR.format(63018, BODY, 403), "99999", TryLater, "63018"),
        (429, "<html>slow down</html>", "0", TryLater, "20429"),
        (401, "<html>who?</html>", "", AccountFault, "20003"),
        (400, ERROR.format(29999, BODY, 400), "", Refused, "29999: see https://www.twilio.com/"),
        (404, ERROR.format(20404, BODY, 404), "", AccountFault, "20404: .*account_sid"),
        (400, ERROR.format(30002, BODY, 400), "", AccountFault, "30002"),
        (404, "<html>not found</html>", "", Uncertain, "404"),
        (400, "[]", "", Uncertain, "400"),
        (400, '{"code": "odd", "message": "m"}', "", Uncertain, "400"),
        (503, ERROR.format(20503, BODY, 503), "5", Uncertain, "503"),
        (302, ERROR.format(20429, BODY, 302), "", Uncertain, "302"),
        (201, "", "", Uncertain, "no message"),
        (201, "{}", "", Uncertain, "no message"),
        (201, "[]", "", Uncertain, "not Twilio"),
        (201, '"SM1"', "", Uncertain, "not Twilio"),
    ],
)
async def test_answers_and_what_they_mean(
    status: int, answer: str, retry_after: str, outcome: type[Exception], text: str
) -> None:
    given = httpx2.Response(status, text=answer, headers={"retry-after": retry_after})
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: given)) as http:
        with pytest.raises(outcome, match=text) as raised:
            await Twilio(TwilioOperator(), http).send(message(), account())
    assert BODY not in str(raised.value)
    if isinstance(raised.value, TryLater):
        assert 1 <= raised.value.after <= 300


async def test_an_answer_goes_to_the_operator_s_address_only() -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url)
        uri = "https://elsewhere.example/2010-04-01/next?Page=1"
        return httpx2.Response(200, json={"messages": [], "next_page_uri": uri if len(asked) == 1 else None})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        channel = Twilio(TwilioOperator(base_url="http://twilio.internal:8090/"), http)
        await channel.find(message(attempted_at=LONG_AGO), account())
    assert {(url.scheme, url.host, url.port) for url in asked} == {("http", "twilio.internal", 8090)}
    assert len(asked) == 2


LONG_AGO = datetime.now(UTC) - timedelta(minutes=3)


async def test_finds_the_message_that_was_taken(front: Front) -> None:
    front.faults.append("hang-up-after-accept")
    with pytest.raises(Uncertain):
        await front.channel.send(message(), account())
    found = await front.channel.find(message(), account())
    assert found == Receipt(front.stand_in.messages[0].sid)


async def test_finds_a_message_that_waits_in_twilio_s_queue(front: Front) -> None:
    front.stand_in.habit = "late"  # and so it has no DateSent
    taken = await front.channel.send(message(), account())
    assert await front.channel.find(message(), account()) == taken


async def test_finds_a_message_behind_a_trial_account_s_notice(front: Front) -> None:
    trial = account("+56933333333", TRIAL, "de prueba")
    taken = await front.channel.send(message(to=SMS_CONTACT), trial)
    assert front.stand_in.messages[0].body != BODY
    assert await front.channel.find(message(to=SMS_CONTACT), trial) == taken


async def test_of_two_equal_messages_the_one_that_is_not_owned_is_found(front: Front) -> None:
    first = await front.channel.send(message(), account())
    second = await front.channel.send(message(), account())
    looking = message(owned=frozenset({first.provider_id}))
    assert await front.channel.find(looking, account()) == second
    assert await front.channel.find(message(), account()) == first


@pytest.mark.parametrize(
    "looking",
    [
        lambda: message("Otra cosa"),
        lambda: message(to="whatsapp:+56944444444"),
        lambda: message(attempted_at=datetime.now(UTC) + timedelta(minutes=1)),
    ],
    ids=["text", "contact", "later"],
)
async def test_a_message_that_is_not_listed_may_be_so_later(
    front: Front, looking: Callable[[], OutboundMessage]
) -> None:
    await front.channel.send(message(), account())
    with pytest.raises(CannotTell):
        await front.channel.find(looking(), account())


async def test_a_message_that_is_not_listed_after_a_minute_was_not_taken(front: Front) -> None:
    await front.channel.send(message("Otra cosa"), account())
    assert await front.channel.find(message(attempted_at=LONG_AGO), account()) is None


async def test_the_same_words_from_shortly_before_may_be_a_fast_clock_s(front: Front) -> None:
    """Its attempt was noted half a minute late; the clock has been set right since."""
    taken = await front.channel.send(message(), account())
    noted, told = datetime.now(UTC) + timedelta(seconds=30), timedelta(minutes=3)
    entry = front.stand_in.messages[0]
    entry.created -= told
    with pytest.raises(CannotTell, match="clock"):
        await front.channel.find(message(attempted_at=noted - told), account())
    owned = message(attempted_at=noted - told, owned=frozenset({taken.provider_id}))
    assert await front.channel.find(owned, account()) is None


async def test_whether_all_is_listed_is_judged_by_twilio_s_clock() -> None:
    past = format_datetime(LONG_AGO)
    listed = httpx2.Response(200, json={"messages": [], "next_page_uri": None}, headers={"Date": past})
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: listed)) as http:
        with pytest.raises(CannotTell):
            await Twilio(TwilioOperator(), http).find(message(attempted_at=LONG_AGO), account())


async def test_a_full_list_of_newer_messages_proves_nothing(front: Front) -> None:
    for n in range(200):
        await front.channel.send(message(f"Otra cosa {n}"), account())
    with pytest.raises(CannotTell):
        await front.channel.find(message(attempted_at=LONG_AGO), account())


async def test_only_outbound_messages_are_ours() -> None:
    entry = {"sid": "SM1", "body": BODY, "direction": "inbound", "status": "received"}
    listed = httpx2.Response(200, json={"messages": [entry], "next_page_uri": None})
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: listed)) as http:
        channel = Twilio(TwilioOperator(), http)
        assert await channel.find(message(attempted_at=LONG_AGO), account()) is None


@pytest.mark.parametrize("by", [account(token="otro"), account(sid="AC" + "9" * 32)])
async def test_a_twilio_that_refuses_to_list_did_not_say_no(
    front: Front, by: Account[TwilioCredentials, TwilioSettings]
) -> None:
    with pytest.raises(CannotTell) as cannot:
        await front.channel.find(message(attempted_at=LONG_AGO), by)
    assert not re.search("otro|secreto", str(cannot.value))
