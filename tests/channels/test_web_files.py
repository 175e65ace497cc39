"""Files, cards and names on the page of the channel web, for a house of the test's own."""

from __future__ import annotations

import json
import re

import pytest
from pagehouse import NOON, House, ask, policy, said

from conserje import (
    Identity,
    List,
    Look,
    Media,
    Note,
    Row,
    Said,
    Shown,
    Text,
)
from conserje_web.words import LANGUAGES


async def test_what_is_uploaded_is_the_visitor_s_under_the_page_s_own_key() -> None:
    house = House(looks=[])
    answer = await ask(house, "/upload?id=a-1&name=mi%20foto.jpg", "POST", {"bytes": 1})
    assert (answer.status_code, answer.json()) == (200, {"id": 7})
    assert house.uploaded == [("ana:a-1", "mi foto.jpg", b'{"bytes":1}')]
    for query in ("", "id=", "id=%C3%B1", f"id={'x' * 65}", "id=a%20b"):
        assert (await ask(house, f"/upload?{query}", "POST")).status_code == 400
    assert (await ask(house, "/upload?id=1")).status_code == 405


@pytest.mark.parametrize(
    ("reason", "status"),
    [("unwritten", 403), ("kind", 415), ("large", 413), ("many", 429), ("key", 409)],
)
async def test_what_is_not_taken_has_a_sentence_in_each_language(reason: str, status: int) -> None:
    answer = await ask(House(looks=[], refusal=reason), "/upload?id=1", "POST")
    assert (answer.status_code, answer.json()) == (status, {"refused": reason})
    assert answer.headers["cache-control"] == "no-store"
    for words in LANGUAGES.values():
        page = (await ask(House(locale=words.lang))).text
        [told] = re.findall(r"data-words='(.+?)'", page)
        assert json.loads(told)[reason] == getattr(words, reason)


async def test_who_has_no_session_uploads_nothing() -> None:
    answer = await ask(House(looks=None), "/upload?id=1", "POST")
    assert (answer.status_code, answer.json()) == (403, {"refused": "unwritten"})


async def test_files_are_shown_by_their_addresses_and_none_of_elsewhere_is_loaded() -> None:
    media = Media((), "mira")
    files = (
        Shown("/files/7?sig=x", "image/jpeg", "foto.jpg", 2000),
        Shown("/files/8?sig=x", "audio/ogg", "", 3000),
        Shown("/files/9?sig=x", "application/pdf", "carta.pdf", 4000),
        Shown("https://cdn.example.com/pan.jpg", "image/jpeg", "pan.jpg"),
    )
    looks = [Look((Said(3, "contact", media, NOON, files=files), said(4, Media((), "sola"))), False)]
    [shown, without] = (await ask(House(looks=looks), "/history")).json()["said"]
    assert shown["text"] == "mira"
    assert [(file["kind"], file["address"], file["name"], file["size"]) for file in shown["files"]] == [
        ("image", "/files/7?sig=x", "foto.jpg", 2000),
        ("audio", "/files/8?sig=x", "", 3000),
        ("file", "/files/9?sig=x", "carta.pdf", 4000),
        ("file", "https://cdn.example.com/pan.jpg", "pan.jpg", None),
    ]
    assert "files" not in without and "sola" in without["text"]


async def test_pictures_of_products_may_come_from_their_origins_and_a_header_is_no_place_for_words() -> None:
    origins = (
        "https://cdn.tienda.cl",
        "https://b.cl:8443",
        "https://x.cl;script-src",
        "https://a b",
        "http://a.cl",
    )
    settings = {"logo": "https://cdn.tienda.cl/logo.png"}
    answer = await ask(House(origins=origins, settings=settings))
    assert policy(answer)["img-src"] == "'self' blob: https://b.cl:8443 https://cdn.tienda.cl"
    assert policy(answer)["script-src"] == "'self'"


async def test_products_are_cards_with_what_there_is_to_see() -> None:
    card = Row("product-1", "Café", "$4.990", "https://cdn.cl/c.jpg", "https://tienda.cl/c")
    other = Row("product-2", "Té", "$990", "javascript:alert(1)", "http://tienda.cl/t")
    local = Row("product-3", "Pan", "$1", "http://acme.localhost:8080/pictures/x.jpg", "http://localhost.cl/")
    cards = (card, other, local)
    contents = (said(3, Text("Café: $4.990", cards=cards)), said(4, List("Hay:", cards)))
    [text, listed] = (await ask(House(looks=[Look(contents, False)]), "/history")).json()["said"]
    shown = [
        {
            "id": "product-1", "title": "Café", "description": "$4.990",
            "picture": "https://cdn.cl/c.jpg", "link": "https://tienda.cl/c",
        },
        {"id": "product-2", "title": "Té", "description": "$990"},
        {"id": "product-3", "title": "Pan", "description": "$1", "picture": local.picture},
    ]  # fmt: skip
    assert text["cards"] == listed["choices"] == shown and text["text"] == "Café: $4.990"


async def test_who_the_visitor_is_is_told_and_is_nothing_that_was_said() -> None:
    house = House(looks=[Look((said(3, Note("Says: Ana"), "contact"), said(4, Text("hola"))), False)])
    answer = await ask(house, "/identify", "POST", {"name": "Ana", "phone": "+569", "hash": "ab", "more": 1})
    assert answer.status_code == 204
    assert house.identified == [Identity("Ana", "+569", "ab")]
    assert [each["text"] for each in (await ask(house, "/history")).json()["said"]] == ["hola"]
    assert (await ask(House(looks=[]), "/identify", "POST", {"name": "Ana"})).status_code == 409
    assert (await ask(House(), "/identify", "POST", {"name": "Ana"})).status_code == 409
    for wrong in ({"name": "x" * 201}, {"name": 7}, ["Ana"], {"hash": "a" * 65}):
        assert (await ask(house, "/identify", "POST", wrong)).status_code == 400
