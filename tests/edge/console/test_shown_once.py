"""What was made is shown once: who reloads makes nothing again, and sees it no more."""

from __future__ import annotations

import base64

import pytest
from people import House


async def test_what_was_made_is_shown_at_its_page_alone_and_once(console: House) -> None:
    owner = await console.as_("owner")
    done = await owner.post("/t/acme/keys", name="n8n", scope="read")
    assert done.answer.headers["location"] == "/t/acme/keys"
    cookie = next(each for each in done.answer.headers.get_list("set-cookie") if "-once=" in each)
    assert "HttpOnly" in cookie and "Max-Age=60" in cookie and "SameSite=lax" in cookie
    assert "The key is made" not in (await owner.get("/t/acme/people")).text
    assert "The key is made" not in (await owner.get("/t/acme/keys", headers={"x-live": "bell"})).text
    shown = await owner.get("/t/acme/keys")
    assert "The key is made" in shown.text and shown.answer.headers["cache-control"] == "no-store"
    again = await owner.get("/t/acme/keys")
    assert "The key is made" not in again.text and again.text.count("n8n") == 1
    assert await console.pool.fetchval("SELECT count(*) FROM api_keys") == 1


async def test_it_is_not_shown_to_who_may_not_see_the_page(console: House) -> None:
    owner, reader = await console.as_("owner"), await console.as_("reader")
    await owner.post("/t/acme/keys", name="n8n", scope="read")
    reader.http.cookies.set("conserje-once", owner.http.cookies["conserje-once"], domain="console.localhost")
    await reader.get("/t/acme/keys", 403)


@pytest.mark.parametrize(
    "written", ["x", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{}").decode()]
)
async def test_what_nobody_left_is_nothing(console: House, written: str) -> None:
    owner = await console.as_("owner")
    owner.http.cookies.set("conserje-once", written, domain="console.localhost")
    assert "The key is made" not in (await owner.get("/t/acme/keys")).text
