"""The chat page as its edge sees it: real processes, and whoever a stranger may claim to be."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from installation import Installation
from processes import Serving, free_port, running, serving
from visitor import Visitor, known_visitors
from waiting import LIMIT, until


def port_of(server: Serving) -> str:
    return server.listen.rpartition(":")[2]


@asynccontextmanager
async def visiting(server: Serving, slug: str, address: str = "203.0.113.7") -> AsyncIterator[Visitor]:
    """Somebody at the tenant's page, on connections of their own."""
    base = f"http://{server.listen}"
    async with httpx2.AsyncClient(base_url=base, timeout=LIMIT, trust_env=False) as http:
        yield Visitor(http, f"{slug}.localhost:{port_of(server)}", address)


@pytest.fixture
async def shop(
    house: tuple[Installation, Serving],
) -> AsyncIterator[tuple[Installation, Serving, str]]:
    """A tenant of the test's own, by a row alone."""
    installation, server = house
    slug = f"shop-{uuid.uuid4().hex[:8]}"
    await installation.pool.execute(
        "INSERT INTO tenants (slug, name, assistant, quiet_period) VALUES ($1, 'Tienda', 'echo', '0')", slug
    )
    yield installation, server, slug


async def test_a_row_alone_makes_a_page_that_answers(shop: tuple[Installation, Serving, str]) -> None:
    _, server, slug = shop
    async with visiting(server, slug) as ana:
        page = await ana.ask("GET", "/")
        assert page.status_code == 200 and "Tienda" in page.text
        assert (await ana.ask("GET", "/history")).status_code == 204
        assert (await ana.open()).status_code == 204
        assert (await ana.write("hola")).status_code == 200
        async with ana.stream() as stream:
            assert await stream.said(2) == ["contact: hola", "tenant: hola"]
            assert (await ana.write("¿hay pan?")).status_code == 200
            assert await stream.said(2) == ["contact: ¿hay pan?", "tenant: ¿hay pan?"]
        assert await ana.said() == [
            "contact: hola",
            "tenant: hola",
            "contact: ¿hay pan?",
            "tenant: ¿hay pan?",
        ]


async def test_promise_2_what_is_posted_again_is_answered_once(
    shop: tuple[Installation, Serving, str],
) -> None:
    _, server, slug = shop
    async with visiting(server, slug) as ana:
        await ana.open()
        for answer in await asyncio.gather(*(ana.write("hola", key="same") for _ in range(10))):
            assert answer.status_code == 200
        async with ana.stream() as stream:
            assert await stream.said(2) == ["contact: hola", "tenant: hola"]
        await ana.write("fin")
        async with ana.stream() as stream:
            assert (await stream.said(3))[-1] in ("contact: fin", "tenant: fin")
        assert (await ana.said()).count("tenant: hola") == 1


async def test_promise_6_a_session_is_nothing_at_another_tenant(
    shop: tuple[Installation, Serving, str],
) -> None:
    installation, server, slug = shop
    await installation.pool.execute(
        "INSERT INTO tenants (slug, name, assistant) VALUES ($1, 'Otra', 'echo')", f"{slug}-b"
    )
    async with visiting(server, slug) as ana, visiting(server, f"{slug}-b") as thief:
        await thief.open()
        await ana.open()
        await ana.write("secreto")
        own, thief.cookie = thief.cookie, ana.cookie
        assert (await thief.ask("GET", "/history")).status_code == 204
        assert (await thief.ask("GET", "/stream")).status_code == 204
        assert (await thief.write("soy Ana")).status_code == 403
        thief.cookie = f"{ana.cookie}; {own}"  # a sibling host planted a second one
        assert (await thief.write("soy Ana")).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://bravo.localhost", "sec-fetch-site": "same-site"},
        {"origin": "http://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "null", "sec-fetch-site": ""},
        {"origin": "", "sec-fetch-site": ""},
        {"origin": "", "sec-fetch-site": "none"},
    ],
    ids=["sibling", "foreign", "null", "none", "typed"],
)
async def test_a_page_of_another_host_gets_nothing(
    shop: tuple[Installation, Serving, str], headers: dict[str, str]
) -> None:
    _, server, slug = shop
    async with visiting(server, slug) as ana:
        assert (await ana.open(headers)).status_code == 403
        await ana.open()
        assert (await ana.write("hola", headers=headers)).status_code == 403
        await ana.write("hola")
        for path in ("/history", "/stream"):
            assert (await ana.ask("GET", path, headers)).status_code == 403
        assert (await ana.said())[0] == "contact: hola"


