"""What docs/operations.md says of backups, typed as it stands, brings all back on a new machine."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import asyncpg
import pytest
from crash import postgres
from debian import require_postgres
from deployment.test_manual import MANUAL as DEPLOYMENT
from deployment.units import PROGRAM, ROOT, SYSTEMD
from installation import Installation, credentials, install
from processes import bare_environment, new_folder, run_to_end
from waiting import until

from conserje.storage import embedded
from conserje.storage.migrate import migrate
from conserje.storage.pool import connect_pool
from conserje.tenants.keyring import create_keyring
from conserje_fakes.twilio_messages import TwilioAccount

pytestmark = pytest.mark.long

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(200)
CONTACTS = "whatsapp:+56944444441", "whatsapp:+56944444442"
NUMBER = "whatsapp:+56912345678"  # of the manual's tenant
HELD = "SELECT count(*) = 1 FROM conversations WHERE state = 'held'"
PYTHON = f"{sys.executable} -m conserje"
MANUAL = (ROOT / "docs" / "operations.md").read_text()

RUNUSER = """#!/bin/sh
case "$2" in postgres) export PGUSER=postgres;; esac
while [ "$1" != -- ]; do shift; done
shift
case "$1" in pgbackrest) set -- ${AS_SERVER-} "$@";; esac
exec "$@"
"""
SYSTEMCTL = """#!/bin/sh
echo "$*" >>"$SYSTEMCTL_LOG"
case "$*" in "start conserje-migrate") exec conserje migrate;; esac
"""


def blocks(heading: str, manual: str = MANUAL) -> list[str]:
    """The commands below a heading of a manual, by paragraph, until the next heading."""
    section = re.split(rf"^##+ {re.escape(heading)}\n", manual, flags=re.M)[1]
    own = re.split(r"^##+ ", section, flags=re.M)[0]
    return [dedent(block) for block in re.findall(r"(?:^    .*\n)+", own, re.M)]


@dataclass
class Host:
    """A machine made by the manual's sections 1 to 3, in a folder; its users are we."""

    folder: Path
    server: postgres.Postgres
    more: dict[str, str] = field(default_factory=dict)  # of its environment

    def __post_init__(self) -> None:
        for name in (
            "etc/conserje",
            "var/lib/conserje",
            "var/lib/conserje-backups",
            "var/lib/postgresql",
            "media/safe",
            "bin",
        ):
            (self.folder / name).mkdir(parents=True)
        shutil.copy(SYSTEMD / "edge.env", self.folder / "etc/conserje")
        (self.folder / "etc/conserje/conserje.env").write_text(f"CONSERJE_DATABASE_URL='{self.server.url}'\n")
        conserje = self._here((SYSTEMD / "conserje").read_text()).replace(PROGRAM, PYTHON)
        scripts = {"conserje": conserje, "runuser": RUNUSER, "systemctl": SYSTEMCTL, "journalctl": SYSTEMCTL}
        for name, script in scripts.items():
            (self.folder / "bin" / name).write_text(script)
            (self.folder / "bin" / name).chmod(0o755)

    @property
    def data(self) -> Path:
        return self.folder / "var/lib/conserje"

    @property
    def backups(self) -> Path:
        return self.folder / "var/lib/conserje-backups"

    def set(self, **settings: str) -> None:
        with (self.folder / "etc/conserje/conserje.env").open("a") as file:
            file.writelines(f"CONSERJE_{name}='{value}'\n" for name, value in settings.items())

    @property
    def started(self) -> list[str]:
        """What was asked of systemd."""
        return (self.folder / "systemctl.log").read_text().splitlines()

    def type(self, script: str, typed: str = "") -> None:
        """`typed` is what the commands ask for."""
        more = self.more | {
            "PATH": f"{self.folder}/bin:{self.server.programs}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.server.port),
            "SYSTEMCTL_LOG": str(self.folder / "systemctl.log"),
        }
        run(self._here(script), self.folder, more, typed)

    def _here(self, script: str) -> str:
        script = script.replace("/run/conserje/1/operator.sock", str(self.data / "operator.sock"))
        script = re.sub(r"(?<![\w.])/(?=etc/|var/|media/)", f"{self.folder}/", script)
        script = script.replace(" -o conserje -g conserje", "")  # its users are we
        return re.sub(r"(restore --resume)\b", r"\1 --yes", script)


