"""Bells: an open page hears that something changed, of what it may see alone, until it may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import plans
import pytest
from people import Browser, House
from scene import Scene
from waiting import LIMIT, until

from conserje.access import sign_ins
from conserje.operations import marks
from conserje.storage.database import Connection
from conserje_edge.console import stream

REPORTED = """
INSERT INTO statuses (tenant_id, account_id, event_key, provider_id, status)
SELECT $1, id, 'key', 'P', 'read' FROM accounts WHERE tenant_id = $1
"""
HAPPENED = "INSERT INTO notifications (tenant_id, kind) VALUES ($1, 'lead.created')"
DONE = """
INSERT INTO audit (tenant_id, login_id, who, of_operator, role, act, of, request_id)
VALUES ($1, 1, 'ana@example.com', false, 'owner', 'product.change', '', '')
"""


@asynccontextmanager
async def open_line(house: House, browser: Browser, path: str) -> AsyncIterator[asyncio.Queue[Any]]:
    """What the application sends of a stream: its start, then its parts, then None at its end."""
    sent: asyncio.Queue[Any] = asyncio.Queue()
    gone = asyncio.Event()
    request = browser.http.build_request("GET", path)
    headers = [(name.lower(), value) for name, value in request.headers.raw]
    scope = {
        "type": "http", "method": "GET", "path": request.url.path, "raw_path": request.url.raw_path,
        "query_string": request.url.query, "headers": headers, "scheme": "http", "client": ("127.0.0.1", 1),
        "asgi": {"version": "3.0", "spec_version": "2.4"},
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.put_nowait(message)

    async def serve() -> None:
        await house.app(scope, receive, send)
        sent.put_nowait(None)

    task = asyncio.create_task(serve())
    try:
        yield sent
    finally:
        gone.set()
        task.cancel()
        await asyncio.wait({task})


async def heard(sent: asyncio.Queue[Any], wanted: bytes) -> None:
    async with asyncio.timeout(LIMIT):
        while (message := await sent.get()) is not None:
            if message.get("body") == wanted:
                return
    raise AssertionError("the line ended")


async def status(sent: asyncio.Queue[Any]) -> int:
    async with asyncio.timeout(LIMIT):
        return int((await sent.get())["status"])


async def test_a_message_rings_where_its_tenant_is_shown(scene: Scene, console: House) -> None:
    """Nothing but the queue says so, on the way that every message goes."""
    console.tenant_ids["acme"] = (await scene.entry()).tenant.id
    reader, stranger = await console.as_("reader"), await console.as_("owner", "bravo")
    async with (
        open_line(console, reader, "/bells?t=acme") as line,
        open_line(console, stranger, "/bells?t=bravo") as other,
    ):
        assert (await status(line), await status(other)) == (200, 200)
        await looked(console, 2)
        while not (line.empty() and other.empty()):  # the tenants were added a moment ago
            (other if line.empty() else line).get_nowait()
        await scene.write("hola")
        await heard(line, stream.BELL)
        assert other.empty()


async def looked(console: House, tenants: int) -> None:
    await until(lambda: _holds(console, tenants))


async def _holds(console: House, tenants: int) -> bool:
    return len(console.bells.marks) == tenants


@pytest.mark.parametrize(
    ("path", "code"), [("/bells?t=acme", 404), ("/bells", 404), ("/bells?t=no%20slug", 404)]
)
async def test_of_another_s_nothing_is_heard(console: House, path: str, code: int) -> None:
    await console.tenant("acme")
    stranger = await console.as_("owner", "bravo")
    await stranger.get(path, code)
    await (await console.nobody()).get(path, 401)


async def test_a_line_ends_with_the_sign_in(console: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE", 0)
    owner = await console.as_("owner")
    async with open_line(console, owner, "/bells?t=acme") as line:
        await heard(line, stream.AGAIN)
        async with console.pool.acquire() as connection:
            assert owner.login_id
            await sign_ins.end_others(connection, owner.login_id)
        console.bells.ring(None)
        await heard(line, stream.OVER)
        assert (await line.get())["body"] == b""
        assert await line.get() is None


async def test_lines_end_with_the_server(console: House) -> None:
    operator = await console.as_operator("reader")
    async with open_line(console, operator, "/bells") as line:
        await heard(line, stream.AGAIN)
        console.bells.stop()
        async with asyncio.timeout(LIMIT):
            while await line.get() is not None:
                pass


async def test_many_rings_are_few_bells(console: House) -> None:
    owner = await console.as_("owner")
    async with open_line(console, owner, "/bells?t=acme") as line:
        await heard(line, stream.AGAIN)
        for _ in range(100):
            console.bells.ring(console.tenant_ids["acme"])
        await heard(line, stream.BELL)
        assert line.empty()


async def test_a_login_has_only_so_many_lines(console: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conserje_edge.console.bells.MOST", 1)
    owner = await console.as_("owner")
    async with open_line(console, owner, "/bells?t=acme") as line:
        await heard(line, stream.AGAIN)
        await owner.get("/bells?t=acme", 429)


async def test_whatever_happens_to_a_tenant_moves_its_mark(scene: Scene) -> None:
    tenant_id, seen = (await scene.entry()).tenant.id, []

    async def note() -> None:
        seen.append(await marks.of_tenants(scene.pool, [tenant_id]))

    await note()
    await scene.write("hola")
    await note()
    async with scene.working():
        await scene.settled()
    await note()
    for statement in (REPORTED, HAPPENED, DONE):
        await scene.pool.execute(statement, tenant_id)
        await note()
    assert [each for each in seen if seen.count(each) > 1] == []


async def test_a_mark_is_read_from_the_ends_of_indexes(connection: Connection) -> None:
    await plans.fill(connection, 1, 5)
    few = await plans.pages(connection, marks.OF_TENANTS, [1])
    await plans.fill(connection, 6, 200)
    assert await plans.pages(connection, marks.OF_TENANTS, [1]) <= few + 10
