"""The channel twilio keeps the contract of channels."""

from __future__ import annotations

from typing import ClassVar

import httpx2

from conserje import File, Template
from conserje.testing import ProviderChannelContract
from conserje_twilio import Twilio


class TestTwilio(ProviderChannelContract):
    channel = Twilio
    address = "whatsapp:+56911111111"
    sender = "whatsapp:+56922222222"
    credentials: ClassVar = {
        "account_sid": "AC" + "1" * 32,
        "auth_token": "secreto",
        "next_auth_token": "sucesor",
    }
    other_credentials: ClassVar = {"account_sid": "AC" + "1" * 32, "auth_token": "ajeno"}

    samples: ClassVar = {"template": Template("HX" + "7" * 32, values=("Ana", "mañana"))}
    file = File("https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1", "image/jpeg")

    def good_answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(201, json={"sid": "SM" + "7" * 32})

    def refusing_answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(400, json={"code": 21211, "message": "Invalid 'To'", "status": 400})


class TestTwilioBySms(TestTwilio):
    address = "+56911111111"
    sender = "+56922222222"
    other_credentials: ClassVar = {"account_sid": "AC" + "2" * 32, "auth_token": "secreto"}
