"""The past: a long talk is summed up by an assistant that offers it, and forgotten as what was said is."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

import pytest
from scene import Parrot, Scene

from conserje import Content, Edit, InboundMessage, NoAnswer, Nothing, Revocation, Text, Turn, plain
from conserje.conversations import rights, transcript
from conserje.conversations.summaries import LEFT_OUT, LONGEST, READ
from conserje.operations.forgetting import forget
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.turns.summary import Summaries

ASKED = "SELECT count(*) FROM pgqueuer.pgqueuer WHERE entrypoint = 'summarise'"


class Historian(Parrot):
    """A parrot that sums up, as `sums` says: by what it raises or gives, after `before` was done."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Turn[Nothing, Nothing]] = []
        self.sums: deque[object] = deque()
        self.before: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def summarise(self, turn: Turn[Nothing, Nothing]) -> str:
        self.asked.append(turn)
        self.begun.set()
        if self.before:
            await self.before.wait()
        summed = self.sums.popleft() if self.sums else f"summary {len(self.asked)}"
        if isinstance(summed, Exception):
            raise summed
        return cast(str, summed)

    @property
    def read(self) -> list[str]:
        """What it was last to sum up."""
        return [plain(said.content) for said in self.asked[-1].history]


@pytest.fixture
async def historian(scene: Scene) -> Historian:
    historian = Historian()
    scene.conversation.plugins.assistants["parrot"] = historian
    return historian


async def chat(scene: Scene, number: int, first: int = 0) -> None:
    """A contact writes so many messages, which nobody answers."""
    entry = await scene.entry()
    (account,) = entry.accounts
    said = [
        InboundMessage(account.address, f"k{n}", "ana", Text(f"dicho {n}"), name="Ana")
        for n in range(first, first + number)
    ]
    await scene.intake.take(entry.tenant, [(account, each) for each in said])
    await scene.pool.execute("UPDATE messages SET turn_id = 0 WHERE turn_id IS NULL AND direction = 'in'")


async def job(scene: Scene, kind: str) -> Job:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    return Job(kind, *row)


async def turn(scene: Scene, text: str = "¿y?") -> str:
    """A contact writes, and is answered; the summary that the assistant read."""
    await scene.write(text)
    await scene.conversation.converse(await job(scene, jobs.CONVERSE))
    await scene.delivery.deliver(await job(scene, jobs.DELIVER))
    return cast(Parrot, scene.conversation.plugins.assistants["parrot"]).heard[-1].summary


async def sum_up(scene: Scene) -> None:
    """Do the job, and all that it brings with it."""
    await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer WHERE entrypoint = 'summarise'")
    handler = Summaries(scene.pool, scene.directory, scene.conversation.thinking)
    await handler.summarise(await job(scene, jobs.SUMMARISE))


async def amend(scene: Scene, content: Content) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    event = InboundMessage(account.address, f"of {content}", "ana", content)
    await scene.intake.take(entry.tenant, [(account, event)])


async def kept(scene: Scene) -> str | None:
    """The text of the one summary there is."""
    text: str | None = await scene.pool.fetchval("SELECT text FROM summaries")
    return text


async def test_what_is_before_the_messages_that_are_read_comes_as_a_summary(
    scene: Scene, historian: Historian
) -> None:
    await chat(scene, 40)
    assert await turn(scene) == "" and await scene.pool.fetchval(ASKED) == 1
    await sum_up(scene)
    assert historian.read == [f"dicho {n}" for n in range(42 - LEFT_OUT)]
    assert historian.asked[0].contact.name == "Ana" and historian.asked[0].messages == []
    assert await turn(scene) == "summary 1"
    assert len(historian.heard[-1].history) == transcript.READ


async def test_it_is_made_anew_with_what_came_after_it(scene: Scene, historian: Historian) -> None:
    await chat(scene, 40)
    await turn(scene)
    await sum_up(scene)
    await turn(scene)  # after it come ten messages, and two
    assert await scene.pool.fetchval(ASKED) == 0
    await chat(scene, 20, first=40)
    await turn(scene)
    assert await scene.pool.fetchval(ASKED) == 1
    await sum_up(scene)
    assert historian.asked[1].summary == "summary 1"
    assert historian.read[0] == "dicho 32" and "dicho 48" in historian.read
    assert await turn(scene) == "summary 2"


async def test_it_is_asked_for_once(scene: Scene, historian: Historian) -> None:
    await chat(scene, 40)
    await turn(scene)
    await turn(scene)
    assert await scene.pool.fetchval(ASKED) == 1
    await sum_up(scene)
    await sum_up(scene)
    assert len(historian.asked) == 1


async def test_a_short_talk_and_an_assistant_that_offers_none_have_none(scene: Scene) -> None:
    await chat(scene, 40)
    await turn(scene)
    historian = scene.conversation.plugins.assistants["parrot"] = Historian()
    assert await scene.pool.fetchval(ASKED) == 0
    await scene.pool.execute("DELETE FROM messages WHERE id < (SELECT max(id) - 20 FROM messages)")
    await turn(scene)
    assert await scene.pool.fetchval(ASKED) == 0 and historian.asked == []


