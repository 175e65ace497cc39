"""The channel twilio keeps the contract of channels."""

from __future__ import annotations

from typing import ClassVar

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


class TestTwilioBySms(TestTwilio):
    address = "+56911111111"
    sender = "+56922222222"
    other_credentials: ClassVar = {"account_sid": "AC" + "2" * 32, "auth_token": "secreto"}
