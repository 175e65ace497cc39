"""A backup: all of it comes back, by its keyring alone, and one that is not whole counts for nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest
from disk import full_disk
from processes import bare_environment, new_folder, run_to_end, running
from scene import Scene
from terminal import Terminal
from waiting import until

from conserje.operations import archive, backup, contents, proof
from conserje.operations.archive import BackupError
from conserje.operations.backup import Made, Order
from conserje.operations.progress import Progress
from conserje.operations.shelf import Keep
from conserje.settings import Settings
from conserje.storage.database import Connection, Pool
from conserje.tenants.accounts import seal_credentials
from conserje.tenants.keyring import VaultError, create_keyring
from conserje.tenants.renewal import renew
from conserje.tenants.vault import Vault

WORDS = "tres kilos de marraquetas"


@dataclass
class Place:
    """An installation's disk, and the folder of its backups."""

    order: Order

    @property
    def folder(self) -> Path:
        return self.order.folder

    @property
    def data_dir(self) -> Path:
        return self.order.settings.data_dir

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []

    def keep(self, tenant_id: int, number: int, content: bytes) -> Path:
        path = self.order.settings.files / str(tenant_id) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    async def make(self, **other: object) -> Made:
        return await backup.make(replace(self.order, **other))  # type: ignore[arg-type]

    async def made(self) -> Path:
        """One that nobody proved, which is quicker."""
        return (await self.make(prove=False)).path


@pytest.fixture
def place(database_url: str, keyring: Path, programs_for: Callable[[Path], None]) -> Iterator[Place]:
    with new_folder() as folder:  # which the server of a proof can enter
        settings = Settings(data_dir=folder / "data", master_keys_file=keyring)
        settings.data_dir.mkdir()
        programs_for(settings.data_dir)
        yield Place(
            Order(
                url=database_url,
                settings=settings,
                vault=Vault.read(keyring),
                folder=folder / "backups",
                keep=Keep.of("7d"),
                prove=True,
                progress=Progress(),
            )
        )


async def inhabit(scene: Scene) -> int:
    """A tenant with sealed credentials, whose contact was answered; its id."""
    async with scene.working():
        await scene.write(WORDS)
        await until(lambda: scene.post.sent)
        await scene.settled()
    tenant_id = (await scene.entry()).tenant.id
    async with scene.pool.acquire() as connection:
        sealed = await seal_credentials(connection, scene.vault, tenant_id, "post", "+56 acme", b"{}")
        await connection.execute("UPDATE accounts SET credentials = $1", sealed)
    return tenant_id


async def test_promise_14_what_is_reported_good_was_restored_and_opened(scene: Scene, place: Place) -> None:
    tenant_id = await inhabit(scene)
    place.keep(tenant_id, 1, b"x" * 3_000_000)
    made = await place.make()
    assert made.head.unproven is None
    assert made.listed.rows["messages"] == await scene.pool.fetchval("SELECT count(*) FROM messages") == 2
    assert (made.listed.files, made.gone) == (1, [])
    assert place.left() == [made.path.name]
    assert made.head.node == (place.data_dir / "node").read_text() != ""
    assert not (place.data_dir / "proof").exists()
    assert made.path.stat().st_mode & 0o077 == 0


async def test_promise_14_one_from_before_the_data_keys_were_renewed_opens(
    scene: Scene, place: Place
) -> None:
    tenant_id = await inhabit(scene)
    made = await place.made()
    async with scene.pool.acquire() as connection:
        assert await renew(connection, scene.vault, tenant_id)
    listed = await proof.prove(made, place.order.vault, place.data_dir, Progress())
    assert listed.rows["tenants"] == 1


async def test_promise_7_it_holds_no_word_and_no_key_in_the_clear(scene: Scene, place: Place) -> None:
    place.keep(await inhabit(scene), 1, WORDS.encode())
    held = (await place.made()).read_bytes()
    assert WORDS.encode() not in held
    for key in place.order.vault.keys.values():
        assert key.key not in held


