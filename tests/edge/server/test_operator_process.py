"""The process of the operator's listener: beside the server's workers, replaced and ended with them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from installation import Installation, install
from processes import Serving, alive, children, family, run_to_end
from waiting import LIMIT, until

from conserje.intake.spool import Spool
from conserje.settings import SettingsError
from conserje.storage.database import Pool
from conserje_edge.predecessors import messages
from conserje_edge.server.operator import application, open_context
from conserje_edge.wire.addresses import OPERATOR_LISTEN, address


@pytest_asyncio.fixture
async def installation(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Installation]:
    async with install(pool, database_url, keyring) as installation:
        yield installation


def listener(server: Serving, installation: Installation, which: str = "OPERATOR") -> int:
    """The id of the process that listens there."""
    path = installation.environment[f"CONSERJE_{which}_LISTEN"]
    sockets = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    inodes = {f"socket:[{words[6]}]" for words in sockets if words[7:] == [path]}
    return next(pid for pid in children(server.pid) if inodes & _open_files(pid))


def _open_files(pid: int) -> set[str]:
    return {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()}


@asynccontextmanager
async def asking(installation: Installation, which: str = "OPERATOR") -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.AsyncHTTPTransport(uds=installation.environment[f"CONSERJE_{which}_LISTEN"])
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=LIMIT) as http:
        yield http


async def lives(http: httpx2.AsyncClient) -> bool:
    try:
        return (await http.get("/livez")).status_code == 200
    except httpx2.TransportError:
        return False


async def test_it_knows_when_all_is_well_and_comes_back_when_it_is_killed(installation: Installation) -> None:
    async with installation.serving() as server, asking(installation) as http:
        await until(lambda: lives(http))
        path = Path(installation.environment["CONSERJE_OPERATOR_LISTEN"])
        consoles = installation.environment["CONSERJE_CONSOLE_LISTEN"]
        assert server.said.startswith(
            f"Listening on http://{server.listen}\nFor the operator: unix:{path}\n"
            f"For other systems: unix:{consoles}\n"
        )
        assert path.stat().st_mode & 0o777 == 0o660
        assert (await http.get("/readyz")).json()["checks"]["worker"]["ok"] is False
        async with installation.working():

            async def ready() -> bool:
                return (await http.get("/readyz")).status_code == 200

            await until(ready)
            assert 'conserje_processes{kind="work"} 1.0' in (await http.get("/metrics")).text
        workers = server.workers
        for _ in range(2):
            victim = listener(server, installation)
            os.kill(victim, signal.SIGKILL)
            await until(lambda victim=victim: not alive(victim))  # type: ignore[misc]
            await until(lambda: lives(http))
        assert server.workers == workers
        assert server.said.count("The operator's listener ended (-9) and is started again") == 2


async def test_beside_it_the_console_s_listens_and_comes_back_when_it_is_killed(
    installation: Installation,
) -> None:
    await installation.add("acme")
    async with installation.serving() as server, asking(installation, "CONSOLE") as http:
        await until(lambda: lives(http))
        listed = (await http.get("/api/v1/tenants")).json()
        assert [each["slug"] for each in listed["items"]] == ["acme"]
        assert (await http.get("/metrics")).status_code == 404
        victim = listener(server, installation, "CONSOLE")
        os.kill(victim, signal.SIGKILL)
        await until(lambda: not alive(victim))
        await until(lambda: lives(http))
        assert server.said.count("The console's listener ended (-9) and is started again") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_to_the_server_leaves_nothing(installation: Installation, number: int) -> None:
    async with installation.serving() as server, asking(installation) as http:
        await until(lambda: lives(http))
        members = family(server.pid)
        assert listener(server, installation) in members
        os.killpg(server.pid, number)  # as a terminal does
        assert await asyncio.wait_for(server.process.wait(), LIMIT) == 0
        await until(lambda: not [member for member in members if alive(member)])
        assert "Traceback" not in server.said and "started again" not in server.said
    assert not Path(installation.environment["CONSERJE_OPERATOR_LISTEN"]).exists()


async def test_it_ends_when_the_server_is_killed(installation: Installation) -> None:
    async with installation.serving() as server, asking(installation) as http:
        await until(lambda: lives(http))
        members = family(server.pid)
        assert {listener(server, installation), *server.workers} < {*members}
        server.process.kill()
        await until(lambda: not [member for member in members if alive(member)])


async def test_it_does_not_wait_for_those_who_wait(installation: Installation) -> None:
    await installation.add("acme")
    async with installation.serving() as server, asking(installation) as http:
        await until(lambda: lives(http))
        body = {"telefono": "+56999999999", "mensaje": "hola"}
        waiting = asyncio.create_task(http.post("/webhook/acme", json=body))

        async def stored() -> object:
            return await installation.pool.fetchval("SELECT count(*) FROM messages")

        await until(stored)
        ended = listener(server, installation)
        os.kill(ended, signal.SIGTERM)
        await until(lambda: not alive(ended), messages.ANSWER_LIMIT / 2)  # after all of it there is an answer
        await asyncio.wait({waiting})
        assert waiting.exception() or waiting.result().status_code in (202, 503)


@pytest.fixture
def here(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process opens the installation as the operator's does."""
    monkeypatch.setattr("conserje.telemetry.log.set_up", lambda level: None)  # the log is pytest's
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("here")
async def test_it_never_becomes_the_one_that_drains_the_spool(installation: Installation) -> None:
    async with open_context(), Spool(installation.folder / "spool", 1024 * 1024) as spool:
        await asyncio.wait_for(spool.become_drainer(), LIMIT)


