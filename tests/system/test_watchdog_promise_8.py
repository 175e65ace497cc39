"""The watchdog at work: a plugin that blocks the processor is stopped, and others never notice for long."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from installation import Installation, until_taken
from processes import Serving, alive, children
from signed import sign
from stuck import install
from waiting import LIMIT, until

from conserje.tenants import accounts, tenants

SECRET = "s3cret-of-acme"
UNSTARTED = "Plugin unstarted skipped: it could not be started: "
ANA = "whatsapp:+56911111111"


@pytest.fixture
def stuck(installation: Installation, tmp_path: Path) -> Installation:
    """An installation that has the plugins that get stuck."""
    installation.environment["PYTHONPATH"] = install(tmp_path / "plugin")
    return installation


async def add_stuck(installation: Installation) -> None:
    """The tenant acme, with an account of the channel that gets stuck."""
    async with installation.pool.acquire() as connection, connection.transaction():
        tenant = await tenants.add(connection, "acme", "Acme")
        place = (tenant.id, "stuck", "+1")
        plain = json.dumps({"secret": SECRET}).encode()
        sealed = await accounts.seal_credentials(connection, installation.vault, *place, plain)
        await accounts.add(connection, *place, credentials=sealed)


def posted(server: Serving, text: str) -> bytes:
    """A request to the channel that gets stuck."""
    host = f"acme.localhost:{server.listen.rpartition(':')[2]}"
    body = f"to=%2B1&from=ana&id=1&text={text}".encode()
    signature = sign(SECRET, f"http://{host}/bot/stuck/webhook", body)
    return (
        f"POST /bot/stuck/webhook HTTP/1.1\r\nHost: {host}\r\nX-Signature: {signature}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def test_promise_8_a_worker_with_a_stuck_assistant_is_replaced(stuck: Installation) -> None:
    await stuck.add("acme", assistant="stalled")
    await stuck.add("bravo")
    async with stuck.serving() as server, stuck.working() as worker:
        await until_taken(server, stuck.message("acme", ANA, "expression"))
        await until(lambda: "in stalled.reply for acme" in worker.said)
        await until_taken(server, stuck.message("bravo", ANA, "hola"))
        await until(lambda: stuck.replies == {(ANA, "hola"): 1})
        await until(lambda: stuck.pool.fetchval("SELECT true FROM conversations WHERE state = 'held'"))
        cause = await stuck.pool.fetchval("SELECT cause FROM conversations WHERE state = 'held'")
        assert cause == "stalled.reply stood still over it, and its process was ended."
        assert worker.said.count("in stalled.reply for acme") == 1  # it was not started again
        assert "is started again" in worker.said
        assert '"suspected": "stalled"' in (stuck.folder / "strikes.jsonl").read_text()
        [child] = worker.workers
    assert f"{UNSTARTED}ConnectionError at" in worker.said
    assert f"{UNSTARTED}ConnectionError at" in server.said
    assert worker.process.returncode == 0
    assert not alive(child)


@pytest.mark.long
async def test_promise_8_a_plugin_that_gets_stuck_as_it_starts_is_left_out_in_the_end(
    stuck: Installation,
) -> None:
    stuck.environment["UNSTARTED"] = "sleep"
    await stuck.add("bravo")
    async with stuck.working() as worker:
        await until(lambda: f"{UNSTARTED}it stood still again and again" in worker.said)
        assert worker.said.count("in unstarted.start") == 3
        async with stuck.serving() as server:
            await until_taken(server, stuck.message("bravo", ANA, "hola"))
            await until(lambda: stuck.replies == {(ANA, "hola"): 1})


async def test_promise_8_an_edge_with_a_stuck_channel_is_replaced(stuck: Installation) -> None:
    await add_stuck(stuck)
    await stuck.add("bravo")
    async with stuck.serving() as server:
        [worker] = server.workers
        async with posting(server, "C+call"):
            await until(lambda: "in stuck.parse for acme" in server.said)
            await until(lambda: not alive(worker))
        await until_taken(server, stuck.message("bravo", ANA, "hola"))
        async with posting(server, "sleep"):
            server.process.terminate()
            await server.process.wait()
    assert server.process.returncode == 0


@asynccontextmanager
async def posting(server: Serving, order: str) -> AsyncIterator[None]:
    """A request is on its way, and may never be answered."""
    _, writer = await server.connect()
    writer.write(posted(server, order))
    await writer.drain()
    yield
    writer.close()


async def test_an_edge_that_was_stopped_lives_on(installation: Installation) -> None:
    await installation.add("bravo")
    async with installation.serving() as server:
        stopped = sorted(children(server.pid))  # its worker, and the listeners
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(10)  # which is the case
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        await until_taken(server, installation.message("bravo", ANA, "hola"))
        assert sorted(children(server.pid)) == stopped
    assert "it is ended" not in server.said


async def test_the_service_manager_hears_of_the_edge(installation: Installation) -> None:
    path = installation.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(LIMIT)
        installation.environment |= {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "30000000"}
        async with installation.serving():
            told = {await asyncio.to_thread(manager.recv, 100) for _ in range(2)}
    assert told == {b"READY=1", b"WATCHDOG=1"}