async def test_script_and_svg_stay_words(shop: tuple[Installation, Serving, str]) -> None:
    installation, server, slug = shop
    bad = '<script>alert(1)</script><svg onload="alert(2)">'
    await installation.pool.execute("UPDATE tenants SET name = $2 WHERE slug = $1", slug, bad)
    async with visiting(server, slug) as ana:

        async def shown() -> bool:
            return "&lt;script&gt;" in (await ana.ask("GET", "/")).text

        await until(shown)
        page = await ana.ask("GET", "/")
        assert bad not in page.text
        assert "'unsafe" not in page.headers["content-security-policy"]
        icon = await ana.ask("GET", "/icon.svg")
        assert "<script" not in icon.text and "default-src 'none'" in icon.headers["content-security-policy"]
        loader = await ana.ask("GET", "/chat.js")
        assert "<script" not in loader.text
        await ana.open()
        await ana.write(bad)
        history = await ana.ask("GET", "/history")
        assert history.headers["content-type"] == "application/json"
        assert history.headers["x-content-type-options"] == "nosniff"
        assert history.json()["said"][0]["text"] == bad


async def test_dropping_the_cookie_changes_nothing(shop: tuple[Installation, Serving, str]) -> None:
    _, server, slug = shop
    async with visiting(server, slug, "2001:db8:1:1::1") as eva:
        answers = []
        for n in range(70):  # two processes count 30 each
            eva.cookie, eva.address = "", f"2001:db8:1:1::{n:x}"
            answers.append(await eva.open())
        statuses = [answer.status_code for answer in answers]
        assert statuses.count(204) <= 60 and set(statuses) == {204, 429}
        assert int(answers[-1].headers["retry-after"]) > 0
        eva.address = "2001:db8:1:2::1"
        assert (await eva.open()).status_code == 204


async def test_a_visitor_who_floods_is_told_to_wait(shop: tuple[Installation, Serving, str]) -> None:
    _, server, slug = shop
    async with visiting(server, slug, "198.51.100.1") as eva, visiting(server, slug, "198.51.100.2") as ana:
        await eva.open()
        statuses = [(await eva.write(f"n{n}")).status_code for n in range(62)]
        assert set(statuses) == {200, 429} and statuses.count(200) <= 30
        await ana.open()
        assert (await ana.write("hola")).status_code == 200


async def test_a_suspended_tenant_has_no_page(shop: tuple[Installation, Serving, str]) -> None:
    installation, server, slug = shop
    async with visiting(server, slug) as ana:
        await ana.open()
        await ana.write("hola")
        async with ana.stream() as stream:
            await stream.look()
            await installation.pool.execute("UPDATE tenants SET status = 'suspended' WHERE slug = $1", slug)

            async def gone() -> bool:
                return (await ana.ask("GET", "/")).status_code == 404

            await until(gone)
        assert (await ana.open()).status_code == 404


