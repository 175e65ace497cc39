"""Sends: what a business says of its own accord is judged before it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from scene import Post, Scene
from waiting import until

from conserje import Button, Buttons, Content, File, InboundMessage, Limits, Media, Template, Text
from conserje.conversations.contacts import ContactError
from conserje.conversations.handling import PersonError
from conserje.delivery.addressees import SendUnfit, Whom
from conserje.delivery.sends import SendRefused, Sent, Wanted, send
from conserje.rules import consent
from conserje.rules.consent import Sign
from conserje.storage.scope import acting_for

PHONE = "+56912345678"
TEMPLATE = Template("hola_otra_vez", "es", ("Ana",), text="Hola, Ana")


class Phones(Post):
    """A provider of telephones, which takes only templates a day after the contact wrote."""

    limits = Limits(text=100, carries=frozenset({"template", "media"}), takes={"image/png": 1000})

    def reach(self, phone: str, address: str) -> str:
        return phone.removeprefix("+")

    def window(self, address: str) -> timedelta:
        return timedelta(days=1)


@pytest.fixture
def phones(scene: Scene) -> Phones:
    """In the place of the scene's provider."""
    scene.post = phones = Phones()
    scene.conversation.plugins.channels["post"] = phones
    return phones


async def say(scene: Scene, content: Content, whom: Whom, **more: Any) -> Sent:
    entry = await scene.entry()
    async with acting_for(scene.pool, entry.tenant.id) as scope:
        return await send(scope, entry, scene.conversation.plugins, Wanted(content, whom, "operator", **more))


async def refused(scene: Scene, content: Content, whom: Whom, **more: Any) -> SendRefused | SendUnfit:
    """What it is refused with; nothing of it stays."""
    before = await counts(scene)
    with pytest.raises((SendRefused, SendUnfit)) as error:
        await say(scene, content, whom, **more)
    assert await counts(scene) == before
    assert isinstance(error.value, SendRefused | SendUnfit)
    return error.value


async def counts(scene: Scene) -> Mapping[str, int]:
    row = await scene.pool.fetchrow(
        "SELECT (SELECT count(*) FROM contacts), (SELECT count(*) FROM conversations),"
        " (SELECT count(*) FROM messages), (SELECT count(*) FROM pgqueuer.pgqueuer)"
    )
    assert row is not None
    return dict(row)


async def talk(scene: Scene, sender: str = PHONE[1:]) -> tuple[int, int]:
    """A contact writes: the ids of the conversation and the contact."""
    await scene.write("hola", sender)
    row = await scene.pool.fetchrow("SELECT id, contact_id FROM conversations WHERE peer = $1", sender)
    assert row is not None
    return row["id"], row["contact_id"]


async def pass_by(scene: Scene, time: str = "25 hours") -> None:
    await scene.pool.execute("UPDATE messages SET created_at = created_at - $1::text::interval", time)


async def test_a_template_reaches_a_phone_that_never_wrote(scene: Scene, phones: Phones) -> None:
    async with scene.working():
        sent = await say(scene, TEMPLATE, Whom(phone="+56 9 1234 5678"))
        await until(lambda: phones.sent)
    [message] = phones.sent
    assert (message.id, message.to, message.content) == (sent.id, "56912345678", TEMPLATE)
    row = await scene.pool.fetchrow("SELECT state, said_by, turn_id, conversation_id FROM messages")
    assert row is not None
    assert tuple(row) == ("sent", "operator", None, sent.conversation)


async def test_who_writes_back_is_the_contact_that_was_written_to(scene: Scene, phones: Phones) -> None:
    sent = await say(scene, TEMPLATE, Whom(phone=PHONE))
    assert await talk(scene) == (sent.conversation, sent.contact)


@pytest.mark.parametrize(
    ("known", "given"),
    [
        ("5215512345678", "+525512345678"),
        ("525512345678", "+5215512345678"),
        ("5491123456789", "+541123456789"),
        ("541123456789", "+5491123456789"),
    ],
)
async def test_a_phone_is_the_contact_s_however_the_provider_writes_it(
    scene: Scene, phones: Phones, known: str, given: str
) -> None:
    conversation, contact = await talk(scene, known)
    sent = await say(scene, Text("tu pedido"), Whom(phone=given))
    assert (sent.conversation, sent.contact) == (conversation, contact)


