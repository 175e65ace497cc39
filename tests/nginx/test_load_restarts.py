"""What is killed, restarted or reloaded under load, and that Twilio's messages come through it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from debian import require
from installation import Installation
from nginx.gate import Gate, command
from nginx.load import Twilio, behind_nginx, installed
from processes import Serving, children, family, free_port, serving
from waiting import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]  # many processes start and end

RELOADS = 5
UNANSWERED = 10  # tries that fail before what was stopped is started again


@pytest_asyncio.fixture(scope="module")
async def house(
    new_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """An installation with a worker; each test has a tenant of its own."""
    async with (
        installed(new_database, tmp_path_factory.mktemp("house")) as installation,
        installation.working(),
    ):
        yield installation


def kill(server: Serving) -> None:
    """Its machine loses power."""
    for pid in family(server.pid):
        os.kill(pid, signal.SIGKILL)


async def test_promise_5_a_core_killed_under_load_is_a_503_until_it_is_back(
    house: Installation, tmp_path: Path
) -> None:
    listen = house.environment["CONSERJE_LISTEN"]
    async with AsyncExitStack() as core, behind_nginx(house, tmp_path, listen, "acme") as [twilio]:
        server = await core.enter_async_context(house.serving())
        async with twilio.writing():
            await twilio.more(20)
            kill(server)
            await core.aclose()
            await until(lambda: twilio.answers[503] >= UNANSWERED)
            await core.enter_async_context(house.serving())
            await twilio.more(20)
        await twilio.see_all_answered()
    assert set(twilio.answers) == {200, 503}
    assert twilio.tries_without_answer == 0


async def test_promise_5_of_two_cores_one_is_restarted_and_one_killed_and_nobody_sees_it(
    house: Installation, tmp_path: Path
) -> None:
    """Under load; each comes back before the other goes."""
    left, right = _node(house, f"127.0.0.1:{free_port()}", "left"), _node(house, f"{tmp_path}/s", "right")
    upstream = f"{left['CONSERJE_LISTEN']},unix:{right['CONSERJE_LISTEN']}"
    async with (
        AsyncExitStack() as first,
        AsyncExitStack() as second,
        behind_nginx(house, tmp_path, upstream, "bravo") as [twilio],
    ):
        await first.enter_async_context(serving(left))
        victim = await second.enter_async_context(serving(right))
        async with twilio.writing():
            await twilio.more(20)
            await first.aclose()
            await twilio.more(20)
            await first.enter_async_context(serving(left))
            await twilio.more(20)
            kill(victim)
            await second.aclose()
            await twilio.more(20)
            await second.enter_async_context(serving(right))
            await twilio.more(20)
        await twilio.see_all_answered()
    see_nothing_refused(twilio)


def _node(house: Installation, listen: str, name: str) -> dict[str, str]:
    folder = house.folder / name
    folder.mkdir()
    return house.environment | {
        "CONSERJE_DATA_DIR": str(folder),
        "CONSERJE_LISTEN": listen,
        "CONSERJE_OPERATOR_LISTEN": f"127.0.0.1:{free_port()}",
        "CONSERJE_CONSOLE_LISTEN": f"127.0.0.1:{free_port()}",
    }


async def test_nginx_reloaded_under_load_refuses_nobody_and_restarted_loses_no_message(
    house: Installation, tmp_path: Path
) -> None:
    async with (
        house.serving() as server,
        behind_nginx(house, tmp_path, server.listen, "cobre") as [twilio],
        AsyncExitStack() as again,
    ):
        nginx = twilio.gate.process
        async with twilio.writing():
            for _ in range(RELOADS):
                await twilio.more(10)
                old = set(children(nginx.pid))
                nginx.send_signal(signal.SIGHUP)
                await until(lambda old=old: old.isdisjoint(children(nginx.pid)))  # type: ignore[misc]
            await twilio.more(10)
            see_nothing_refused(twilio)
            nginx.send_signal(signal.SIGQUIT)
            await nginx.wait()
            await until(lambda: twilio.tries_without_answer >= UNANSWERED)
            await again.enter_async_context(started(twilio.gate))
            await twilio.more(10)
        await twilio.see_all_answered()
    assert set(twilio.answers) == {200}


def see_nothing_refused(twilio: Twilio) -> None:
    assert set(twilio.answers) == {200}
    assert twilio.tries_without_answer == 0


@asynccontextmanager
async def started(gate: Gate) -> AsyncIterator[None]:
    """nginx once more, where it was."""
    process = await asyncio.create_subprocess_exec(*command(require("nginx", "nginx"), gate.folder))
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
