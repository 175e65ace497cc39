"""Files at a tenant's host: for whoever has the signed link, and nothing for anybody else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from doorway import Edge, open_edge

from conserje.files.folder import path_of
from conserje.files.links import Link
from conserje.storage.database import Pool
from conserje.tenants.renewal import renew

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(range(256)) * 400


class House:
    """The edge, and a file of acme's on its disk."""

    def __init__(self, edge: Edge, folder: Path, link: Link) -> None:
        self.edge = edge
        self.folder = folder
        self.link = link

    async def address(self, link: Link | None = None, slug: str = "acme") -> str:
        """Path and query of a link that the tenant signed."""
        entry = await self.edge.webhooks.reception.directory.by_slug(slug)
        assert entry.tenant.data_key is not None
        return (link or self.link).address("", self.edge.vault, entry.tenant.data_key)

    async def get(
        self, address: str, slug: str = "acme", method: str = "GET", **headers: str
    ) -> httpx2.Response:
        there = {"host": f"{slug}.localhost", **headers}
        return await self.edge.http.request(method, "http://edge" + address, headers=there)


@pytest_asyncio.fixture
async def house(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[House]:
    async with open_edge(pool, database_url, keyring) as edge:
        entry = await edge.webhooks.reception.directory.by_slug("acme")
        folder = keyring.parent.parent / "files"
        link = Link(entry.tenant.id, 17, "foto.jpg", "image/jpeg", int(time.time()) + 60)
        path = path_of(folder, link.tenant_id, link.id)
        path.parent.mkdir(parents=True)
        path.write_bytes(JPEG)
        yield House(edge, folder, link)


async def test_a_link_opens_the_file(house: House) -> None:
    answer = await house.get(await house.address())
    assert (answer.status_code, answer.content) == (200, JPEG)
    told = answer.headers
    assert told["content-type"] == "image/jpeg"
    assert told["content-length"] == str(len(JPEG))
    assert told["content-disposition"] == 'inline; filename="foto.jpg"'
    assert told["x-content-type-options"] == "nosniff"
    assert told["content-security-policy"] == "sandbox; default-src 'none'"
    assert told["cache-control"] == "private"


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/png", "image/gif", "image/webp"])
async def test_a_browser_shows_a_picture_of_dots(house: House, content_type: str) -> None:
    answer = await house.get(await house.address(replace(house.link, content_type=content_type)))
    assert answer.headers["content-disposition"].startswith("inline;")
    assert answer.headers["content-security-policy"].startswith("sandbox;")


async def test_head_tells_the_same_without_the_file(house: House) -> None:
    address = await house.address()
    whole, head = await house.get(address), await house.get(address, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == whole.headers


async def test_a_part_can_be_asked_for(house: House) -> None:
    address = await house.address()
    part = await house.get(address, range="bytes=4-9")
    assert (part.status_code, part.content) == (206, JPEG[4:10])
    assert part.headers["content-range"] == f"bytes 4-9/{len(JPEG)}"
    assert part.headers["x-content-type-options"] == "nosniff"
    rest = await house.get(address, range=f"bytes={len(JPEG) - 5}-")
    assert rest.content == JPEG[-5:]
    beyond = await house.get(address, range=f"bytes={len(JPEG)}-")
    assert beyond.status_code == 416
    again = await house.get(address, range="bytes=0-3", **{"if-range": part.headers["etag"]})
    assert again.content == JPEG[:4]


async def test_without_a_good_link_there_is_nothing_and_all_nothings_are_alike(house: House) -> None:
    await house.edge.add("bravo", "+2")
    good = await house.address()
    path, _, query = good.partition("?")
    entry = await house.edge.webhooks.reception.directory.by_slug("bravo")
    (house.folder / str(entry.tenant.id)).mkdir()
    path_of(house.folder, entry.tenant.id, 17).write_bytes(b"bravo's")
    answers = [
        await house.get(path),
        await house.get("/files/"),
        await house.get("/files/17/"),
        await house.get(f"/files/../17?{query}"),
        await house.get(f"/files/%2e%2e%2f17?{query}"),
        await house.get(f"/files/18?{query}"),
        await house.get(good[:-3] + "AAA"),
        await house.get(f"{good}&until={house.link.until + 1}"),
        await house.get(good, slug="bravo"),
        await house.get(await house.address(slug="bravo"), slug="bravo"),  # its own key, not its own file
        await house.get(await house.address(replace(house.link, until=int(time.time()) - 1))),
        await house.get(await house.address(replace(house.link, id=18))),
        await house.get(good, slug="nobody"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    names = {tuple(sorted(set(answer.headers) - {"x-request-id"})) for answer in answers}
    assert len(names) == 1


async def test_nothing_is_posted_here(house: House) -> None:
    answer = await house.get(await house.address(), method="POST")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "content_type",
    ["image/svg+xml", "text/html", "text/plain", "application/pdf", "application/octet-stream"],
)
async def test_what_a_stranger_sent_is_saved_and_never_opened_here(house: House, content_type: str) -> None:
    answer = await house.get(await house.address(replace(house.link, content_type=content_type)))
    assert answer.headers["content-disposition"].partition(";")[0] == "attachment"
    assert answer.headers["content-type"].partition(";")[0] == content_type


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../../etc/passwd", 'filename="passwd"'),
        ("..\\..\\boot.ini", 'filename="boot.ini"'),
        ("a\r\nset-cookie: a=b.txt", "filename*=utf-8''aset-cookie%20a%3Db.txt"),
        ('x"; filename=y.html', "filename*=utf-8''x%3B%20filename%3Dy.html"),
        ("ñandú 1.pdf", "filename*=utf-8''%C3%B1and%C3%BA%201.pdf"),
        ("gpj.\u202eexe", 'filename="gpj.exe"'),
        ("..", 'filename="17.jpg"'),
        ("", 'filename="17.jpg"'),
        ("/", 'filename="17.jpg"'),
        (" .htaccess. ", 'filename="htaccess"'),
        ("a" * 300 + ".jpg", f'filename="{"a" * 96}.jpg"'),
    ],
)
async def test_a_name_is_a_name(house: House, name: str, told: str) -> None:
    answer = await house.get(await house.address(replace(house.link, name=name)))
    assert answer.headers["content-disposition"] == f"inline; {told}"
    assert "set-cookie" not in answer.headers


async def test_a_suspended_tenant_shows_nothing(house: House) -> None:
    address = await house.address()
    await house.edge.run("UPDATE tenants SET status = 'suspended' WHERE slug = 'acme'")
    assert (await house.get(address)).status_code == 404


async def test_a_tenant_without_a_key_has_signed_nothing(house: House) -> None:
    address = await house.address()
    await house.edge.run("UPDATE tenants SET data_key = NULL WHERE slug = 'acme'")
    assert (await house.get(address)).status_code == 404


async def test_a_link_opens_after_the_data_key_was_renewed_unless_the_new_one_signs(house: House) -> None:
    address = await house.address()
    for signing, status in ((False, 200), (True, 404)):
        async with house.edge.pool.acquire() as connection:
            assert await renew(connection, house.edge.vault, house.link.tenant_id, signing=signing)
        await house.edge.heard()
        assert (await house.get(address)).status_code == status
    assert (await house.edge.post()).status_code == 200


async def test_no_postgres_is_needed_for_a_tenant_that_is_known(house: House) -> None:
    address = await house.address()
    house.edge.pool.terminate()
    assert (await house.get(address)).content == JPEG


async def test_a_key_that_does_not_open_is_said_to_the_operator_alone(house: House) -> None:
    address = await house.address()
    await house.edge.run("UPDATE tenants SET data_key = 'v1.0000.AAAA' WHERE slug = 'acme'")
    answer = await house.get(address)
    assert answer.status_code == 503
    assert "keyring" not in answer.text
