"""A shop's pictures are shown at its own host to everybody, as pictures and as nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

from doorway import Edge

from conserje.files import showcase
from conserje_edge.tenant import pictures

GIF = b"GIF89a" + bytes(20)
KEY = "0" * 32


async def ask(edge: Edge, path: str, method: str = "GET", host: str = "acme.localhost") -> tuple[int, bytes]:
    answer = await edge.http.request(method, f"http://edge/pictures/{path}", headers={"host": host})
    if answer.status_code == 200:
        assert answer.headers["content-type"] == "image/gif"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox")
        assert "immutable" in answer.headers["cache-control"]
    return answer.status_code, answer.content


async def test_a_picture_is_shown_at_its_shops_host(edge: Edge) -> None:
    await edge.add("bravo", "+2")
    acme = await edge.pool.fetchval("SELECT id FROM tenants WHERE slug = 'acme'")
    await edge.pool.execute("INSERT INTO pictures VALUES ($1, $2, 'image/gif', $3, 26)", acme, KEY, GIF)
    assert await ask(edge, f"{KEY}.gif") == (200, GIF)
    assert await ask(edge, f"{KEY}.gif", "HEAD") == (200, b"")
    for path, method, host, status in (
        (f"{KEY}.gif", "GET", "bravo.localhost", 404),
        (f"{KEY}.gif", "GET", "nobody.localhost", 404),
        (f"{KEY}.svg", "GET", "acme.localhost", 404),
        ("../" + KEY, "GET", "acme.localhost", 404),
        (f"{KEY}.gif", "POST", "acme.localhost", 405),
    ):
        assert (await ask(edge, path, method, host))[0] == status, (path, method, host)


async def test_who_asks_for_many_at_once_keeps_no_message_waiting(edge: Edge, monkeypatch: Any) -> None:
    begun, go_on = 0, asyncio.Event()

    async def find(*given: object) -> showcase.Picture | None:
        nonlocal begun
        begun += 1
        await go_on.wait()
        return showcase.Picture("image/gif", GIF)

    monkeypatch.setattr(showcase, "find", find)
    asking = [asyncio.create_task(ask(edge, f"{n:032x}.gif")) for n in range(pictures.WAITING + 5)]
    refused = await first(asking, 5)
    assert [status for status, _ in refused] == [503] * 5
    assert begun == pictures.AT_ONCE
    go_on.set()
    assert [status for status, _ in await asyncio.gather(*asking)].count(200) == pictures.WAITING
    assert await ask(edge, f"{0:032x}.gif") == (200, GIF)
    assert begun == pictures.WAITING, "what was shown lately is asked for again"


async def first(asking: list[asyncio.Task[tuple[int, bytes]]], count: int) -> list[tuple[int, bytes]]:
    """The answers of those that end first."""
    return [await each for each, _ in zip(asyncio.as_completed(asking), range(count), strict=False)]