async def test_a_backup_that_lists_more_than_comes_back_is_none(
    scene: Scene, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await inhabit(scene)
    count = contents.count

    async def one_more(connection: asyncpg.Connection[asyncpg.Record]) -> archive.Listed:
        listed = await count(connection)
        return listed.model_copy(update={"rows": listed.rows | {"messages": 3}})

    monkeypatch.setattr(contents, "count", one_more)
    made = await place.made()
    monkeypatch.undo()
    with pytest.raises(BackupError, match="messages had 3 rows, and 2 came back"):
        await proof.prove(made, place.order.vault, place.data_dir, Progress())


async def test_a_proof_opens_a_secret_of_each_tenant(scene: Scene, place: Place) -> None:
    await inhabit(scene)
    await scene.pool.execute(
        "UPDATE accounts SET address = '+56 moved'"
    )  # by hand: its seal names the old one
    with pytest.raises(VaultError, match="acme does not open"):
        await place.make()
    assert place.left() == []


async def test_the_owner_sees_each_row_of_each_table(pool: Pool) -> None:
    async with pool.acquire() as connection:
        assert await connection.fetch(contents.UNSEEN) == []


@pytest.mark.new_database
async def test_a_table_of_which_the_owner_sees_nothing_is_named(place: Place) -> None:
    owner = await asyncpg.connect(place.order.url, server_settings={"role": "conserje_owner"})
    await owner.execute("CREATE TABLE hidden (tenant_id bigint)")
    await owner.execute("ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    await owner.close()
    with pytest.raises(BackupError, match="every row of hidden"):
        await place.made()
    assert place.left() == []


async def test_it_is_of_one_moment_while_others_write(scene: Scene, place: Place) -> None:
    await inhabit(scene)
    writing = True

    async def write() -> None:
        while writing:
            await scene.write("hola", sender="beto")

    busy = asyncio.create_task(write())
    await until(lambda: scene.pool.fetchval("SELECT count(*) > 20 FROM messages"))
    made = await place.make()
    writing = False
    await busy
    assert 20 < made.listed.rows["messages"] < await scene.pool.fetchval("SELECT count(*) FROM messages")


async def test_files_that_go_while_it_copies_are_no_failure_and_named(scene: Scene, place: Place) -> None:
    tenant_id = await inhabit(scene)
    there = [place.keep(tenant_id, number, b"x") for number in range(3)]

    def say(line: str) -> None:
        if line.startswith("files"):
            for path in there:
                path.unlink(missing_ok=True)

    made = await place.make(progress=Progress(say))
    assert (made.listed.files, len(made.listed.vanished)) == (1, 2)
    assert set(made.listed.vanished) < {f"{tenant_id}/{number}" for number in range(3)}


async def test_two_backups_are_not_proven_at_once_on_one_machine(scene: Scene, place: Place) -> None:
    await inhabit(scene)
    with proof.alone(place.data_dir):
        with pytest.raises(BackupError, match="proves a backup on this machine"):
            await place.make()
        assert place.left() == []
        await place.made()
    await place.make()


async def test_a_backup_that_lacks_a_file_without_a_word_is_none(
    scene: Scene, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.keep(await inhabit(scene), 1, b"x")
    monkeypatch.setattr(backup._Files, "names", lambda self: iter(()))
    with pytest.raises(BackupError, match="There were 1 files"):
        await place.make()
    assert place.left() == []


async def test_a_full_temporary_disk_is_a_sentence(scene: Scene, place: Place) -> None:
    place.keep(await inhabit(scene), 1, b"x")
    with full_disk(), pytest.raises(BackupError, match=r"contacts' files are listed: make room"):
        await place.make()
    assert place.left() == []


async def test_the_snapshot_is_held_no_longer_than_it_is_dumped(
    scene: Scene, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.keep(await inhabit(scene), 1, b"x")
    looking, seen = backup._looking, []

    @asynccontextmanager
    async def noted(url: str) -> AsyncIterator[Connection]:
        async with looking(url) as connection:
            yield connection
        seen.append("released")

    monkeypatch.setattr(backup, "_looking", noted)
    await place.make(prove=False, progress=Progress(lambda line: seen.append(line.partition(":")[0])))
    assert list(dict.fromkeys(seen)) == ["database", "released", "files"]


async def test_a_changed_byte_and_a_cut_file_are_found(scene: Scene, place: Place) -> None:
    place.keep(await inhabit(scene), 1, os.urandom(3_000_000))
    made = await place.made()
    whole, other = made.read_bytes(), made.with_name("other.backup")
    for at in (len(whole) // 3, len(whole) - 1):
        other.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(BackupError, match="changed"):
            read(other, place.order.vault)
    for end in (len(whole) - 1, 2**20, len(whole) // 2):
        other.write_bytes(whole[:end])
        with pytest.raises(BackupError, match=r"cut|changed"):
            read(other, place.order.vault)
    read(made, place.order.vault)


async def test_a_changed_head_is_found(scene: Scene, place: Place) -> None:
    await inhabit(scene)
    made = await place.made()
    whole = made.read_bytes()
    made.write_bytes(whole.replace(b'"unproven":"it was made with --unproven"', b'"unproven":null'))
    with pytest.raises(BackupError, match="changed"):
        read(made, place.order.vault)
    made.write_bytes(whole[:40])
    with pytest.raises(BackupError, match="its head"):
        archive.read_head(made)


def read(path: Path, vault: Vault) -> None:
    with archive.reading(path, vault) as (_, entries):
        for _, parts in entries:
            for _ in parts:
                pass


async def test_another_keyring_does_not_open_it(scene: Scene, place: Place, tmp_path: Path) -> None:
    await inhabit(scene)
    made = await place.made()
    create_keyring(tmp_path / "other" / "master.json")
    with pytest.raises(VaultError, match="lacks master key"):
        read(made, Vault.read(tmp_path / "other" / "master.json"))
    [key] = Vault.read(tmp_path / "other" / "master.json").keys.values()
    [ours] = place.order.vault.keys
    namesake = Vault(tmp_path, {ours: key.model_copy(update={"id": ours})})
    with pytest.raises(VaultError, match="another of that name"):
        read(made, namesake)


async def test_a_full_disk_is_said_and_leaves_nothing(scene: Scene, place: Place) -> None:
    place.keep(await inhabit(scene), 1, os.urandom(3_000_000))
    with full_disk(64 * 1024), pytest.raises(BackupError, match="make room"):
        await place.made()
    assert place.left() == []


async def test_no_room_is_said_with_both_figures_before_anything_is_written(
    scene: Scene, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await inhabit(scene)
    monkeypatch.setattr(backup, "_free", lambda folder: 2**20)
    with pytest.raises(BackupError, match=r"needs about 0\.0\d GB, and .* has 0\.00 GB free"):
        await place.make()
    assert place.left() == []


async def test_what_cannot_be_proven_says_why(
    scene: Scene, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await inhabit(scene)
    made = await place.make(prove=False)
    assert made.head.unproven == "it was made with --unproven"
    monkeypatch.setattr(proof, "SERVER_BYTES", 2**60)
    assert "GB free" in str((await place.make()).head.unproven)
    monkeypatch.setattr("conserje.operations.dump.newest", lambda: 9)
    assert "newer than the 9" in str((await place.make()).head.unproven)


async def test_one_that_was_killed_leaves_what_the_next_one_removes(
    scene: Scene, place: Place, keyring: Path
) -> None:
    await inhabit(scene)
    environment = bare_environment() | {
        "CONSERJE_DATABASE_URL": place.order.url,
        "CONSERJE_DATA_DIR": str(place.data_dir),
        "CONSERJE_MASTER_KEYS_FILE": str(keyring),
        "CONSERJE_BACKUPS": str(place.folder),
    }
    proving = place.data_dir / "proof" / "postgres" / "postmaster.pid"
    async with running(environment, "backup", log=place.data_dir / "log") as process:
        await until(lambda: proving.exists() or process.process.returncode is not None)
        process.process.kill()
        await process.process.wait()
    [half] = place.left()
    assert half.endswith(".part")
    code, output, _ = await run_to_end(environment, "backup", "list", "--json")
    assert (code, output.strip()) == (0, "[]")
    code, _, errors = await run_to_end(environment, "backup")
    assert code == 0, errors
    [whole] = place.left()
    assert whole.endswith(".backup")
    assert not (place.data_dir / "proof").exists()


async def test_the_command_line_makes_lists_and_checks_them(
    scene: Scene, place: Place, terminal: Terminal, keyring: Path
) -> None:
    await inhabit(scene)
    terminal.environment["CONSERJE_DATA_DIR"] = str(place.data_dir)
    terminal.environment["CONSERJE_MASTER_KEYS_FILE"] = str(keyring)
    result = await terminal.type("backup", code=1)
    assert "--to DIR" in result.stderr
    made = await terminal.read("backup", "--to", str(place.folder), "--json")
    assert (made["messages"], made["files"], made["proven"]) == (2, 0, True)
    [listed] = await terminal.read("backup", "list", "--to", str(place.folder), "--json")
    assert (listed["backup"], listed["note"]) == (Path(made["backup"]).name, None)
    assert listed["node"] == made["node"]
    assert "2 messages" in (await terminal.type("backup", "check", made["backup"])).stdout
    shutil.copy(made["backup"], place.data_dir / "cut.backup")
    os.truncate(place.data_dir / "cut.backup", 5000)
    assert (
        "cut" in (await terminal.type("backup", "check", str(place.data_dir / "cut.backup"), code=1)).stderr
    )
