"""A picture of what a shop sells is kept bare, shown at its host, and goes when no product has it."""

from __future__ import annotations

import struct
import zlib

import pytest

from conserje.files import showcase
from conserje.files.showcase import PictureError
from conserje.operations.retention import RULES
from conserje.shop import products
from conserje.storage import pruning
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for
from conserje.tenants import tenants

BASE = "https://acme.example.com"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*others: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    dots = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(others) + dots + chunk(b"IEND", b"")


@pytest.fixture
async def acme(pool: Pool) -> int:
    async with pool.acquire() as connection:
        return (await tenants.add(connection, "acme", "Acme")).id


async def keep(pool: Pool, acme: int, content: bytes) -> str:
    async with acting_for(pool, acme) as scope:
        return await showcase.keep(scope.connection, acme, content, BASE)


async def test_a_picture_is_kept_without_what_it_says_beside(pool: Pool, acme: int) -> None:
    address = await keep(pool, acme, png(chunk(b"tEXt", b"Author\0Ana")) + b"<script>")
    assert address == await keep(pool, acme, png()), "it shows the same"
    found = await showcase.find(pool, acme, address.removeprefix(f"{BASE}/pictures/"))
    assert found == ("image/png", png())
    assert await showcase.find(pool, acme + 1, address.rpartition("/")[2]) is None


@pytest.mark.parametrize("name", ["", "x.png", "0" * 32, "../" + "0" * 32 + ".png", "0" * 32 + ".svg"])
async def test_no_other_name_is_asked_for(pool: Pool, acme: int, name: str) -> None:
    assert await showcase.find(pool, acme, name) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "kind"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "kind"),
        (b"%PDF-1.7 %%EOF", "kind"),
        (png()[:40], "kind"),
        (b"GIF89a<html><script>", "kind"),
        (bytes(showcase.LARGEST + 1), "large"),
    ],
)
async def test_what_is_no_picture_is_refused(pool: Pool, acme: int, content: bytes, why: str) -> None:
    with pytest.raises(PictureError) as refused:
        await keep(pool, acme, content)
    assert refused.value.of == why


async def test_all_of_a_tenants_have_a_bound(pool: Pool, acme: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showcase, "MOST", 100)
    await keep(pool, acme, png())
    with pytest.raises(PictureError) as refused:
        await keep(pool, acme, png(chunk(b"PLTE", b"\0\0\0")))
    assert refused.value.of == "full"


async def test_it_goes_when_no_product_has_it_and_moves_with_its_tenant(pool: Pool, acme: int) -> None:
    used, unused = await keep(pool, acme, png()), await keep(pool, acme, png(chunk(b"PLTE", b"\0\0\0")))
    elsewhere = f"https://elsewhere.example/pictures/{'0' * 32}.png"
    listed = [
        products.from_row({"name": name, "price": 1, "picture": picture}, "CLP")
        for name, picture in (("a", used), ("b", elsewhere), ("c", ""))
    ]
    async with acting_for(pool, acme) as scope:
        await products.upsert_many(scope.connection, acme, listed)
        await showcase.rebase(scope.connection, acme, "https://bravo.example.com")
        found = await products.list_all(scope.connection, acme)
    moved = used.replace("acme", "bravo")
    assert [each.picture for each in found] == [moved, elsewhere, ""]
    [rule] = [rule for rule in RULES if rule.table == "pictures"]
    async with pool.acquire() as connection:
        assert await pruning.count(connection, rule, acme) == 0
        await connection.execute("UPDATE pictures SET made_at = now() - interval '2 days'")
        assert await pruning.count(connection, rule, acme) == 1
        assert (await pruning.prune(connection, rule, acme, rule.first)).rows == 1
    assert await showcase.find(pool, acme, used.rpartition("/")[2])
    assert await showcase.find(pool, acme, unused.rpartition("/")[2]) is None