async def test_a_stream_on_one_node_shows_what_another_node_s_worker_says(
    installation: Installation, tmp_path: Path
) -> None:
    await installation.pool.execute(
        "INSERT INTO tenants (slug, name, assistant, quiet_period) VALUES ('acme', 'Acme', 'echo', '0')"
    )
    other = installation.environment | {
        "CONSERJE_DATA_DIR": str(tmp_path / "b"),
        "CONSERJE_LISTEN": f"127.0.0.1:{free_port()}",
        "CONSERJE_OPERATOR_LISTEN": str(tmp_path / "b" / "operator.sock"),
        "CONSERJE_CONSOLE_LISTEN": str(tmp_path / "b" / "console.sock"),
    }
    (tmp_path / "b").mkdir()
    async with (
        installation.serving() as one,
        serving(other) as two,
        running(other, "work", log=tmp_path / "b" / "work.log"),
        visiting(one, "acme") as ana,
        visiting(two, "acme") as same,
    ):
        await ana.open()
        await ana.write("hola")
        async with ana.stream() as stream:
            assert await stream.said(2) == ["contact: hola", "tenant: hola"]
            same.cookie = ana.cookie
            assert (await same.write("por el otro")).status_code == 200
            assert await stream.said(2) == ["contact: por el otro", "tenant: por el otro"]


async def test_a_server_that_stops_ends_its_streams(installation: Installation) -> None:
    await installation.pool.execute("INSERT INTO tenants (slug, name) VALUES ('acme', 'Acme')")
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(installation.serving())
        visitors = [await stack.enter_async_context(visiting(server, "acme")) for _ in range(3)]
        streams = []
        for visitor in visitors:
            await visitor.open()
            await visitor.write("hola")
            streams.append(await stack.enter_async_context(visitor.stream()))
            await streams[-1].look()
        os.kill(server.pid, signal.SIGTERM)
        assert await asyncio.wait_for(server.process.wait(), LIMIT) == 0
        assert "Killing" not in server.said  # as granian says of a worker that waits for its streams
        for stream in streams:
            with pytest.raises(EOFError):
                while True:
                    await stream.look()


STREAMS = 2500  # more than the backlog
PER_SECOND, SECONDS = 200, 5
AT_ONCE = 100  # webhooks, where a machine cannot keep up


@pytest.mark.long
async def test_many_streams_cost_little_and_delay_no_webhook(installation: Installation) -> None:
    await installation.add("acme")
    async with installation.serving() as server, AsyncExitStack() as stack:
        async with visiting(server, "acme") as ana:
            await ana.open()
        cookies = await known_visitors(installation, "acme", STREAMS)
        before = memory(server)
        readers = [await stream_open(server, cookie, stack) for cookie in cookies]
        opened = memory(server)
        assert (opened - before) / STREAMS < 60_000  # bytes for each
        statuses: Counter[int] = Counter()
        at_once = asyncio.Semaphore(AT_ONCE)

        async def post(n: int) -> None:
            request = installation.message("acme", f"whatsapp:+5691{n:07}", f"n{n}")
            async with at_once:
                statuses[await server.status(request)] += 1

        async with asyncio.TaskGroup() as group:
            for n in range(PER_SECOND * SECONDS):
                group.create_task(post(n))
                await asyncio.sleep(1 / PER_SECOND)
        assert statuses == {200: PER_SECOND * SECONDS}
        assert memory(server) - opened < 30_000_000
        async with visiting(server, "acme") as ana, asyncio.timeout(LIMIT):
            ana.cookie = cookies[8]
            assert (await ana.write("¿siguen ahí?")).status_code == 200
            await readers[8].readuntil("¿siguen ahí?".encode())


async def stream_open(server: Serving, cookie: str, stack: AsyncExitStack) -> asyncio.StreamReader:
    """A stream whose first look has come."""
    reader, writer = await server.connect()
    stack.callback(writer.close)
    lines = ["GET /stream HTTP/1.1", f"Host: acme.localhost:{port_of(server)}", f"Cookie: {cookie}"]
    writer.write("\r\n".join([*lines, "Sec-Fetch-Site: same-origin", "", ""]).encode())
    async with asyncio.timeout(LIMIT):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readuntil(b"\n\n")
    return reader


def memory(server: Serving) -> int:
    """Bytes that the server's processes hold."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in server.workers)
    return pages * os.sysconf("SC_PAGESIZE")
