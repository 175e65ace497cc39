"""Restoring: all of it or nothing, in silence, and what contacts wanted since is known."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest
from disk import full_disk
from processes import alive, bare_environment, family, running
from rebirth import NO_JOBS, conversation, leave_undone, reborn, resume, save
from restored import FIXTURES, rows
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje import InboundMessage, Text
from conserje.conversations import held
from conserje.conversations.held import Filter
from conserje.operations import contents, forgetting, journal, restore
from conserje.operations.archive import BackupError
from conserje.operations.journal import Journal
from conserje.operations.progress import Progress
from conserje.operations.restore import Order
from conserje.rules import consent
from conserje.rules.consent import Sign
from conserje.settings import Settings
from conserje.storage.database import Connection, DatabaseError
from conserje.turns.claim import DOUBTFUL


async def held_texts(scene: Scene) -> dict[str, str]:
    """What is held, by its text, with the cause."""
    async with scene.pool.acquire() as connection:
        return {each.texts[0]: each.cause for each in await held.list_all(connection, Filter())}


async def test_promise_14_a_restored_installation_is_silent_beside_a_live_one(
    scene: Scene, old: Settings, order: Order
) -> None:
    await leave_undone(scene)
    made = await save(scene, old)
    done = await restore.restore(replace(order, source=made))
    assert (done.held_turns, done.held_messages, done.messages) == (1, 1, 5)
    async with reborn(order) as other, scene.working(), other.working() as worker:
        await until(lambda: sorted(scene.post.texts) == ["hola", "sigo esperando", "y yo"])
        await other.write("ahora aquí", sender="dora")
        await other.write("hola de nuevo", sender="ana")
        for task in worker.tasks:
            if task.upkeep:
                await task.upkeep()
        assert await other.pool.fetchval(NO_JOBS)
        assert (other.post.sent, other.parrot.heard) == ([], [])
        said = await held_texts(other)
        assert said.keys() == {"sigo esperando", "y yo"}
        assert all(f"restored from {made.name}" in cause for cause in said.values())

        await resume(other)
        await until(lambda: sorted(other.post.texts) == ["ahora aquí", "hola de nuevo"])
        assert (await held_texts(other)).keys() == {"sigo esperando", "y yo"}


async def test_what_is_held_leaves_by_an_operator_s_word(scene: Scene, old: Settings, order: Order) -> None:
    await leave_undone(scene)
    await restore.restore(replace(order, source=await save(scene, old)))
    async with reborn(order) as other:
        await resume(other)
        async with other.working(), other.pool.acquire() as connection:
            await held.retry_all(connection, await held.list_all(connection, Filter(cause="restored from")))
            await until(lambda: sorted(other.post.texts) == ["sigo esperando", "y yo"])


async def test_what_was_fetched_of_before_the_resuming_waits_for_an_operator(
    scene: Scene, old: Settings, order: Order
) -> None:
    await restore.restore(replace(order, source=await save(scene, old)))
    async with reborn(order) as other, other.working():
        await resume(other)
        entry = await other.entry()
        account, before = entry.accounts[0], datetime.now(UTC) - timedelta(minutes=1)
        fetched = InboundMessage(account.address, "k", "ana", Text("de antes"), at=before)
        await other.intake.take(entry.tenant, [(account, fetched)])
        await until(
            lambda: other.pool.fetchval("SELECT count(*) = 1 FROM conversations WHERE state = 'held'")
        )
        assert await held_texts(other) == {"de antes": DOUBTFUL}
        async with other.pool.acquire() as connection:
            await held.retry_all(connection, await held.list_all(connection, Filter()))
        await until(lambda: other.post.texts == ["de antes"])


async def test_numbers_of_the_old_one_are_given_to_nobody_else(
    scene: Scene, old: Settings, order: Order
) -> None:
    await leave_undone(scene)
    newest = await scene.pool.fetchval("SELECT max(id) FROM messages")
    await restore.restore(replace(order, source=await save(scene, old)))
    async with reborn(order) as other:
        await other.write("hola", sender="dora")
        assert await other.pool.fetchval("SELECT max(id) FROM messages") > newest + restore.GAP
        assert (await other.add("bravo")).tenant.id > restore.GAP


async def test_files_come_back_and_none_is_in_the_way(scene: Scene, old: Settings, order: Order) -> None:
    (old.files / "7").mkdir(parents=True)
    (old.files / "7" / "1").write_bytes(b"x" * 2_000_000)
    made = await save(scene, old)
    (order.settings.files / "9").mkdir(parents=True)
    with pytest.raises(BackupError, match="move it away"):
        await restore.restore(replace(order, source=made))
    (order.settings.files / "9").rmdir()
    done = await restore.restore(replace(order, source=made))
    assert done.files == 1
    assert (order.settings.files / "7" / "1").read_bytes() == b"x" * 2_000_000


async def test_nothing_is_half_done(scene: Scene, old: Settings, order: Order) -> None:
    (old.files / "7").mkdir(parents=True)
    (old.files / "7" / "1").write_bytes(os.urandom(3_000_000))
    await leave_undone(scene)
    made = await save(scene, old)
    whole, damaged = made.read_bytes(), made.with_name("damaged.backup")
    changed = whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]
    for content in (whole[:-1], whole[: len(whole) // 2], changed, whole[:4000]):
        damaged.write_bytes(content)
        with pytest.raises(BackupError):
            await restore.restore(replace(order, source=damaged))
        assert not [path.name for path in order.settings.data_dir.iterdir() if "files" in path.name]
        assert await rows(order.url) == {}
    assert (await restore.restore(replace(order, source=made))).messages == 5


async def test_an_installation_is_not_written_over(scene: Scene, old: Settings, order: Order) -> None:
    made = await save(scene, old)
    with pytest.raises(BackupError, match="holds an installation already"):
        await restore.restore(replace(order, source=made, url=scene.url))
    done = replace(order, source=made)
    await restore.restore(done)
    with pytest.raises(BackupError, match="holds an installation already"):
        await restore.restore(done)


async def test_a_user_who_may_make_no_roles_is_told_what_its_server_s_owner_runs(
    scene: Scene, old: Settings, order: Order
) -> None:
    made = await save(scene, old)
    admin = await asyncpg.connect(order.url)
    name = f"other_{os.getpid()}"
    await admin.execute(f"CREATE ROLE {name} LOGIN")
    try:
        given = replace(order, source=made, url=order.url.replace("//conserje@", f"//{name}@"))
        with pytest.raises(DatabaseError, match="have a superuser run") as told:
            await restore.restore(given)
        await admin.execute(str(told.value).split("`")[1])
        assert (await restore.restore(given)).held_turns == 0
    finally:
        await admin.execute(f"DROP ROLE {name}")
        await admin.close()


async def opted_out(scene: Scene) -> dict[str, str | None]:
    return dict(await scene.pool.fetch("SELECT peer, opted_out FROM conversations ORDER BY peer"))


async def test_promise_9_who_wanted_no_more_since_the_backup_gets_none(
    scene: Scene, old: Settings, order: Order
) -> None:
    for sender in ("ana", "beto"):
        await scene.write("hola", sender=sender)
    await sign(scene, "beto", "out")
    made = await save(scene, old)
    await scene.write("hola", sender="carla")
    await sign(scene, "ana", "out")
    await sign(scene, "beto", "in")
    await sign(scene, "carla", "out")
    async with Journal(scene.pool, scene.vault, old.backups):
        await until(lambda: len(told(scene, old)) == 4)
    done = await restore.restore(replace(order, source=made))
    assert done.log_until and done.log_until > datetime.now(UTC) - timedelta(minutes=1)
    assert (done.changes, done.strangers) == (4, 0)  # one from just before the backup, too
    async with reborn(order) as other:
        assert await opted_out(other) == {"ana": "all", "beto": None}
        await other.write("sigo aquí", sender="carla")  # whom the backup does not know
        await other.write("sigo aquí", sender="dora")
        assert await opted_out(other) == {"ana": "all", "beto": None, "carla": "all", "dora": None}


async def test_promise_9_a_backup_whose_clock_was_ahead_hides_nobody_who_said_stop(
    scene: Scene, old: Settings, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.write("hola", sender="ana")
    see = contents.see

    async def ahead(connection: Connection) -> contents.Seen:
        found = await see(connection)
        return found._replace(at=found.at + timedelta(days=2))

    monkeypatch.setattr(contents, "see", ahead)
    made = await save(scene, old)
    await sign(scene, "ana", "out")
    async with Journal(scene.pool, scene.vault, old.backups):
        await until(lambda: told(scene, old))
    done = await restore.restore(replace(order, source=made))
    assert (done.clock_was_right, done.changes) == (False, 1)
    async with reborn(order) as other:
        assert await opted_out(other) == {"ana": "all"}


def told(scene: Scene, settings: Settings) -> list[journal.Consent]:
    assert settings.backups
    return journal.read(settings.backups, scene.vault).consents


async def sign(scene: Scene, sender: str, change: consent.Change) -> None:
    async with scene.pool.acquire() as connection, connection.transaction():
        assert await consent.record(
            connection, *await conversation(scene, sender), Sign(change, "operator", "by hand")
        )


async def forget(scene: Scene, sender: str) -> None:
    async with scene.pool.acquire() as connection:
        contact = await connection.fetchval("SELECT contact_id FROM identities WHERE name = $1", sender)
        await forgetting.forget(connection, (await scene.entry()).tenant.id, contact)


async def test_promise_14_who_was_forgotten_since_the_backup_is_forgotten_again(
    scene: Scene, old: Settings, order: Order
) -> None:
    await scene.write("me llamo Ana", sender="ana")
    made = await save(scene, old)
    await forget(scene, "ana")
    async with Journal(scene.pool, scene.vault, old.backups):
        await until(lambda: journal.read(made.parent, scene.vault).gone)
    done = await restore.restore(replace(order, source=made))
    assert done.forgotten == 1
    async with reborn(order) as other:
        said = await other.pool.fetch("SELECT messages::text FROM messages")
        assert said and "Ana" not in str(said)


@pytest.mark.parametrize("told_before", [True, False], ids=["told before the forgetting", "told after it"])
@pytest.mark.parametrize("known", [True, False], ids=["in the backup", "not in it"])
async def test_promise_14_who_said_stop_and_was_forgotten_is_nobody_and_gets_nothing(
    scene: Scene, old: Settings, order: Order, *, known: bool, told_before: bool
) -> None:
    assert old.backups
    if known:
        await scene.write("hola", sender="ana")
    made = await save(scene, old)
    await scene.write("hola otra vez", sender="ana")
    await sign(scene, "ana", "out")
    if told_before:
        async with Journal(scene.pool, scene.vault, old.backups):
            await until(lambda: told(scene, old))
    await forget(scene, "ana")
    async with Journal(scene.pool, scene.vault, old.backups):
        await until(lambda: journal.read(made.parent, scene.vault).hashes)
    await restore.restore(replace(order, source=made))
    async with reborn(order) as other:
        assert await other.pool.fetch("SELECT FROM identities") == []
        assert set(await opted_out(other)) == ({""} if known else set())
        await other.write("hola de nuevo", sender="ana")
        assert (await opted_out(other))["ana"] == "all"


async def test_promise_9_who_came_back_after_they_were_forgotten_is_as_they_said_last(
    scene: Scene, old: Settings, order: Order
) -> None:
    assert old.backups
    await scene.write("hola", sender="ana")
    made = await save(scene, old)
    await sign(scene, "ana", "out")
    await forget(scene, "ana")
    came_back = datetime.now(UTC)
    async with Journal(scene.pool, scene.vault, old.backups):
        await until(lambda: journal.read(made.parent, scene.vault).hashes)
        await scene.write("volví", sender="ana")
        await sign(scene, "ana", "in")
        await until(lambda: len(told(scene, old)) == 3)
    await restore.restore(replace(order, source=made))
    async with reborn(order) as other:
        assert await other.pool.fetchval("SELECT max(forgotten_at) FROM forgotten_addresses") < came_back
        await other.write("hola de nuevo", sender="ana")
        assert (await opted_out(other))["ana"] is None


def programs_at_work(name: str, below: int) -> list[int]:
    """The numbers of those of this name that the process, or one of its own, has started."""
    return [pid for pid in family(below) if alive(pid) and name_of(pid) == name]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.mark.parametrize("name", ["psql", "pg_restore"])
async def test_where_a_program_is_killed_nothing_is_restored(
    scene: Scene, old: Settings, order: Order, name: str
) -> None:
    await leave_undone(scene)
    made = await save(scene, old)

    def say(line: str) -> None:
        for pid in programs_at_work(name, os.getpid()):
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(BackupError, match="ended with -9"):
        await restore.restore(replace(order, source=made, progress=Progress(say)))
    assert await rows(order.url) == {}


async def test_killed_in_the_middle_it_has_restored_nothing(
    scene: Scene, old: Settings, order: Order, keyring: Path
) -> None:
    (old.files / "7").mkdir(parents=True)
    (old.files / "7" / "1").write_bytes(os.urandom(60_000_000))  # for which its session waits
    await leave_undone(scene)
    made = await save(scene, old)
    environment = bare_environment() | {
        "CONSERJE_DATABASE_URL": order.url,
        "CONSERJE_DATA_DIR": str(order.settings.data_dir),
        "CONSERJE_MASTER_KEYS_FILE": str(keyring),
    }
    async with running(environment, "restore", str(made), log=made.parent / "log") as process:
        await until(lambda: programs_at_work("psql", process.pid) or process.process.returncode is not None)
        [session] = programs_at_work("psql", process.pid)
        process.process.kill()
        await process.process.wait()
    await until(lambda: not alive(session))
    assert await rows(order.url) == {}
    assert (await restore.restore(replace(order, source=made))).files == 1


async def test_a_full_disk_is_said_and_nothing_is_restored(scene: Scene, old: Settings, order: Order) -> None:
    (old.files / "7").mkdir(parents=True)
    (old.files / "7" / "1").write_bytes(b"x" * 2_000_000)
    made = await save(scene, old)
    with full_disk(500_000), pytest.raises(BackupError, match="make room"):
        await restore.restore(replace(order, source=made))
    assert await rows(order.url) == {}
    assert not order.settings.files.exists()


async def test_no_room_is_said_with_both_figures(
    scene: Scene, old: Settings, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await save(scene, old)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=2**20))
    with pytest.raises(BackupError, match=r"needs about 0\.\d\d GB, and .* has 0\.00 GB free"):
        await restore.restore(replace(order, source=made, embedded=True))


@pytest.mark.parametrize(
    "release", sorted(FIXTURES.glob("*/database.dump")), ids=lambda path: path.parent.name
)
async def test_what_an_earlier_release_s_manual_saved_comes_back(
    release: Path, order: Order, new: Settings, keyring: Path
) -> None:
    terminal = Terminal(
        {
            "CONSERJE_DATABASE_URL": order.url,
            "CONSERJE_DATA_DIR": str(new.data_dir),
            "CONSERJE_MASTER_KEYS_FILE": str(keyring),
        }
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("conserje.telemetry.log.set_up", lambda level: None)
        done = await terminal.read("restore", str(release), "--json")
        assert (done["made_at"], done["log_until"]) == (None, None)
        assert done["held_turns"] and done["held_messages"] and done["ended_notices"]
        listed = await terminal.read("held", "list", "--json")
        assert sum("restored from" in each["cause"] for each in listed) >= done["held_turns"]
        asked = await terminal.type("restore", "--resume", code=1)
        assert "which stay held" in asked.stdout
        await terminal.type("restore", "--resume", "--yes")
        assert "not silent" in (await terminal.type("restore", "--resume", "--yes", code=1)).stderr
