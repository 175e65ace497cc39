"""What an assistant reads of the past: the last days, as many as the tenant says."""

from __future__ import annotations

from scene import Scene

from conserje import Text
from conserje.storage import jobs
from conserje.storage.jobs import Job


async def talk(scene: Scene, text: str) -> list[str]:
    """A contact writes, and has an answer; what the assistant read of the past."""
    await scene.write(text)
    place = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert place is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *place))
    await scene.delivery.deliver(Job(jobs.DELIVER, *place))
    return [said.content.text for said in scene.parrot.heard[-1].history if isinstance(said.content, Text)]


async def let_pass(scene: Scene, days: int) -> None:
    await scene.pool.execute(
        f"UPDATE messages SET created_at = created_at - interval '{days} days', sent_at = NULL"
    )


async def test_what_was_said_in_the_last_30_days_is_read(scene: Scene) -> None:
    await talk(scene, "hola")
    await let_pass(scene, 29)
    assert await talk(scene, "otra") == ["hola", "hola"]
    await let_pass(scene, 2)
    assert await talk(scene, "una más") == ["otra", "otra"]


async def test_who_returns_after_a_year_begins_a_new_talk(scene: Scene) -> None:
    await talk(scene, "hola")
    await let_pass(scene, 365)
    assert await talk(scene, "hola") == []


async def test_a_tenant_says_how_far_back(scene: Scene) -> None:
    await scene.pool.execute("UPDATE tenants SET context_days = 7")
    await scene.heard()
    await talk(scene, "hola")
    await let_pass(scene, 8)
    assert await talk(scene, "otra") == []


async def test_a_nod_says_yes_to_nothing_that_was_asked_long_ago(scene: Scene) -> None:
    await talk(scene, "¿pan?")  # as the parrot says, too
    await let_pass(scene, 31)
    heard = len(scene.parrot.heard)
    await talk(scene, "👍")
    assert len(scene.parrot.heard) == heard
