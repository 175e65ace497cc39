"""nginx with the real core behind it: signatures hold, the console asks for a key."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from installation import Installation, install
from nginx.caller import Caller
from nginx.conftest import CUSTOM
from nginx.gate import BASE, certify, nginx
from twilio.request_validator import RequestValidator
from waiting import until

from conserje.access import logins, sign_ins
from conserje.storage.pool import connect_pool
from conserje.tenants import api_keys, domains, tenants
from conserje.tenants.keyring import create_keyring

H1_AND_H2 = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
Front = tuple[Caller, Installation]
_serial = itertools.count(1)


@pytest_asyncio.fixture(scope="module")
async def front(
    new_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Front]:
    """An installation behind nginx: the tenants' listener on TCP, the operator's on a socket."""
    folder = tmp_path_factory.mktemp("front")
    create_keyring(folder / "data" / "keys" / "master.json")
    certify(folder / "certificates", custom=[CUSTOM])
    async with (
        new_database() as url,
        await connect_pool(url) as pool,
        install(pool, url, folder / "data" / "keys" / "master.json") as shop,
    ):
        shop.environment["CONSERJE_DOMAINS"] = BASE
        for slug in ("acme", "bravo"):
            await shop.add(slug)
        async with pool.acquire() as connection:
            await domains.add(connection, (await tenants.get(connection, "acme")).id, CUSTOM)
        operator, console = (
            f"unix:{shop.environment[f'CONSERJE_{which}_LISTEN']}" for which in ("OPERATOR", "CONSOLE")
        )
        async with (
            shop.serving(),
            nginx(
                folder / "nginx",
                shop.environment["CONSERJE_LISTEN"],
                operator,
                folder / "certificates",
                console_upstream=console,
            ) as gate,
        ):
            caller = Caller(gate)
            for which in ("OPERATOR", "CONSOLE"):
                await until(Path(shop.environment[f"CONSERJE_{which}_LISTEN"]).exists)
            yield caller, shop
            await caller.close()


async def post(
    front: Front,
    signed_url: str,
    *,
    host: str = "",
    slug: str = "acme",
    token: str = "",
    http2: bool = False,
    **fields: str,
) -> int:
    """The status of what Twilio posts, signed for a URL; Host is the URL's unless it is given."""
    caller, shop = front
    account = shop.accounts[slug]
    form = shop.twilio.inbound(account.numbers[0], f"whatsapp:+5691{next(_serial):07}", "hola", **fields)
    validator = RequestValidator(token or account.auth_token)  # type: ignore[no-untyped-call]
    signature = validator.compute_signature(signed_url, form)  # type: ignore[no-untyped-call]
    authority, _, target = signed_url.removeprefix("https://").partition("/")
    answer = await caller.ask(
        host or authority,
        f"/{target}",
        method="POST",
        content=urlencode(form).encode(),
        headers={
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-twilio-signature": signature,
        },
        http2=http2,
    )
    return answer.status_code


@H1_AND_H2
@pytest.mark.parametrize(
    "query", ["", "?a=1&a=2&b=", "?a=%20+%C3%B1%c3%b1&b=%2F", "?x=//&y=/../z", "?a=b?c=d"]
)
@pytest.mark.parametrize("port", ["", ":443", ":8443"])
async def test_twilio_s_signature_holds(front: Front, port: str, query: str, http2: bool) -> None:
    url = f"https://acme.{BASE}{port}/bot/twilio/webhook{query}"
    assert await post(front, url, http2=http2) == 200


@H1_AND_H2
async def test_the_port_of_tls_may_stand_on_one_side_only(front: Front, http2: bool) -> None:
    written, bare = f"https://acme.{BASE}:443/bot/twilio/webhook", f"https://acme.{BASE}/bot/twilio/webhook"
    assert await post(front, written, host=f"acme.{BASE}", http2=http2) == 200
    assert await post(front, bare, host=f"acme.{BASE}:443", http2=http2) == 200


@H1_AND_H2
async def test_it_holds_for_capitals_a_domain_of_the_tenant_s_own_and_the_shared_route(
    front: Front, http2: bool
) -> None:
    for url in (
        f"https://Acme.{BASE.upper()}/bot/twilio/webhook",
        f"https://{CUSTOM}/bot/twilio/webhook",
        f"https://{BASE}/webhook/twilio",
    ):
        assert await post(front, url, http2=http2) == 200, url


@H1_AND_H2
async def test_promise_6_what_another_tenant_or_nobody_signed_is_refused(front: Front, http2: bool) -> None:
    _, shop = front
    url = f"https://acme.{BASE}/bot/twilio/webhook"
    assert await post(front, url, token="guessed", http2=http2) == 403
    assert await post(front, url, token=shop.accounts["bravo"].auth_token, http2=http2) == 403
    assert (
        await post(front, f"https://bravo.{BASE}/bot/twilio/webhook", host=f"acme.{BASE}", http2=http2) == 403
    )
    assert await post(front, url.replace("https", "http"), host=f"acme.{BASE}", http2=http2) in (403, 404)


@H1_AND_H2
async def test_the_console_asks_for_a_key_whatever_a_client_says(front: Front, http2: bool) -> None:
    caller, shop = front
    for headers in ({}, {"x-conserje-console": ""}, {"x-forwarded-for": "127.0.0.1"}):
        answer = await caller.of("console", "/tenants", headers=headers, http2=http2)
        assert answer.status_code == 401
    for host in (f"acme.{BASE}", BASE):
        assert (await caller.ask(host, "/tenants", http2=http2)).status_code == 404
    async with shop.pool.acquire() as connection:
        _, key = await api_keys.add(connection, f"key {http2}", tenant_id=None, scopes=("read",))
    for path in ("/tenants", "/api/v1/tenants"):  # of the operator's listener, and of the console's
        told = await caller.of("console", path, headers={"authorization": f"Bearer {key}"}, http2=http2)
        assert told.status_code == 200
        assert BASE in told.text
        assert (await caller.of("console", path, http2=http2)).status_code == 401


@H1_AND_H2
async def test_the_console_s_pages_assets_and_bells_come_through(front: Front, http2: bool) -> None:
    caller, shop = front
    door = await caller.of("console", "/t/acme/nothing", http2=http2)
    assert (door.status_code, door.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert len(door.headers.get_list("strict-transport-security")) == 1
    style = re.search(r"/static/\w+/frame\.css", door.text)
    assert style
    assert (await caller.of("console", style[0], http2=http2)).headers["cache-control"].endswith("immutable")
    home = await caller.of("console", "/", http2=http2)
    assert (home.status_code, home.headers["location"]) == (303, "/sign-in?next=%2F")
    told = await caller.of("console", "/bells", http2=http2, headers={"x-conserje-console": ""})
    assert told.status_code == 401
    async with shop.pool.acquire() as connection:
        login = await logins.add(connection, f"ana-{http2}@example.com".lower(), "Ana", "reader")
        token = await sign_ins.begin(connection, login, None, "")
    cookie = {"cookie": f"__Host-conserje={token}"}
    host = f"console.{BASE}"
    async with caller.client(host, http2, None).stream(
        "GET",
        f"https://127.0.0.1:{caller.gate.https_port}/bells",
        headers={"host": host, **cookie},
        extensions={"sni_hostname": host},
    ) as bells:
        assert bells.status_code == 200
        first = await anext(bells.aiter_raw())
        assert first.startswith(b"retry:")
