"""What Meta posts, of every kind, and what the channel reads in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from metaposts import (
    CONTACT,
    ID,
    KINDS,
    NOW,
    NUMBER,
    OTHER,
    PHONE,
    USER,
    body,
    change,
    channel,
    events,
    hook,
    inbound,
    message,
    read,
    status,
)

from conserje import (
    BusinessMessage,
    Card,
    ContactCard,
    Content,
    File,
    Ignored,
    InboundMessage,
    Malformed,
    Media,
    Note,
    Revocation,
    StatusUpdate,
    Text,
    Unreadable,
)


@pytest.mark.parametrize(("written", "content"), KINDS)
def test_every_kind_is_read(written: dict[str, Any], content: Content) -> None:
    told = inbound(written)
    assert told.content == content
    assert (told.address, told.key, told.provider_id) == (NUMBER, ID, ID)
    assert (told.sender, told.identities, told.name) == (PHONE, (USER,), "Ana")


def test_all_cards_of_a_message_are_one_thing_which_is_taken_back_as_one() -> None:
    cards = [{"name": {"formatted_name": name}} for name in ("Juan", "Eva")]
    (told,) = read(message("contacts", contacts=cards))
    assert isinstance(told, InboundMessage)
    assert (told.key, told.content) == (ID, ContactCard("Juan", others=(Card("Eva"),)))
    revoked = message("revoke", revoke={"original_message_id": ID})
    assert inbound(revoked).content == Revocation(told.key)


def test_an_answer_names_what_it_answers() -> None:
    written = message("text", text={"body": "sí"}, context={"from": "56911111111", "id": "wamid.ours"})
    assert inbound(written).quotes == "wamid.ours"


def test_the_advertisement_that_a_message_came_from_is_a_note_before_it() -> None:
    referral = {
        "source_type": "ad",
        "headline": "Pan fresco",
        "source_url": "https://fb.me/1",
        "ctwa_clid": "CLID-1",
    }
    note, written = read(message("text", text={"body": "hola"}, referral=referral))
    assert isinstance(note, InboundMessage)
    assert isinstance(written, InboundMessage)
    assert note.content == Note("Came from the ad: Pan fresco · https://fb.me/1 · click CLID-1")
    assert (note.key, written.key) == (f"{ID}:note:0", ID)


def test_the_product_that_a_message_asks_about_is_a_note_before_it() -> None:
    context = {"referred_product": {"catalog_id": "9", "product_retailer_id": "pan"}}
    note, _ = read(message("text", text={"body": "¿Hay?"}, context=context))
    assert isinstance(note, InboundMessage)
    assert note.content == Note("Asks about the product pan of the catalog 9")


SENDERS: list[tuple[dict[str, Any], dict[str, Any], str, tuple[str, ...], str]] = [
    ({"from": PHONE}, {"wa_id": PHONE}, PHONE, (), ""),
    (
        {"from": PHONE, "from_user_id": USER, "from_parent_user_id": "CL.ENT.1"},
        {"wa_id": PHONE, "user_id": USER, "parent_user_id": "CL.ENT.1", "profile": {"name": "Ana"}},
        PHONE,
        (USER, "CL.ENT.1"),
        "Ana",
    ),
    ({"from_user_id": USER}, {"user_id": USER, "profile": {"username": "@ana"}}, USER, (), "@ana"),
    ({"from_user_id": USER}, {"user_id": USER, "wa_id": PHONE}, PHONE, (USER,), ""),
    ({"from": PHONE}, {"wa_id": "56222222222", "user_id": USER}, PHONE, ("56222222222", USER), ""),
    ({}, {"user_id": USER}, USER, (), ""),
    ({"from": PHONE}, {"wa_id": 7}, PHONE, (), ""),
    ({"from": f"+{PHONE}"}, {"wa_id": PHONE}, PHONE, (), ""),
    ({"from": int(PHONE)}, {"user_id": PHONE}, PHONE, (), ""),  # known by its form, wherever it stands
    ({"from": USER}, {"wa_id": "@ana", "profile": {"username": "ana"}}, USER, (), "@ana"),
    ({"from": "ana"}, {"profile": {"name": "Ana"}}, "ana", (), "Ana"),
]


@pytest.mark.parametrize(("named", "contact", "sender", "identities", "name"), SENDERS)
def test_an_answer_goes_to_the_phone_where_there_is_one_and_else_to_the_user_id(
    named: dict[str, Any], contact: dict[str, Any], sender: str, identities: tuple[str, ...], name: str
) -> None:
    told = inbound({"id": ID, "type": "text", "text": {"body": "hola"}, **named}, contact)
    assert (told.sender, told.identities, told.name) == (sender, identities, name)


def test_of_several_contacts_each_message_has_its_own() -> None:
    eva = {"profile": {"name": "Eva"}, "wa_id": "56933333333", "user_id": "CL.2"}
    hers = {**message("text", text={"body": "yo"}), "id": "wamid.2", "from": "56933333333"}
    value = {"contacts": [CONTACT, eva], "messages": [message("text", text={"body": "hola"}), hers]}
    names = [event.name for event in events(change(value)) if isinstance(event, InboundMessage)]
    assert names == ["Ana", "Eva"]


def test_a_contact_alone_beside_several_messages_is_nobody_s_for_sure() -> None:
    strange = {**message("text", text={"body": "yo"}), "id": "wamid.2", "from": "56933333333"}
    value = {"contacts": [CONTACT], "messages": [message("text", text={"body": "hola"}), strange]}
    ana, other = events(change(value))
    assert isinstance(ana, InboundMessage)
    assert isinstance(other, InboundMessage)
    assert (ana.identities, other.identities) == ((USER,), ())


CHANGED = [
    (
        {"type": "user_changed_user_id", "user_id": "CL.2", "previous_user_id": USER, "body": "Ana changed"},
        {},
        "CL.2",
        (USER,),
    ),
    (
        {"type": "user_changed_number", "wa_id": "56933333333", "user_id": "CL.2", "previous_user_id": USER},
        {"from": PHONE},
        "56933333333",
        ("CL.2", USER, PHONE),
    ),
]


@pytest.mark.parametrize(("system", "named", "sender", "identities"), CHANGED)
def test_a_contact_who_changes_names_is_told_by_the_old_and_the_new_ones(
    system: dict[str, Any], named: dict[str, Any], sender: str, identities: tuple[str, ...]
) -> None:
    written = {"id": ID, "timestamp": NOW, "type": "system", "system": system, **named}
    (told,) = events(change({"messages": [written]}))
    assert isinstance(told, InboundMessage)
    assert isinstance(told.content, Note)
    assert (told.sender, told.identities) == (sender, identities)


def test_a_message_that_comes_on_time_has_none_and_a_late_one_says_when_it_was_written() -> None:
    now = str(int(datetime.now(UTC).timestamp()))
    assert inbound({**message("text", text={"body": "hola"}), "timestamp": now}).at is None
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    late = inbound({**message("text", text={"body": "hola"}), "timestamp": str(int(then.timestamp()))})
    assert late.at == then
    for odd in ("", "soon", "-1", "9" * 30, "99999999999"):
        assert inbound({**message("text", text={"body": "hola"}), "timestamp": odd}).at is None


STATUSES: list[tuple[dict[str, Any], StatusUpdate]] = [
    (
        status(
            "sent",
            biz_opaque_callback_data="conserje:7",
            pricing={"billable": True, "pricing_model": "PMP", "category": "service"},
        ),
        StatusUpdate(NUMBER, f"{ID}:sent", "sent", ID, 7, billable=True, category="service"),
    ),
    (status("delivered"), StatusUpdate(NUMBER, f"{ID}:delivered", "delivered", ID)),
    (status("read"), StatusUpdate(NUMBER, f"{ID}:read", "read", ID)),
    (status("played"), StatusUpdate(NUMBER, f"{ID}:played", "read", ID)),
    (
        status("failed", errors=[{"code": 131047, "title": "Re-engagement message"}]),
        StatusUpdate(
            NUMBER, f"{ID}:failed", "failed", ID,
            cause="131047: the contact wrote more than 24 h ago; send an approved template",
            outside_window=True,
        ),
    ),
    (
        status("failed", errors=[{"code": 131050}], biz_opaque_callback_data="conserje:8"),
        StatusUpdate(
            NUMBER, f"{ID}:failed", "failed", ID, 8,
            cause="131050: the contact wants no marketing messages", consent="marketing out",
        ),
    ),
    (status("failed"), StatusUpdate(NUMBER, f"{ID}:failed", "failed", ID, cause="Meta gives no cause")),
]  # fmt: skip


@pytest.mark.parametrize(("told", "update"), STATUSES)
def test_what_became_of_a_message_is_read(told: dict[str, Any], update: StatusUpdate) -> None:
    assert events(change({"statuses": [told]})) == [update]


@pytest.mark.parametrize(
    "mark", ["7", "conserje:", "conserje:x", "conserje:" + "9" * 19, "other:7", "conserje:7 "]
)
def test_another_s_mark_is_not_our_message_s_id(mark: str) -> None:
    (update,) = events(change({"statuses": [status("sent", biz_opaque_callback_data=mark)]}))
    assert isinstance(update, StatusUpdate)
    assert update.message_id is None


def test_a_status_that_is_not_known_is_kept_raw() -> None:
    (event,) = events(change({"statuses": [status("warped")]}))
    assert isinstance(event, Unreadable)


@pytest.mark.parametrize(
    ("value", "consent"), [("stop", "marketing out"), ("RESUME", "marketing in"), ("ponder", "")]
)
def test_what_a_contact_decides_about_marketing_is_a_note_with_its_consent(value: str, consent: str) -> None:
    wish = {
        "wa_id": PHONE,
        "category": "marketing_messages",
        "value": value,
        "detail": "As asked",
        "timestamp": NOW,
    }
    (told,) = events(change({"contacts": [CONTACT], "user_preferences": [wish]}, "user_preferences"))
    assert isinstance(told, InboundMessage)
    assert (told.sender, told.content, told.consent) == (PHONE, Note("As asked"), consent)
    assert told.identities == (USER,)


def test_what_the_business_writes_on_its_telephone_is_its_own() -> None:
    echo = {"from": "56911111111", "to": PHONE, "id": ID, "type": "text", "text": {"body": "Ya voy"}}
    picture = {**echo, "type": "image", "image": {"id": "1", "mime_type": "image/png", "caption": "mira"}}
    for said, content in ((echo, Text("Ya voy")), (picture, Media((File("1", "image/png"),), "mira"))):
        (told,) = events(change({"message_echoes": [said]}, "smb_message_echoes"))
        assert isinstance(told, BusinessMessage)
        assert (told.contact, told.content, told.key) == (PHONE, content, ID)
    grouped = change({"message_echoes": [{**echo, "group_id": "1203"}]}, "smb_message_echoes")
    assert events(grouped) == [Ignored(NUMBER, "group")]


def test_a_trouble_of_the_number_and_a_field_that_is_not_known_are_kept_raw() -> None:
    trouble, strange = events(
        change({"errors": [{"code": 130429, "title": "Rate limit hit"}]}), change({"flows": [{}]}, "flows")
    )
    assert isinstance(trouble, Unreadable)
    assert trouble.cause == "130429: the phone number sends too many messages"
    assert isinstance(strange, Unreadable)
    assert "flows" in strange.cause


CALL = {"id": "wacid.1", "from": PHONE, "timestamp": NOW, "direction": "USER_INITIATED"}
IGNORED = [
    (change({"history": [{}]}, "history"), "history"),
    (change({"state_sync": [{}]}, "smb_app_state_sync"), "smb_app_state_sync"),
    (change({"groups": [{}]}, "group_lifecycle_update"), "group_lifecycle_update"),
    (change({"statuses": [status("deleted")]}), "deleted"),
    (change({"messages": [message("text", text={"body": "hola a todos"}, group_id="1203")]}), "group"),
    (change({"calls": [{**CALL, "event": "connect"}]}, "calls"), "calls"),
    (change({"calls": [{**CALL, "event": "terminate", "duration": 12}]}, "calls"), "calls"),
    (
        change({"calls": [{**CALL, "event": "terminate", "direction": "BUSINESS_INITIATED"}]}, "calls"),
        "calls",
    ),
    (change({"statuses": [{}]}, "calls"), "calls"),
]


@pytest.mark.parametrize(("told", "kind"), IGNORED)
def test_what_concerns_nobody_is_counted(told: dict[str, Any], kind: str) -> None:
    assert events(told) == [Ignored(NUMBER, kind)]


def test_a_call_that_nobody_took_is_a_note_of_the_contact_s() -> None:
    missed = {**CALL, "event": "terminate", "status": "FAILED"}
    (told,) = events(change({"contacts": [CONTACT], "calls": [missed]}, "calls"))
    assert isinstance(told, InboundMessage)
    assert told.content == Note("Called, and nobody took the call")
    assert (told.sender, told.identities, told.name, told.key) == (PHONE, (USER,), "Ana", "call:wacid.1")


def test_every_entry_and_change_and_message_is_read_each_for_its_own_number() -> None:
    one = change({"messages": [message("text", text={"body": str(n)}) | {"id": f"w{n}"} for n in range(3)]})
    two = change(
        {"messages": [message("text", text={"body": "x"})], "statuses": [status("sent")]}, number=OTHER
    )
    whole = body(one, two)
    whole["entry"].append(body(change({"statuses": [status("read")]}))["entry"][0])
    posted = hook(whole)
    assert channel().claims(posted) == [NUMBER, OTHER]
    told = list(channel().parse(posted))
    assert [event.address for event in told] == [NUMBER, NUMBER, NUMBER, OTHER, OTHER, NUMBER]


NO_NUMBER = [
    {"field": "account_update", "value": {"event": "DISABLED_UPDATE", "phone_number": "56911111111"}},
    {
        "field": "message_template_status_update",
        "value": {"event": "REJECTED", "message_template_name": "aviso"},
    },
    {"field": "account_update", "value": 7},
    {"field": "messages", "value": {"metadata": {"phone_number_id": "not a number\n"}}},
    {},
]


@pytest.mark.parametrize("told", NO_NUMBER)
def test_what_is_no_number_s_is_acknowledged_and_logged(
    told: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    posted = hook(body(told))
    assert channel().claims(posted) == []
    assert list(channel().parse(posted)) == []
    assert channel().acknowledge(posted).status == 200
    (record,) = caplog.records
    assert "of WhatsApp Business Account 102290129340398" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_the_log_says_what_meta_tells(caplog: pytest.LogCaptureFixture) -> None:
    channel().acknowledge(hook(body(NO_NUMBER[1])))
    assert "message_template_status_update" in caplog.text
    assert "REJECTED, aviso" in caplog.text


MALFORMED = [b"", b"{", b"[]", b"null", b"7", b"\xff\xfe\xfa", b'{"a": NaN}', b"[" * 100_000, b"1" * 5000]


@pytest.mark.parametrize("odd", MALFORMED)
def test_a_body_that_is_no_json_object_names_nobody_and_is_malformed_once_it_is_read(odd: bytes) -> None:
    posted = hook(odd)
    assert channel().claims(posted) == []
    with pytest.raises(Malformed):
        list(channel().parse(posted))


def test_the_numbers_are_found_in_the_bytes_and_no_text_of_a_contact_s_adds_one() -> None:
    said = message("text", text={"body": '{"phone_number_id": "1"} \\"phone_number_id": "2"'})
    written = json.dumps(body(change({"messages": [said]}), change({}, number=OTHER)), indent=1)
    assert channel().claims(hook(written.encode())) == [NUMBER, OTHER]


def test_a_body_of_more_updates_than_meta_posts_is_malformed() -> None:
    with pytest.raises(Malformed):
        channel().claims(hook(body(*(change({}, number=str(n)) for n in range(1001)))))
