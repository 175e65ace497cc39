"""`conserje up --demo`: one command starts everything, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from processes import Running, alive, bare_environment, family, free_port, new_folder, run_to_end, running
from waiting import LIMIT, until

from conserje.tenants.keyring import create_keyring

UP = ("up", "--demo")
BANNER_ENDS = "Ctrl-C stops everything."


def free_ports() -> int:
    """A free port whose demo's stand-in, ten above it, is free as well."""
    while True:
        port = free_port()
        with suppress(OSError), socket.create_server(("127.0.0.1", port + 10)):
            return port


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with new_folder() as folder:
        yield bare_environment() | {
            "CONSERJE_DATA_DIR": str(folder),
            "CONSERJE_LISTEN": f"127.0.0.1:{free_ports()}",
            "CONSERJE_OPERATOR_LISTEN": f"{folder}/operator.sock",
            "CONSERJE_CONSOLE_LISTEN": f"127.0.0.1:{free_port()}",
            "CONSERJE_WORKERS": "1",
        }


@asynccontextmanager
async def up(environment: dict[str, str]) -> AsyncIterator[Running]:
    """Everything, with its banner printed; `said` is what this run said."""
    folder = Path(environment["CONSERJE_DATA_DIR"])
    log = folder / "up.log"
    log.unlink(missing_ok=True)
    async with running(environment, *UP, log=log) as started:
        await until(lambda: BANNER_ENDS in started.said or started.process.returncode is not None)
        assert BANNER_ENDS in started.said, started.said
        yield started


def postmaster(environment: dict[str, str]) -> int | None:
    """The pid of the embedded server, if it runs."""
    try:
        pid = int(Path(environment["CONSERJE_DATA_DIR"], "postgres", "postmaster.pid").read_text().split()[0])
    except FileNotFoundError:
        return None
    return pid if alive(pid) else None


async def ended(started: Running, members: list[int]) -> int:
    """Its exit code, once it and all of its processes are gone."""
    code = await asyncio.wait_for(started.process.wait(), LIMIT)
    assert not [member for member in members if alive(member)]
    return code


async def test_one_command_answers_ends_by_ctrl_c_and_finds_its_data_again(
    environment: dict[str, str],
) -> None:
    folder, port = environment["CONSERJE_DATA_DIR"], environment["CONSERJE_LISTEN"].rpartition(":")[2]
    async with up(environment) as first:
        assert f"Conserje is up: PostgreSQL 18 (embedded), data in {folder}\n" in first.said
        for slug in ("acme", "bravo", "mundo-canino"):
            assert f"http://{slug}.localhost:{port}" in first.said
        code, said, errors = await run_to_end(environment, "say", "acme", "wena loco")
        assert code == 0 and said.count("\n") > 2, errors
        assert "Acme" in await signed_in(first.said)
        members = family(first.pid)
        assert len(members) >= 5  # itself, stand-in, work, serve and its worker
        os.killpg(first.pid, signal.SIGINT)
        assert await ended(first, members) == 0
        assert "Traceback" not in first.said
        assert postmaster(environment) is None
    async with up(environment) as second:
        code, said, errors = await run_to_end(environment, "message", "list", "acme")
        assert code == 0 and "wena loco" in said, errors
        members = family(second.pid)
        second.process.terminate()
        assert await ended(second, members) == 0
        assert postmaster(environment) is None


async def signed_in(said: str) -> str:
    """The console's page of a tenant, for who follows the link that is printed."""
    link = re.search(r"http://(console\.localhost):(\d+)(/link/\S+)", said)
    assert link
    at, headers = f"http://127.0.0.1:{link[2]}", {"host": f"{link[1]}:{link[2]}"}
    async with httpx2.AsyncClient(headers=headers) as client:
        assert (await client.get(at + link[3])).status_code == 200
        taken = await client.post(at + link[3], headers={"sec-fetch-site": "same-origin"})
        assert taken.status_code == 303
        cookie = taken.headers["set-cookie"].partition(";")[0]
        return (await client.get(f"{at}/t/acme/start", headers={"cookie": cookie})).text


async def test_what_runs_has_the_secrets_that_it_needs_and_no_others(environment: dict[str, str]) -> None:
    environment |= {
        "AWS_SECRET_ACCESS_KEY": "of-another-program",
        "CONSERJE_SMTP_URL": "smtp://u:of-mail@127.0.0.1:1",
        "CONSERJE_OPENAI_API_KEY": "of-models",
    }
    async with up(environment) as started:
        holders = {secret: set[str]() for secret in ("of-another-program", "of-mail", "of-models")}
        for pid in family(started.pid)[1:]:
            name = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
            for secret, held_by in holders.items():
                if secret.encode() in Path(f"/proc/{pid}/environ").read_bytes():
                    held_by.add(name)
        assert not holders["of-another-program"]
        assert {name.split()[-1] for name in holders["of-mail"]} == {"work"}
        assert not any("conserje_fakes" in name for name in holders["of-models"])
        assert any(name.endswith("work ") for name in holders["of-models"])


async def test_what_is_wrong_is_said_in_one_line(environment: dict[str, str]) -> None:
    async with up(environment):
        assert "CONSERJE_LISTEN" in await refusal(environment)  # another one runs
    keyring = Path(environment["CONSERJE_DATA_DIR"], "keys", "master.json")
    keyring.unlink()
    assert "is missing: put it back" in await refusal(environment)
    create_keyring(keyring)
    assert "key" in await refusal(environment)
    assert postmaster(environment) is None


async def refusal(environment: dict[str, str]) -> str:
    """The one line that it says."""
    code, output, errors = await run_to_end(environment, *UP)
    assert (code, output) == (1, "")
    assert errors.startswith("conserje: ") and errors.count("\n") == 1, errors
    return errors


@pytest.mark.long
async def test_promise_5_it_starts_again_after_kill_9_of_everything_and_of_itself(
    environment: dict[str, str],
) -> None:
    async with up(environment) as first:
        server = postmaster(environment)
        assert server
        killed = [*family(first.pid), *family(server)]
        for member in killed:
            with suppress(ProcessLookupError):  # some end with their parent
                os.kill(member, signal.SIGKILL)
        await first.process.wait()
        await until(lambda: not any(map(alive, killed)))
    assert Path(environment["CONSERJE_DATA_DIR"], "postgres", "postmaster.pid").exists()

    async with up(environment) as second:
        members = family(second.pid)
        second.process.kill()
        await until(lambda: not [member for member in members if alive(member)])
        assert postmaster(environment)  # nobody was left to stop it

    async with up(environment) as third:
        code, said, errors = await run_to_end(environment, "say", "acme", "hola")
        assert code == 0 and said, errors
        members = family(third.pid)
        third.process.terminate()
        assert await ended(third, members) == 0
        assert postmaster(environment) is None
