"""The pages of the channel web, for a house of the test's own."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pagehouse import House, ask, policy, said
from pydantic import ValidationError

from conserje import (
    Button,
    Buttons,
    Hours,
    List,
    Location,
    Look,
    Row,
    Text,
)
from conserje_web.pages import opening
from conserje_web.settings import WebSettings
from conserje_web.theme import contrast, letters_on
from conserje_web.words import LANGUAGES


async def test_the_page_of_a_tenant_without_settings() -> None:
    answer = await ask(House())
    assert answer.status_code == 200
    assert '<html lang="es-CL">' in answer.text
    assert "<h1>La Tienda</h1>" in answer.text
    assert "¿En qué te podemos ayudar?" in answer.text
    assert "Abierto" not in answer.text and "Cerrado" not in answer.text


@pytest.mark.parametrize(
    ("locale", "lang", "word"),
    [
        ("es", "es", "Escribe un mensaje"),
        ("pt-BR", "pt-BR", "Escreva uma mensagem"),
        ("en-US", "en-US", "Write a message"),
        ("fr-FR", "en", "Write a message"),
    ],
)
async def test_the_page_speaks_the_tenant_s_language(locale: str, lang: str, word: str) -> None:
    page = (await ask(House(locale=locale))).text
    assert f'<html lang="{lang}">' in page and word in page


def test_every_language_names_the_tenant_where_the_first_does() -> None:
    for words in LANGUAGES.values():
        for name in words.__slots__:
            assert ("{name}" in getattr(words, name)) == ("{name}" in getattr(LANGUAGES["es"], name)), name


async def test_the_page_allows_nothing_but_its_own_parts() -> None:
    answer = await ask(House())
    assert policy(answer) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' blob:",
        "media-src": "'self' blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "style=" not in answer.text and "<style" not in answer.text


async def test_a_picture_of_the_tenant_s_own_is_shown_and_its_console_may_show_the_page() -> None:
    own = f"/pictures/{'0' * 32}.png"
    console = "https://console.bot.example"
    answer = await ask(House(settings={"logo": own}, console=console))
    assert policy(answer)["img-src"] == "'self' blob:" and f'<img src="{own}" alt=""' in answer.text
    assert policy(answer)["frame-ancestors"] == console
    answer = await ask(House(settings={"origins": ["https://www.tienda.cl"]}, console=console))
    assert policy(answer)["frame-ancestors"] == f"https://www.tienda.cl {console}"


async def test_a_logo_and_the_sites_that_may_embed_are_in_the_policy() -> None:
    origins = ["https://www.tienda.cl", "http://localhost:8000"]
    house = House(settings={"logo": "https://cdn.example.com:8443/a/logo.png", "origins": origins})
    answer = await ask(house)
    assert policy(answer)["img-src"] == "'self' blob: https://cdn.example.com:8443"
    assert policy(answer)["frame-ancestors"] == "https://www.tienda.cl http://localhost:8000"
    assert '<img src="https://cdn.example.com:8443/a/logo.png" alt=""' in answer.text


async def test_no_text_of_a_tenant_is_markup() -> None:
    evil = "'\"><script>alert(1)</script><svg onload=alert(1)>"
    texts = dict.fromkeys(("title", "greeting", "closed_text", "privacy"), evil)
    hours: dict[str, Any] = {"monday": []}
    for house in (House(name=evil), House(settings={**texts, "quick_answers": [evil]}, hours=hours)):
        for path in ("/", "/icon.svg", "/chat.js"):
            text = (await ask(house, path)).text
            assert "<script>alert" not in text and "<svg onload" not in text, path
        page = (await ask(house)).text
        assert "&#39;&#34;&gt;&lt;script&gt;alert(1)" in page
        assert "data-words='{" in page and "\\u0027" in page


async def test_parts_are_kept_for_ever_under_the_address_of_their_content() -> None:
    house = House(settings={"colour": "#ffcc00"})
    page = (await ask(house)).text
    addresses = [piece.split('"')[0] for piece in page.replace('href="/', 'src="/').split('src="')[1:]]
    assert {address.partition("?")[0] for address in addresses} == {
        "/icon.svg",
        "/theme.css",
        "/chat.css",
        "/files.css",
        "/page.js",
        "/identity.js",
        "/files.js",
        "/shelf.js",
        "/outbox.js",
        "/listening.js",
        "/talk.js",
        "/attention.js",
        "/hours.js",
    }
    imported = set(re.findall(r'(?:from|import) "(.+)"', (await ask(house, "/page.js")).text))
    assert imported
    assert imported < set(addresses)
    for address in addresses:
        answer = await ask(house, address)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        other = await ask(house, address.partition("?")[0] + "?v=of-another-release")
        assert other.headers["cache-control"] == "no-cache"
        known = await ask(house, address, **{"if-none-match": answer.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")


async def test_another_colour_is_another_theme() -> None:
    house, other = House(settings={"colour": "#ffcc00"}), House(settings={"colour": "#223344"})
    assert "--brand: #ffcc00; --on-brand: #000000" in (await ask(house, "/theme.css")).text
    assert "--brand: #223344; --on-brand: #ffffff" in (await ask(other, "/theme.css")).text
    assert (await ask(house)).text != (await ask(other)).text


def test_letters_on_any_colour_can_be_read() -> None:
    steps = range(0, 256, 15)
    colours = [f"#{red:02x}{green:02x}{blue:02x}" for red in steps for green in steps for blue in steps]
    assert min(contrast(letters_on(colour), colour) for colour in colours) >= 4.5
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


async def test_the_loader_knows_the_sites_that_it_may_be_on() -> None:
    answer = await ask(House(settings={"origins": ["https://www.tienda.cl"]}), "/chat.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=300"
    line = next(line for line in answer.text.splitlines() if "const chat" in line)
    chat = json.loads(line.partition("=")[2].strip().rstrip(";"))
    assert chat["origins"] == ["https://www.tienda.cl"]
    assert chat["open"] == "Abrir el chat de La Tienda"


async def test_a_session_is_opened_by_a_post_alone() -> None:
    answer = await ask(House(), "/session", "POST")
    assert (answer.status_code, answer.headers["cache-control"]) == (204, "no-store")
    assert answer.headers["set-cookie"] == "__Host-conserje-web=v; Path=/; Secure"
    assert (await ask(House(), "/session")).status_code == 405
    known = await ask(House(looks=[Look((), False)]), "/session", "POST")
    assert "set-cookie" not in known.headers


@pytest.mark.parametrize("path", ["/history", "/stream"])
@pytest.mark.parametrize("looks", [None, []], ids=["no session", "nothing written"])
async def test_there_is_no_stream_before_anything_is_written(path: str, looks: list[Look] | None) -> None:
    answer = await ask(House(looks=looks), path)
    assert (answer.status_code, answer.headers["cache-control"]) == (204, "no-store")


async def test_history_is_what_was_said_with_its_choices() -> None:
    contents = [
        said(3, Text("hola"), "contact"),
        said(5, Buttons("¿Cuál?", (Button("a", "Rojo"), Button("b", "Azul")))),
        said(6, List("Tenemos esto", (Row("product-1", "Café", "$4.990"),))),
        said(7, Location(-33.4, -70.6, "Plaza")),
    ]
    answer = await ask(House(looks=[Look(tuple(contents), True)]), "/history")
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["thinking"] is True
    assert body["said"] == [
        {"id": 3, "author": "contact", "at": "2026-11-20T12:00:00+00:00", "text": "hola"},
        {
            "id": 5,
            "author": "tenant",
            "at": "2026-11-20T12:00:00+00:00",
            "text": "¿Cuál?",
            "choices": [{"id": "a", "title": "Rojo"}, {"id": "b", "title": "Azul"}],
        },
        {
            "id": 6,
            "author": "tenant",
            "at": "2026-11-20T12:00:00+00:00",
            "text": "Tenemos esto",
            "choices": [{"id": "product-1", "title": "Café", "description": "$4.990"}],
        },
        {
            "id": 7,
            "author": "tenant",
            "at": "2026-11-20T12:00:00+00:00",
            "text": "[Plaza -33.40000,-70.60000]",
        },
    ]


async def test_a_stream_has_an_event_for_what_is_new_and_a_comment_for_the_rest() -> None:
    looks = [
        Look((said(3, Text("una\n\ndata: dos\r\nñ"), "contact"),), True),
        Look((), True),
        Look((), False),
        Look((), False, "person", "Ana"),
        Look((said(4, Text("sí")), said(9, Text("no"))), False, "person", "Ana"),
    ]
    answer = await ask(House(looks=looks), "/stream")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    first, comment, second, taken, third, end = answer.text.split("\n\n")
    retry, number, data = first.split("\n")
    assert (retry, number) == ("retry: 2000", "id: 3")
    assert json.loads(data.removeprefix("data: "))["said"][0]["text"] == "una\n\ndata: dos\r\nñ"
    assert comment == ":"
    assert json.loads(second.removeprefix("data: "))["thinking"] is False
    assert json.loads(taken.removeprefix("data: "))["person"] == "Ana"
    assert third.startswith("id: 9\ndata: ") and end == ""


@pytest.mark.parametrize(
    ("query", "header", "after"),
    [
        ("", "", 0),
        ("?after=12", "", 12),
        ("?after=12", "40", 40),
        ("?after=-1", "", 0),
        ("?after=²", "", 0),
        ("?after=" + "9" * 19, "", 0),
    ],
)
async def test_a_stream_goes_on_after_the_last_message_seen(query: str, header: str, after: int) -> None:
    house = House(looks=[Look((), False)])
    await ask(house, f"/stream{query}", **({"last-event-id": header} if header else {}))
    assert house.asked == [after]


WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


async def test_the_page_knows_when_to_look_at_the_hours_again() -> None:
    page = (await ask(House(hours={day: ["00:00-12:00", "13:00-24:00"] for day in WEEK}))).text
    [seconds] = re.findall(r'<p id="hours" class="hours(?: open)?" data-changes="([0-9]+)">', page)
    assert 0 < int(seconds) <= 24 * 3600
    page = (await ask(House(hours={"monday": []}))).text
    assert "data-changes" not in page


async def test_a_closed_tenant_says_so() -> None:
    closed: dict[str, Any] = {"monday": []}
    page = (await ask(House(hours=closed))).text
    assert "Cerrado ahora" in page and "te respondemos cuando abramos" in page
    text = {"closed_text": "Volvemos el lunes."}
    page = (await ask(House(hours=closed, settings=text))).text
    assert "Volvemos el lunes." in page
    always = {day: ["00:00-24:00"] for day in WEEK}
    page = (await ask(House(hours=always, settings=text))).text
    assert "Abierto ahora" in page and "Volvemos" not in page


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"color": "#123456"}, "color"),
        ({"colour": "red"}, "colour"),
        ({"colour": "#12345;"}, "colour"),
        ({"title": " "}, "title"),
        ({"logo": "http://a.example/logo.png"}, "logo"),
        ({"logo": "/pictures/../history"}, "logo"),
        ({"logo": "https://a.example; script-src *"}, "logo"),
        ({"logo": "https://a.example;b/logo.png"}, "logo"),
        ({"origins": ["https://a.example/"]}, "origins.0"),
        ({"origins": ["https://a.example", "http://b.example"]}, "origins.1"),
        ({"origins": ["https://*.example"]}, "origins.0"),
        ({"origins": ["*"]}, "origins.0"),
        ({"hours": {"lunes": []}}, "hours.lunes"),
        ({"hours": {"monday": ["9-18"]}}, "hours.monday.0"),
        ({"hours": {"monday": ["09:00-25:00"]}}, "hours.monday.0"),
        ({"hours": {"monday": ["09:00-09:00"]}}, "hours.monday.0"),
        ({"quick_answers": [""]}, "quick_answers.0"),
        ({"privacy_url": "javascript:alert(1)"}, "privacy_url"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as refused:
        WebSettings.model_validate(settings)
    (error,) = refused.value.errors()
    assert ".".join(str(part) for part in error["loc"] if part != "[key]") == where


async def test_the_page_says_what_it_has_and_what_was_read() -> None:
    house = House(looks=[Look((), False)])
    assert (await ask(house, "/seen", "POST", {"id": 7, "read": True})).status_code == 204
    assert (await ask(house, "/seen", "POST", {"id": -1, "read": True})).status_code == 400
    assert (await ask(house, "/seen", "POST", {"id": 7})).status_code == 400
    assert house.told == [(7, True)]
    assert (await ask(House(), "/seen", "POST", {"id": 7, "read": True})).status_code == 204


@pytest.mark.parametrize(
    ("hours", "when", "opens"),
    [
        ({"monday": ["09:00-13:00", "15:00-19:00"]}, "2026-11-23T14:00", "abre hoy a las 15:00"),
        ({"monday": ["09:00-13:00"]}, "2026-11-22T23:00", "abre mañana a las 09:00"),
        ({"monday": ["09:00-13:00"]}, "2026-11-23T14:00", "abre el lunes a las 09:00"),
        ({"saturday": ["10:00-14:00"]}, "2026-11-23T14:00", "abre el sábado a las 10:00"),
        ({"monday": []}, "2026-11-23T14:00", ""),
    ],
)
def test_who_comes_when_it_is_closed_is_told_when_it_opens(hours: Any, when: str, opens: str) -> None:
    now = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("America/Santiago"))
    assert opening(Hours.read({"week": hours}), LANGUAGES["es"], now) == opens
