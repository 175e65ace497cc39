"""`conserje message list`: one line for each message, turn and reject, as an operator reads it."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import sys
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import click
import pytest
from scene import Scene
from terminal import Terminal
from waiting import LIMIT

from conserje import InboundMessage, Text, Unknown, plain
from conserje.cli.message import lines, shorten
from conserje.conversations import listing
from conserje.conversations.feed import Feed
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


async def test_a_contact_whom_nobody_knows_is_an_error(scene: Scene, terminal: Terminal) -> None:
    await scene.write("hola")
    for more in ((), ("--json",), ("--follow",)):
        refused = await terminal.type("message", "list", "acme", "--contact", "nadie", *more, code=1)
        assert "acme has no contact 'nadie': see `conserje contact list acme`." in refused.stderr
        assert refused.stdout == ""


async def test_who_says_nothing_is_told_so(scene: Scene, terminal: Terminal) -> None:
    for words in (("say", "acme", ""), ("say", "acme", " \n"), ("message", "send", "acme", "1", "")):
        assert "Give a TEXT" in (await terminal.type(*words, code=2)).stderr


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


UNREADABLE = ("h", {"type": "text"}, {"type": "gone", "x": 1}, "{", 7)


async def test_what_cannot_be_read_back_is_shown_as_such_by_every_command(
    scene: Scene, terminal: Terminal
) -> None:
    """0.1.0 stored whatever an assistant gave."""
    for _ in UNREADABLE:
        await scene.write("hola", key=f"key {_}")
        await answer(scene)
    rows = await scene.pool.fetch("SELECT id FROM messages WHERE direction = 'out' ORDER BY id")
    for row, odd in zip(rows, UNREADABLE, strict=True):
        content = odd if odd == "{" else json.dumps(odd)
        await scene.pool.execute("UPDATE messages SET content = $2 WHERE id = $1", row["id"], content)
    listed = (await terminal.type("message", "list", "acme")).stdout
    assert listed.count("[unreadable]") == len(UNREADABLE)
    items = await terminal.read("message", "list", "acme", "--json")
    said = [each["content"] for each in items if each.get("direction") == "out"]
    assert said == ["[unreadable]"] * len(UNREADABLE)
    assert "[unreadable]" in (await terminal.type("conversation", "list", "acme")).stdout
    number = str(await scene.pool.fetchval("SELECT id FROM conversations"))
    shown = (await terminal.type("conversation", "show", "acme", number)).stdout
    assert shown.count("[unreadable]") == len(UNREADABLE)
    await scene.pool.execute("UPDATE messages SET state = 'held', cause = 'x' WHERE direction = 'out'")
    held = await terminal.read("held", "list", "--json")
    assert [each["texts"] for each in held] == [["[unreadable]"]] * len(UNREADABLE)


async def test_what_cannot_be_read_back_is_part_of_what_an_assistant_reads_and_a_page_shows(
    scene: Scene,
) -> None:
    await scene.write("hola")
    await answer(scene)
    await scene.pool.execute("UPDATE messages SET content = '\"h\"'")
    await scene.write("¿sigues ahí?")
    await answer(scene)
    past = scene.parrot.heard[-1].history
    assert [plain(said.content) for said in past] == ["[unreadable]", "[unreadable]"]
    place = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert place is not None
    feed = Feed(scene.pool, scene.directory.changes)
    async with aclosing(feed.follow(place["tenant_id"], place["id"], 0)) as looks:
        look = await anext(looks)
    assert [plain(said.content) for said in look.said][:2] == ["[unreadable]", "[unreadable]"]


async def test_json_holds_nothing_that_a_terminal_obeys(scene: Scene, terminal: Terminal) -> None:
    odd = "a\x1b[31m\x7f\x9b31m\u202e\u2066\u200f\U000e0041b ñ 👍 \u3042"
    await scene.write(odd)
    for more in ((), ("--links",)):
        out = (await terminal.type("message", "list", "acme", "--json", *more)).stdout
        assert all(c.isprintable() or c == "\n" for c in out) and "ñ 👍 \u3042" in out
        assert json.loads(out)[0]["content"] == odd


async def test_messages_are_exported_for_a_spreadsheet(scene: Scene, terminal: Terminal) -> None:
    await scene.add("bravo")
    await scene.write("una pregunta, con coma")
    await answer(scene)
    await scene.write('=HYPERLINK("x")', slug="bravo")
    head, asked, said = csv.reader(
        (await terminal.type("message", "export", "acme", "--csv")).stdout.splitlines()
    )
    assert head[:3] == ["id", "at", "conversation"] and head[-2:] == ["text", "cause"]
    assert (asked[3], asked[5], asked[7]) == ("ana", "in", "una pregunta, con coma")
    assert (said[5], said[6]) == ("out", "sent")
    [line] = (await terminal.type("message", "export", "bravo")).stdout.splitlines()
    assert json.loads(line)["text"] == '=HYPERLINK("x")'
    exported = (await terminal.type("message", "export", "bravo", "--csv")).stdout
    assert "'=HYPERLINK" in exported


async def test_messages_are_exported_since_a_moment(
    scene: Scene, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    for text in ("uno", "dos", "tres", "cuatro", "cinco"):
        await scene.write(text)
    await scene.pool.execute(
        "UPDATE messages SET created_at = now() - interval '3 days' WHERE content LIKE ANY ('{%uno%,%dos%}')"
    )

    async def exported(*options: str) -> list[str]:
        lines = (await terminal.type("message", "export", "acme", *options)).stdout.splitlines()
        return [json.loads(line)["text"] for line in lines]

    assert await exported() == ["uno", "dos", "tres", "cuatro", "cinco"]
    assert await exported("--since", "1d") == ["tres", "cuatro", "cinco"]
    assert await exported("--since", "2030-01-01") == []
    await terminal.type("message", "export", "nadie", code=1)
