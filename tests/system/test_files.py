"""A kept file, served by the real server to whoever has its link."""

from __future__ import annotations

import httpx2
from installation import Installation
from processes import Serving
from waiting import LIMIT

FILM = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 8000  # 2 MB


async def test_the_server_gives_the_whole_its_head_and_a_part(
    house: tuple[Installation, Serving],
) -> None:
    installation, server = house
    await installation.add("films")
    assert await server.status(installation.message("films", "whatsapp:+56944444444", "hola")) == 200
    await installation.until_settled()
    await installation.keep("films", "film.mp4", "video/mp4", FILM)
    listed = await installation.read("message", "list", "films", "--links")
    [address] = [link for item in listed for link in item["links"]]
    local = address.replace("films.localhost", "127.0.0.1")
    host = {"host": "films.localhost"}
    async with httpx2.AsyncClient(headers=host, timeout=LIMIT, trust_env=False) as http:
        whole, head = await http.get(local), await http.head(local)
        assert (whole.status_code, whole.content) == (200, FILM)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"] == str(len(FILM))
        assert whole.headers["content-disposition"] == 'attachment; filename="film.mp4"'
        part = await http.get(local, headers={"range": "bytes=1000000-1000009"})
        assert (part.status_code, part.content) == (206, FILM[1000000:1000010])
        parts = await http.get(local, headers={"range": "bytes=0-3,4-7,100-109"})
        assert parts.status_code == 206
        assert FILM[100:110] in parts.content
        assert (await http.get(local.partition("?")[0])).status_code == 404
        assert (await http.get(local, headers={"range": "bytes=9999999-"})).status_code == 416
