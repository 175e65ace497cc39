"""The list of conversations: for whoever of a tenant looks, on a telephone, without scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
import pytest_asyncio
from people import Browser, House

from conserje import Text
from conserje.contract.message import (
    Button,
    Buttons,
    ContactCard,
    Content,
    Edit,
    File,
    Location,
    Media,
    Order,
    OrderItem,
    Pressed,
    Reaction,
    Revocation,
    Template,
    Unknown,
)
from conserje.conversations.rows import EMPTIED, stored

TALK = """
WITH account AS (
    INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'post', '+56') ON CONFLICT DO NOTHING
    RETURNING id
), place AS (
    SELECT id FROM account UNION ALL SELECT id FROM accounts WHERE tenant_id = $1 LIMIT 1
), contact AS (
    INSERT INTO contacts (tenant_id, name) VALUES ($1, $2) RETURNING id
)
INSERT INTO conversations (tenant_id, account_id, contact_id, peer, active_at)
SELECT $1, place.id, contact.id, 'whatsapp:+5691234' || lpad(contact.id::text, 4, '0'),
       now() - interval '1 hour' + contact.id * interval '1 second' FROM place, contact
RETURNING id
"""
WRITE = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key, turn_id)
SELECT tenant_id, id, account_id, 'in', $2, sha256(convert_to($2 || id, 'UTF8')), 0
FROM conversations WHERE id = $1
"""
HAND_OVER = """
UPDATE conversations
SET state = 'person', hand_back_at = now() + interval '1 hour', person = $2, login_id = $3 WHERE id = $1
"""


@dataclass
class Shop:
    """A tenant's conversations, and its owner's browser."""

    console: House
    owner: Browser

    async def talk(self, name: str, *said: str, slug: str = "acme") -> int:
        tenant_id = await self.console.tenant(slug)
        id: int = await self.console.pool.fetchval(TALK, tenant_id, name)
        for text in said:
            await self.console.pool.execute(WRITE, id, text if text[:1] == "{" else stored(Text(text)))
        return id

    async def hand_over(self, id: int, person: str | None, login_id: int | None = None) -> None:
        await self.console.pool.execute(HAND_OVER, id, person, login_id)

    async def names(self, **query: str) -> list[str]:
        """The names in the list, from the top."""
        leaf = await self.owner.get("/t/acme/desk", params=query)
        return [text.split(" · ")[0] for text, url in leaf.links.items() if "/desk/" in url]


@pytest_asyncio.fixture
async def shop(console: House) -> Shop:
    return Shop(console, await console.as_("owner"))


async def test_nobody_has_written_yet_and_where_to_go_on(shop: Shop) -> None:
    leaf = await shop.owner.get("/t/acme/desk")
    assert "Nobody has written yet" in leaf.text
    assert leaf.links["See what is still to be done"] == "/t/acme/start"


@pytest.mark.parametrize(
    ("tab", "says", "leads_to"),
    [
        ("waiting", "Nobody waits for a person", "all"),
        ("mine", "You have no conversation", "waiting"),
        ("held", "Nothing is on hold", "all"),
    ],
)
async def test_an_empty_tab_says_why_and_leads_on(shop: Shop, tab: str, says: str, leads_to: str) -> None:
    await shop.talk("Ana", "hola")
    leaf = await shop.owner.get(f"/t/acme/desk?tab={tab}")
    assert says in leaf.text and f"/t/acme/desk?tab={leads_to}" in leaf.links.values()


async def test_the_first_tab_is_who_waits_for_a_person(shop: Shop) -> None:
    ana, luis, eva = [await shop.talk(name, "hola") for name in ("Ana", "Luis", "Eva")]
    await shop.hand_over(ana, None)
    await shop.hand_over(luis, "Owner", shop.owner.login_id)
    assert eva
    leaf = await shop.owner.get("/t/acme/desk")
    assert leaf.title.startswith("(2) Conversations")
    assert {"Waiting for a person 2", "Yours 1", "Every conversation 3"} <= leaf.links.keys()
    shown = {
        text for text, url in leaf.links.items() if url in (f"/t/acme/desk/{ana}", f"/t/acme/desk/{luis}")
    }
    assert {"Nobody yet" in text or "You" in text for text in shown} == {True} and len(shown) == 2
    assert f"/t/acme/desk/{eva}" not in leaf.links.values()


