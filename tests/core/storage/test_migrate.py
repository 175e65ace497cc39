"""Migrating a database that is in use: nobody waits for long, and what was broken off goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from restored import RELEASES, restore
from scene import Scene
from waiting import until

from conserje import Button, Buttons, List, Location, Note, Row, Template, Text
from conserje.contract.message import Content, Edit, Unknown
from conserje.conversations.rows import stored
from conserje.storage import migrate as migrating
from conserje.storage.database import Connection, DatabaseError
from conserje.storage.migrate import migrate
from conserje.storage.schema import Migration, migrations

pytestmark = pytest.mark.new_database

KINDS = (
    Text("fin \"type\":\"note\"}"), Note("n"), Location(1, 2), Template("t"),
    Buttons("b", (Button("1", "uno"),)), List("l", (Row("1", "uno"),)), Edit("k", Text("b")),
    Unknown("poll", {"type": "note"}),
)  # fmt: skip


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url, server_settings={"role": "conserje_owner"})
    yield connection
    connection.terminate()


@pytest.fixture
def _until_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests go back to before messages had a kind, and what came later stays."""
    until_kinds = [each for each in migrations() if each.version <= 9]
    monkeypatch.setattr(migrating, "migrations", lambda: until_kinds)


async def undo(owner: Connection) -> None:
    """As it was before messages had a kind."""
    await owner.execute(
        "DELETE FROM migrations WHERE version >= 8; DROP TRIGGER note_kind_of_new ON messages;"
        "DROP TRIGGER note_kind_of_changed ON messages; DROP FUNCTION note_kind; DROP FUNCTION kind_of;"
        "ALTER TABLE messages DROP COLUMN kind"
    )


WAITS = """
SELECT count(*) > 0 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1
"""


async def until_waiting(url: str, statement: str) -> None:
    """Until a statement like this one waits for a lock."""
    same_user = await asyncpg.connect(url)
    await until(lambda: same_user.fetchval(WAITS, f"%{statement}%"))
    await same_user.close()


@pytest.mark.parametrize("said", KINDS, ids=lambda said: said.type)
async def test_each_content_has_its_kind(owner: Connection, said: Content) -> None:
    assert await owner.fetchval("SELECT kind_of($1)", stored(said)) == said.type


async def test_a_process_of_the_release_before_writes_kinds_too(scene: Scene, owner: Connection) -> None:
    await scene.write("hola")
    await owner.execute(
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key)"
        " SELECT tenant_id, conversation_id, account_id, direction, $1, 'k' FROM messages",
        stored(Note("n")),
    )
    await owner.execute("UPDATE messages SET content = $1 WHERE kind = 'text'", stored(Location(1, 2)))
    kinds = await owner.fetch("SELECT kind FROM messages ORDER BY id")
    assert [kind for [kind] in kinds] == ["location", "note"]


@pytest.mark.parametrize("release", RELEASES, ids=lambda folder: folder.name)
async def test_every_message_of_an_earlier_release_gets_its_kind(
    release: object, empty_database_url: str
) -> None:
    await restore(release, empty_database_url)  # type: ignore[arg-type]
    await migrate(empty_database_url)
    connection = await asyncpg.connect(empty_database_url)
    differ = await connection.fetchval(
        "SELECT count(*) FROM messages WHERE kind IS DISTINCT FROM content::jsonb ->> 'type'"
    )
    assert differ == 0 < await connection.fetchval("SELECT count(*) FROM messages")
    await connection.close()


