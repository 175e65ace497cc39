"""Plugins that do what they must not, in the real processes."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio
from installation import Installation
from packages import install
from processes import run_to_end
from waiting import until

WILD = """
import asyncio, sys
from conserje import Assistant, Nothing, Reply, Text, plain

async def leave():
    sys.exit(3)

async def stay():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

class Wild(Assistant[Nothing, Nothing, Nothing]):
    name = "wild"
    Credentials = Settings = Operator = Nothing

    async def reply(self, turn):
        match plain(turn.messages[-1].content):
            case "exit":
                sys.exit(3)
            case "leave":
                await asyncio.gather(leave())
            case "later":
                self.task = asyncio.create_task(leave())
                await asyncio.sleep(0.1)
            case "stay":
                await stay()
        return Reply([Text("wild")])
"""
RUIN = "import sys\nsys.exit('by CONSERJE_DODO_KEY=hunter2')"


@pytest_asyncio.fixture
async def wild(installation: Installation, tmp_path: Path) -> Installation:
    """Beside the good ones there are an assistant that does as it is asked, and a channel that exits."""
    install(tmp_path, "wild", WILD, {"wild": "conserje.assistants"})
    install(tmp_path, "ruin", RUIN, {"dodo": "conserje.channels"})
    installation.environment |= {"PYTHONPATH": str(tmp_path), "CONSERJE_DODO_KEY": "hunter2"}
    await installation.add("acme")
    await installation.add("bravo", assistant="wild")
    await installation.pool.execute("UPDATE tenants SET fallback_assistant = 'echo'")
    return installation


async def test_promise_8_a_plugin_that_exits_stops_nobody(wild: Installation) -> None:
    async with wild.serving() as server, wild.working() as work:
        for slug in ("acme", "bravo"):
            for n, text in enumerate(("exit", "hola")):
                request = wild.message(slug, f"whatsapp:+5691111111{n}", text)
                assert await server.status(request) == 200
        await wild.until_settled()
        said = work.said + server.said
    assert sorted(text for _, text in wild.replies.elements()) == ["exit", "exit", "hola", "wild"]
    assert "Plugin dodo skipped: it could not be loaded: SystemExit" in said
    assert "Assistant wild of bravo failed: SystemExit at " in said and "hunter2" not in said
    code, output, _ = await run_to_end(wild.environment, "plugin", "list")
    assert code == 0 and "wild" in output and "hunter2" not in output


@pytest.mark.parametrize(("how", "said"), [("leave", "leave"), ("later", "wild")])
async def test_promise_8_a_task_of_a_plugin_s_own_that_exits_ends_alone(
    wild: Installation, how: str, said: str
) -> None:
    async with wild.serving() as server, wild.working() as work:
        assert await server.status(wild.message("bravo", "whatsapp:+56911111111", how)) == 200
        await wild.until_settled()
        assert await server.status(wild.message("acme", "whatsapp:+56911111112", "hola")) == 200
        await wild.until_settled()
    assert sorted(text for _, text in wild.replies) == sorted(["hola", said])
    assert "A task of plugin wild exits, in reply for bravo" in work.said
    assert "is started again" not in work.said


async def test_promise_8_calls_that_do_not_end_end_the_process(wild: Installation) -> None:
    async with wild.serving() as server, wild.working(CONSERJE_TURN_LIMIT="0.2") as work:
        for n in range(3):
            request = wild.message("bravo", f"whatsapp:+5691111111{n}", "stay")
            assert await server.status(request) == 200
        await until(lambda: "This process ends, since 3 calls do not: wild.reply for bravo" in work.said)
        await until(lambda: "is started again" in work.said)
        await wild.until_settled()
    assert work.said.count("did not end when it was cancelled") == 3
    assert [text for _, text in wild.replies] == ["stay"] * 3  # the fallback's
