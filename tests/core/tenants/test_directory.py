"""The directory: one load in flight, changes heard, the last known good when nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import pytest_asyncio
from waiting import LIMIT, until, until_heard

from conserje.errors import DirectoryUnavailable, UnknownTenant
from conserje.storage import changes
from conserje.storage.database import Pool
from conserje.storage.pool import connect_pool
from conserje.tenants import accounts, tenants
from conserje.tenants.directory import Directory
from conserje.tenants.entry import Entry
from conserje.tenants.remembered import Key, weight

ACME: Key = ("slug", "acme")


class Line:
    """A line to Postgres that can be cut, fall silent, and be mended."""

    def __init__(self, url: str, folder: Path) -> None:
        self._target = urlsplit(url)
        self._folder = folder
        self._links: list[asyncio.StreamWriter] = []
        self._open = asyncio.Event()
        user = self._target.netloc.rpartition("@")[0]
        self.url = f"postgresql://{user}@{self._target.path}?host={folder}"

    async def mend(self) -> None:
        self._open.set()
        self._server = await asyncio.start_unix_server(self._link, self._folder / ".s.PGSQL.5432")

    def cut(self) -> None:
        self._server.close()
        for writer in self._links:
            writer.transport.abort()
        self._links.clear()
        self._open.set()  # who was silent is gone, too

    def silence(self) -> None:
        self._open.clear()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if sockets := parse_qs(self._target.query).get("host"):
            there = await asyncio.open_unix_connection(f"{sockets[0]}/.s.PGSQL.5432")
        else:
            there = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._links += [writer, there[1]]
        await asyncio.gather(self._carry(reader, there[1]), self._carry(there[0], writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
            writer.close()
        except ConnectionError:
            writer.transport.abort()


@pytest_asyncio.fixture
async def line(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    line = Line(database_url, tmp_path_factory.mktemp("line"))
    await line.mend()
    yield line
    line.cut()


@asynccontextmanager
async def over(line: Line) -> AsyncIterator[Directory]:
    """A directory whose pool and change feed both go over the line."""
    pool = await connect_pool(line.url)
    try:
        async with Directory(pool, line.url) as directory:
            yield directory
    finally:
        pool.terminate()


@pytest_asyncio.fixture
async def directory(pool: Pool, database_url: str) -> AsyncIterator[Directory]:
    async with Directory(pool, database_url) as directory:
        yield directory


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What Postgres was asked for."""
    asked: list[tuple[str, str]] = []
    find = accounts.find

    async def counting(database: Any, *key: Any) -> Any:
        asked.append(key)
        return await find(database, *key)

    monkeypatch.setattr(accounts, "find", counting)
    return asked


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at the table while a test runs: what is heard was notified."""
    monkeypatch.setattr(changes, "ROUND", 2 * LIMIT)


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch, _calm: None) -> None:
    monkeypatch.setattr(changes, "ROUND", 0.4)


async def settled(directory: Directory, pool: Pool, key: Key = ACME) -> None:
    """Find it when no earlier change is on its way any more."""
    await until_heard(directory, pool)
    await (directory.by_slug if key[0] == "slug" else directory.by_domain)(key[1])
    assert directory.cached(key)


async def tenant_id(pool: Pool, slug: str = "acme") -> int:
    return (await tenants.add(pool, slug, slug.title())).id  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def acme(pool: Pool) -> int:
    """A tenant that was there before the directory."""
    return await tenant_id(pool)


async def test_found_by_slug_by_domain_and_by_id(pool: Pool, directory: Directory) -> None:
    acme = await tenant_id(pool)
    await pool.execute("INSERT INTO domains VALUES ($1, 'chat.acme.cl')", acme)
    await pool.execute(
        "INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'twilio', '+569')", acme
    )
    for entry in (
        await directory.by_slug("acme"),
        await directory.by_domain("chat.acme.cl"),
        await directory.by_id(acme),
    ):
        assert entry.tenant.id == acme
        assert [account.address for account in entry.accounts_of("twilio")] == ["+569"]
        assert entry.accounts_of("web") == []


async def test_aliases_and_hosts_are_no_slugs(pool: Pool, directory: Directory) -> None:
    acme = await tenant_id(pool)
    await pool.execute("UPDATE tenants SET aliases = '{old-acme}' WHERE id = $1", acme)
    await pool.execute("INSERT INTO domains VALUES ($1, 'chat.acme.cl')", acme)
    for slug in ("old-acme", "chat.acme.cl"):
        with pytest.raises(UnknownTenant):
            await directory.by_slug(slug)
    with pytest.raises(UnknownTenant):
        await directory.by_domain("acme")


async def test_what_was_found_is_not_asked_for_again(
    acme: int, directory: Directory, asked: list[tuple[str, str]]
) -> None:
    first = await directory.by_slug("acme")
    assert await directory.by_slug("acme") is first
    assert directory.cached(ACME) is first
    assert asked == [ACME]


async def test_all_who_wait_share_one_load(
    acme: int, directory: Directory, asked: list[tuple[str, str]]
) -> None:
    entries = await asyncio.gather(*(directory.by_slug("acme") for _ in range(50)))
    assert len({id(entry) for entry in entries}) == 1
    assert asked == [ACME]


async def test_who_is_cancelled_does_not_cancel_the_load(
    acme: int, directory: Directory, asked: list[tuple[str, str]]
) -> None:
    first, second = (asyncio.create_task(directory.by_slug("acme")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).tenant.slug == "acme"
    assert asked == [ACME]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_unknown_names_push_no_tenant_out(pool: Pool, database_url: str) -> None:
    for slug in ("acme", "bravo", "charly"):
        await tenant_id(pool, slug)
    found = await accounts.find(pool, *ACME)
    assert found
    async with Directory(pool, database_url, memory=int(2.5 * weight(Entry(*found)))) as directory:
        await settled(directory, pool, ("slug", "bravo"))
        for slug in ("acme", "bravo", "charly"):
            await directory.by_slug(slug)
        for n in range(10):
            with pytest.raises(UnknownTenant):
                await directory.by_slug(f"stranger-{n}")
        kept = [slug for slug in ("acme", "bravo", "charly") if directory.cached(("slug", slug))]
        assert kept == ["bravo", "charly"]


CHANGES: dict[str, tuple[str, Callable[[Entry], bool]]] = {
    "suspended": ("UPDATE tenants SET status = 'suspended'", lambda e: not e.tenant.active),
    "account added": (
        "INSERT INTO accounts (tenant_id, channel, address) SELECT tenant_id, 'web', 'b' FROM accounts",
        lambda e: len(e.accounts) == 2,
    ),
    "account changed": (
        "UPDATE accounts SET settings = '{\"a\": 1}'",
        lambda e: e.accounts[0].settings == {"a": 1},
    ),
    "account removed": ("DELETE FROM accounts", lambda e: e.accounts == ()),
    "account moved": (
        "UPDATE accounts SET tenant_id = (SELECT id FROM tenants WHERE slug = 'bravo')",
        lambda e: e.accounts == (),
    ),
    "domain moved": (
        "UPDATE domains SET tenant_id = (SELECT id FROM tenants WHERE slug = 'bravo')",
        lambda e: e.tenant.slug == "bravo",
    ),
    "many at once": (
        "INSERT INTO tenants (slug, name) SELECT 't' || n, 'T' FROM generate_series(1, 400) AS n;"
        "UPDATE tenants SET name = 'Same'",
        lambda e: e.tenant.name == "Same",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_promise_10_a_rows_change_is_live(pool: Pool, directory: Directory, change: str) -> None:
    acme = await tenant_id(pool)
    await tenant_id(pool, "bravo")
    await pool.execute("INSERT INTO domains VALUES ($1, 'chat.acme.cl')", acme)
    await pool.execute("INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'web', 'a')", acme)
    await settled(directory, pool, ("domain", "chat.acme.cl"))
    statement, live = CHANGES[change]
    await pool.execute(statement)

    async def is_live() -> bool:
        return live(await directory.by_domain("chat.acme.cl"))

    await until(is_live)


async def test_a_tenant_removed_is_unknown(pool: Pool, directory: Directory) -> None:
    await tenant_id(pool)
    await directory.by_slug("acme")
    await pool.execute("DELETE FROM tenants")

    async def gone() -> bool:
        try:
            await directory.by_slug("acme")
        except UnknownTenant:
            return True
        return False

    await until(gone)


async def test_an_answer_that_a_change_overtook_is_neither_kept_nor_given(
    pool: Pool, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await tenant_id(pool)
    await pool.execute("INSERT INTO domains VALUES ($1, 'acme.cl')", acme)
    await settled(directory, pool)
    answered, release = asyncio.Event(), asyncio.Event()
    find = accounts.find

    async def slow(database: Any, *key: Any) -> Any:
        found = await find(database, *key)
        answered.set()
        await release.wait()
        return found

    monkeypatch.setattr(accounts, "find", slow)
    loading = asyncio.create_task(directory.by_domain("acme.cl"))
    await answered.wait()
    await pool.execute("UPDATE tenants SET name = 'New'")

    async def heard() -> bool:
        return directory.cached(ACME) is None

    await until(heard)
    release.set()
    assert (await loading).tenant.name == "New"


async def test_one_tenants_change_leaves_the_others_alone(pool: Pool, directory: Directory) -> None:
    await tenant_id(pool)
    await tenant_id(pool, "bravo")
    await settled(directory, pool)
    await settled(directory, pool, ("slug", "bravo"))
    await pool.execute("UPDATE tenants SET name = 'New' WHERE slug = 'acme'")

    async def heard() -> bool:
        return directory.cached(ACME) is None

    await until(heard)
    assert directory.cached(("slug", "bravo")) is not None


@pytest.mark.parametrize("payload", ["", "nonsense"])
async def test_a_notification_without_ids_makes_all_doubtful(
    pool: Pool, directory: Directory, payload: str
) -> None:
    await tenant_id(pool)
    await settled(directory, pool)
    await pool.execute("SELECT pg_notify('conserje_tenants', $1)", payload)

    async def heard() -> bool:
        return directory.cached(ACME) is None

    await until(heard)


@pytest.mark.new_database
@pytest.mark.usefixtures("brisk")
async def test_a_lost_notification_is_made_good_by_the_table(
    pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await asyncpg.connect(database_url, server_settings={"role": "conserje_owner"})
    try:
        async with Directory(pool, database_url) as directory:
            await tenant_id(pool)
            await settled(directory, pool)
            looks = count_looks(directory, monkeypatch)
            await owner.execute("ALTER TABLE tenants DISABLE TRIGGER USER")
            async with owner.transaction():  # others come and go while it is open
                await owner.execute("INSERT INTO tenant_changes (tenant_id) SELECT id FROM tenants")
                await owner.execute("UPDATE tenants SET name = 'New'")
                await pool.execute("SELECT pg_current_xact_id()")
                seen = len(looks)
                await until(lambda: len(looks) > seen + 1)

            async def live() -> bool:
                return (await directory.by_slug("acme")).tenant.name == "New"

            await until(live)
    finally:
        await owner.close()


def count_looks(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """What each look at the table found from now on."""
    looks: list[list[int]] = []
    note = directory.changes.note

    def counting(ids: list[int]) -> None:
        looks.append(ids)
        note(ids)

    monkeypatch.setattr(directory.changes, "note", counting)
    return looks


@pytest.mark.usefixtures("brisk")
async def test_old_changes_are_pruned(pool: Pool, database_url: str) -> None:
    await tenant_id(pool)
    await tenant_id(pool, "bravo")
    await pool.execute(
        "UPDATE tenant_changes SET changed_at = now() - interval '61 minutes'"
        " WHERE tenant_id = (SELECT id FROM tenants WHERE slug = 'acme')"
    )
    async with Directory(pool, database_url):

        async def pruned() -> bool:
            return bool(await pool.fetchval("SELECT count(*) = 1 FROM tenant_changes"))

        await until(pruned)


async def test_a_feed_cut_off_is_taken_up_again(line: Line, pool: Pool) -> None:
    await tenant_id(pool)
    async with Directory(pool, line.url) as directory:  # the pool itself is not over the line
        await settled(directory, pool)
        line.cut()

        async def doubtful() -> bool:
            return directory.cached(ACME) is None

        await until(doubtful)
        await pool.execute("UPDATE tenants SET name = 'New'")
        assert (await directory.by_slug("acme")).tenant.name == "New"
        await pool.execute("UPDATE tenants SET name = 'Newer'")
        assert (await directory.by_slug("acme")).tenant.name == "Newer"  # nothing is heard: each use asks

        await line.mend()
        await settled(directory, pool)


@pytest.mark.usefixtures("brisk")
async def test_a_feed_that_dies_in_silence_is_noticed(line: Line, pool: Pool) -> None:
    await tenant_id(pool)
    async with Directory(pool, line.url) as directory:
        await settled(directory, pool)
        line.silence()

        async def doubtful() -> bool:
            return directory.cached(ACME) is None

        await until(doubtful)


@pytest.mark.parametrize("fault", ["cut", "silence"])
@pytest.mark.usefixtures("brisk")
async def test_the_last_known_good_serves_while_postgres_cannot_answer(
    line: Line, pool: Pool, fault: str
) -> None:
    await tenant_id(pool)
    async with over(line) as directory:
        await settled(directory, pool)
        getattr(line, fault)()

        async def doubtful() -> bool:
            return directory.cached(ACME) is None

        await until(doubtful)
        assert (await directory.by_slug("acme")).tenant.name == "Acme"
        again = asyncio.create_task(directory.by_slug("acme"))
        await asyncio.sleep(0)
        assert again.result().tenant.name == "Acme"  # and nobody waits for an answer each time
        with pytest.raises(DirectoryUnavailable):
            await directory.by_slug("bravo")


async def test_never_the_last_known_good_when_postgres_answered_no(line: Line, pool: Pool) -> None:
    await tenant_id(pool)
    async with over(line) as directory:
        await directory.by_slug("acme")
        line.cut()
        await pool.execute("DELETE FROM tenants")
        await line.mend()

        async def gone() -> bool:
            try:
                await directory.by_slug("acme")
            except UnknownTenant:
                return True
            return False

        await until(gone)
        line.cut()
        with pytest.raises(DirectoryUnavailable):
            await directory.by_slug("acme")


async def test_it_starts_without_postgres_and_finds_it_later(line: Line, pool: Pool) -> None:
    await tenant_id(pool)
    own = await connect_pool(line.url)
    line.cut()
    async with Directory(own, line.url) as directory:
        with pytest.raises(DirectoryUnavailable):
            await directory.by_slug("acme")
        await line.mend()

        async def found() -> bool:
            try:
                await directory.by_slug("acme")
            except DirectoryUnavailable:
                return False
            return directory.cached(ACME) is not None

        await until(found)
    own.terminate()
