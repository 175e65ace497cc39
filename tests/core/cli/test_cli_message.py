"""`conserje message list`: one line for each message, turn and reject, as an operator reads it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta

import click
from scene import Scene
from terminal import Terminal
from waiting import LIMIT

from conserje import InboundMessage, Text, Unknown
from conserje.cli.message import lines, shorten
from conserje.conversations.listing import Message
from conserje.storage import jobs
from conserje.storage.jobs import Job

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


async def answer(scene: Scene) -> None:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    await scene.delivery.deliver(Job(jobs.DELIVER, *row))


async def test_each_message_and_turn_is_a_line(scene: Scene, terminal: Terminal) -> None:
    await scene.write("hola")
    await answer(scene)
    asked, turn, said = (await terminal.type("message", "list", "acme")).stdout.splitlines()
    assert asked.split()[2:] == ["ana", "Ana", "in", "answered", "hola"]
    assert turn.split()[2:8] == ["ana", "Ana", "turn", "parroted", "1.00", "parrot,"]
    assert said.split()[2:6] == ["ana", "Ana", "out", "sent"]


async def test_times_are_the_tenant_s(scene: Scene, terminal: Terminal) -> None:
    await scene.pool.execute("UPDATE tenants SET time_zone = 'Pacific/Easter'")
    await scene.write("hola")
    await scene.pool.execute("UPDATE messages SET created_at = '2026-07-01T12:00:00Z'")
    [line] = (await terminal.type("message", "list", "acme")).stdout.splitlines()
    assert line.startswith("2026-07-01 06:00:00 ")
    [item] = await terminal.read("message", "list", "acme", "--json")
    assert item["at"] == "2026-07-01T06:00:00.000-06:00"


async def test_json_says_durations_in_seconds_and_contents_as_words(scene: Scene, terminal: Terminal) -> None:
    await scene.write("hola")
    await answer(scene)
    asked, turn, said = await terminal.read("message", "list", "acme", "--json")
    assert (asked["kind"], asked["direction"], asked["content"]) == ("message", "in", "hola")
    assert turn["kind"] == "turn" and turn["waited"] > 0
    assert 0 < said["took"] < 60


async def test_limit_and_contact_narrow_the_list(scene: Scene, terminal: Terminal) -> None:
    for n in range(3):
        await scene.write(f"ana {n}", sender="ana")
    await scene.write("eva", sender="eva")
    found = await terminal.read("message", "list", "acme", "--json", "--limit", "2", "--contact", "ANA")
    assert [item["content"] for item in found] == ["ana 1", "ana 2"]


async def test_an_unknown_tenant_is_an_error_a_silent_one_not(scene: Scene, terminal: Terminal) -> None:
    assert "no tenant nadie" in (await terminal.type("message", "list", "nadie", code=1)).stderr
    silent = await terminal.type("message", "list", "acme")
    assert not silent.stdout and "Nobody has written" in silent.stderr
    assert await terminal.read("message", "list", "acme", "--json") == []


def message(text: str, cause: str | None = None) -> Message:
    took = timedelta(milliseconds=34)
    return Message(1, AT, 1, "ana", "", "out", Text(text), 1, took, "sent", cause)


def test_a_line_keeps_to_the_terminal_and_to_one_line() -> None:
    [line] = map(click.unstyle, lines(message("uno\n\ndos " * 100), UTC, 120))
    assert len(line) == 120 and "uno dos" in line and line.endswith("…")
    assert "sent 34 ms" in line


def test_a_cause_is_a_line_of_its_own() -> None:
    _, cause = lines(message("hola", "63016: outside the 24 h window"), UTC, 80)
    assert cause.strip() == "63016: outside the 24 h window"


def test_a_terminal_does_not_obey_what_a_contact_wrote() -> None:
    assert shorten("a\x1b[2Jb\u202ec\x07\r\nd\x9be", None) == "a [2Jb c d e"
    assert shorten("👨\u200d👩\u200d👧 ñandú", None) == "👨\u200d👩\u200d👧 ñandú"


async def test_follow_tells_what_comes_and_what_changes_until_interrupted(
    scene: Scene, terminal: Terminal
) -> None:
    entry = await scene.entry()
    account, sticker = entry.accounts[0], Unknown("sticker", {"sticker": {"id": "7"}})
    sent = InboundMessage(account.address, "s", "ana", sticker, name="Ana")
    await scene.intake.take(entry.tenant, [(account, sent)])
    await scene.write("antes")
    command = [sys.executable, "-m", "conserje", "message", "list", "acme", "--follow"]
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **terminal.environment, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout and process.stderr
    async with asyncio.timeout(LIMIT):
        for _ in range(2):
            assert b"waiting" in await process.stdout.readline()
        await answer(scene)
        changed = [await process.stdout.readline() for _ in range(4)]
        await scene.write("después", sender="eva")
        came = await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert await process.wait() in (1, 130)
    assert [line.split()[4] for line in changed] == [b"in", b"in", b"turn", b"out"]
    assert "después" in came.decode()
    assert b"Traceback" not in await process.stderr.read()