async def test_a_phone_that_nobody_knows_is_written_to_as_it_was_given(scene: Scene, phones: Phones) -> None:
    async with scene.working():
        await say(scene, TEMPLATE, Whom(phone="+525587654321"))
        await until(lambda: phones.sent)
    assert phones.sent[0].to == "525587654321"


async def test_words_need_a_template_first_where_the_channel_wants_it(scene: Scene, phones: Phones) -> None:
    error = await refused(scene, Text("hola"), Whom(phone=PHONE))
    assert isinstance(error, SendRefused)
    assert (error.code, error.template) == ("template-needed", "")


async def test_outside_the_window_the_account_s_template_is_named(scene: Scene, phones: Phones) -> None:
    await scene.pool.execute(
        "UPDATE accounts SET window_template = $1", '{"name": "sigue", "values": ["{text}"]}'
    )
    await scene.heard()
    conversation, contact = await talk(scene)
    for whom in (Whom(conversation=conversation), Whom(contact=contact), Whom(phone=PHONE)):
        assert (await say(scene, Text("listo"), whom)).conversation == conversation
    await pass_by(scene)
    error = await refused(scene, Text("listo"), Whom(contact=contact))
    assert isinstance(error, SendRefused)
    assert (error.code, error.template) == ("window-closed", "sigue")
    assert "sigue" in str(error)
    await say(scene, TEMPLATE, Whom(contact=contact))


async def test_who_wants_no_more_gets_no_more(scene: Scene, phones: Phones) -> None:
    conversation, _ = await talk(scene)
    entry = await scene.entry()
    place = (entry.tenant.id, conversation)
    async with acting_for(scene.pool, entry.tenant.id) as scope:
        await consent.record(scope.connection, *place, Sign("marketing out", "operator", "x"))
    assert (await refused(scene, TEMPLATE, Whom(phone=PHONE))).code == "opted-out"
    await say(scene, Text("tu pedido"), Whom(phone=PHONE))
    async with acting_for(scene.pool, entry.tenant.id) as scope:
        await consent.record(scope.connection, *place, Sign("out", "operator", "x"))
    assert (await refused(scene, Text("tu pedido"), Whom(phone=PHONE))).code == "opted-out"


async def test_what_waits_when_a_contact_opts_out_does_not_leave(scene: Scene, phones: Phones) -> None:
    conversation, _ = await talk(scene)
    sent = await say(scene, Text("oferta"), Whom(phone=PHONE))
    entry = await scene.entry()
    async with acting_for(scene.pool, entry.tenant.id) as scope:
        await consent.record(scope.connection, entry.tenant.id, conversation, Sign("out", "operator", "x"))
    async with scene.working():
        await until(
            lambda: scene.pool.fetchval("SELECT state = 'refused' FROM messages WHERE id = $1", sent.id)
        )
    assert not phones.sent


async def test_who_was_forgotten_and_wanted_no_more_still_does(scene: Scene, phones: Phones) -> None:
    entry = await scene.entry()
    await scene.pool.execute(
        "INSERT INTO forgotten_addresses (tenant_id, account_id, digest, opted_out)"
        " SELECT tenant_id, id, address_digest(tenant_id, id, $1), 'all' FROM accounts",
        PHONE[1:],
    )
    for _ in range(2):
        assert (await refused(scene, TEMPLATE, Whom(phone=PHONE))).code == "opted-out"
    assert entry.tenant.active


@pytest.mark.parametrize(
    ("content", "whom", "code"),
    [
        (Text(" "), Whom(phone=PHONE), "empty"),
        (Text("a " * 100), Whom(phone=PHONE), "too-long"),
        (Media((File("https://a.example/x.pdf"),)), Whom(phone=PHONE), "file-not-taken"),
        (Text("hola"), Whom(phone="hola"), "no-phone"),
        (Text("hola"), Whom(phone=PHONE, channel="meta"), "no-account"),
    ],
)
async def test_what_makes_no_sense_says_why(
    scene: Scene, phones: Phones, content: Content, whom: Whom, code: str
) -> None:
    await talk(scene)
    assert (await refused(scene, content, whom)).code == code


