"""What was written more than 30 days before it came is kept and shown, and nobody answers it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scene import Scene
from terminal import Terminal

from conserje import Edit, InboundMessage, Text
from conserje.contract.message import Content
from conserje.storage import jobs
from conserje.storage.jobs import Job


async def write(scene: Scene, key: str, said: Content, days: float, sender: str = "ana") -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    at = datetime.now(UTC) - timedelta(days=days)
    event = InboundMessage(account.address, key, sender, said, at=at)
    await scene.intake.take(entry.tenant, [(account, event)])


async def test_it_is_shown_as_noted_and_has_no_job(scene: Scene, terminal: Terminal) -> None:
    await write(scene, "old", Text("old"), 31, "ana")
    await write(scene, "young", Text("young"), 29, "eva")
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 1
    shown = await terminal.read("message", "list", "acme", "--json")
    assert {each["content"]: each["state"] for each in shown} == {"old": "noted", "young": "waiting"}


async def test_a_time_that_nobody_can_mean_says_nothing(scene: Scene) -> None:
    """A clock that was never set begins in 1970."""
    at = datetime.fromtimestamp(0, UTC)
    await write(scene, "odd", Text("hola"), (datetime.now(UTC) - at) / timedelta(days=1))
    assert await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 1


async def test_what_comes_after_its_edit_starts_no_turn_either(scene: Scene) -> None:
    await write(scene, "edit", Edit("first", Text("b")), 31)
    await write(scene, "first", Text("a"), 31)
    assert await scene.pool.fetchval("SELECT count(*) FROM messages WHERE turn_id IS NULL") == 0


async def test_whoever_wanted_no_more_then_gets_nothing_now(scene: Scene) -> None:
    await write(scene, "stop", Text("stop"), 31)
    assert await scene.pool.fetchval("SELECT opted_out FROM conversations") == "all"


async def test_an_answer_may_still_read_it(scene: Scene) -> None:
    """It is no older than the tenant wants read."""
    await scene.pool.execute("UPDATE tenants SET context_days = 60")
    await scene.heard()
    await write(scene, "old", Text("quiero un pastel"), 31)
    await scene.write("¿y?")
    place = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert place is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *place))
    [turn] = scene.parrot.heard
    assert [said.content for said in turn.messages] == [Text("¿y?")]
    assert [said.content for said in turn.history] == [Text("quiero un pastel")]
