"""What `conserje say` writes as a contact is read as what it is, at each channel."""

from __future__ import annotations

import pytest

from conserje import Account, File, InboundMessage, Location, Media, NotOffered, Pressed
from conserje.contract.account import AnyAccount
from conserje.contract.channel import AnyChannel
from conserje.net.client import client
from conserje.plugins.plugins import load
from conserje_meta import MetaCredentials, MetaSettings
from conserje_twilio import TwilioCredentials, TwilioSettings

URL = "https://acme.bot.example/bot/x/webhook"
PHONE = "+56922222222"
TWILIO = TwilioCredentials.model_validate({"account_sid": "AC" + "1" * 32, "auth_token": "t"})
META = MetaCredentials.model_validate({"app_secret": "s3creto", "access_token": "t"})
PLACES: list[tuple[str, AnyAccount]] = [
    ("twilio", Account("acme", "whatsapp:+56911111111", TWILIO, TwilioSettings())),
    ("twilio", Account("acme", "+56911111111", TWILIO, TwilioSettings())),
    ("meta", Account("acme", "110000000000001", META, MetaSettings())),
]
SAID = (Media((File("https://a.example/a.png"),), "esto"), Location(-33.4, -70.6), Pressed("pan", "Pan"))


def channel(name: str) -> AnyChannel:
    return load({}, client()).channel(name)


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.type)
@pytest.mark.parametrize(("name", "account"), PLACES, ids=["whatsapp", "sms", "meta"])
async def test_what_is_sent_is_read(name: str, account: AnyAccount, said: Media | Location | Pressed) -> None:
    plugin = channel(name)
    hook = plugin.compose(account, URL, PHONE, said)
    plugin.verify(hook, account)
    [event] = plugin.parse(hook)
    assert isinstance(event, InboundMessage) and event.content.type == said.type
    if isinstance(said, Pressed):
        assert event.content == said


@pytest.mark.parametrize("name", ["web", "json"])
async def test_a_channel_says_what_it_does_not_carry(name: str) -> None:
    plugin = channel(name)
    account = Account("acme", name, plugin.Credentials(), plugin.Settings())
    with pytest.raises(NotOffered):
        plugin.compose(account, URL, PHONE, SAID[0])
