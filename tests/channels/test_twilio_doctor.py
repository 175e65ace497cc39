"""Examining an account at Twilio, and having it post to us."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from waiting import LIMIT

from conserje import Account, CannotTell, Finding, Refused, Urls
from conserje_fakes.server import serving
from conserje_fakes.twilio import TwilioAccount, create
from conserje_fakes.twilio_messages import StandIn
from conserje_twilio import Twilio, TwilioCredentials, TwilioOperator, TwilioSettings

SID, SERVICE = "AC" + "1" * 32, "MG" + "3" * 32
WHATSAPP, SMS = "whatsapp:+56911111111", "+56911111111"
WEBHOOK = "https://tienda.bot.example/bot/twilio/webhook"
URLS = Urls(WEBHOOK, "https://tienda.bot.example/bot/twilio/status")
NUMBERS = ("whatsapp:+56900000000", WHATSAPP, SMS)


class Front:
    """The channel in front of a stand-in, with one account at a time."""

    def __init__(self, url: str, stand_in: StandIn, http: httpx2.AsyncClient) -> None:
        self.stand_in = stand_in
        self.channel = Twilio(TwilioOperator(base_url=url), http)

    def post_to(self, address: str, url: str, method: str = "POST") -> None:
        if address == SMS:
            self.stand_in.setup.number(address).update(sms_url=url, sms_method=method)
        else:
            webhook = {"callback_url": url, "callback_method": method, "fallback_url": "https://a.example/"}
            self.stand_in.setup.sender(address)["webhook"] = webhook

    async def examine(self, address: str, service: str | None = None, **tokens: str) -> list[Finding]:
        return list(await self.channel.examine(account(address, service, **tokens), URLS))

    async def troubles(
        self, address: str, service: str | None = None, **tokens: str
    ) -> list[tuple[str, str]]:
        found = await self.examine(address, service, **tokens)
        assert all(each.remedy or "check" in each.text for each in found if each.level != "ok")
        return [(each.level, each.text) for each in found if each.level != "ok"]


def account(
    address: str, service: str | None = None, **tokens: str
) -> Account[TwilioCredentials, TwilioSettings]:
    given = {"account_sid": SID} | (tokens or {"auth_token": "secreto"})
    settings = TwilioSettings(messaging_service_sid=service)
    return Account("tienda", address, TwilioCredentials.model_validate(given), settings)


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    app = create([TwilioAccount(SID, "secreto", NUMBERS, services={SERVICE: NUMBERS})])
    async with serving(app) as url, httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        yield Front(url, app.state.stand_in, http)


@pytest.mark.parametrize("address", [WHATSAPP, SMS])
async def test_what_was_configured_is_well(front: Front, address: str) -> None:
    assert await front.troubles(address) == [("error", "Twilio posts messages nowhere.")]
    await front.channel.configure(account(address), URLS)
    assert await front.troubles(address) == []
    assert front.stand_in.setup.webhook(address, None) == f"{WEBHOOK}#rc=3&rp=all"


async def test_configuring_keeps_what_else_a_sender_has(front: Front) -> None:
    front.post_to(WHATSAPP, "https://otro.example/")
    await front.channel.configure(account(WHATSAPP), URLS)
    assert front.stand_in.setup.sender(WHATSAPP)["webhook"]["fallback_url"] == "https://a.example/"
    assert front.stand_in.setup.sender(NUMBERS[0])["webhook"] == {}


@pytest.mark.parametrize("address", [WHATSAPP, SMS])
@pytest.mark.parametrize(
    ("url", "method", "trouble"),
    [
        (
            "https://otro.example/hook",
            "POST",
            ("error", "Twilio posts messages to https://otro.example/hook."),
        ),
        (
            "https://bot.example/webhook/whatsapp#rc=1&rp=all",
            "POST",
            ("warning", "Twilio posts messages to https://bot.example/webhook/whatsapp."),
        ),
        (WEBHOOK + "/", "POST", ("error", f"Twilio posts messages to {WEBHOOK}/.")),
        (WEBHOOK + "#rc=1&rp=all", "GET", ("error", "Twilio brings messages by GET.")),
        (WEBHOOK, "POST", ("warning", "Twilio does not post again what could not be taken.")),
        (WEBHOOK + "#rc=3", "POST", ("warning", "Twilio does not post again what could not be taken.")),
        (
            WEBHOOK + "#rc=0&rp=all",
            "POST",
            ("warning", "Twilio does not post again what could not be taken."),
        ),
        (WEBHOOK + "#rp=5xx,rt,ct", "POST", None),
        (WEBHOOK + "#rc=2&rp=all&e=sao-paulo", "POST", None),
    ],
)
async def test_where_messages_go(
    front: Front, address: str, url: str, method: str, trouble: tuple[str, str] | None
) -> None:
    front.post_to(address, url, method)
    assert await front.troubles(address) == ([trouble] if trouble else [])


@pytest.mark.parametrize("address", [WHATSAPP, SMS])
async def test_what_configuring_mends_says_where_messages_go_now(front: Front, address: str) -> None:
    for url, method in (("", "POST"), ("https://otro.example/", "POST"), (WEBHOOK, "GET"), (WEBHOOK, "POST")):
        front.post_to(address, f"{url}#rc=3" if url else "", method)
        assert [each.posts_to for each in await front.examine(address) if each.level != "ok"] == [url]
    front.post_to(address, WEBHOOK + "#rp=all")
    assert {each.posts_to for each in await front.examine(address)} == {None}
    assert {each.posts_to for each in await front.examine(address, auth_token="otro")} == {None}


async def test_a_sender_that_is_offline_says_why(front: Front) -> None:
    front.post_to(WHATSAPP, WEBHOOK + "#rp=all")
    reasons = [{"code": "1", "message": "The business is not verified."}]
    front.stand_in.setup.sender(WHATSAPP).update(status="OFFLINE", offline_reasons=reasons)
    text = f"{WHATSAPP} is OFFLINE. The business is not verified."
    assert await front.troubles(WHATSAPP) == [("error", text)]
    front.stand_in.setup.sender(WHATSAPP)["status"] = "ONLINE:UPDATING"
    assert await front.troubles(WHATSAPP) == []


async def test_a_twiml_app_takes_the_messages(front: Front) -> None:
    front.post_to(SMS, WEBHOOK + "#rp=all")
    front.stand_in.setup.number(SMS)["sms_application_sid"] = "AP1"
    assert await front.troubles(SMS) == [("error", f"A TwiML app takes the messages to {SMS}.")]
    assert [each.posts_to for each in await front.examine(SMS)][-1] == "TwiML app AP1"
    await front.channel.configure(account(SMS), URLS)
    assert await front.troubles(SMS) == []


@pytest.mark.parametrize(
    ("address", "kind"), [("whatsapp:+56999999999", "WhatsApp sender"), ("+56999999999", "number")]
)
async def test_an_address_of_nobody(front: Front, address: str, kind: str) -> None:
    text = f"{address} is no {kind} of this Twilio account."
    assert await front.troubles(address) == [("error", text)]
    with pytest.raises(Refused, match=f"no {kind}"):
        await front.channel.configure(account(address), URLS)


async def test_a_service_s_word_beats_the_number_s(front: Front) -> None:
    front.post_to(SMS, WEBHOOK + "#rp=all")
    assert await front.troubles(SMS, SERVICE) == [("error", "Twilio posts messages nowhere.")]
    await front.channel.configure(account(SMS, SERVICE), URLS)
    assert await front.troubles(SMS, SERVICE) == []
    assert front.stand_in.setup.webhook(SMS, SERVICE) == f"{WEBHOOK}#rc=3&rp=all"
    ((level, text),) = await front.troubles(SMS, "MG" + "9" * 32)
    assert (level, text[:5]) == ("error", "21701")


async def test_credentials_that_twilio_does_not_accept(front: Front) -> None:
    ((level, text),) = await front.troubles(SMS, auth_token="otro")
    assert (level, text[:5]) == ("error", "20003")
    with pytest.raises(Refused, match="20003"):
        await front.channel.configure(account(SMS, auth_token="otro"), URLS)


async def test_a_rotation_that_is_over_is_told(front: Front) -> None:
    front.post_to(SMS, WEBHOOK + "#rp=all")
    expected = [("warning", "Twilio accepts next_auth_token only.")]
    assert await front.troubles(SMS, auth_token="muerto", next_auth_token="secreto") == expected


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(500, text="<html>"),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json=[]),
        httpx2.Response(200, json={"status": "active"}),
        httpx2.Response(429, json={"code": 20429}),
        httpx2.Response(302, headers={"location": "https://a.example/"}),
    ],
)
async def test_a_twilio_that_cannot_be_asked_said_nothing(answer: httpx2.Response) -> None:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer)) as http:
        channel = Twilio(TwilioOperator(), http)
        for doing in (channel.examine(account(SMS), URLS), channel.configure(account(SMS), URLS)):
            with pytest.raises(CannotTell):
                await doing


async def test_a_suspended_twilio_account_is_told() -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        if "IncomingPhoneNumbers" in request.url.path:
            return httpx2.Response(200, json={"incoming_phone_numbers": []})
        return httpx2.Response(200, json={"status": "suspended"})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(respond)) as http:
        suspended, _ = await Twilio(TwilioOperator(), http).examine(account(SMS), URLS)
    assert (suspended.level, suspended.text) == ("error", "The Twilio account is suspended.")