async def test_of_a_very_long_talk_the_last_messages_are_summed_up(
    scene: Scene, historian: Historian
) -> None:
    await chat(scene, READ + 50)
    await turn(scene)
    await sum_up(scene)
    assert len(historian.read) == READ and historian.read[0] == f"dicho {52 - LEFT_OUT}"


@pytest.mark.parametrize("fails", [NoAnswer("The model is away."), ValueError("x"), "", " \n", 7])
async def test_where_there_is_none_the_one_before_stays_and_a_later_turn_asks_again(
    scene: Scene, historian: Historian, fails: object
) -> None:
    await chat(scene, 40)
    await turn(scene)
    await sum_up(scene)
    await chat(scene, 30, first=40)
    await turn(scene)
    historian.sums.append(fails)
    await sum_up(scene)
    assert await turn(scene) == "summary 1" and await scene.pool.fetchval(ASKED) == 0
    await scene.pool.execute("UPDATE summaries SET asked_at = asked_at - interval '11 minutes'")
    await turn(scene)
    await sum_up(scene)
    assert await kept(scene) == "summary 3"


async def test_it_is_bounded(scene: Scene, historian: Historian) -> None:
    historian.sums.append("ñ" * (LONGEST + 1))
    await chat(scene, 40)
    await turn(scene)
    await sum_up(scene)
    assert await turn(scene) == "ñ" * LONGEST


@pytest.mark.parametrize("content", [Revocation("k3"), Edit("k3", Text("otra cosa"))])
async def test_promise_13_what_a_contact_takes_back_is_in_no_summary(
    scene: Scene, historian: Historian, content: Content
) -> None:
    await chat(scene, 40)
    await turn(scene)
    await sum_up(scene)
    await amend(scene, content)
    assert await kept(scene) == ""
    assert await turn(scene) == "" and await scene.pool.fetchval(ASKED) == 1
    await sum_up(scene)
    assert "dicho 3" not in historian.read and historian.asked[-1].summary == ""


async def test_promise_13_what_is_taken_back_meanwhile_is_in_no_summary(
    scene: Scene, historian: Historian
) -> None:
    await chat(scene, 40)
    await turn(scene)
    historian.before = asyncio.Event()
    summing = asyncio.create_task(sum_up(scene))
    await historian.begun.wait()
    await amend(scene, Revocation("k3"))
    historian.before.set()
    await summing
    assert await kept(scene) == "" and await scene.pool.fetchval(ASKED) == 1
    await sum_up(scene)
    assert "dicho 3" not in historian.read and await kept(scene) == "summary 2"


async def test_what_is_edited_after_it_leaves_it(scene: Scene, historian: Historian) -> None:
    await chat(scene, 40)
    await turn(scene)
    await sum_up(scene)
    await amend(scene, Edit("k39", Text("otra cosa")))
    assert await kept(scene) == "summary 1"


async def test_it_is_as_old_as_the_tenant_wants_read(scene: Scene, historian: Historian) -> None:
    await chat(scene, 40)
    await scene.pool.execute("UPDATE messages SET created_at = created_at - interval '14 days'")
    await turn(scene)
    await sum_up(scene)
    assert await turn(scene) == "summary 1"
    for table, column in (("messages", "created_at"), ("summaries", "since")):
        await scene.pool.execute(f"UPDATE {table} SET {column} = {column} - interval '17 days'")
    assert await turn(scene) == ""
    await scene.pool.execute("UPDATE messages SET created_at = created_at + interval '17 days'")
    await turn(scene)
    await sum_up(scene)
    assert historian.asked[-1].summary == ""


@pytest.mark.parametrize(
    "statement",
    [
        """UPDATE messages SET content = '{"kind": "unknown"}' WHERE content LIKE '%dicho 3"%'""",
        """DELETE FROM messages WHERE content LIKE '%dicho 3"%'""",
    ],
)
async def test_it_goes_with_what_is_in_it(scene: Scene, historian: Historian, statement: str) -> None:
    await chat(scene, 40)
    await turn(scene)
    await sum_up(scene)
    older = "created_at - interval '1 day' WHERE content LIKE '%dicho 0\"%'"  # than all that is in it
    await scene.pool.execute(f"UPDATE messages SET created_at = {older}")
    await scene.pool.execute("DELETE FROM messages WHERE content LIKE '%dicho 0\"%'")
    assert await kept(scene) == "summary 1"
    await scene.pool.execute(statement)
    assert await kept(scene) == ""


async def test_it_is_handed_out_and_forgotten(scene: Scene, historian: Historian) -> None:
    await chat(scene, 40)
    await turn(scene)
    await sum_up(scene)
    tenant_id, contact_id = (await scene.pool.fetchrow("SELECT tenant_id, id FROM contacts")) or (0, 0)
    handed_out = await scene.pool.fetch(rights.EXPORT["summaries"], tenant_id, contact_id)
    assert [row["text"] for row in handed_out] == ["summary 1"]
    async with scene.pool.acquire() as connection:
        await forget(connection, tenant_id, contact_id)
    assert await kept(scene) == ""


async def test_a_worker_does_it(scene: Scene, historian: Historian) -> None:
    await chat(scene, 40)
    async with scene.working():
        await scene.write("¿y?")
        await asyncio.wait_for(historian.begun.wait(), 60)
        await scene.settled()
    assert len(historian.asked) == 1
