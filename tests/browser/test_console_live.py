"""An open page of the console in a real browser: it is brought up to date, and keeps what somebody types."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from browser.office import PHONE, Desk, Office, open_office
from jinja2 import ChoiceLoader, DictLoader
from listening import free_port, listening
from people import House, open_house
from playwright.async_api import Browser, Page, expect
from waiting import until

from conserje.access import sign_ins
from conserje.storage.database import Pool
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import SIGNED_IN, Place, See, Seen, deed, view

pytestmark = pytest.mark.long

PAGE = """
{% extends "layout.html" %}{% block title %}{{ rows|length }} rows{% endblock %}
{% block main %}<h1>Rows</h1>
<form method="post" data-live id="say"><input type="hidden" name="once" value="">
<label>Text <textarea name="text" data-draft="say 7"></textarea></label><button>Send</button></form>
<ul id="rows" data-patch="list">
{% for id, rev in rows %}
<li id="row-{{ id }}" data-row data-rev="{{ rev }}"><a href="#{{ id }}">Row {{ id }} {{ rev }}</a></li>
{% endfor %}</ul>{% endblock %}
"""
SAID: list[str] = []
ROWS: list[tuple[str, int]] = []
ANSWERS: list[int] = []


@view("conversation.read")
async def rows(asked: Asked) -> Seen:
    ANSWERS.append(1)
    return Seen("trial.html", {"rows": ROWS})


@deed(SIGNED_IN)
async def say(asked: Asked) -> See:
    if asked.given("once") not in SAID:
        SAID.extend((asked.given("once"), asked.given("text")))
    asked.flash("It is said.")
    return See(asked.to("rows"))


@asynccontextmanager
async def trial(pool: Pool, url: str, keyring: Path) -> AsyncIterator[House]:
    """A console of one page."""
    async with open_house(pool, url, keyring, (Place("/t/{slug}/rows", rows, say),)) as house:
        environment = house.app.templates.environment
        assert environment.loader
        environment.loader = ChoiceLoader([environment.loader, DictLoader({"trial.html": PAGE})])
        yield house


@pytest_asyncio.fixture
async def office(pool: Pool, database_url: str, keyring: Path, browser: Browser) -> AsyncIterator[Office]:
    SAID.clear()
    ANSWERS.clear()
    ROWS[:] = [("a", 1), ("b", 1), ("c", 1)]
    async with trial(pool, database_url, keyring) as house, open_office(house, browser) as office:
        yield office


async def opened(office: Office, **device: Any) -> tuple[Desk, Page]:
    desk = await office.desk(await office.house.as_("agent"), **device)
    page = await desk.page("/t/acme/rows")
    await heard(office, 1)
    return desk, page


async def heard(office: Office, lines: int) -> None:
    """Until so many browsers listen."""

    async def listens() -> bool:
        return office.house.bells.lines == lines

    await until(listens)


def change(office: Office, *now: tuple[str, int]) -> None:
    ROWS[:] = now
    office.house.bells.ring(office.house.tenant_ids["acme"])


async def test_a_change_is_shown_and_what_is_typed_is_kept(office: Office) -> None:
    _, page = await opened(office)
    await page.get_by_label("Text").fill("hal")
    change(office, ("c", 2), ("a", 1), ("d", 1))
    await expect(page.get_by_role("listitem")).to_have_text(["Row c 2", "Row a 1", "Row d 1"])
    await expect(page).to_have_title("3 rows · Acme")
    await expect(page.locator("#row-c")).to_have_class("glow")
    await expect(page.locator("#row-a")).not_to_have_class("glow")
    await expect(page.get_by_label("Text")).to_be_focused()
    await expect(page.get_by_label("Text")).to_have_value("hal")


async def test_rows_stay_where_they_are_under_the_finger(office: Office) -> None:
    _, page = await opened(office)
    await page.get_by_role("link", name="Row b").focus()
    change(office, ("c", 2), ("d", 1), ("a", 1), ("b", 1))
    pill = page.get_by_role("button", name="2 new")
    await expect(page.get_by_role("listitem")).to_have_text(["Row a 1", "Row b 1", "Row c 2"])
    await pill.click()
    await expect(page.get_by_role("listitem")).to_have_text(["Row c 2", "Row d 1", "Row a 1", "Row b 1"])
    await expect(pill).to_have_count(0)


async def test_twelve_tabs_have_one_line_and_another_takes_over(office: Office) -> None:
    desk, page = await opened(office)
    others = [await desk.page("/t/acme/rows") for _ in range(11)]
    change(office, ("z", 1))
    for each in others:
        await each.bring_to_front()
        await expect(each.get_by_role("listitem")).to_have_text(["Row z 1"])
    assert office.house.bells.lines == 1
    await page.close()
    await heard(office, 1)
    change(office, ("y", 1))
    await others[3].bring_to_front()
    await expect(others[3].get_by_role("listitem")).to_have_text(["Row y 1"])


async def test_what_is_sent_needs_no_new_page(office: Office) -> None:
    _, page = await opened(office)
    await page.get_by_label("Text").fill("hola")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_text("It is said.")).to_be_visible()
    await expect(page.get_by_label("Text")).to_have_value("")
    assert SAID[1:] == ["hola"]


async def test_a_draft_is_kept_for_who_typed_it_until_they_sign_out(office: Office) -> None:
    desk, page = await opened(office)
    await page.get_by_label("Text").fill("casi")
    await page.reload()
    await expect(page.get_by_label("Text")).to_have_value("casi")
    desk.expected = "404"  # nobody signs out there yet
    async with page.expect_navigation():
        await page.locator("form[action='/sign-out']").evaluate("form => form.requestSubmit()")
    await page.goto(office.url + "/t/acme/rows")
    await expect(page.get_by_label("Text")).to_have_value("")


async def test_what_could_not_be_sent_goes_once_when_it_can(office: Office) -> None:
    desk, page = await opened(office, **PHONE)
    desk.expected = "ERR_INTERNET_DISCONNECTED"
    await desk.context.set_offline(True)
    await page.get_by_label("Text").fill("hola")
    await page.get_by_role("button", name="Send").tap()
    await expect(page.get_by_text("Not sent")).to_be_visible()
    await desk.context.set_offline(False)
    await expect(page.get_by_text("It is said.")).to_be_visible()
    await expect(page.get_by_text("Not sent")).to_be_hidden()
    assert SAID[1:] == ["hola"]


async def test_a_lost_line_is_said(office: Office) -> None:
    desk, page = await opened(office)
    desk.expected = "ERR_INTERNET_DISCONNECTED"
    await desk.context.set_offline(True)
    await expect(page.get_by_text("Not connected")).to_be_visible()
    await desk.context.set_offline(False)
    await expect(page.get_by_text("Not connected")).to_be_hidden()


async def test_the_end_of_a_sign_in_is_said_and_the_draft_stays(office: Office) -> None:
    desk, page = await opened(office)
    await page.get_by_label("Text").fill("casi")
    assert desk.person.login_id
    async with office.house.pool.acquire() as connection:
        await sign_ins.end_others(connection, desk.person.login_id)
    change(office, ("z", 1))
    await expect(page.get_by_text("You are not signed in any more.")).to_be_visible()
    await expect(page.get_by_role("link", name="Sign in")).to_have_attribute(
        "href", "/sign-in?next=/t/acme/rows"
    )
    await expect(page.get_by_label("Text")).to_have_value("casi")


ATTACK = (
    """<form method="post" action="{url}"><input name="text" value="stolen"><button>Win</button></form>"""
)


async def test_a_sibling_host_s_form_is_refused(office: Office) -> None:
    """A tenant's page lies at a host beside the console's, in the same browser."""
    desk, _ = await opened(office)
    desk.expected = "403"
    sibling = office.url.replace("console.", "acme.")
    attack = ATTACK.format(url=office.url + "/t/acme/rows")
    await desk.context.route(
        sibling + "/", lambda route: route.fulfill(body=attack, content_type="text/html")
    )
    page = await desk.page()
    await page.goto(sibling + "/")
    await page.get_by_role("button", name="Win").click()
    await expect(
        page.get_by_role("heading", name=re.compile("Otra página pidió esto|Another page"))
    ).to_be_visible()
    assert SAID == []


async def test_a_page_outlives_a_restart(
    pool: Pool, database_url: str, keyring: Path, browser: Browser
) -> None:
    ROWS[:] = [("a", 1)]
    port = free_port()
    async with AsyncExitStack() as open_pages:
        async with trial(pool, database_url, keyring) as house, listening(house.app, port):
            agent = await house.as_("agent")
            office = Office(house, browser, f"http://console.localhost:{port}")
            desk = await office.desk(agent)
            open_pages.push_async_callback(desk.context.close)
            page = await desk.page("/t/acme/rows")
            await heard(office, 1)
            house.bells.stop()
        async with trial(pool, database_url, keyring) as again, listening(again.app, port):
            ROWS[:] = [("b", 1)]
            await expect(page.get_by_role("listitem")).to_have_text(["Row b 1"])
            await expect(page.get_by_text("Not connected")).to_be_hidden()
            again.bells.stop()


async def test_keys_go_through_the_rows_but_not_while_somebody_types(office: Office) -> None:
    _, page = await opened(office)
    await page.keyboard.press("j")
    await expect(page.get_by_role("link", name="Row a")).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await expect(page.get_by_role("link", name="Row b")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(office.url + "/t/acme/rows#b")
    await page.get_by_label("Text").press("j")
    await expect(page.get_by_label("Text")).to_have_value("j")
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
