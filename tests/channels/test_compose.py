"""What `conserje say` writes as a contact is read as what it is, at each channel."""

from __future__ import annotations

from decimal import Decimal

import pytest

from conserje import (
    Account,
    Card,
    ContactCard,
    Content,
    Edit,
    File,
    InboundMessage,
    Location,
    Media,
    Note,
    NotOffered,
    Order,
    OrderItem,
    Pressed,
    Reaction,
    Revocation,
    Template,
    Text,
    Unknown,
)
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
PICTURE = Media((File("https://a.example/a.png", "image/png"),), "esto")
SAID = (
    PICTURE,
    Media((File("https://a.example/a.ogg", "audio/ogg"),)),
    Text("¿Hay pan?"),
    Location(-33.4, -70.6, "Local", "Calle 1"),
    Pressed("pan", "Pan"),
)
BY_WHATSAPP = (
    Media((File("https://a.example/a.webp", "image/webp", sticker=True),)),
    Reaction("X1", "👍"),
)
BY_META = (
    ContactCard("Ana", ("+56911111111",), ("ana@a.example",), (Card("Eva", ("+56922222222",)),)),
    Order((OrderItem("pan-1", 2, Decimal("1990")), OrderItem("té", 1)), "CLP", "gracias"),
    Edit("wamid.X1", Text("dos")),
    Revocation("wamid.X1"),
)
NOBODY_WRITES = (Unknown("poll", {}), Note("llamó"), Template("t"), Media(()))


def channel(name: str) -> AnyChannel:
    return load({}, client()).channel(name)


def written(place: tuple[str, AnyAccount], said: str | Content) -> Content:
    name, account = place
    plugin = channel(name)
    hook = plugin.compose(account, URL, PHONE, said)
    plugin.verify(hook, account)
    [event] = plugin.parse(hook)
    assert isinstance(event, InboundMessage)
    return event.content


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.type)
@pytest.mark.parametrize("place", PLACES, ids=["whatsapp", "sms", "meta"])
async def test_what_is_sent_is_read(place: tuple[str, AnyAccount], said: Content) -> None:
    assert written(place, said) == said


@pytest.mark.parametrize(
    ("place", "said"),
    [(place, said) for place in (PLACES[0], PLACES[2]) for said in BY_WHATSAPP]
    + [(PLACES[2], said) for said in BY_META],
    ids=lambda given: given[0] if isinstance(given, tuple) else given.type,
)
async def test_what_the_provider_has_beside_is_read_too(place: tuple[str, AnyAccount], said: Content) -> None:
    assert written(place, said) == said


async def test_of_several_files_all_are_read() -> None:
    said = Media((*PICTURE.files, File("https://a.example/b.png", "image/png")), "dos")
    assert written(PLACES[0], said) == said


@pytest.mark.parametrize("said", NOBODY_WRITES, ids=lambda said: said.type)
@pytest.mark.parametrize("place", PLACES, ids=["whatsapp", "sms", "meta"])
async def test_what_no_contact_writes_is_not_offered(place: tuple[str, AnyAccount], said: Content) -> None:
    with pytest.raises(NotOffered):
        written(place, said)


@pytest.mark.parametrize("name", ["web", "json"])
async def test_words_are_words_however_they_are_given(name: str) -> None:
    plugin = channel(name)
    credentials = plugin.Credentials.model_validate({"secret": "0" * 64} if name == "json" else {})
    account = Account("acme", name, credentials, plugin.Settings())
    for said in ("hola", Text("hola")):
        [event] = plugin.parse(plugin.compose(account, URL, "ana", said))
        assert isinstance(event, InboundMessage) and event.content == Text("hola")


@pytest.mark.parametrize("name", ["web", "json"])
async def test_a_channel_says_what_it_does_not_carry(name: str) -> None:
    plugin = channel(name)
    account = Account("acme", name, plugin.Credentials(), plugin.Settings())
    with pytest.raises(NotOffered):
        plugin.compose(account, URL, PHONE, PICTURE)
