"""The own channels recorded: cases without a credential in any form, which the channel keeps with others."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from spelled import ways

from conserje import Account, Content, Media, OutboundMessage, Text
from conserje.contract.channel import AnyChannel
from conserje.contract.message import Button, Buttons, File
from conserje.net import exchanges
from conserje.net.client import client
from conserje.plugins import cases, guard
from conserje.plugins.cases import Asking
from conserje.testing.cases import check_incoming, check_outgoing
from conserje_json import Json
from conserje_meta import Meta, MetaOperator
from conserje_twilio import Twilio, TwilioOperator

PHONE = "56922222222"
OTHER_SID = "AC" + "9" * 32
SID = "AC" + "1a" * 16
OPERATORS = {"twilio": "0peratorsT0kenOfAll", "meta": "EAAtheOperatorsOwn"}


@dataclass
class Known:
    """A channel, an account of it with credentials of every form that it has, and another one's."""

    made: Callable[[httpx2.AsyncClient], AnyChannel]
    address: str
    contact: str
    credentials: Mapping[str, Any]
    others: Mapping[str, Any]
    answer: Mapping[str, Any]
    secrets: tuple[str, ...]

    def account(self, given: Mapping[str, Any]) -> Account[Any, Any]:
        channel = self.made(client())
        credentials = channel.Credentials.model_validate(given)
        return Account("acme", self.address, credentials, channel.Settings())


KNOWN = {
    "twilio": Known(
        lambda http: Twilio(
            TwilioOperator.model_validate({"account_sid": OTHER_SID, "auth_token": OPERATORS["twilio"]}),
            http,
        ),
        "whatsapp:+56911111111",
        f"whatsapp:+{PHONE}",
        {
            "account_sid": SID, "auth_token": "0ne5ecret+/=&x", "next_auth_token": "n3xt/5ecret",
            "shared_keys": {"SK" + "2" * 32: "5hared%5ecret"},
        },
        {"account_sid": "AC" + "3" * 32, "auth_token": "another5ecret"},
        {"sid": "SM" + "0a1b2c3d" * 4, "account_sid": SID, "auth": "0ne5ecret+/=&x"},
        (SID, "0ne5ecret+/=&x", "n3xt/5ecret", "5hared%5ecret", OPERATORS["twilio"]),
    ),
    "meta": Known(
        lambda http: Meta(
            MetaOperator.model_validate({"access_token": OPERATORS["meta"], "app_secret": "0perat0rsSecret"}),
            http,
        ),
        "106540352242922",
        PHONE,
        {
            "access_token": "EAAB0wZDZ0fTheAccount", "app_secret": "app5ecret0fTheAccount",
            "next_app_secret": "next5ecret0fTheAccount", "verify_token": "verify me/please+now",
            "waba_id": "102290129340398",
        },
        {"access_token": "EAAanother", "app_secret": "another5ecret", "waba_id": "1022"},
        {
            "messages": [{"id": "wamid.HBgLNTY5MjIyMjIyMjIyFQ"}], "contacts": [{"wa_id": PHONE}],
            "echo": "EAAB0wZDZ0fTheAccount",
        },
        (
            "EAAB0wZDZ0fTheAccount", "app5ecret0fTheAccount", "next5ecret0fTheAccount",
            "verify me/please+now", "102290129340398", OPERATORS["meta"], "0perat0rsSecret",
        ),
    ),
    "json": Known(
        lambda http: Json(Json.Operator(), http),
        "json",
        f"+{PHONE}",
        {"secret": "json5ecret+/=of the tenant"},
        {"secret": "another5ecret0f-others"},
        {},
        ("json5ecret+/=of the tenant",),
    ),
}  # fmt: skip
CONTENTS: tuple[Content, ...] = (
    Text("Hola Ana, llama al +56922222222"),
    Buttons("¿Cuál, Ana?", (Button("uno", "La primera"), Button("dos", "La otra"))),
)


def asking(name: str) -> Asking:
    return Asking("acme", name, time.time() + 60, secrets.token_hex(32))


def holds_nothing(case: object, known: Known) -> None:
    text = json.dumps(case, ensure_ascii=False)
    for secret in known.secrets:
        for way, written in ways(secret).items():
            assert written not in text, way
    for each in (PHONE, "56911111111", "106540352242922", "Ana", "Hola", "acme"):
        assert each not in text


@pytest.mark.parametrize("name", KNOWN)
async def test_promise_7_what_is_posted_holds_no_credential_and_is_read_for_other_credentials(
    name: str,
) -> None:
    known = KNOWN[name]
    channel, account = known.made(client()), known.account(known.credentials)
    for said in ("Hola Ana", Media((File("1234567890123456", "image/jpeg"),), "Hola Ana")):
        if name == "json" and isinstance(said, Media):
            continue
        hook = channel.compose(account, f"https://acme.example.com/bot/{name}/webhook", known.contact, said)
        for every in known.secrets:  # as a provider would, which has them all
            hook.url += ("&" if "?" in hook.url else "?") + f"x={ways(every)['in an address']}"
            hook.headers = {**hook.headers, f"x-{len(hook.headers)}": every}
        events = guard.parsed(channel, "acme", hook, account)
        case = await cases.incoming(asking(name), channel, hook, account, events)
        holds_nothing(case, known)
        assert case["events"]
        check_incoming(name, case, channel, replace(known.account(known.others), address=case["address"]))


@pytest.mark.parametrize("content", CONTENTS, ids=lambda each: each.type)
@pytest.mark.parametrize("name", ["twilio", "meta"])
async def test_promise_7_what_is_sent_and_answered_holds_no_credential_and_is_sent_for_other_credentials(
    name: str, content: Content
) -> None:
    known = KNOWN[name]
    http = client()
    http._transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=known.answer))
    channel, account = known.made(http), known.account(known.credentials)
    message = OutboundMessage(
        12, known.contact, content, "https://acme.example.com/bot/x/status", datetime.now(UTC)
    )
    with exchanges.kept() as kept:
        receipt = await channel.send(message, account)
    case = await cases.outgoing(asking(name), channel, message, account, kept, receipt)
    holds_nothing(case, known)
    assert case["requests"] and case["outcome"]["receipt"]
    others = replace(known.account(known.others), address=case["address"])
    await check_outgoing(name, case, known.made, others, known.contact)