@pytest.mark.usefixtures("here")
async def test_what_is_posted_here_in_an_outage_is_kept_for_the_servers_workers(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "ANSWER_LIMIT", 0.1)
    await installation.add("acme")
    async with (
        open_context() as context,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application(context), client=("127.0.0.1", 1)),
            base_url="http://localhost",
        ) as http,
    ):
        body = {"telefono": "+56999999999", "mensaje": "hola"}
        assert (await http.post("/webhook/acme", json=body)).status_code == 202
        assert context.intake.storing
        context.intake.storing.terminate()
        context.pool.terminate()
        assert (await http.post("/webhook/acme", json=body)).status_code == 503  # no answer can be read
        assert context.intake.spool and await context.intake.spool.count() == 1

    async def given_on() -> bool:
        return await installation.pool.fetchval("SELECT count(*) FROM messages") == 2  # type: ignore[no-any-return]

    async with installation.serving():
        await until(given_on)


async def test_where_it_cannot_listen_is_said_in_one_line(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        where = f"127.0.0.1:{other.getsockname()[1]}"
        installation.environment["CONSERJE_OPERATOR_LISTEN"] = where
        code, output, errors = await run_to_end(installation.environment, "serve")
    assert (code, output) == (1, "")
    assert errors.startswith(f"conserje: CONSERJE_OPERATOR_LISTEN: http://{where} cannot be listened on")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("listen", ["9001", ":9001", "127.0.0.1:0"])
def test_a_setting_that_makes_no_sense_is_named(listen: str) -> None:
    with pytest.raises(SettingsError, match=r"CONSERJE_OPERATOR_LISTEN: .* is neither host:port nor"):
        address(listen, OPERATOR_LISTEN)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("127.0.0.1:8080", "127.0.0.1:9001", False),
        ("127.0.0.1:8080", "127.0.0.1:8080", True),
        ("0.0.0.0:8080", "127.0.0.1:8080", True),
        ("127.0.0.1:8080", "[::]:8080", True),
        ("127.0.0.1:8080", "127.0.0.2:8080", False),
        ("/run/a.sock", "/run/a.sock", True),
        ("/run/a.sock", "/run/b.sock", False),
        ("/run/a.sock", "127.0.0.1:8080", False),
    ],
)
def test_two_listeners_at_one_address_would_share_what_comes(one: str, other: str, meet: bool) -> None:
    assert address(one).meets(address(other)) is address(other).meets(address(one)) is meet