async def test_a_row_says_who_has_it_who_wrote_and_what(shop: Shop) -> None:
    id = await shop.talk(
        "Ana", "hola", '{"files":[{"ref":"x","content_type":"audio/ogg","name":""}],"type":"media"}'
    )
    await shop.hand_over(id, "Luis", 99)
    await shop.console.pool.execute(
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key)"
        ' SELECT tenant_id, id, account_id, \'in\', \'{"text":"¿hola?","type":"text"}\', \'x\''
        " FROM conversations"
    )
    [text] = [
        text for text, url in (await shop.owner.get("/t/acme/desk")).links.items() if url.endswith(f"/{id}")
    ]
    assert text.startswith("Ana ") and "¿hola?" in text and "3 unread Luis waits" in text
    await shop.console.pool.execute("DELETE FROM messages WHERE event_key = 'x'")
    assert "Voice message" in (await shop.owner.get("/t/acme/desk?tab=all")).text


KINDS: dict[Content, str] = {
    Media((File("x", "image/jpeg"),), "mi perro"): "Picture: mi perro",
    Media((File("x", "video/mp4"),)): "Video",
    Media((File("x", "application/pdf"),)): "Document",
    Media((File("x", "image/webp", sticker=True),)): "Sticker",
    Location(1.0, 2.0, "Casa"): "Place: Casa",
    ContactCard("Luis"): "Contact card: Luis",
    Reaction("x", "👍"): "👍",
    Reaction("x"): "Took a reaction back",
    Buttons("¿Cuál?", (Button("1", "Uno"),)): "¿Cuál?",
    Pressed("1", "Uno"): "Uno",
    Template("oferta"): "oferta",
    Order((OrderItem("pan", 2), OrderItem("torta", 1))): "Order of 2 products",
    Revocation(""): "Message taken back",
    Edit("x", Text("pan\n\n  blanco")): "pan blanco",
}


async def test_each_kind_of_message_has_a_word(shop: Shop) -> None:
    for content in KINDS:
        await shop.talk("Ana", stored(content))
    await shop.talk("Ana", stored(Unknown("poll", {})))
    await shop.talk("Ana", EMPTIED)
    leaf = await shop.owner.get("/t/acme/desk?tab=all")
    rows = [text for text, url in leaf.links.items() if re.search(r"/desk/\d", url)]
    for said in (*KINDS.values(), "Something that cannot be shown here", "No longer kept"):
        assert any(f" {said} " in row for row in rows), (said, rows)


async def test_a_name_of_a_stranger_s_is_only_a_name(shop: Shop) -> None:
    await shop.talk("<script>alert(1)</script>", "<img src=x onerror=alert(1)>")
    leaf = await shop.owner.get("/t/acme/desk?tab=all")
    assert "<script>alert(1)</script>" in leaf.text and "<img src=x" in leaf.text
    assert "onerror" not in str(leaf.tags)


async def test_who_has_no_name_is_called_by_the_number(shop: Shop) -> None:
    await shop.talk("", "hola")
    assert "+5691234" in (await shop.owner.get("/t/acme/desk?tab=all")).text


async def test_filters_are_a_form_whose_address_can_be_given_on(shop: Shop) -> None:
    ana = await shop.talk("Ana", "hola")
    leaf = await shop.owner.get("/t/acme/desk?tab=all&last=contact&unread=on&since=2026-01-01")
    form = next(each for each in leaf.forms if "tab" in each.fields)
    assert form.fields == {"tab": "all", "last": "contact", "since": "2026-01-01", "unread": "on"}
    assert f"/t/acme/desk/{ana}" in leaf.links.values()
    leaf = await shop.owner.get("/t/acme/desk?tab=all&last=us")
    assert "No conversation of this page is as the filters say." in leaf.text
    assert leaf.links["Without filters"] == "/t/acme/desk?tab=all"