async def test_who_is_not_there_is_not_made(scene: Scene, phones: Phones) -> None:
    with pytest.raises(ContactError):
        await say(scene, TEMPLATE, Whom(contact=4711))
    with pytest.raises(PersonError):
        await say(scene, TEMPLATE, Whom(conversation=4711))


async def test_another_tenant_s_contacts_are_nobody(scene: Scene, phones: Phones) -> None:
    await scene.add("bravo")
    await scene.write("hola", "ana", slug="bravo")
    row = await scene.pool.fetchrow("SELECT id, contact_id FROM conversations")
    assert row is not None
    with pytest.raises(ContactError):
        await say(scene, TEMPLATE, Whom(contact=row["contact_id"]))
    with pytest.raises(PersonError):
        await say(scene, TEMPLATE, Whom(conversation=row["id"]))


async def test_of_several_accounts_one_is_named(scene: Scene, phones: Phones) -> None:
    await scene.pool.execute(
        "INSERT INTO accounts (tenant_id, channel, address) SELECT id, 'post', 'other' FROM tenants"
    )
    await scene.heard()
    error = await refused(scene, TEMPLATE, Whom(phone=PHONE))
    assert isinstance(error, SendUnfit)
    assert error.code == "several-accounts"
    assert {each.address for each in error.accounts} == {"+56 acme", "other"}
    first = await say(scene, TEMPLATE, Whom(phone=PHONE, channel="post", address="other"))
    again = await say(scene, TEMPLATE, Whom(contact=first.contact))
    assert again.conversation == first.conversation
    new = await say(scene, TEMPLATE, Whom(contact=first.contact, address="+56 acme"))
    assert new.conversation != first.conversation


async def test_buttons_become_words_where_there_are_none(scene: Scene, phones: Phones) -> None:
    await talk(scene)
    async with scene.working():
        await say(scene, Buttons("¿Vienes?", (Button("y", "Sí"), Button("n", "No"))), Whom(phone=PHONE))
        await until(lambda: "¿Vienes?\n1. Sí\n2. No" in phones.texts)


async def test_what_is_quoted_is_of_the_same_conversation(scene: Scene, phones: Phones) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    await scene.intake.take(
        entry.tenant,
        [(account, InboundMessage(account.address, "k", PHONE[1:], Text("x"), provider_id="W1"))],
    )
    asked = await scene.pool.fetchval("SELECT id FROM messages")
    async with scene.working():
        await say(scene, Text("sí"), Whom(phone=PHONE), quotes=asked)
        await until(lambda: "sí" in phones.texts)
    assert [each.quotes for each in phones.sent if each.content == Text("sí")] == ["W1"]
    assert (await refused(scene, Text("sí"), Whom(phone=PHONE), quotes=asked + 1000)).code == "unknown-quote"


async def test_the_assistant_goes_on_unless_the_sender_takes_over(scene: Scene, phones: Phones) -> None:
    await talk(scene)
    await say(scene, Text("uno"), Whom(phone=PHONE))
    assert await scene.pool.fetchval("SELECT state FROM conversations") == "open"
    await say(scene, Text("dos"), Whom(phone=PHONE), take=True)
    assert await scene.pool.fetchval("SELECT state FROM conversations") == "person"
    async with scene.working():
        await until(lambda: len(phones.sent) == 2)
        await scene.settled()
    assert phones.texts == ["uno", "dos"]


async def test_a_tenant_that_is_suspended_says_nothing(scene: Scene, phones: Phones) -> None:
    await scene.pool.execute("UPDATE tenants SET status = 'suspended'")
    await scene.heard()
    assert (await refused(scene, TEMPLATE, Whom(phone=PHONE))).code == "suspended"


async def test_a_channel_without_templates_says_their_words(scene: Scene) -> None:
    conversation, _ = await talk(scene, "ana")
    error = await refused(scene, replace(TEMPLATE, text=""), Whom(conversation=conversation))
    assert error.code == "no-templates"
    async with scene.working():
        await say(scene, TEMPLATE, Whom(conversation=conversation))
        await until(lambda: "Hola, Ana" in scene.post.texts)


async def test_a_channel_that_reaches_no_phones_has_no_account_for_one(scene: Scene) -> None:
    assert (await refused(scene, TEMPLATE, Whom(phone=PHONE))).code == "no-account"
