"""The issuer's people come in at the console: those who are invited, in the browser that left, once."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest_asyncio
from issuing import ANA, LOOPBACK, issuing, settings_of, visit
from leaf import Leaf
from people import URL, Browser, House, open_house
from starlette.responses import PlainTextResponse

from conserje.access import invitations, logins, passwords, tries
from conserje.storage.database import Pool
from conserje_fakes.oidc import StandIn

WORDS = "caballo correcto bateria grapa"


@pytest_asyncio.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with issuing(f"{URL}/oidc") as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def console(pool: Pool, database_url: str, keyring: Path, stand_in: StandIn) -> AsyncIterator[House]:
    """The console whose operator has named the issuer."""
    async with open_house(pool, database_url, keyring, **settings_of(stand_in)) as house:
        yield house


async def known(console: House, email: str = "ana@example.com", role: str | None = None) -> int:
    async with console.pool.acquire() as connection:
        login_id = await logins.add(connection, email, "Ana Soto", role)  # type: ignore[arg-type]
        await passwords.keep(connection, login_id, await passwords.hashed(WORDS))
    return login_id


async def way(browser: Browser, path: str, **data: Any) -> str:
    """Where the page leads that a form at `path` leads to."""
    page = await browser.follow(await browser.post(path, **data))
    [refresh] = [given["content"] for tag, given in page.tags if given.get("http-equiv") == "refresh"]
    assert refresh == f"0;url={page.links['Go on by ' + page.title.removeprefix('On the way to ')]}"
    return refresh.removeprefix("0;url=")


async def back(browser: Browser, given: dict[str, str], code: int | None = 303) -> Leaf:
    return await browser.get(f"/oidc?{urlencode(given)}", code)


async def by_issuer(browser: Browser, path: str, code: int | None = 303, **data: Any) -> Leaf:
    """There and back."""
    return await back(browser, await visit(await way(browser, path, **data)), code)


async def test_one_comes_in_and_goes_where_one_wanted(console: House, stand_in: StandIn) -> None:
    login_id = await known(console, role="owner")
    browser = await console.nobody()
    page = await browser.get("/sign-in?next=/me")
    host = stand_in.url.removeprefix("http://")
    assert (page.forms[0].action, page.forms[0].fields) == ("/sign-in/oidc", {"next": "/me"})
    assert page.forms[0].buttons[0][0] == f"Go on by {host}"
    done = await by_issuer(browser, "/sign-in/oidc", next="/me")
    assert done.answer.headers["location"] == "/me"
    cookies = done.answer.headers.get_list("set-cookie")
    assert len(cookies) == 2 and any(each.startswith('conserje-detour=""') for each in cookies)
    page = await browser.follow(done)
    assert "Ana Soto" in page.text and f"{host} You come in by your account there." in page.text
    row = await console.pool.fetchrow("SELECT issuer, subject FROM logins WHERE id = $1", login_id)
    assert row and tuple(row) == (stand_in.url, "ana-1")
    stand_in.person = {"sub": "ana-1"}
    await by_issuer(await console.nobody(), "/sign-in/oidc")
    [line] = await console.pool.fetch("SELECT act, of, who, role FROM audit")  # of the first time
    assert tuple(line) == ("me.secure", "issuer", "ana@example.com", "owner")


async def test_who_is_not_invited_or_not_verified_stays_outside(console: House, stand_in: StandIn) -> None:
    await known(console, role="owner")
    browser = await console.nobody()
    for person in (
        {**ANA, "email_verified": False},
        {"sub": "ana-1"},
        {**ANA, "email": "eva@example.com"},
    ):
        stand_in.person = person
        page = await by_issuer(browser, "/sign-in/oidc", 422)
        assert "ask for an invitation" in page.text and page.links["Sign in"] == "/sign-in"
    assert await console.pool.fetchval("SELECT count(*) FROM logins") == 1
    assert await console.pool.fetchval("SELECT count(*) FROM sign_ins") == 0


async def test_another_browser_is_not_signed_in_by_what_was_somebody_elses(
    console: House, stand_in: StandIn
) -> None:
    await known(console)
    thief, victim = await console.nobody(), await console.nobody()
    theirs = await visit(await way(thief, "/sign-in/oidc"))
    await back(victim, theirs, 422)
    await way(victim, "/sign-in/oidc")  # is on a detour of its own
    page = await back(victim, theirs, 422)
    assert "in another window" in page.text and "/token" not in stand_in.asked
    assert victim.http.cookies.get("conserje") is None
    await back(thief, theirs)
    await back(thief, theirs, 422)  # once


async def test_back_with_nothing_of_use_is_nobody(console: House, stand_in: StandIn) -> None:
    await known(console)
    browser = await console.nobody()
    await browser.get("/oidc", 422)
    await browser.get("/oidc?state=&code=x", 422)
    await browser.get("/oidc?state=%ED%A0%80&code=x", 422)
    await browser.get("/oidc/go", 422)
    stand_in.person = {}  # turns round there
    page = await by_issuer(browser, "/sign-in/oidc", 422)
    assert "did not say who you are" in page.text


async def test_an_issuer_that_is_away_is_said_to_be(console: House, stand_in: StandIn) -> None:
    await known(console)
    browser = await console.nobody()
    given = await visit(await way(browser, "/sign-in/oidc"))
    stand_in.answers["/keys"] = lambda: PlainTextResponse("", 500)
    assert "does not answer" in (await back(browser, given, 503)).text


async def test_one_goes_nowhere_else_afterwards(console: House, stand_in: StandIn) -> None:
    await known(console)
    for wrong in ("//evil.example", "https://evil.example", "/\\evil.example", "evil", "/" * 3000):
        done = await by_issuer(await console.nobody(), "/sign-in/oidc", next=wrong)
        assert done.answer.headers["location"] == "/"


async def test_who_comes_back_too_often_waits(console: House) -> None:
    browser = await console.nobody()
    for _ in range(tries.OF_ADDRESS):
        await browser.get("/oidc?state=x&code=x", 422)
    assert "wait for 15 minutes" in (await browser.get("/oidc?state=x&code=x", 429)).text
    await known(console)
    await browser.post("/sign-in", email="ana@example.com", password=WORDS)


async def test_over_https_the_detour_is_this_hosts_alone(console: House) -> None:
    browser = await console.nobody()
    headers = {"sec-fetch-site": "same-origin", "x-forwarded-proto": "https"}
    answer = await browser.http.post("/sign-in/oidc", headers=headers)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-conserje-detour=") and "secure" in cookie and "httponly" in cookie
    foreign = await browser.http.post("/sign-in/oidc", headers={"sec-fetch-site": "same-site"})
    assert foreign.status_code == 403


async def test_who_was_let_through_there_is_asked_again_here(console: House, stand_in: StandIn) -> None:
    login_id = await known(console, role="owner")
    browser = await console.nobody()
    stand_in.since = time.time() - 3600
    await by_issuer(browser, "/sign-in/oidc")
    sent = await browser.post("/me/oidc/drop")
    assert sent.answer.headers["location"].startswith("/step-up")
    page = await browser.follow(sent)
    assert page.form("/step-up/oidc").buttons
    stand_in.heeds_prompt = False
    refused = await by_issuer(browser, "/step-up/oidc", 422, next="/o/logins")
    assert "did not ask you who you are" in refused.text
    stand_in.heeds_prompt = True
    done = await by_issuer(browser, "/step-up/oidc", next="/o/logins")
    assert done.answer.headers["location"] == "/o/logins"
    await browser.post("/me/oidc/drop")
    assert await console.pool.fetchval("SELECT issuer FROM logins WHERE id = $1", login_id) is None


async def test_one_steps_up_as_oneself(console: House, stand_in: StandIn) -> None:
    await known(console)
    thief = await console.as_("owner")
    await console.forget_step_up(thief)
    page = await by_issuer(thief, "/step-up/oidc", 422)
    assert "No login here is of your account" in page.text
    assert (await thief.post("/me/oidc")).answer.headers["location"].startswith("/step-up")
    assert await console.pool.fetchval("SELECT count(*) FROM logins WHERE issuer IS NOT NULL") == 0


async def test_a_detour_is_of_who_left(console: House) -> None:
    """Who signs in as another meanwhile has not shown for them who they are."""
    ana, eva = await console.as_("owner"), await console.as_("owner")
    given = await visit(await way(ana, "/me/oidc"))
    ana.http.cookies.set("conserje", eva.http.cookies["conserje"], domain="console.localhost")
    await back(ana, given, 422)
    assert await console.pool.fetchval("SELECT count(*) FROM logins WHERE issuer IS NOT NULL") == 0


async def test_who_is_in_keeps_it_as_a_way_in_and_that_is_told(console: House, stand_in: StandIn) -> None:
    """Also where the issuer verifies no address."""
    stand_in.person = {"sub": "ana-1"}
    ana, eva = await console.as_("owner"), await console.as_("owner")
    done = await by_issuer(ana, "/me/oidc")
    assert done.answer.headers["location"] == "/me"
    [line] = await console.pool.fetch("SELECT act, of, after, who FROM audit")
    assert (line["act"], line["of"], line["who"]) == ("me.secure", "issuer", ana.email)
    assert json.loads(line["after"]) == {"issuer": stand_in.url}
    assert "opens another login already" in (await by_issuer(eva, "/me/oidc", 422)).text
    await by_issuer(await console.nobody(), "/sign-in/oidc")
    await ana.post("/me/oidc/drop")
    await by_issuer(await console.nobody(), "/sign-in/oidc", 422)


async def test_an_invitation_is_taken_once(console: House, stand_in: StandIn) -> None:
    stand_in.person = {"sub": "eva-1"}
    async with console.pool.acquire() as connection:
        made = await invitations.invite_operator(connection, "eva@example.com", "Eva", "operator")
        token = await invitations.make_link(connection, made)
        reset = await invitations.make_link(
            connection, await invitations.offer_reset(connection, "eva@example.com")
        )
    browser = await console.nobody()
    assert f"/invitation/{token}/oidc" in [
        form.action for form in (await browser.get(f"/invitation/{token}")).forms
    ]
    page = await by_issuer(browser, f"/invitation/{reset}/oidc", 422)
    assert "The invitation was used" in page.text
    await by_issuer(browser, f"/invitation/{token}/oidc")
    assert "Eva" in (await browser.get("/me")).text
    await by_issuer(await console.nobody(), f"/invitation/{token}/oidc", 422)
    assert (
        await console.pool.fetchval("SELECT operator_role FROM logins WHERE subject = 'eva-1'") == "operator"
    )


async def test_an_invitation_gives_nobodys_login_away(console: House, stand_in: StandIn) -> None:
    await known(console, "eva@example.com")
    stand_in.person = {"sub": "thief-1", "email": "thief@example.com", "email_verified": True}
    async with console.pool.acquire() as connection:
        made = await invitations.invite_operator(connection, "eva@example.com", "Eva", "operator")
        token = await invitations.make_link(connection, made)
    page = await by_issuer(await console.nobody(), f"/invitation/{token}/oidc", 422)
    assert "or come in otherwise" in page.text
    assert await console.pool.fetchval("SELECT count(*) FROM invitations") == 1


async def test_without_passwords_there_is_no_form_and_no_way_by_one(console: House) -> None:
    await known(console, role="owner")
    operator, browser = await console.as_operator("owner"), await console.nobody()
    async with console.pool.acquire() as connection:
        made = await invitations.invite_operator(connection, "eva@example.com", "Eva", "operator")
        token = await invitations.make_link(connection, made)
        reset = await invitations.make_link(
            connection, await invitations.offer_reset(connection, "ana@example.com")
        )
    console.context.settings = console.context.settings.model_copy(update={"passwords": "off"})
    pages = [await browser.get(path) for path in ("/sign-in", f"/invitation/{token}")]
    pages += [await operator.get(path) for path in ("/me", "/step-up", "/o/logins")]
    for page in pages:
        assert "password" not in page.text.lower().replace("by a passkey, without a password", ""), page.text
    for path in ("/reset", f"/reset/{reset}"):
        await browser.get(path, 404)
    await browser.post("/sign-in", 404, email="ana@example.com", password=WORDS)
    for path in ("/reset", f"/reset/{reset}", f"/invitation/{token}"):
        await browser.post(path, 404, email="ana@example.com", password=WORDS, name="Eva")
    for path in ("/me/password", "/o/logins/reset", "/step-up"):
        await operator.post(path, 404, email="ana@example.com", password=WORDS)
    await by_issuer(browser, "/sign-in/oidc")


async def test_without_an_issuer_there_is_no_such_way(pool: Pool, database_url: str, keyring: Path) -> None:
    async with open_house(pool, database_url, keyring, fetch_allow=LOOPBACK) as console:
        browser, somebody = await console.nobody(), await console.as_operator("owner")
        assert "Go on by" not in (await browser.get("/sign-in")).text
        for path in ("/oidc", "/oidc/go"):
            await browser.get(path, 404)
        for path in ("/sign-in/oidc", "/invitation/x/oidc"):
            await browser.post(path, 404)
        for path in ("/step-up/oidc", "/me/oidc"):
            await somebody.post(path, 404)
