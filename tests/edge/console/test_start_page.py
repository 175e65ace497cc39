"""The chat page by the console: what it says, its picture, who may show it, and how it is looked at here."""

from __future__ import annotations

import json
from typing import Any

from people import House
from samples import png

from conserje.files import showcase

PAGE = "/t/acme/page"


async def settings(console: House) -> Any:
    return json.loads(await console.pool.fetchval("SELECT settings FROM accounts WHERE channel = 'web'"))


async def test_a_page_is_changed_and_what_is_left_empty_goes(console: House) -> None:
    owner = await console.as_("owner")
    fields = (await owner.get(PAGE)).form("/page").fields
    assert fields["colour"] == "#0b6e4f"
    typed = {**fields, "greeting": "¡Hola!", "quick_answers": "¿Precios?\n\n Horario ",
             "origins": "https://www.acme.example/\nhttps://acme.example"}  # fmt: skip
    page = await owner.follow(await owner.post(PAGE, 303, **typed))
    assert "Your page is changed." in page.text
    assert await settings(console) == {
        "colour": "#0b6e4f", "greeting": "¡Hola!", "quick_answers": ["¿Precios?", "Horario"],
        "origins": ["https://www.acme.example", "https://acme.example"],
    }  # fmt: skip
    await owner.post(PAGE, 303, **{**page.form("/page").fields, "greeting": "", "origins": ""})
    assert await settings(console) == {"colour": "#0b6e4f", "quick_answers": ["¿Precios?", "Horario"]}


async def test_the_page_is_seen_here_as_it_is(console: House) -> None:
    owner = await console.as_("owner")
    page = await owner.get(PAGE)
    [frame] = [attributes for tag, attributes in page.tags if tag == "iframe"]
    assert frame["src"] == "http://acme.localhost:8080/"
    assert "frame-src http://acme.localhost:8080;" in page.answer.headers["content-security-policy"]
    [line] = [attributes["value"] for _, attributes in page.tags if attributes.get("id") == "start-line"]
    assert line == '<script src="http://acme.localhost:8080/chat.js" async></script>'


async def test_what_is_wrong_is_said_at_its_field(console: House) -> None:
    owner = await console.as_("owner")
    fields = (await owner.get(PAGE)).form("/page").fields
    for name, typed in {
        "title": "x" * 81, "colour": "red", "greeting": "x" * 1001, "quick_answers": "x\n" * 9,
        "origins": "https://acme.example/shop", "privacy_url": "http://acme.example/",
    }.items():  # fmt: skip
        page = await owner.post(PAGE, 422, **{**fields, name: typed})
        wrong = [attributes["name"] for _, attributes in page.tags if attributes.get("aria-invalid")]
        assert wrong == [name]
        assert page.form("/page").fields[name].strip() == typed.strip()


async def test_a_picture_is_kept_shown_and_taken_away(console: House) -> None:
    owner = await console.as_("owner")
    fields = (await owner.get(PAGE)).form("/page").fields
    sent = {"logo": ("logo.png", png(), "image/png")}
    page = await owner.follow(await owner.post(PAGE, 303, **fields, files=sent))
    logo = (await settings(console))["logo"]
    assert logo.startswith("/pictures/")
    assert f"http://acme.localhost:8080{logo}" in [attributes.get("src") for _, attributes in page.tags]
    await console.pool.execute("UPDATE pictures SET made_at = now() - interval '2 days'")
    due = showcase.COUNT_UNUSED
    assert await console.pool.fetchval(due, console.tenant_ids["acme"]) == 0
    steps = await owner.get("/t/acme/start")
    assert not any(text.startswith("Choose a picture") for text in steps.links)
    await owner.post(PAGE, 303, **{**page.form("/page").fields, "no-logo": "on"})
    assert "logo" not in await settings(console)
    assert await console.pool.fetchval(due, console.tenant_ids["acme"]) == 1


async def test_what_is_no_picture_changes_nothing(console: House) -> None:
    owner = await console.as_("owner")
    fields = (await owner.get(PAGE)).form("/page").fields
    sent = {"logo": ("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")}
    page = await owner.post(PAGE, 422, **{**fields, "greeting": "¡Hola!"}, files=sent)
    assert "error-logo" in page.ids and page.form("/page").fields["greeting"] == "¡Hola!"
    assert await console.pool.fetchval("SELECT count(*) FROM accounts") == 0
