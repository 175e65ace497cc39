"""What Twilio posts, read into events."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from conserje import (
    Account,
    Answer,
    Content,
    Event,
    File,
    Ignored,
    InboundMessage,
    Location,
    Malformed,
    Media,
    Note,
    Pressed,
    Reaction,
    StatusUpdate,
    Text,
    Unknown,
    Unreadable,
    Webhook,
    plain,
)
from conserje_twilio import Twilio, TwilioCredentials, TwilioOperator, TwilioSettings
from conserje_twilio.signature import HEADER, sign

NUMBER = "whatsapp:+56911111111"
CONTACT = "whatsapp:+56922222222"
SID = "SM" + "a" * 32


def channel() -> Twilio:
    return Twilio(TwilioOperator(), None)  # type: ignore[arg-type]


def hook(fields: dict[str, Any], path: str = "webhook", query: str = "") -> Webhook:
    url = f"https://tienda.bot.example/bot/twilio/{path}{query}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return Webhook("POST", path, url, headers, urlencode(fields, doseq=True).encode())


def written(**fields: Any) -> Webhook:
    plain = {"MessageSid": SID, "From": CONTACT, "To": NUMBER, "Body": "Hola", "NumMedia": "0"}
    return hook({name: value for name, value in {**plain, **fields}.items() if value is not None})


def reported(query: str = "?message=7", **fields: Any) -> Webhook:
    plain = {"MessageSid": SID, "MessageStatus": "delivered", "From": NUMBER, "To": CONTACT}
    return hook(
        {name: value for name, value in {**plain, **fields}.items() if value is not None}, "status", query
    )


def the_event(request: Webhook) -> Event:
    (event,) = channel().parse(request)
    return event


def the_message(request: Webhook) -> InboundMessage:
    event = the_event(request)
    assert isinstance(event, InboundMessage)
    return event


def test_a_text() -> None:
    assert the_message(written(ProfileName="Ana", WaId="56922222222", MessageType="text")) == InboundMessage(
        address=NUMBER,
        key=f"in:{SID}",
        sender=CONTACT,
        content=Text("Hola"),
        identities=(),
        name="Ana",
        provider_id=SID,
    )


def test_an_sms_has_no_whatsapp_names() -> None:
    message = the_message(written(From="+56922222222", To="+56911111111", FromCity=""))
    assert (message.sender, message.address, message.identities) == ("+56922222222", "+56911111111", ())


def test_a_contact_s_other_names_are_kept() -> None:
    message = the_message(
        written(From="whatsapp:US.ABC123", WaId="56922222222", ExternalUserId="whatsapp:US.ABC123")
    )
    assert message.sender == "whatsapp:US.ABC123"
    assert message.identities == (CONTACT,)
    message = the_message(written(WaId="56922222222", ExternalUserId="whatsapp:CL.XYZ"))
    assert message.identities == ("whatsapp:CL.XYZ",)


@pytest.mark.parametrize(
    ("field", "given", "identity"),
    [
        ("WaId", "56933333333", "whatsapp:+56933333333"),
        ("WaId", "CL.XYZ", "whatsapp:CL.XYZ"),
        ("WaId", "ana", None),
        ("ExternalUserId", "CL.ENT.XYZ", "whatsapp:CL.ENT.XYZ"),
        ("ExternalUserId", "+56933333333", "whatsapp:+56933333333"),
        ("ExternalUserId", "@ana", None),
    ],
)
def test_a_name_is_known_by_its_form(field: str, given: str, identity: str | None) -> None:
    assert the_message(written(**{field: given})).identities == ((identity,) if identity else ())


PHOTO = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


@pytest.mark.parametrize(
    ("fields", "content"),
    [
        ({"Body": " \nHola  "}, Text(" \nHola  ")),
        (
            {"NumMedia": "1", "MediaUrl0": PHOTO, "MediaContentType0": "image/jpeg", "MessageType": "image"},
            Media((File(PHOTO, "image/jpeg"),), "Hola"),
        ),
        (
            {"NumMedia": "2", "MediaUrl0": PHOTO, "MediaUrl1": PHOTO + "2", "Body": "", "MessageType": "new"},
            Media((File(PHOTO), File(PHOTO + "2"))),
        ),
        (
            {
                "Latitude": "-33.45",
                "Longitude": "-70.66",
                "Label": "Plaza",
                "Address": "Alameda 1",
                "Body": "",
            },
            Location(-33.45, -70.66, "Plaza", "Alameda 1"),
        ),
        (
            {"ButtonPayload": "si", "ButtonText": "Sí", "Body": "Sí", "MessageType": "button"},
            Pressed("si", "Sí"),
        ),
        ({"ButtonText": "Sí", "Body": "Sí"}, Pressed("Sí", "Sí")),
        (
            {"ListId": "cafe", "ListTitle": "Café", "Body": "Café", "MessageType": "interactive"},
            Pressed("cafe", "Café"),
        ),
        ({"ListId": "cafe", "Body": "Café"}, Pressed("cafe", "Café")),
        (
            {
                "NumMedia": "1",
                "MediaUrl0": PHOTO,
                "MediaContentType0": "image/webp",
                "MessageType": "sticker",
            },
            Media((File(PHOTO, "image/webp", sticker=True),), "Hola"),
        ),
        (
            {
                "NumMedia": "1",
                "MediaUrl0": PHOTO,
                "MediaContentType0": "text/vcard",
                "MessageType": "contacts",
            },
            Media((File(PHOTO, "text/vcard"),), "Hola"),
        ),
        ({"OptOutType": "STOP", "Body": "STOP"}, Text("STOP")),
        ({"OptOutType": "HELP", "Body": "Help"}, Note("Help")),
    ],
)
def test_contents(fields: dict[str, Any], content: Content) -> None:
    assert the_message(written(**fields)).content == content


def test_an_unknown_kind_is_kept_as_it_came() -> None:
    content = the_message(written(MessageType="hologram", Body="", Extra=["a", "b"])).content
    assert isinstance(content, Unknown)
    assert content.kind == "hologram"
    assert content.raw["MessageSid"] == SID
    assert content.raw["Extra"] == ["a", "b"]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"Body": "", "MessageType": "image"}, "image"),
        ({"Body": "", "NumMedia": "1"}, "unknown"),
        ({"Body": "", "MessageType": "location"}, "location"),
    ],
)
def test_what_cannot_be_read_is_a_message_all_the_same(fields: dict[str, Any], kind: str) -> None:
    content = the_message(written(**fields)).content
    assert isinstance(content, Unknown)
    assert content.kind == kind


@pytest.mark.parametrize(
    "fields", [{"Body": ""}, {"Body": " \n", "MessageType": "text"}, {"Body": None, "NumMedia": None}]
)
def test_a_message_that_says_nothing_is_a_note(fields: dict[str, Any]) -> None:
    assert the_message(written(**fields)).content == Note("An empty message")


@pytest.mark.parametrize(
    ("fields", "content"),
    [
        ({"MessageType": "edit"}, Text("Hola")),
        ({"NumMedia": "1", "MessageType": "image"}, Text("Hola")),
        ({"NumMedia": "many"}, Text("Hola")),
        ({"NumMedia": "-1", "MediaUrl0": PHOTO}, Media((File(PHOTO),), "Hola")),
        ({"Latitude": "north", "Longitude": "-70.66"}, Text("Hola")),
        ({"Latitude": "nan", "Longitude": "-70.66", "Label": "Plaza"}, Text("Plaza\nHola")),
        ({"Latitude": "91", "Longitude": "0", "Address": "Alameda 1", "Body": ""}, Text("Alameda 1")),
        ({"MessageType": "location"}, Text("Hola")),
    ],
)
def test_what_was_said_is_heard_and_what_is_odd_is_kept_beside(
    fields: dict[str, Any], content: Content
) -> None:
    request = written(**fields)
    message = the_message(request)
    assert message.content == content
    if fields != {"MessageType": "edit"}:
        assert message.beside
        assert message.beside.raw == request.body.decode()


def test_whatever_becomes_of_a_side_field_what_was_said_is_heard() -> None:
    known = {"ProfileName": "Ana", "WaId": "56922222222", "MessageType": "text", "MediaUrl0": PHOTO}
    known |= {"Latitude": "1", "ButtonText": "Sí", "ListId": "1", "ReferralCtwaClid": "x", "NumSegments": "1"}
    for name in (*known, "NumMedia", "ExternalUserId", "OptOutType", "ForwardedX"):
        for odd in ("", " ", "x", "-1", "9" * 5000, "1e999", "[]", "{}", "ñ☕"):
            told = list(channel().parse(written(**{name: odd})))
            assert all(isinstance(event, InboundMessage) for event in told)
            assert "Hola" in plain(told[-1].content), (name, odd)  # type: ignore[union-attr]
            assert told[-1].key == f"in:{SID}"  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "told"), [("pin", "Pinned a message"), ("poll_update", "Voted in a poll")])
def test_what_was_done_and_not_written_is_a_note(kind: str, told: str) -> None:
    assert the_message(written(MessageType=kind, Body="")).content == Note(told)


def test_a_reaction_is_one_to_the_message_that_it_names() -> None:
    to = "SM" + "b" * 32
    given = written(MessageType="reaction", Body="👍", OriginalRepliedMessageSid=to)
    assert the_message(given).content == Reaction(to, "👍")


def test_an_answer_names_the_message_that_it_quotes() -> None:
    assert the_message(written(OriginalRepliedMessageSid="SM" + "b" * 32)).quotes == "SM" + "b" * 32
    assert the_message(written()).quotes == ""


@pytest.mark.parametrize(
    ("word", "consent"), [("STOP", "out"), ("START", "in"), ("HELP", ""), ("", ""), ("stop", ""), ("NEW", "")]
)
def test_what_twilio_has_told_the_contact_is_the_contact_s_will(word: str, consent: str) -> None:
    assert the_message(written(OptOutType=word)).consent == consent


def test_who_comes_from_an_advertisement_is_introduced_by_a_note() -> None:
    ad = {"ReferralHeadline": "Café a $990", "ReferralSourceUrl": "https://fb.me/x", "ReferralBody": ""}
    note, message = channel().parse(written(**ad))
    assert isinstance(note, InboundMessage)
    assert isinstance(message, InboundMessage)
    assert note.content == Note(
        "The contact came by a referral. Headline: Café a $990; SourceUrl: https://fb.me/x"
    )
    assert (note.key, message.key) == (f"in:{SID}:referral", f"in:{SID}")
    assert (note.sender, note.address, note.provider_id) == (CONTACT, NUMBER, "")
    assert message == the_message(written())


def test_a_message_that_comes_by_no_referral_has_none() -> None:
    """The fields are there all the same."""
    assert the_message(written(ReferralNumMedia="0", ReferralBody="")) == the_message(written())


def test_the_fallback_url_s_call_is_the_same_event() -> None:
    called = written(ErrorCode="11200", ErrorUrl="https://tienda.bot.example/bot/twilio/webhook")
    assert the_message(called) == the_message(written())


@pytest.mark.parametrize("name", ["SmsMessageSid", "SmsSid"])
def test_older_names_of_the_message_s_id_serve(name: str) -> None:
    assert the_message(written(MessageSid=None, **{name: SID})).key == f"in:{SID}"


@pytest.mark.parametrize(
    "fields",
    [
        {"MessageSid": None},
        {"MessageSid": ""},
        {"MessageSid": SID + "N", "NumMedia": None, "umMedia": "0"},  # signed the same as what it was made of
        {"MessageSid": SID[:-1]},
        {"MessageSid": "AC" + "a" * 32},
        {"From": None},
    ],
)
def test_what_makes_no_sense_is_kept_raw(fields: dict[str, Any]) -> None:
    request = written(**fields)
    event = the_event(request)
    assert isinstance(event, Unreadable)
    assert (event.address, event.raw) == (NUMBER, request.body.decode())
    assert event.cause.endswith(".")
    again, other = the_event(written(**fields)), the_event(written(**fields, Body="Chao"))
    assert isinstance(again, Unreadable)
    assert isinstance(other, Unreadable)
    assert event.key == again.key != other.key


@pytest.mark.parametrize("fields", [{"To": None}, {"To": ""}])
def test_a_form_that_names_no_account_is_malformed(fields: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        channel().claims(written(**fields))


def test_a_message_claims_to_and_a_status_claims_from() -> None:
    assert channel().claims(written()) == [NUMBER]
    assert channel().claims(reported()) == [NUMBER]


@pytest.mark.parametrize(
    ("word", "status", "cause"),
    [
        ("accepted", "sent", ""),
        ("queued", "sent", ""),
        ("scheduled", "sent", ""),
        ("sending", "sent", ""),
        ("sent", "sent", ""),
        ("delivered", "delivered", ""),
        ("read", "read", ""),
        ("partially_delivered", "delivered", ""),
        ("canceled", "failed", "canceled"),
        ("undelivered", "failed", "undelivered"),
        ("failed", "failed", "failed"),
    ],
)
def test_statuses(word: str, status: str, cause: str) -> None:
    event = the_event(reported(MessageStatus=word))
    assert isinstance(event, StatusUpdate)
    assert (event.status, event.cause, event.key) == (status, cause, f"status:{SID}:{word}")
    assert (event.address, event.provider_id, event.message_id) == (NUMBER, SID, 7)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("63016", "63016: the contact wrote more than 24 h ago; send an approved template"),
        ("63999", "63999: see https://www.twilio.com/docs/api/errors/63999"),
        ("odd", "odd: see https://www.twilio.com/docs/api/errors/odd"),
    ],
)
def test_a_failure_says_why(code: str, cause: str) -> None:
    event = the_event(reported(MessageStatus="undelivered", ErrorCode=code))
    assert isinstance(event, StatusUpdate)
    assert event.cause == cause


@pytest.mark.parametrize(
    ("code", "try_after", "account_fault"),
    [
        ("30001", 5.0, ""),
        ("63018", 5.0, ""),
        ("30002", None, "passing"),
        ("63007", None, "passing"),
        ("20003", None, "lasting"),
        ("30003", None, ""),
    ],
)
def test_a_failure_is_judged_as_one_told_at_once(
    code: str, try_after: float | None, account_fault: str
) -> None:
    event = the_event(reported(MessageStatus="undelivered", ErrorCode=code))
    assert isinstance(event, StatusUpdate)
    assert (event.try_after, event.account_fault) == (try_after, account_fault)


@pytest.mark.parametrize(("code", "consent"), [("21610", "out"), ("63016", ""), (None, "")])
def test_a_status_may_tell_the_contact_s_will(code: str | None, consent: str) -> None:
    event = the_event(reported(MessageStatus="failed", ErrorCode=code))
    assert isinstance(event, StatusUpdate)
    assert event.consent == consent


@pytest.mark.parametrize(
    ("query", "category"),
    [("?message=7", ""), ("?message=7&segments=3", "3 segments"), ("?message=7&segments=x", "")],
)
def test_a_status_says_how_many_segments_were_paid(query: str, category: str) -> None:
    event = the_event(reported(query))
    assert isinstance(event, StatusUpdate)
    assert (event.message_id, event.category) == (7, category)


@pytest.mark.parametrize(
    "query", ["", "?message=", "?message=x", "?message=-1", "?message=" + "9" * 30, "?other=7"]
)
def test_a_status_without_our_id_still_counts(query: str) -> None:
    event = the_event(reported(query))
    assert isinstance(event, StatusUpdate)
    assert event.message_id is None


@pytest.mark.parametrize(
    "fields",
    [
        {"MessageStatus": "novel"},
        {"MessageStatus": None},
        {"MessageSid": None},
    ],
)
def test_a_status_that_makes_no_sense_is_kept_raw(fields: dict[str, Any]) -> None:
    event = the_event(reported(**fields))
    assert isinstance(event, Unreadable)
    assert event.address == NUMBER


def test_whatever_becomes_of_a_side_field_a_status_is_one() -> None:
    for name in ("ErrorCode", "ErrorMessage", "SmsSid", "SmsStatus", "To", "ChannelPrefix", "RawDlrDoneDate"):
        for odd in ("", "x", "-1", "9" * 5000, "[]", "ñ☕"):
            event = the_event(reported(MessageStatus="failed", **{name: odd}))
            assert isinstance(event, StatusUpdate)
            assert (event.status, event.message_id, event.provider_id) == ("failed", 7, SID)


@pytest.mark.parametrize("word", ["received", "receiving"])
def test_the_status_of_what_a_contact_writes_is_counted(word: str) -> None:
    assert the_event(reported(MessageStatus=word)) == Ignored(NUMBER, word)


def test_a_status_that_names_no_account_is_told_of_each_that_signs_and_may_have_sent_it() -> None:
    """A Messaging Service that found no sender has none to name."""
    twilio, status = channel(), reported(From=None, MessageStatus="failed", ErrorCode="21703")
    assert twilio.claims(status) == ()
    credentials = TwilioCredentials(account_sid="AC" + "0" * 32, auth_token=SecretStr("t"))
    signed = dict(status.form) | {"AccountSid": credentials.account_sid}
    hooked = hook(signed, "status", "?message=7")
    hooked.headers = {**hooked.headers, HEADER: sign("t", hooked.url, hooked.form)}
    for address in (NUMBER, "+56911111111"):
        twilio.verify(hooked, Account("tienda", address, credentials, TwilioSettings()))
    (update,) = twilio.parse(hooked)
    assert isinstance(update, StatusUpdate)
    assert (update.address, update.message_id, update.status) == (NUMBER, 7, "failed")


def test_a_query_that_is_not_utf_8_is_kept_raw() -> None:
    assert isinstance(the_event(reported("?message=%ff")), Unreadable)


def test_acknowledgements() -> None:
    twiml = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
    assert channel().acknowledge(written()) == Answer(200, twiml, "text/xml")
    assert channel().acknowledge(reported()).status == 204


@pytest.mark.parametrize(
    ("sender", "automatic"),
    [("+56911112222", False), ("whatsapp:+56911112222", False), ("messenger:123", False),
     ("+12025550100", False), ("2345", True), ("56911", True), ("Banco", True), ("+1234", True), ("", True)],
)  # fmt: skip
def test_a_short_code_and_a_name_are_machines(sender: str, automatic: bool) -> None:
    assert channel().automatic(sender) is automatic
