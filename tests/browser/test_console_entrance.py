"""The entrance in a real browser: passwords, passkeys of a device, and what a sibling host can do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser.office import PHONE, Desk, Office, open_office, violations
from people import open_house
from playwright.async_api import Browser, Page, expect

from conserje.access import invitations, members
from conserje.access.signed import TenantRole
from conserje.storage.database import Pool

pytestmark = pytest.mark.long


WORDS = "caballo correcto bateria grapa"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest_asyncio.fixture
async def office(pool: Pool, database_url: str, keyring: Path, browser: Browser) -> AsyncIterator[Office]:
    async with open_house(pool, database_url, keyring) as house, open_office(house, browser) as office:
        await house.tenant("acme")
        yield office


async def invited(office: Office, role: TenantRole) -> str:
    """The path of an invitation to Acme."""
    tenant_id = await office.house.tenant("acme")
    async with office.house.pool.acquire() as connection:
        person = await members.add(connection, tenant_id, role.title(), f"{role}@example.com", None, role)
        made = await invitations.invite_person(connection, tenant_id, person)
        return f"/invitation/{await invitations.make_link(connection, made)}"


async def stranger(office: Office, **device: object) -> Desk:
    return await office.desk(await office.house.nobody(), **device)


async def with_device(desk: Desk, path: str) -> Page:
    """A page of a browser on a device that knows its user's finger."""
    page = await desk.page(path)
    session = await desk.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return page


async def sign_out(page: Page) -> None:
    await page.get_by_label("You and your pages").click()
    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    await expect(page).to_have_title("Sign in")


@pytest.mark.parametrize("role", ["owner", "agent"])
async def test_by_a_password_from_the_invitation_on(office: Office, role: TenantRole) -> None:
    desk = await stranger(office, **PHONE)
    page = await desk.page(await invited(office, role))
    await expect(page.get_by_role("heading")).to_have_text("You are invited")
    assert await violations(page) == []
    await page.get_by_label("A new password").fill(WORDS)
    await page.get_by_role("button", name="Join", exact=True).click()
    await expect(page).to_have_url(re.compile("/t/acme/desk"))
    await page.goto(office.url + "/t/acme/people")
    changes = page.get_by_role("heading", name="Somebody new")
    await expect(changes).to_have_count(1 if role == "owner" else 0)
    assert await violations(page) == []
    await sign_out(page)
    assert await violations(page) == []
    await page.get_by_label("E-mail address").fill(f"{role}@example.com")
    await page.get_by_label("Password").fill(WORDS)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page).to_have_url(re.compile("/t/acme/desk"))


async def test_by_a_passkey_from_the_invitation_on(office: Office) -> None:
    page = await with_device(await stranger(office), await invited(office, "owner"))
    await page.get_by_role("button", name="Join by a passkey, without a password").click()
    await expect(page).to_have_url(re.compile("/t/acme/desk"))
    await sign_out(page)
    await page.get_by_role("button", name="Sign in by a passkey").click()
    await expect(page).to_have_url(re.compile("/t/acme/desk"))
    await office.house.pool.execute("UPDATE sign_ins SET stepped_up_at = now() - interval '1 hour'")
    await page.goto(office.url + "/me")
    await page.get_by_role("link", name="Make a passkey").click()
    await expect(page).to_have_title("Show once more that it is you")
    assert await violations(page) == []
    await page.get_by_role("button", name="Go on by a passkey").click()
    await expect(page).to_have_title("You")
    await expect(page.get_by_role("button", name="Make a passkey")).to_be_visible()
    assert await violations(page) == []


async def test_a_passkey_that_is_refused_says_so_and_the_password_is_there(office: Office) -> None:
    desk = await stranger(office)
    desk.expected = "422"  # the browser itself says so of the answer
    page = await with_device(desk, "/sign-in")
    await page.get_by_role("button", name="Sign in by a passkey").click()
    await expect(page.get_by_role("alert")).to_have_text("The passkey was not taken: try it once more.")
    await page.get_by_label("E-mail address").fill("nobody@example.com")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("alert").first).to_have_text("This does not fit: look at what you typed.")


async def test_a_sign_in_that_has_ended_leads_to_the_door_and_back(office: Office) -> None:
    person = await office.house.as_("owner")
    desk = await office.desk(person)
    page = await desk.page("/t/acme/people")
    await office.house.pool.execute("UPDATE sign_ins SET seen_at = now() - interval '13 hours'")
    await page.goto(office.url + "/t/acme/people?tab=x")
    await expect(page).to_have_url(f"{office.url}/sign-in?next=%2Ft%2Facme%2Fpeople%3Ftab%3Dx")


async def test_whoever_signs_in_without_scripts_does_so_by_password(office: Office) -> None:
    path = await invited(office, "reader")
    desk = await stranger(office, java_script_enabled=False)
    page = await desk.page(path)
    await expect(page.get_by_role("button")).to_have_count(1)
    await page.get_by_label("A new password").fill(WORDS)
    await page.get_by_role("button", name="Join", exact=True).click()
    await expect(page).to_have_url(re.compile("/t/acme/desk"))


SIBLING = """
<form method="post" action="{url}/t/acme/people"><input name="name" value="Thief">
<input name="email" value="thief@example.com"><input name="role" value="owner"><button>Win</button></form>
"""


async def test_a_siblings_form_does_nothing_though_the_cookie_comes_with_it(office: Office) -> None:
    desk = await office.desk(await office.house.as_("owner"))
    desk.expected = "403"
    page = await desk.page()
    sibling = office.url.replace("console.", "acme.")

    async def served(route: object) -> None:
        await route.fulfill(body=SIBLING.format(url=office.url), content_type="text/html")  # type: ignore[attr-defined]

    await page.route(f"{sibling}/**", served)
    await page.goto(f"{sibling}/win")
    await page.get_by_role("button", name="Win").click()
    await expect(page.get_by_role("heading")).to_have_text("Another page asked for this")
    assert await office.house.pool.fetchval("SELECT count(*) FROM people WHERE name = 'Thief'") == 0
