"""kill -9 at bad moments: what was acknowledged is answered, once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from installation import Installation, until_taken
from processes import Running, Serving
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from waiting import until

from conserje_fakes import server as stand_in_server
from conserje_fakes.openai import StandIn

TAKEN_OVER_WITHIN = 8.0  # seconds


class Gate:
    """Stands before OpenAI's stand-in: who asks has to wait until it opens."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.opened = asyncio.Event()
        self.asked: dict[str, list[float]] = {}  # text: when
        self.hung_up: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body = await Request(scope, receive).body()
        text = json.loads(body)["input"][-1]["content"]
        self.asked.setdefault(text, []).append(time.monotonic())
        opened, gone = asyncio.ensure_future(self.opened.wait()), asyncio.ensure_future(receive())
        await asyncio.wait({opened, gone}, return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        gone.cancel()
        if not self.opened.is_set():
            self.hung_up.add(text)
            return None

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        return await self.app(scope, replay, send)


@asynccontextmanager
async def thinking(installation: Installation) -> AsyncIterator[Gate]:
    """A model for the installation, whose answers wait at a gate."""
    gate = Gate(StandIn().app())
    async with stand_in_server.serving(gate) as url:
        installation.environment["CONSERJE_OPENAI_BASE_URL"] = url + "/v1"
        installation.environment["CONSERJE_OPENAI_MODE"] = "responses"
        installation.environment["CONSERJE_OPENAI_API_KEY"] = "sk-of-the-operator"
        yield gate


async def kill(victim: Running) -> None:
    victim.process.kill()
    await victim.process.wait()


async def write_from_many(installation: Installation, server: Serving) -> dict[str, str]:
    """48 contacts of four tenants write; what each wrote, by contact."""
    written = {}
    for tenant in range(4):
        await installation.add(f"tenant-{tenant}", assistant="openai")
        for number in range(12):
            contact = f"whatsapp:+569300{tenant}00{number:02}"
            written[contact] = f"pregunta {tenant}.{number}"
            request = installation.message(f"tenant-{tenant}", contact, written[contact])
            assert await server.status(request) == 200
    return written


async def test_promise_5_another_worker_takes_over_the_turns_of_one_that_was_killed(
    installation: Installation,
) -> None:
    async with (
        thinking(installation) as gate,
        installation.serving() as server,
        installation.working() as victim,
    ):
        written = await write_from_many(installation, server)
        await until(lambda: len(gate.asked) >= 30)  # its slots are taken
        async with installation.working():
            await until(lambda: len(gate.asked) == 48)
            await kill(victim)
            killed = time.monotonic()
            await until(lambda: len(gate.hung_up) >= 20)
            gate.opened.set()
            await see_taken_over(gate, killed)
            await installation.until_settled()
    assert installation.replies == {(contact, f"Entendido: {text}"): 1 for contact, text in written.items()}


@pytest.mark.long
async def test_promise_5_a_worker_started_anew_takes_over_the_turns_of_one_that_was_killed(
    installation: Installation,
) -> None:
    async with thinking(installation) as gate, installation.serving() as server:
        async with installation.working() as victim:
            written = await write_from_many(installation, server)
            await until(lambda: len(gate.asked) >= 30)
            await kill(victim)
        await until(lambda: len(gate.hung_up) >= 20)
        gate.opened.set()
        ended = time.monotonic()
        async with installation.working():
            await until(lambda: asked_since(gate, ended))
            await see_taken_over(gate, min(asked_since(gate, ended)))
            await installation.until_settled()
    assert installation.replies == {(contact, f"Entendido: {text}"): 1 for contact, text in written.items()}


def asked_since(gate: Gate, moment: float) -> list[float]:
    return [asked[-1] for asked in gate.asked.values() if asked[-1] > moment]


async def see_taken_over(gate: Gate, since: float) -> None:
    """The turns that the victim had in hand start again in time."""
    await until(lambda: all(gate.asked[text][-1] >= since for text in gate.hung_up))
    assert max(gate.asked[text][-1] for text in gate.hung_up) - since < TAKEN_OVER_WITHIN


@pytest.mark.long
async def test_promise_5_edge_workers_killed_under_load_lose_and_double_nothing(
    installation: Installation,
) -> None:
    installation.environment["CONSERJE_WORKERS"] = "2"
    await installation.add("acme")
    contacts = [f"whatsapp:+5694000{n:04}" for n in range(400)]
    waiting = list(contacts)

    async def post_all(server: Serving) -> None:
        while waiting:
            contact = waiting.pop()
            await until_taken(server, installation.message("acme", contact, contact))

    async with installation.serving() as server, installation.working():
        posting = [asyncio.create_task(post_all(server)) for _ in range(8)]
        for left in (300, 200, 100):
            await until(lambda left=left: len(waiting) <= left)  # type: ignore[misc]
            await until(lambda: len(server.workers) == 2)
            os.kill(server.workers[0], signal.SIGKILL)
        await asyncio.gather(*posting)
        await installation.until_settled()
    assert installation.replies == {(contact, contact): 1 for contact in contacts}


async def test_promise_3_a_message_that_was_being_sent_when_its_worker_was_killed_is_not_sent_again(
    installation: Installation,
) -> None:
    """Twilio has it and reports; has it and says nothing; may not have it."""
    installation.environment["CONSERJE_SEND_LIMIT"] = "2"
    await installation.add("acme")
    contacts = [f"whatsapp:+5695000000{n}" for n in range(3)]
    async with installation.serving() as server:
        async with installation.working(CONSERJE_SEND_LIMIT="60") as victim:
            installation.faults.append("stall-after-accept")
            assert await server.status(installation.message("acme", contacts[0], "contado")) == 200
            await until(lambda: len(installation.twilio.callbacks) == 2)
            installation.twilio.habit = "none"
            installation.faults.append("stall-after-accept")
            assert await server.status(installation.message("acme", contacts[1], "callado")) == 200
            await until(lambda: len(installation.twilio.messages) == 2)
            installation.faults.append("stall")
            assert await server.status(installation.message("acme", contacts[2], "perdido")) == 200
            await until(lambda: not installation.faults)
            await kill(victim)
        sending = {"contado": "delivered", "callado": "sending", "perdido": "sending"}
        assert await installation.states() == sending
        async with installation.working():

            async def looked() -> bool:
                expected = {"contado": "delivered", "callado": "sent", "perdido": "uncertain"}
                return await installation.states() == expected

            await until(looked)
            [lost] = [
                item
                for item in await installation.read("message", "list", "acme")
                if item.get("direction") == "out" and item["state"] == "uncertain"
            ]
    assert "may not list all of them yet" in lost["cause"]
    assert [message.body for message in installation.twilio.messages] == ["contado", "callado"]
