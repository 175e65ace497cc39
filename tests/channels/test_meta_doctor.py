"""A number at Meta: the doctor's questions, and setting it up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from waiting import LIMIT

from conserje import Account, CannotTell, Finding, Forged, Malformed, Refused, Urls, Webhook
from conserje_fakes.meta import Number, StandIn, create
from conserje_fakes.server import serving
from conserje_meta import Meta, MetaCredentials, MetaOperator, MetaSettings

NUMBER, TOKEN, BUSINESS = "106540352242922", "EAAficha", "102290129340398"
ALL = {"access_token": TOKEN, "app_secret": "s3creto", "verify_token": "palabra", "waba_id": BUSINESS}


def account(**given: Any) -> Account[MetaCredentials, MetaSettings]:
    held = {name: value for name, value in (ALL | given).items() if value}
    return Account("tienda", NUMBER, MetaCredentials.model_validate(held), MetaSettings())


@dataclass
class Front:
    channel: Meta
    meta: StandIn


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    app = create([Number(NUMBER, TOKEN, "s3creto"), Number("2", "EAAotra", "s3creto")])
    async with serving(app) as url, httpx2.AsyncClient(timeout=LIMIT, trust_env=False) as http:
        yield Front(Meta(MetaOperator(base_url=url), http), app.state.stand_in)


URLS = Urls("https://tienda.bot.example/bot/meta/webhook", "https://tienda.bot.example/bot/meta/status")


def levels(findings: Any) -> list[str]:
    return [finding.level for finding in findings]


async def test_a_number_that_is_well_has_nothing_but_good_findings(front: Front) -> None:
    for url in (URLS.webhook, "https://bot.example/webhook/meta"):
        front.meta.numbers[NUMBER].webhook = url
        assert levels(await front.channel.examine(account(), URLS)) == ["ok", "ok", "ok"]


async def test_examining_changes_nothing(front: Front) -> None:
    before = str(front.meta.numbers)
    await front.channel.examine(account(), URLS)
    assert str(front.meta.numbers) == before


ILL: list[tuple[dict[str, Any], dict[str, Any], Finding]] = [
    (
        {"webhook": "https://other.example/"},
        {},
        Finding(
            "error",
            f"Meta posts to https://other.example/, not to {URLS.webhook}.",
            "Have `conserje account configure` set it.",
            "https://other.example/",
        ),
    ),
    (
        {"webhook": ""},
        {},
        Finding(
            "error",
            f"Meta posts to nobody, not to {URLS.webhook}.",
            "Have `conserje account configure` set it.",
            "",
        ),
    ),
    (
        {"status": "FLAGGED"},
        {},
        Finding("error", "15550783881 (Tienda) is not connected: FLAGGED.", "See WhatsApp Manager."),
    ),
    (
        {"quality": "RED"},
        {},
        Finding(
            "warning",
            "Contacts rate the number's messages as RED; Meta may limit it.",
            "See WhatsApp Manager.",
        ),
    ),
    (
        {"subscribed": False},
        {},
        Finding(
            "error",
            "No app is subscribed to the WhatsApp Business Account.",
            "Have `conserje account configure` set it.",
            "",
        ),
    ),
    (
        {},
        {"waba_id": ""},
        Finding(
            "warning",
            "The credentials name no WhatsApp Business Account, so its apps are not seen.",
            "Give waba_id in the account's credentials.",
        ),
    ),
    (
        {},
        {"app_secret": ""},
        Finding("error", "The account has no app_secret; seal one, or set CONSERJE_META_APP_SECRET."),
    ),
    (
        {},
        {"access_token": ""},
        Finding("error", "The account has no access_token; seal one, or set CONSERJE_META_ACCESS_TOKEN."),
    ),
    (
        {},
        {"access_token": "EAAvieja"},
        Finding(
            "error",
            "Meta refuses to tell: 190: the access token has expired or was withdrawn;"
            " make a new one and seal it again (Error validating access token)",
            "Check the account's address and access_token.",
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("at_meta", "held", "finding"), ILL)
async def test_what_is_not_well_is_found_with_what_to_do(
    front: Front, at_meta: dict[str, Any], held: dict[str, Any], finding: Finding
) -> None:
    number = front.meta.numbers[NUMBER]
    number.webhook = URLS.webhook
    for name, value in at_meta.items():
        setattr(number, name, value)
    found = await front.channel.examine(account(**held), URLS)
    assert finding in found
    assert {each.level for each in found if each != finding} <= {"ok"}


async def test_a_meta_out_of_reach_is_no_finding() -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    for answer in (refuse, lambda _: httpx2.Response(500), lambda _: httpx2.Response(429)):
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            meta = Meta(MetaOperator(), http)
            with pytest.raises(CannotTell):
                await meta.examine(account(), URLS)
            with pytest.raises(CannotTell):
                await meta.configure(account(), URLS)


@pytest_asyncio.fixture
async def webhook(front: Front) -> AsyncIterator[str]:
    """The tenant's own address, which answers handshakes as the channel says."""

    async def answer(request: Request) -> Response:
        hook = Webhook("GET", "webhook", str(request.url), {}, b"")
        try:
            front.channel.verify(hook, account())
        except (Forged, Malformed):
            return Response(status_code=403)
        told = front.channel.acknowledge(hook)
        return Response(told.body, told.status)

    async with serving(Starlette(routes=[Route("/bot/meta/webhook", answer)])) as url:
        yield url.replace("127.0.0.1", "tienda.localhost") + "/bot/meta/webhook"


async def test_meta_is_told_to_post_to_us_and_asks_whether_it_is_ours(front: Front, webhook: str) -> None:
    front.meta.numbers[NUMBER].subscribed = False
    await front.channel.configure(account(), Urls(webhook, ""))
    number = front.meta.numbers[NUMBER]
    assert (number.webhook, number.subscribed) == (webhook, True)
    assert levels(await front.channel.examine(account(), Urls(webhook, ""))) == ["ok", "ok", "ok"]


async def test_a_webhook_that_does_not_know_the_word_is_refused(front: Front, webhook: str) -> None:
    with pytest.raises(Refused, match="Meta refuses: 100"):
        await front.channel.configure(account(verify_token="otra"), Urls(webhook, ""))
    assert front.meta.numbers[NUMBER].webhook == ""


async def test_without_a_verify_token_meta_is_not_asked(front: Front) -> None:
    with pytest.raises(Refused, match="verify_token"):
        await front.channel.configure(account(verify_token=""), URLS)