@pytest.mark.usefixtures("_until_kinds")
async def test_who_reads_does_not_wait_for_a_migration_that_waits(
    database_url: str, scene: Scene, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long transaction holds the table: the migration steps back between its tries."""
    await undo(owner)
    monkeypatch.setattr(migrating, "BETWEEN_TRIES", 0.05)
    tries, wait = [], migrating._wait_for_locks

    async def waited(migration: Migration, number: int, error: Exception) -> None:
        tries.append(number)
        await wait(migration, number, error)

    monkeypatch.setattr(migrating, "_wait_for_locks", waited)
    async with scene.pool.acquire() as reader:
        report = reader.transaction()
        await report.start()
        await reader.fetch("SELECT FROM messages")
        task = asyncio.create_task(migrate(database_url))
        await until(lambda: tries)
        assert await owner.fetchval("SELECT count(*) FROM messages", timeout=30) == 0
        assert not task.done()
        await report.rollback()
    assert await task == (7, 9)


@pytest.mark.usefixtures("_until_kinds")
async def test_a_migration_that_never_gets_its_locks_says_what_to_do(
    database_url: str, owner: Connection, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await undo(owner)
    monkeypatch.setattr(migrating, "BETWEEN_TRIES", 0)
    monkeypatch.setattr(migrating, "LOCK_LIMIT", 1)
    monkeypatch.setattr(migrating, "LOCK_TRIES", 3)
    async with scene.pool.acquire() as reader, reader.transaction():
        await reader.fetch("SELECT FROM messages")
        with pytest.raises(DatabaseError, match=r"Migration 8 .* 3 tries .*pg_stat_activity"):
            await migrate(database_url)
    assert await owner.fetchval("SELECT max(version) FROM migrations") == 7


@pytest.mark.usefixtures("_until_kinds")
async def test_steps_that_were_broken_off_go_on(database_url: str, scene: Scene, owner: Connection) -> None:
    await scene.write("hola")
    await scene.write("otra")
    await owner.execute("UPDATE messages SET kind = NULL WHERE content LIKE '%otra%'")
    await owner.execute("DELETE FROM migrations WHERE version >= 9")
    await migrate(database_url)
    kinds = await owner.fetch("SELECT kind FROM messages ORDER BY id")
    assert [kind for [kind] in kinds] == ["text", "text"]
    assert await owner.fetchval("SELECT max(version) FROM migrations") >= 9


@pytest.mark.usefixtures("_until_kinds")
async def test_steps_wait_for_a_row_that_somebody_holds(
    database_url: str, scene: Scene, owner: Connection
) -> None:
    await scene.write("hola")
    await owner.execute("UPDATE messages SET kind = NULL; DELETE FROM migrations WHERE version >= 9")
    async with scene.pool.acquire() as holder:
        held = holder.transaction()
        await held.start()
        await holder.execute("UPDATE messages SET cause = 'held'")
        task = asyncio.create_task(migrate(database_url))
        await until_waiting(database_url, "-- In steps")
        await held.commit()
    await task
    assert await owner.fetchval("SELECT kind FROM messages") == "text"


OTHERS = {
    "a table of the same name as ours": "CREATE TABLE migrations (id int, migration text)",
    "a table": "CREATE TABLE wp_posts ()",
    "a view": "CREATE VIEW wp_posts AS SELECT 1",
    "another's queue": "CREATE SCHEMA pgqueuer; CREATE TABLE pgqueuer.pgqueuer ()",
}


@pytest.mark.parametrize("made", OTHERS.values(), ids=OTHERS)
async def test_another_program_s_database_is_refused_before_anything_is_written(
    empty_database_url: str, made: str
) -> None:
    other = await asyncpg.connect(empty_database_url)
    await other.execute(made)
    before = await other.fetch(TABLES)
    with pytest.raises(
        DatabaseError, match=r"like (public\.(migrations|wp_posts)|pgqueuer\.pgqueuer): .*CREATE DATABASE"
    ):
        await migrate(empty_database_url)
    assert await other.fetch(TABLES) == before
    await other.close()


async def test_what_is_beside_our_schemas_or_came_after_them_is_no_obstacle(empty_database_url: str) -> None:
    """Supabase has its own schemas in each database, PostGIS a table in `public`."""
    other = await asyncpg.connect(empty_database_url)
    await other.execute("CREATE SCHEMA auth; CREATE TABLE auth.users ()")
    await migrate(empty_database_url)
    await other.execute("CREATE TABLE reports ()")
    before, after = await migrate(empty_database_url)
    assert before == after
    await other.close()


async def test_a_first_migration_that_was_broken_off_goes_on(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(migrating, "APPLIED", "SELECT 1 / 0")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await migrate(empty_database_url)
    assert await migrate(empty_database_url) == (0, migrations()[-1].version)


TABLES = "SELECT oid, relname FROM pg_class WHERE oid >= 16384 ORDER BY oid"


@pytest.fixture
async def version(owner: Connection, monkeypatch: pytest.MonkeyPatch) -> int:
    """The last migration's, which makes an index that is not there yet; its steps do no harm twice."""
    await owner.execute("DROP INDEX turns_id")
    known = migrations()
    (indexes,) = [each for each in known if "turns_id" in each.statements]
    last = indexes._replace(version=known[-1].version + 1)
    monkeypatch.setattr(migrating, "migrations", lambda: [*known, last])
    return last.version


async def test_who_writes_does_not_wait_for_an_index(database_url: str, scene: Scene, version: int) -> None:
    async with scene.pool.acquire() as writer:
        writing = writer.transaction()
        await writing.start()
        await writer.execute("UPDATE turns SET cause = 'open'")
        task = asyncio.create_task(migrate(database_url))
        await until_waiting(database_url, "CONCURRENTLY")
        await scene.write("hola")
        async with scene.pool.acquire() as other:
            await other.execute("UPDATE turns SET cause = 'other'", timeout=30)
        assert not task.done()
        await writing.commit()
    assert await task == (version - 1, version)


async def test_an_index_whose_making_was_broken_off_is_made_anew(
    database_url: str, scene: Scene, owner: Connection, version: int
) -> None:
    await scene.write("hola")
    await scene.write("hola", "eva")
    with pytest.raises(asyncpg.UniqueViolationError):  # leaves one that is of no use
        await owner.execute("CREATE UNIQUE INDEX CONCURRENTLY messages_half ON messages (tenant_id)")
    assert await migrate(database_url) == (version - 1, version)
    found = await owner.fetch("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    assert found == []
    assert await owner.fetchval("SELECT to_regclass('turns_id')")


async def test_two_that_migrate_at_once_do_not_wait_for_each_other(
    database_url: str, scene: Scene, version: int
) -> None:
    """Who makes an index waits for every statement that began before, also for one that waits."""
    ended = await asyncio.gather(*(migrate(database_url) for _ in range(3)))
    assert sorted(ended) == [(version - 1, version), (version, version), (version, version)]
