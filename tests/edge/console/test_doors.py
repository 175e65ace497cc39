"""The console's doors: whose pages may post to it, which hosts it has, and what browsers are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from people import URL, House, open_house

from conserje.storage.database import Pool
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import OPEN, SIGNED_IN, Place, See, Seen, deed, view

PUBLIC = "https://console.bots.example.com"


@view(OPEN)
async def front(asked: Asked) -> Seen:
    raise RuntimeError("it fails")


@deed(OPEN)
async def done(asked: Asked) -> See:
    return See("/done")


@deed(OPEN, upload=1000)
async def filed(asked: Asked) -> See:
    file = asked.file("file")
    return See(f"/{len(await file.read()) if file else 0}/{asked.given('text')}")


@view(SIGNED_IN)
async def see(asked: Asked) -> Seen:
    return Seen("home.html")


PLACES = (Place("/t/{slug}/see", see), Place("/do", front, done), Place("/file", post=filed))


@pytest_asyncio.fixture
async def house(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[House]:
    domains = ("bots.example.com", "localhost")
    async with open_house(pool, database_url, keyring, PLACES, domains=domains) as house:
        yield house


async def ask(house: House, method: str, url: str, **given: Any) -> httpx2.Response:
    return await (await house.nobody()).http.request(method, url, **given)


FORWARDED = {"x-forwarded-proto": "https"}  # by nginx on this machine


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (URL, {"sec-fetch-site": "same-origin", "origin": URL}),
        (URL, {"sec-fetch-site": "none"}),
        (URL, {"origin": URL}),
        (URL, {}),  # no browser that is old enough for this sends a cookie across sites without an Origin
        ("http://127.0.0.1:9101", {"origin": "http://127.0.0.1:9101"}),
        (PUBLIC, {"origin": PUBLIC, **FORWARDED}),
        (PUBLIC, {"sec-fetch-site": "same-origin", **FORWARDED}),
    ],
)
async def test_its_own_pages_may_post(house: House, url: str, headers: dict[str, str]) -> None:
    answer = await ask(house, "POST", url + "/do", headers=headers)
    assert answer.status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (PUBLIC, {"sec-fetch-site": "same-site", "origin": "https://acme.bots.example.com"}),
        (PUBLIC, {"sec-fetch-site": "cross-site"}),
        (PUBLIC, {"origin": "https://acme.bots.example.com"}),
        (PUBLIC, {"origin": "null"}),
        (PUBLIC, {"origin": "http://console.bots.example.com"}),
        (PUBLIC, {"origin": "https://evil.example", "x-forwarded-host": "evil.example"}),
        (URL, {"origin": "http://acme.localhost:9101"}),
        (URL, {"origin": "http://console.localhost:8080"}),
        (URL, {"sec-fetch-site": ""}),
    ],
)
async def test_a_sibling_s_pages_may_not(house: House, url: str, headers: dict[str, str]) -> None:
    """Tenants' pages lie at hosts beside the console's: their posts have its cookies."""
    answer = await ask(
        house, "POST", url + "/do", headers={**FORWARDED, **headers} if url == PUBLIC else headers
    )
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "Another page asked for this" in answer.text


@pytest.mark.parametrize(
    "host", ["acme.bots.example.com", "evil.example", "bots.example.com", "console.evil.example"]
)
async def test_other_hosts_are_not_answered(house: House, host: str) -> None:
    answer = await ask(house, "GET", f"https://{host}/do")
    assert (answer.status_code, answer.text) == (HTTPStatus.NOT_FOUND, "")


async def test_a_cookie_that_a_sibling_could_plant_is_none_of_ours(house: House) -> None:
    owner = await house.as_("owner")
    token = owner.http.cookies["conserje"]
    nobody = await house.nobody()
    for name, code in (("conserje", 303), ("__Host-conserje", 404)):
        headers = {"cookie": f"{name}={token}", **FORWARDED}
        answer = await nobody.http.get(f"{PUBLIC}/t/acme/nothing", headers=headers)
        assert ("Somebody" in answer.text) == (code == 404), name


async def test_what_browsers_are_told(house: House) -> None:
    told = (await ask(house, "GET", PUBLIC + "/nothing", headers=FORWARDED)).headers
    policy = dict(each.partition(" ")[::2] for each in told["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert (
        policy["script-src"]
        == policy["style-src"]
        == policy["connect-src"]
        == policy["form-action"]
        == "'self'"
    )
    assert "unsafe" not in told["content-security-policy"]
    assert told["cross-origin-opener-policy"] == told["cross-origin-resource-policy"] == "same-origin"
    assert told["referrer-policy"] == "same-origin"
    assert told["x-content-type-options"] == "nosniff"
    assert told["cache-control"] == "no-store"
    assert told["strict-transport-security"].startswith("max-age=")
    assert "strict-transport-security" not in (await ask(house, "GET", URL + "/nothing")).headers


async def test_a_tenant_s_files_are_shown_from_its_own_host(house: House) -> None:
    leaf = await (await house.as_("owner")).get("/t/acme/see")
    host = house.context.settings.tenant_url("acme")
    policy = leaf.answer.headers["content-security-policy"]
    assert f"img-src 'self' blob: {host};" in policy and f"frame-src {host};" in policy


async def test_what_fails_is_said_with_a_number_and_no_more(house: House) -> None:
    leaf = await (await house.nobody()).get("/do", 500, headers={"x-request-id": "request-17"})
    assert "Something of ours went wrong" in leaf.text and "request-17" in leaf.text
    assert "it fails" not in leaf.text


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"data": {"text": "x" * 300_000}}, 413),
        ({"files": {"file": ("a", b"x" * 300_000)}}, 413),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
        ({"content": b"{}", "headers": {"content-type": "application/json"}}, 400),
        ({"data": {f"n{n}": "" for n in range(2001)}}, 400),
    ],
)
async def test_a_form_has_bounds(house: House, given: dict[str, Any], code: int) -> None:
    assert (await ask(house, "POST", URL + "/file", **given)).status_code == code


async def test_a_file_comes_with_its_form(house: House) -> None:
    answer = await ask(house, "POST", URL + "/file", data={"text": "a\0b"}, files={"file": ("a", b"12345")})
    assert answer.headers["location"] == "/5/a%EF%BF%BDb"


async def test_assets_are_kept_until_they_change(house: House) -> None:
    page = await (await house.nobody()).get("/nothing", 404)
    [style] = [each["href"] for tag, each in page.tags if each.get("rel") == "stylesheet"]
    asset = await ask(house, "GET", URL + style)
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-type"].startswith("text/css")
    old = await ask(house, "GET", URL + "/static/before/frame.css")
    assert (old.text, old.headers["cache-control"]) == (asset.text, "no-cache")
    known = {"if-none-match": old.headers["etag"]}
    assert (await ask(house, "GET", URL + style, headers=known)).status_code == HTTPStatus.NOT_MODIFIED
    for path in ("/static/before/nothing.css", "/static/before/../app.py", "/static/before/%2e%2e/app.py"):
        assert (await ask(house, "GET", URL + path)).status_code == HTTPStatus.NOT_FOUND
