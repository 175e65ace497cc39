"""A release after this one: its migration first, then its processes one after the other, and back."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest
from deployment.traffic import Traffic
from deployment.units import ROOT, Machine
from installation import Installation
from processes import Running, run_to_end
from waiting import until

from conserje.storage.database import Pool
from conserje.storage.schema import migrations

pytestmark = pytest.mark.long

SERVE, WORK = "conserje-serve@.service", "conserje-work.service"
KNOWN = migrations()[-1].version


def release_with(folder: Path, first_line: str) -> Path:
    """This release and one migration more, as the folder that its packages are imported from."""
    core = folder / "next"
    shutil.copytree(ROOT / "core" / "conserje", core / "conserje")  # with what is compiled
    (core / "conserje" / "sql" / f"{KNOWN + 1:04}_next.sql").write_text(
        f"{first_line}\nALTER TABLE messages ADD COLUMN next_thing text;\n"
    )
    return core


async def conserje(environment: dict[str, str], release: Path, *command: str) -> tuple[int, str]:
    """The exit code of a command of that release, and what it said."""
    code, output, errors = await run_to_end(environment | {"PYTHONPATH": str(release)}, *command)
    return code, output + errors


@pytest.mark.new_database
async def test_a_rolling_upgrade_and_its_undoing_drop_no_request(
    installation: Installation, machine: Machine, traffic: Traffic, tmp_path: Path
) -> None:
    """Restarts are rolling ones whatever the release; here the most that can change between them."""
    await installation.add("acme")
    later = release_with(tmp_path, f"-- Works with processes of schema {KNOWN}.")
    first, _ = await asyncio.gather(machine.start(SERVE, "1"), machine.start(SERVE, "2"))
    await machine.start(WORK)
    async with traffic.going_on("acme"):
        await traffic.more()
        code, said = await conserje(installation.environment, later, "migrate")
        assert (code, said) == (0, f"The schema is {KNOWN + 1}; it was {KNOWN}.\n")
        await respawn(first)
        await traffic.more()
        for name, instance, release in (
            (SERVE, "1", later),
            (SERVE, "2", later),
            (WORK, "", later),
            (SERVE, "1", None),
        ):
            await machine.stop(name, instance)
            await traffic.more()
            await machine.start(name, instance, release)
            await traffic.more()
    assert traffic.answers.keys() == {"webhook 200", "page 200"}
    await installation.until_settled()
    told = [line for _, text in installation.replies for line in text.splitlines()]
    assert sorted(told) == sorted(text for _, text in traffic.written), "each answered once"
    assert set(installation.replies.values()) == {1}


async def respawn(server: Running) -> None:
    """Kill the server's workers, and return when others are in their place: on the schema that is now."""
    before = set(server.workers)
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    await until(lambda: len(server.workers) == len(before) and not before & set(server.workers))
    assert "cannot start" not in server.said


@pytest.mark.new_database
async def test_a_release_refuses_a_schema_that_is_too_new_or_too_old(
    installation: Installation, pool: Pool, tmp_path: Path
) -> None:
    later = release_with(tmp_path, "-- Moves everything.")
    code, said = await conserje(installation.environment, later, "serve")
    assert code == 1
    assert f"is {KNOWN}, too old for this release, which needs {KNOWN + 1}: run" in said
    await conserje(installation.environment, later, "migrate")
    code, _, errors = await run_to_end(installation.environment, "serve")
    assert code == 1
    assert f"is {KNOWN + 1}, too new for this release, which knows {KNOWN}" in errors
    assert "update Conserje to one that knows" in errors
