"""An agent's busy hour in a real browser, on a telephone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser.office import PHONE, Office, open_office, violations
from people import open_house
from playwright.async_api import Browser, Route, expect
from samples import jpeg
from talking import Talk, open_talk
from waiting import until

from conserje.conversations import prepared
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for

pytestmark = pytest.mark.long


@pytest_asyncio.fixture
async def office(pool: Pool, database_url: str, keyring: Path, browser: Browser) -> AsyncIterator[Office]:
    async with open_house(pool, database_url, keyring) as house, open_office(house, browser) as office:
        yield office


async def shown(route: Route) -> None:
    await route.fulfill(body=jpeg(), content_type="image/jpeg")


async def test_an_agents_busy_hour(office: Office) -> None:
    async with open_talk(office.house) as talk:
        id = await talk.answered("¿a qué hora abren?")
        tenant_id = (await talk.entry()).tenant.id
        async with acting_for(talk.house.pool, tenant_id) as scope:
            await prepared.add(scope.connection, tenant_id, "Horario", "Hola {name}, abrimos a las 9.")
        desk = await office.desk(await office.house.as_("agent"), **PHONE)
        # The tenant's own host, which nobody serves here: what may be asked of it the browser decides.
        await desk.context.route("http://acme.localhost:8080/files/*", shown)
        page = await desk.page(f"/t/acme/desk/{id}")
        assert await violations(page) == []
        await page.get_by_role("button", name="Take over").click()
        await expect(page.get_by_text("With you")).to_be_visible()

        text = page.get_by_role("textbox", name="Message or note")
        await page.get_by_label("Prepared answer").select_option("Horario")
        await expect(text).to_have_value("Hola Ana, abrimos a las 9.")
        await page.get_by_role("button", name="Send").click()
        log = page.get_by_role("log")
        await expect(log.get_by_text("Hola Ana, abrimos a las 9.")).to_be_visible()
        await expect(text).to_have_value("")

        await page.get_by_label("Picture or file").set_input_files(
            {"name": "foto.jpg", "mimeType": "image/jpeg", "buffer": jpeg()}
        )
        await page.get_by_role("button", name="Send").click()
        picture = log.get_by_role("img", name="foto.jpg")
        await expect(picture).to_be_visible()
        await expect(picture).to_have_js_property("naturalWidth", 1)

        await text.fill("paga el lunes")
        await page.get_by_role("button", name="Note", exact=True).click()
        await expect(log.get_by_text("paga el lunes")).to_be_visible()

        await text.fill("a medio escri")  # is kept while others write
        await talk.write("gracias")
        await expect(log.get_by_text("gracias")).to_be_visible()
        await expect(text).to_have_value("a medio escri")
        await page.get_by_role("button", name="Give back").click()
        await expect(page.get_by_text("With the assistant")).to_be_visible()
        await talk.deliver(id)
        await talk.deliver(id)
        assert talk.post.texts[1:] == ["Hola Ana, abrimos a las 9."]
        assert await violations(page) == []


async def test_what_the_assistant_would_write_is_in_the_field_and_over_nobodys_words(office: Office) -> None:
    async with open_talk(office.house) as talk:
        id = await talk.answered()
        desk = await office.desk(await office.house.as_("agent"), **PHONE)
        desk.expected = "409"
        page = await desk.page(f"/t/acme/desk/{id}")
        suggest = page.get_by_role("button", name="Suggest")
        await expect(suggest).to_be_hidden()
        await page.get_by_role("button", name="Take over").click()
        text, box = page.get_by_role("textbox", name="Message or note"), page.locator("#composer-suggestion")
        await suggest.click()
        await expect(box).to_contain_text("They have not written since")
        await talk.write("¿abren?")
        await suggest.click()
        await expect(text).to_have_value("¿abren?")
        await expect(box).to_be_hidden()

        await text.fill("lo mío")
        await suggest.click()
        await expect(box).to_contain_text("The assistant would write: ¿abren?")
        await expect(text).to_have_value("lo mío")
        assert await violations(page) == []
        await box.get_by_role("button", name="Leave mine").click()
        await expect(text).to_have_value("lo mío")
        await suggest.click()
        await box.get_by_role("button", name="Put it in place of mine").click()
        await expect(text).to_have_value("¿abren?")
        await expect(box).to_be_hidden()

        # What was asked for before something was sent is not put into the next.
        parrot = office.house.context.plugins.assistants["parrot"]
        parrot.ready.clear()  # type: ignore[attr-defined]
        heard = len(parrot.heard)  # type: ignore[attr-defined]
        await text.fill("")
        await suggest.click()
        await until(lambda: len(parrot.heard) > heard)  # type: ignore[attr-defined]
        await text.fill("ya voy")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_role("log").get_by_text("ya voy")).to_be_visible()
        parrot.ready.set()  # type: ignore[attr-defined]
        await expect(box).to_contain_text("¿abren?")
        await expect(text).to_have_value("")
        assert await talk.house.pool.fetchval("SELECT count(*) FROM messages WHERE direction = 'out'") == 2


async def test_who_else_is_here_and_what_is_typed_by_keys(office: Office) -> None:
    async with open_talk(office.house) as talk:
        id = await talk.answered()
        first = await office.desk(await office.house.as_("agent"))
        second = await office.desk(await office.house.as_("agent"))
        page, other = await first.page(f"/t/acme/desk/{id}"), await second.page(f"/t/acme/desk/{id}")
        await expect(other.get_by_text("is looking at it, too")).to_be_visible()
        await page.keyboard.press("t")
        await expect(page.get_by_text("With you")).to_be_visible()
        await expect(other.get_by_role("button", name="Take it from")).to_be_visible()
        await expect(other.get_by_role("button", name="Send")).to_be_disabled()
        text = page.get_by_role("textbox", name="Message or note")
        await text.fill("hola")
        await text.press("Enter")
        await expect(page.get_by_role("log").get_by_text("hola")).to_have_count(3)
        await talk.deliver(id)
        assert talk.post.texts == ["hola", "hola"]
        await until(lambda: _seen(talk, 2))


async def _seen(talk: Talk, count: int) -> bool:
    return bool(await talk.house.pool.fetchval("SELECT count(*) = $1 FROM presences", count))


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_of_the_talk_are_for_everybody(office: Office, scheme: str) -> None:
    async with open_talk(office.house) as talk:
        id = await talk.answered()
        tenant_id, contact = (await talk.entry()).tenant.id, (await talk.found(id)).contact_id
        async with acting_for(talk.house.pool, tenant_id) as scope:
            await prepared.add(scope.connection, tenant_id, "Horario", "Abrimos a las 9.")
        owner = await office.house.as_("owner")
        await owner.post(f"/t/acme/desk/{id}/note", text="paga el lunes")
        await talk.house.pool.execute(
            "UPDATE messages SET state = 'held', cause = 'outside the window' WHERE direction = 'out'"
        )
        why = (await owner.get(f"/t/acme/desk/{id}")).links["Why"]
        desk = await office.desk(owner, **PHONE, color_scheme=scheme)
        for path in (f"desk/{id}", f"contacts/{contact}", f"contacts/{contact}/forget", "prepared"):
            page = await desk.page(f"/t/acme/{path}")
            assert await violations(page) == [], path
            wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not wide, path
        assert await violations(await desk.page(why)) == []