@pytest.mark.parametrize(
    "query",
    [
        "tab=none", "account=x", "account=99999999999999999999", "account=-1", "since=yesterday",
        "since=9999-99-99", "since=0001-01-01", "after=x", "after=1.x", "after=99999999999999999999999.1",
        "after=-9.9", "before=-1", "last=nobody", "q=%00", "q=%25%5C", "q=hola&before=0", "q=hola&after=1.1",
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_not_asked(shop: Shop, query: str) -> None:
    await shop.talk("Ana", "hola")
    await shop.owner.get(f"/t/acme/desk?{query}")


async def test_pages_follow_one_another(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conserje_edge.console.desk.conversations.ROWS", 2)
    for name in ("Ana", "Luis", "Eva"):
        await shop.talk(name, "hola")
    first = await shop.owner.get("/t/acme/desk?tab=all")
    rest = await shop.owner.get(first.links["Further ones"])
    assert "Eva" in first.text and "Luis" in first.text and "Ana" not in first.text
    assert "Ana" in rest.text and "Luis" not in rest.text and "To the beginning" in rest.links


async def test_a_search_finds_people_and_messages(shop: Shop) -> None:
    ana = await shop.talk("Ana Núñez", "¿tienen pan de centeno?")
    eva = await shop.talk("Eva", "soy amiga de la Ana nunez, quiero lo mismo")
    leaf = await shop.owner.get("/t/acme/desk", params={"q": "nunez ana"})
    found = [url for url in leaf.links.values() if "/desk/" in url]
    assert found == [f"/t/acme/desk/{ana}", f"/t/acme/desk/{eva}"]
    assert "quiero lo mismo" in leaf.text and leaf.text.index("People") < leaf.text.index("Messages")
    assert "Nothing found" in (await shop.owner.get("/t/acme/desk?q=marmota")).text


async def test_a_search_that_was_looked_through_in_part_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conserje_edge.console.desk.conversations.ROWS", 1)
    monkeypatch.setattr("conserje_edge.console.desk.conversations.PEOPLE", 1)
    for name in ("Ana Soto", "Ana Paz"):
        await shop.talk(name, "pan ana")
    leaf = await shop.owner.get("/t/acme/desk?q=ana")
    assert "Ana Paz" in leaf.text and "Ana Soto" not in leaf.text
    for link in ("Look for further people", "Look through older messages"):
        assert "Ana Soto" in (await shop.owner.get(leaf.links[link])).text


async def test_another_tenant_s_are_not_seen(shop: Shop) -> None:
    await shop.talk("Zoe", "hola secreto", slug="bravo")
    assert "Zoe" not in (await shop.owner.get("/t/acme/desk?tab=all")).text
    assert "Nothing found" in (await shop.owner.get("/t/acme/desk?q=secreto")).text
    await shop.owner.get("/t/bravo/desk", 404)


async def test_readers_and_the_operator_s_people_look_too(shop: Shop) -> None:
    await shop.talk("Ana", "hola")
    for browser in (await shop.console.as_("reader"), await shop.console.as_operator("reader")):
        assert "Ana" in (await browser.get("/t/acme/desk?tab=all")).text


@pytest.mark.parametrize(("language", "says"), [("es", "Esperan 1"), ("pt", "Esperando 1")])
async def test_it_speaks_spanish_and_portuguese(shop: Shop, language: str, says: str) -> None:
    agent = await shop.console.as_("agent", language=language)
    await shop.hand_over(await shop.talk("Ana", "hola"), None)
    assert says in (await agent.get("/t/acme/desk")).text


async def test_a_page_of_fifty_rows_is_small(shop: Shop) -> None:
    for n in range(50):
        id = await shop.talk(
            f"Contacto número {n}", "¿tienen pan de masa madre para mañana? quisiera dos " * 3
        )
        await shop.hand_over(id, "Alejandra Valenzuela", 5)
    await shop.console.pool.execute("UPDATE messages SET turn_id = NULL")  # and they wait
    leaf = await (await shop.console.as_("owner", language="es")).get("/t/acme/desk")
    assert sum("/desk/" in url for url in leaf.links.values()) == 50 and "espera hace" in leaf.text
    assert len(leaf.answer.content) < 40_000, len(leaf.answer.content)


async def test_what_is_held_says_why(shop: Shop) -> None:
    id = await shop.talk("Ana", "hola")
    await shop.console.pool.execute(
        "UPDATE conversations SET state = 'held', cause = 'no token' WHERE id = $1", id
    )
    leaf = await shop.owner.get("/t/acme/desk?tab=held")
    assert "Is held no token" in leaf.text and "On hold 1" in leaf.links


async def test_what_was_read_is_marked_unread_by_whoever_may_look(shop: Shop) -> None:
    id, reader = await shop.talk("Ana", "hola", "¿hola?"), await shop.console.as_("reader")
    last = await shop.console.pool.fetchval("SELECT max(id) FROM messages")
    await shop.console.pool.execute(
        "INSERT INTO reads SELECT tenant_id, id, $1, $2 FROM conversations", reader.login_id, last
    )
    assert "unread" not in (await reader.get("/t/acme/desk?tab=all")).text.replace("Only unread ones", "")
    await reader.post(f"/t/acme/desk/{id}/unread")
    assert "1 unread" in (await reader.get("/t/acme/desk?tab=all")).text
    await (await shop.console.as_("owner", "bravo")).post(f"/t/acme/desk/{id}/unread", 404)
    assert f"/t/acme/desk/{id}/unread" in [
        each.action for each in (await shop.owner.get(f"/t/acme/desk/{id}")).forms
    ]
