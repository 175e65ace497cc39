"""Aging: what a scene has becomes older, and what is past its term goes."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from scene import Scene

from conserje.operations import retention
from conserje.storage import jobs
from conserje.storage.jobs import Job

AGES = {
    "messages": ("created_at", "sent_at"),
    "turns": ("settled_at",),
    "statuses": ("created_at",),
    "notices": ("created_at", "sent_at"),
    "rejects": ("created_at", "dropped_at", "goes_at"),
    "files": ("created_at", "kept_at"),
    "conversations": ("created_at", "active_at"),
    "contacts": ("created_at",),
    "leads": ("created_at", "given_at", "closed_at"),
}


async def age(scene: Scene, days: int) -> None:
    """Let all that is there be so many days older."""
    for table, columns in AGES.items():
        older = ", ".join(f"{column} = {column} - interval '{days} days'" for column in columns)
        await scene.pool.execute(f"UPDATE {table} SET {older}")


async def prune(scene: Scene) -> dict[str, int]:
    """What went, by its kind."""
    found: Counter[str] = Counter()
    async with scene.pool.acquire() as connection:
        async for each in retention.prune(connection, scene.collector.folder, 0):
            found[each.kind] += each.rows
    return {kind: rows for kind, rows in found.items() if rows}


async def would_go(scene: Scene) -> dict[str, int]:
    async with scene.pool.acquire() as connection:
        return {each.kind: each.rows async for each in retention.due(connection)}


async def place(scene: Scene) -> tuple[int, int]:
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations ORDER BY id LIMIT 1")
    assert row is not None
    return row["tenant_id"], row["id"]


async def talk(scene: Scene, text: str = "hola") -> None:
    """A contact writes, and has an answer."""
    await scene.write(text)
    await scene.conversation.converse(Job(jobs.CONVERSE, *await place(scene)))
    await scene.delivery.deliver(Job(jobs.DELIVER, *await place(scene)))


async def keep(scene: Scene, **terms: timedelta | int | None) -> None:
    for name, term in terms.items():
        await scene.pool.execute(f"UPDATE tenants SET {name} = $1", term)
    await scene.heard()