def run(script: str, folder: Path, more: dict[str, str], typed: str = "") -> None:
    """Type it in this folder; each command must succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-x", "-c", script],
        cwd=folder,
        env=bare_environment() | more,
        capture_output=True,
        input=typed,
        start_new_session=True,  # nobody's terminal is asked
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@asynccontextmanager
async def opened(url: str, data: Path) -> AsyncIterator[Installation]:
    pool = await connect_pool(url)
    try:
        async with install(pool, url, data / "keys" / "master.json") as installation:
            yield installation
    finally:
        pool.terminate()


@dataclass
class Left:
    """What was there when the backup was made."""

    account: TwilioAccount
    listed: list[Any]
    kept: Path  # below the data directory


async def inhabit(installation: Installation) -> Left:
    """A tenant: one contact was answered and has sent a file, the other has waited for an hour."""
    await installation.add("acme")
    async with installation.serving() as server:
        async with installation.working():
            assert await server.status(installation.message("acme", CONTACTS[0], "hola")) == 200
            await installation.until_settled()
        kept = await installation.keep("acme", "foto.jpg", "image/jpeg", JPEG)
        assert await server.status(installation.message("acme", CONTACTS[1], "hay alguien?")) == 200
    await installation.pool.execute("UPDATE messages SET created_at = created_at - interval '1 hour'")
    account = installation.accounts["acme"]
    return Left(account, await listed(installation), kept.relative_to(installation.folder))


async def listed(installation: Installation) -> list[Any]:
    found = await installation.read("message", "list", "acme", "--links")
    told = ("state", "cause")  # what was unanswered is held
    return [
        {key: value for key, value in item.items() if key not in told} | {"links": len(item.get("links", ()))}
        for item in found
    ]


async def is_all_there(installation: Installation, left: Left) -> None:
    """What was said, the file, and credentials that open: but nothing is answered unless it is asked for."""
    assert await listed(installation) == left.listed
    assert [item["links"] for item in left.listed].count(1) == 1
    assert (installation.folder / left.kept).read_bytes() == JPEG
    installation.know("acme", left.account)
    async with installation.working():
        await until(lambda: installation.pool.fetchval(HELD))
        assert not installation.replies
        retry = ("held", "retry", "--all-matching", "--tenant", "acme", "--yes")
        code, _, errors = await run_to_end(installation.environment, *retry)
        assert code == 0, errors
        await installation.until_settled()
    assert dict(installation.replies) == {(CONTACTS[1], "hay alguien?"): 1}


@pytest.fixture(params=["embedded", "debian"])
def programs(request: pytest.FixtureRequest) -> Path | None:
    """Of the Postgres that the operator has; those that come along do as well."""
    return None if request.param == "embedded" else require_postgres()


async def test_a_backup_comes_back_on_a_new_server(programs: Path | None) -> None:
    [save], [restore, start, resume] = blocks("Backups"), blocks("The server is gone")
    with new_folder() as old_disk, new_folder() as new_disk, new_folder() as hosts:
        async with postgres.running(old_disk, programs=programs) as server:
            old = Host(hosts / "old", server)
            create_keyring(old.data / "keys" / "master.json")
            await migrate(server.url)
            async with opened(server.url, old.data) as installation:
                left = await inhabit(installation)
            old.type(save)
        async with postgres.running(new_disk, server.port, programs) as server:
            new = Host(hosts / "new", server)
            shutil.copytree(old.backups, new.backups, dirs_exist_ok=True)
            shutil.copy(old.data / "keys" / "master.json", new.folder / "media/safe")
            new.type(restore + start + resume)
            assert old.started == ["enable --now conserje-backup.timer"]
            assert "conserje-work" in new.started[-1]
            async with opened(server.url, new.data) as installation:
                await is_all_there(installation, left)


async def test_a_lost_keyring_ends_with_what_it_sealed() -> None:
    with new_folder() as disk, new_folder() as folder:
        async with postgres.running(disk, programs=require_postgres()) as server:
            host = Host(folder / "host", server)
            create_keyring(host.data / "keys" / "master.json")
            await migrate(server.url)
            async with opened(server.url, host.data) as installation:
                await installation.add("acme")
                (host.data / "keys" / "master.json").unlink()
                anew, entered = blocks("The keyring is lost")
                host.type(anew)
                [key] = await installation.read("keys", "list")
                assert (key["state"], key["tenants"]) == ("seals", 0)
                host.set(TWILIO_BASE_URL=installation.environment["CONSERJE_TWILIO_BASE_URL"])
                account = installation.accounts["acme"]
                host.type(entered.replace(NUMBER, account.numbers[0]), credentials(account).decode())
                [key] = await installation.read("keys", "list")
                assert (key["state"], key["tenants"]) == ("seals", 1)


async def test_a_migration_is_backed_out_of_by_its_dump(programs: Path | None) -> None:
    upgrades = blocks("Upgrades", DEPLOYMENT)
    dump = upgrades[0].splitlines()[0]
    [back] = [block for block in upgrades if "dropdb" in block]
    with new_folder() as disk, new_folder() as folder:
        async with postgres.running(disk, programs=programs) as server:
            host = Host(folder / "host", server)
            before = (await migrate(server.url))[1]
            host.type(dump)
            owner = await asyncpg.connect(server.url, server_settings={"role": "conserje_owner"})
            await owner.execute("CREATE TABLE next_things (tenant_id bigint REFERENCES tenants)")
            await owner.execute("INSERT INTO migrations (version) VALUES (9999)")
            await owner.close()
            host.type(back)
            assert await migrate(server.url) == (before, before)


async def test_the_embedded_postgres_comes_back_on_a_new_machine() -> None:
    save, restore = blocks("Without systemd")
    with new_folder() as old, new_folder() as new:
        async with embedded.running(data_of(old)) as url:
            await migrate(url)
            create_keyring(data_of(old) / "keys" / "master.json")
            async with opened(url, data_of(old)) as installation:
                left = await inhabit(installation)
            run_at_home(old, save)
        shutil.copytree(old / "backups", new / "backups")
        shutil.copy(old / "master.json", new)
        run_at_home(new, restore)
        assert not (data_of(new) / "postgres" / "postmaster.pid").exists()
        run_at_home(new, ".venv/bin/conserje restore --resume --yes")
        async with embedded.running(data_of(new)) as url, opened(url, data_of(new)) as installation:
            await is_all_there(installation, left)


def data_of(home: Path) -> Path:
    return home / ".local/share/conserje"


def run_at_home(home: Path, script: str) -> None:
    run(
        script.replace(".venv/bin/conserje", PYTHON),
        home,
        {"HOME": str(home), "CONSERJE_DATA_DIR": str(data_of(home))},
    )


async def test_what_an_operator_types_in_a_week_and_in_a_year() -> None:
    [week], [month, year, renewed] = blocks("The week"), blocks("The month")
    [disk], [leaked] = blocks("The disk is full"), blocks("A token has leaked")
    [kept], [left], [asked] = blocks("Retention"), blocks("A tenant leaves"), blocks("A person asks")
    with new_folder() as server_disk, new_folder() as folder:
        async with postgres.running(server_disk, programs=require_postgres()) as server:
            host = Host(folder / "host", server)
            create_keyring(host.data / "keys" / "master.json")
            shutil.copy(host.data / "keys" / "master.json", host.folder / "media/safe")
            await migrate(server.url)
            async with opened(server.url, host.data) as installation:
                await inhabit(installation)
                async with installation.serving():
                    await until(lambda: listens(host.data / "operator.sock"))
                    host.type(week)
                host.type("conserje backup --unproven")
                checked = month.replace("conserje restore ...", "")
                host.type(checked.replace("conserje-20261130T033000Z.backup", newest(host)))
                [old] = [key["id"] for key in await installation.read("keys", "list")]
                *rotated, destroyed = year.splitlines()
                host.type("\n".join(rotated))
                (host.backups / newest(host)).unlink()
                host.type("conserje backup --unproven")
                host.type(destroyed.replace("4f0c9a1b", old), "y\n")
                assert old not in [key["id"] for key in await installation.read("keys", "list")]
                host.type(renewed)
                host.type(disk)
                host.type(kept)
                contact = await installation.pool.fetchval("SELECT min(id) FROM contacts")
                number = CONTACTS[0].removeprefix("whatsapp:+")
                asked = asked.replace("acme 7", f"acme {contact}").replace("56912345678", number)
                host.type(asked, "y\n")
                assert (host.folder / "ana").exists()
                suspend, export, there, remove = left.splitlines()
                words = "tres palabras largas\n"
                host.type(f"{suspend}\n{export}", words * 2)
                host.type(remove, f"y\n{words * 2}")
                host.type(there, words)
                assert [each["slug"] for each in await installation.read("tenant", "list")] == ["acme"]
            host.type(leaked, "otra\notra\n")
            assert await ask(server, "SELECT rolpassword FROM pg_authid WHERE rolname = 'conserje'")


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        return asking.connect_ex(str(path)) == 0


def newest(host: Host) -> str:
    [backup] = host.backups.glob("*.backup")
    return backup.name


async def ask(server: postgres.Postgres, question: str) -> object:
    """As its superuser."""
    admin = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/postgres")
    try:
        return await admin.fetchval(question)
    finally:
        await admin.close()


def test_each_heading_with_commands_is_one_that_is_typed() -> None:
    with_commands = {heading for heading in re.findall(r"^##+ (.*)$", MANUAL, re.M) if blocks(heading)}
    assert with_commands == {
        *("The week", "The month", "Backups", "Without systemd", "The server is gone", "The disk is full"),
        *("The keyring is lost", "A token has leaked", "Retention", "A tenant leaves", "A person asks"),
        "Postgres' own backups",
    }
