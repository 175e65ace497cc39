"""The entrance: how one comes in and out, and what is asked for once more."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import quote

import pytest
from authenticator import Authenticator
from people import URL, Browser, House
from waiting import LIMIT

from conserje.access import invitations, logins, passwords, tries

WORDS = "caballo correcto bateria grapa"
TOKEN = re.compile(r"conserje=([\w-]{43}); HttpOnly; Max-Age=1209600; Path=/; SameSite=lax")


async def known(console: House, email: str = "ana@example.com", role: str | None = None) -> int:
    """A login with a password."""
    async with console.pool.acquire() as connection:
        login_id = await logins.add(connection, email, "Ana Soto", role)  # type: ignore[arg-type]
        await passwords.keep(connection, login_id, await passwords.hashed(WORDS))
    return login_id


async def made_at(browser: Browser, path: str, device: Authenticator, asks: str) -> str:
    """What the device answers to what the page asks."""
    answer = await browser.http.post(path, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 200, answer.text
    return getattr(device, asks)(json.loads(answer.text))  # type: ignore[no-any-return]


async def test_by_a_password_one_comes_in_and_goes_where_one_wanted(console: House) -> None:
    await known(console, role="owner")
    browser = await console.nobody()
    sent = await browser.get("/me", 303)
    page = await browser.follow(sent)
    assert page.title == "Sign in" and page.forms[0].fields["next"] == "/me"
    done = await browser.post("/sign-in", email="Ana@example.com", password=WORDS, next="/me")
    assert done.answer.headers["location"] == "/me"
    cookie = done.answer.headers["set-cookie"]
    assert TOKEN.match(cookie), cookie
    assert "Ana Soto" in (await browser.follow(done)).text
    assert (await browser.get("/sign-in", 303)).answer.headers["location"] == "/"


async def test_over_https_the_cookie_is_this_hosts_alone(console: House) -> None:
    await known(console)
    browser = await console.nobody()
    headers = {"sec-fetch-site": "same-origin", "x-forwarded-proto": "https"}
    data = {"email": "ana@example.com", "password": WORDS}
    answer = await browser.http.post("/sign-in", data=data, headers=headers)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-conserje=") and "secure" in cookie and "domain" not in cookie


async def test_what_does_not_fit_is_told_in_one_way_and_what_was_typed_is_there(console: House) -> None:
    await known(console)
    browser, told = await console.nobody(), set()
    for email in ("ana@example.com", "nobody@example.com"):
        page = await browser.post("/sign-in", 422, email=email, password="wrong", next="/me")
        assert page.forms[0].fields == {"email": email, "password": "", "next": "/me"}
        told.add(page.text)
    assert len(told) == 1


async def test_who_guesses_is_told_how_long_to_wait(console: House) -> None:
    await known(console)
    browser = await console.nobody()
    for _ in range(tries.OF_ACCOUNT):
        await browser.post("/sign-in", 422, email="ana@example.com", password="wrong")
    page = await browser.post("/sign-in", 429, email="ana@example.com", password=WORDS)
    assert "wait for 15 minutes, or come in by a passkey" in page.text


@pytest.mark.parametrize(
    "wrong", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb"]
)
async def test_one_goes_nowhere_else_afterwards(console: House, wrong: str) -> None:
    await known(console)
    browser = await console.nobody()
    page = await browser.get(f"/sign-in?next={quote(wrong)}")
    assert page.forms[0].fields["next"] == "/"
    done = await browser.post("/sign-in", email="ana@example.com", password=WORDS, next=wrong)
    assert done.answer.headers["location"] in ("/", "/a b")


async def test_a_sign_in_that_was_planted_is_not_anybodys_afterwards(console: House) -> None:
    await known(console)
    thief, victim = await console.as_("agent"), await console.nobody()
    planted = thief.http.cookies.get("conserje")
    assert planted
    victim.http.cookies.set("conserje", planted, domain="console.localhost")
    await victim.post("/sign-in", email="ana@example.com", password=WORDS)
    assert victim.http.cookies.get("conserje") != planted
    assert (await thief.get("/me", 303)).answer.headers["location"].startswith("/sign-in")
    victim.http.cookies.clear()
    victim.http.cookies.set("conserje", "x" * 43, domain="console.localhost")
    await victim.post("/sign-in", email="ana@example.com", password=WORDS)
    assert victim.http.cookies.get("conserje") != "x" * 43


async def test_a_siblings_page_signs_nobody_in_or_out(console: House) -> None:
    await known(console)
    browser = await console.as_("owner")
    data = {"email": "ana@example.com", "password": WORDS}
    for headers in ({"sec-fetch-site": "same-site"}, {"origin": "http://acme.localhost:9101"}):
        for path in ("/sign-in", "/sign-out", "/step-up", "/t/acme/people", "/me/sign-ins/end"):
            assert (await browser.http.post(path, data=data, headers=headers)).status_code == 403
    await browser.get("/me")


async def test_out_is_out(console: House) -> None:
    browser = await console.as_("owner")
    token = browser.http.cookies.get("conserje")
    await browser.post("/sign-out")
    assert browser.http.cookies.get("conserje") is None
    browser.http.cookies.set("conserje", token or "", domain="console.localhost")
    await browser.get("/me", 303)
    await (await console.nobody()).post("/sign-out")


async def test_a_passkey_is_made_and_comes_in_without_a_name(console: House) -> None:
    device, browser = Authenticator(URL), await console.as_("agent")
    answer = await made_at(browser, "/me/passkey", device, "create")
    page = await browser.follow(await browser.post("/me/passkeys", credential=answer))
    assert "from now on it signs you in" in page.text and "Firefox" in page.text
    other = await console.nobody()
    signed = await made_at(other, "/sign-in/passkey", device, "get")
    done = await other.post("/sign-in", credential=signed, next="/me")
    assert done.answer.headers["location"] == "/me"
    await other.get("/me")
    again = await (await console.nobody()).post("/sign-in", 422, credential=signed)
    assert "The passkey was not taken" in again.text


async def test_a_passkey_comes_in_however_often_somebody_guessed(console: House) -> None:
    device, browser = Authenticator(URL), await console.as_("agent")
    await browser.post("/me/passkeys", credential=await made_at(browser, "/me/passkey", device, "create"))
    other = await console.nobody()
    for _ in range(tries.OF_ACCOUNT):
        await other.post("/sign-in", 422, email=browser.email, password="wrong")
    await other.post("/sign-in", 429, email=browser.email, password="wrong")
    await other.post("/sign-in", credential=await made_at(other, "/sign-in/passkey", device, "get"))


async def test_what_is_guarded_asks_once_more_and_leads_back(console: House) -> None:
    await console.tenant("acme")
    login_id = await known(console, role="owner")
    browser = await console.nobody()
    await browser.post("/sign-in", email="ana@example.com", password=WORDS)
    browser.login_id = login_id
    await console.forget_step_up(browser)
    sent = await browser.post("/t/acme/people", name="Eva", email="eva@example.com", role="agent")
    assert sent.answer.headers["location"] == "/step-up?next=%2Ft%2Facme%2Fpeople"
    page = await browser.follow(sent)
    assert page.forms[1].fields["next"] == "/t/acme/people"
    await browser.post("/step-up", 422, password="wrong", next="/t/acme/people")
    done = await browser.post("/step-up", password=WORDS, next="/t/acme/people")
    assert done.answer.headers["location"] == "/t/acme/people"
    await browser.made("/t/acme/people", name="Eva", email="eva@example.com", role="agent")


async def test_it_is_asked_of_a_passkey_of_their_own(console: House) -> None:
    hers, his = Authenticator(URL), Authenticator(URL)
    ana, eva = await console.as_("owner"), await console.as_("owner")
    for browser, device in ((ana, hers), (eva, his)):
        answer = await made_at(browser, "/me/passkey", device, "create")
        await browser.post("/me/passkeys", credential=answer)
        await console.forget_step_up(browser)
    assert (await ana.post("/me/passkey")).answer.headers["location"].startswith("/step-up")
    wrong = await made_at(ana, "/step-up/passkey", his, "get")
    await ana.post("/step-up", 422, credential=wrong)
    await ana.post("/step-up", credential=await made_at(ana, "/step-up/passkey", hers, "get"))
    await ana.post("/me/passkey", 200)


async def test_who_came_by_a_link_and_chose_nothing_is_told_the_way_out(console: House) -> None:
    browser = await console.as_operator("owner")
    await console.forget_step_up(browser)
    page = await browser.get("/step-up?next=/me")
    assert "Ask the operator for another link" in page.text and page.links["Back, without doing it"] == "/me"


async def test_a_link_signs_in_by_its_button_alone_and_once(console: House) -> None:
    await known(console, role="owner")
    async with console.pool.acquire() as connection:
        token = await invitations.offer_link(connection, "ana@example.com")
    scanner, browser = await console.nobody(), await console.nobody()
    for _ in range(3):
        page = await scanner.get(f"/link/{token}")
        assert "set-cookie" not in page.answer.headers
    await browser.post(f"/link/{token}")
    assert "Ana Soto" in (await browser.get("/me")).text
    assert "leads nowhere" in (await scanner.post(f"/link/{token}", 404)).text
    assert "leads nowhere" in (await scanner.get(f"/link/{token}", 404)).text


async def test_a_new_password_is_asked_for_and_nobody_learns_who_is_there(console: House) -> None:
    await known(console)
    browser = await console.nobody()
    assert "ask the operator" in (await browser.get("/reset")).text
    settings = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "bot@conserje.example"}
    console.context.settings = console.context.settings.model_copy(update=settings)
    told = set()
    for email in ("ana@example.com", "nobody@example.com"):
        told.add((await browser.follow(await browser.post("/reset", email=email))).text)
    assert len(told) == 1
    offered = await console.pool.fetch("SELECT email, hash FROM invitations ORDER BY id")
    assert [tuple(row) for row in offered] == [("ana@example.com", None), ("nobody@example.com", None)]
    assert await console.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 2
    for _ in range(tries.OF_ACCOUNT - 1):
        await browser.post("/reset", email="ana@example.com")
    await browser.post("/reset", 429, email="ana@example.com")


async def test_a_reset_is_looked_at_and_then_taken_once(console: House) -> None:
    await known(console)
    async with console.pool.acquire() as connection:
        offered = await invitations.offer_reset(connection, "ana@example.com")
        token = await invitations.make_link(connection, offered)
    thief, browser = await console.nobody(), await console.nobody()
    await thief.post("/sign-in", email="ana@example.com", password=WORDS)
    assert "ana@example.com" in (await browser.get(f"/reset/{token}")).text
    await browser.post(f"/reset/{token}", 422, password="short")
    await browser.post(f"/reset/{token}", password="otra cosa muy distinta")
    await browser.get("/me")
    await thief.get("/me", 303)
    await browser.post(f"/reset/{token}", 404, password="otra cosa muy distinta")
    await thief.post("/sign-in", 422, email="ana@example.com", password=WORDS)
    for path in (f"/invitation/{token}", f"/link/{token}", "/reset/x", "/invitation/x", "/link/x"):
        await browser.get(path, 404)


async def test_many_at_once_wait_for_nobodys_connection(console: House) -> None:
    """Each request that held one while it asked for another would keep all others from theirs."""
    await known(console, "ana@example.com", "owner")
    browsers = [await console.nobody() for _ in range(3)]
    for browser in browsers:
        await browser.post("/sign-in", email="ana@example.com", password=WORDS)
    asked = [
        browser.post(path, None, password="wrong", name="", email="x", role="owner")
        for browser in browsers
        for path in ("/invitation/x", "/reset/x", "/link/x", "/step-up", "/o/logins", "/me/password")
        for _ in range(3)
    ]
    await asyncio.wait_for(asyncio.gather(*asked), LIMIT)
