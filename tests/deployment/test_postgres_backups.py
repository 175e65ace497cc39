"""Postgres' own backups, typed as docs/operations.md has them, bring a database back to a moment."""

from __future__ import annotations

import asyncio
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crash import postgres
from debian import require, require_postgres
from deployment.test_backups import CONTACTS, Host, blocks, inhabit, opened
from installation import Installation
from processes import Serving, free_port, new_folder
from waiting import until

from conserje.storage.migrate import migrate
from conserje.storage.programs import SYSTEM_USER
from conserje.tenants.keyring import create_keyring

pytestmark = pytest.mark.long

STRANGER = "whatsapp:+56944444443"
TEXTS = "SELECT content::jsonb->>'text' FROM messages WHERE direction = 'in' ORDER BY id"
IS_THERE = "SELECT count(*) > 0 FROM messages WHERE content::jsonb->>'text' = $1"
HELD = "SELECT count(*) FROM conversations WHERE state = 'held'"


def prepared(folder: Path, port: int) -> dict[str, str]:
    """What the package makes, for a pgBackRest that is at home in this folder."""
    for place in ("var/lib/pgbackrest", "lock", "spool"):
        (folder / place).mkdir(parents=True)
        if SYSTEM_USER:
            shutil.chown(folder / place, SYSTEM_USER)
    return {
        "PGBACKREST_CONFIG": str(folder / "etc/pgbackrest.conf"),
        "PGBACKREST_LOCK_PATH": str(folder / "lock"),
        "PGBACKREST_SPOOL_PATH": str(folder / "spool"),
        "PGBACKREST_LOG_LEVEL_FILE": "off",
        "PGBACKREST_PG1_PORT": str(port),
        "AS_SERVER": f"/usr/sbin/runuser -u {SYSTEM_USER} --" if SYSTEM_USER else "",
    }


async def type_in(host: Host, script: str) -> None:
    """The server is ours to stop and to start."""
    for part in re.split(r"^(systemctl .*)\n", script, flags=re.M):
        if part in ("systemctl stop postgresql", "systemctl restart postgresql"):
            await host.server.stop()
        if part in ("systemctl start postgresql", "systemctl restart postgresql"):
            await host.server.start()
        elif part and not part.endswith("postgresql"):
            here = part.replace("/var/lib/postgresql/15/main", str(host.server.folder))
            await asyncio.to_thread(host.type, here)


async def write(installation: Installation, server: Serving, text: str, sender: str = CONTACTS[0]) -> None:
    """Until Postgres has it: a spool may have had it first."""
    assert await server.status(installation.message("acme", sender, text)) == 200
    await until(lambda: installation.pool.fetchval(IS_THERE, text))


async def test_a_database_goes_back_to_a_moment_and_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    require("pgbackrest", "pgbackrest")
    programs, port = require_postgres(), free_port()
    saving, back, silenced = blocks("Postgres' own backups")
    with new_folder() as disk, new_folder() as folder:
        more = prepared(folder / "host", port)
        for name, value in more.items():
            monkeypatch.setenv(name, value)  # also for what the server starts
        async with postgres.running(disk, port, programs) as server:
            host = Host(folder / "host", server, more)
            create_keyring(host.data / "keys" / "master.json")
            await migrate(server.url)
            async with opened(server.url, host.data) as installation:
                account = (await inhabit(installation)).account
                await type_in(host, saving)
                async with installation.serving() as edge:
                    await write(installation, edge, "antes")
                    moment = datetime.now(UTC)
                    await write(installation, edge, "después")
            at = f"{moment:%Y-%m-%d %H:%M:%S.%f+00}"
            await type_in(host, back.replace("2026-11-30 08:15:00+00", at))
            await type_in(
                host, silenced.replace("2026-11-30T08:15+00:00", moment.isoformat()).splitlines()[0]
            )
            async with opened(server.url, host.data) as installation:
                texts = [text for [text] in await installation.pool.fetch(TEXTS)]
                assert texts[1:] == ["hay alguien?", "antes"]
                installation.know("acme", account)
                async with installation.serving() as edge, installation.working():
                    await write(installation, edge, "sigo aquí", STRANGER)
                    assert await installation.pool.fetchval(HELD) == 2
                    assert not installation.replies
                    host.type(silenced.splitlines()[1])
                    await until(lambda: installation.replies)
                assert [text for _, text in installation.replies] == ["sigo aquí"]
