"""What is remembered of tenants: each once, bounded by memory, no name without its tenant."""

from __future__ import annotations

import gc
import json
import tracemalloc

import pytest
from scene import Scene

from conserje.storage.database import Pool
from conserje.tenants import accounts, remembered, tenants
from conserje.tenants.directory import Directory
from conserje.tenants.entry import Entry
from conserje.tenants.remembered import Key, Remembered

ADD = """
INSERT INTO tenants (slug, name, assistant_settings)
SELECT 't' || n, 'Tienda ' || n, $2 FROM generate_series(1, $1) AS n
"""
ADD_ACCOUNTS = """
INSERT INTO accounts (tenant_id, channel, address, credentials)
SELECT id, channel, 'whatsapp:+569' || id, 'v1.' || repeat('x', 180)
FROM tenants, unnest('{twilio,web}'::text[]) AS channel
"""


async def entries(pool: Pool, count: int, settings: str = "{}") -> list[Entry]:
    await pool.execute(ADD, count, settings)
    await pool.execute(ADD_ACCOUNTS)
    ids = await pool.fetch("SELECT id FROM tenants ORDER BY id")
    return [await entry(pool, ("id", str(row["id"]))) for row in ids]


async def entry(pool: Pool, key: Key) -> Entry:
    found = await accounts.find(pool, *key)
    assert found
    return Entry(*found)


async def test_a_tenant_is_remembered_once_under_all_its_names(pool: Pool, database_url: str) -> None:
    acme = await tenants.add(pool, "acme", "Acme")  # type: ignore[arg-type]
    await pool.execute("INSERT INTO domains VALUES ($1, 'chat.acme.cl')", acme.id)
    async with Directory(pool, database_url) as directory:
        by_domain = await directory.by_domain("chat.acme.cl")
        assert await directory.by_slug("acme") is by_domain
        assert await directory.by_id(acme.id) is by_domain


async def test_what_is_found_by_another_name_keeps_the_entry_that_is_as_new(
    pool: Pool, database_url: str
) -> None:
    acme = await tenants.add(pool, "acme", "Acme")  # type: ignore[arg-type]
    await pool.execute("INSERT INTO domains VALUES ($1, 'chat.acme.cl'), ($1, 'acme.cl')", acme.id)
    async with Directory(pool, database_url) as directory:
        first = await directory.by_domain("chat.acme.cl")
        directory.changed(acme.id + 1)
        assert await directory.by_domain("acme.cl") is first
        assert directory.cached(("domain", "chat.acme.cl")) is first


async def test_the_longest_unused_goes_with_all_its_names(pool: Pool) -> None:
    made = await entries(pool, 3)
    memory = Remembered(2 * remembered.weight(made[0]) + 100)
    for each in made[:2]:
        memory.put(("domain", f"{each.tenant.slug}.cl"), each)
    assert memory.get(("slug", "t1")) is made[0]
    memory.put(("slug", "t3"), made[2])
    known = {name for name in ("t1", "t2", "t3") if memory.get(("slug", name))}
    assert known == {"t1", "t3"}
    assert memory.get(("domain", "t2.cl")) is memory.of(made[1].tenant.id) is None


async def test_a_name_that_another_tenant_has_now_is_that_one_s(pool: Pool) -> None:
    one, two = await entries(pool, 2)
    memory = Remembered(10**6)
    memory.put(("domain", "shop.cl"), one)
    memory.put(("domain", "shop.cl"), two)
    assert memory.get(("domain", "shop.cl")) is two
    memory.put(("slug", "t1"), await entry(pool, ("slug", "t1")))
    assert memory.get(("domain", "shop.cl")) is two


async def test_one_that_is_larger_than_all_memory_is_remembered_alone(pool: Pool) -> None:
    one, two = await entries(pool, 2)
    memory = Remembered(10)
    memory.put(("slug", "t1"), one)
    memory.put(("slug", "t2"), two)
    assert memory.get(("slug", "t1")) is None
    assert memory.get(("slug", "t2")) is two


@pytest.mark.parametrize("settings", [0, 20, 200])
async def test_what_it_weighs_is_what_it_takes(scene: Scene, settings: int) -> None:
    given = {"catalog": {f"setting{n}": f"what it is set to, {n}" for n in range(settings)}}
    made = await entries(scene.pool, 300, json.dumps(given))
    del made[:]
    gc.collect()
    tracemalloc.start()
    try:
        made = [await entry(scene.pool, ("slug", f"t{n + 1}")) for n in range(300)]
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] / len(made)
    finally:
        tracemalloc.stop()
    assert 0.8 * taken < remembered.weight(made[-1]) < 2.2 * taken


async def test_promise_11_a_tenant_takes_two_kilobytes(scene: Scene) -> None:
    await entries(scene.pool, 300)
    memory, names = Remembered(10**9), [f"t{n + 1}" for n in range(300)]
    gc.collect()
    tracemalloc.start()
    try:
        for name in names:
            memory.put(("slug", name), await entry(scene.pool, ("slug", name)))
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] / len(names)
    finally:
        tracemalloc.stop()
    assert taken < 2400
