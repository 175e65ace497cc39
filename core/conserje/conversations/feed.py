"""The feed: the stored messages of a conversation, for channels that are pages, and word of new ones."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from asyncpg import Record

from conserje.contract.pages import Look, Said
from conserje.conversations.listing import LEFT_TO_PERSON
from conserje.conversations.rows import EMPTIED, restored
from conserje.storage.changes import Changes
from conserje.storage.database import Connection, Pool
from conserje.storage.scope import acting_for

CHANNEL = "conserje_feed"
LARGEST_LOOK = 200  # messages
OVERLAP = timedelta(seconds=30)  # longer than a transaction: a lower id may be committed after a higher one
KEEP_ALIVE = 15.0  # seconds
LOOKS_AT_ONCE = 4  # of the pool's connections
PACE = 0.05  # seconds in which what happens in one conversation is one look

WAKE = "SELECT pg_notify('conserje_feed', $1)"

# Word of a message that the edge has taken; nobody else knows the conversation by its contact's name.
WAKE_CONTACT = """
SELECT pg_notify('conserje_feed', tenant_id || ':' || id) FROM conversations
WHERE tenant_id = $1 AND account_id = $2 AND contact_id = (
    SELECT contact_id FROM identities WHERE tenant_id = $1 AND channel = $3 AND name = $4)
"""

CONVERSATION = """
SELECT id FROM conversations
WHERE tenant_id = $1 AND account_id = $2 AND contact_id = (
    SELECT contact_id FROM identities WHERE tenant_id = $1 AND channel = $3 AND name = $4)
"""

LATEST = f"""
SELECT latest.id, direction, content, created_at, person FROM (
    SELECT * FROM messages WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY id DESC LIMIT $4) AS latest
LEFT JOIN LATERAL (  -- row by row: a plan for many rows would read all turns of a conversation
    SELECT coalesce(turns.person, '') AS person FROM turns
    WHERE turns.tenant_id = $1 AND turns.conversation_id = $2 AND turns.id = latest.turn_id
      AND latest.direction = 'out' AND assistant = 'person' LIMIT 1) AS written ON true
WHERE (latest.id > $3 OR created_at > now() - $5::interval) AND latest.turn_id IS DISTINCT FROM -1
  AND content <> '{EMPTIED}'
ORDER BY latest.id
"""  # noqa: S608 - of our own

# What was left to a person is read once they say something.
STANDING = f"""
SELECT state = 'open' AND unanswered.id IS NOT NULL AS thinking,
       least(unanswered.id, left_to_person.id) AS unread_from,
       CASE WHEN state <> 'person' OR hand_back_at <= now() THEN 'assistant'
            WHEN conversations.person IS NULL THEN 'called'
            ELSE 'person' END AS attending,
       coalesce(conversations.person, '') AS person
FROM conversations LEFT JOIN LATERAL (
    SELECT messages.id FROM messages
    WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'in' AND messages.turn_id IS NULL
    ORDER BY messages.id LIMIT 1) AS unanswered ON true
LEFT JOIN LATERAL (
    SELECT min(message.id) AS id FROM (
        SELECT * FROM messages WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY id DESC LIMIT $3
    ) AS message
    JOIN turns ON turns.tenant_id = $1 AND turns.conversation_id = $2 AND turns.id = conversations.turn_id
    WHERE conversations.state = 'person' AND hand_back_at > now()
      AND direction = 'in' AND message.turn_id = turns.id AND {LEFT_TO_PERSON}) AS left_to_person ON true
WHERE conversations.tenant_id = $1 AND conversations.id = $2
"""  # noqa: S608 - of our own

# Of the last ones: whoever reads them has seen those before.
SEEN = """
UPDATE messages SET state = CASE WHEN $4 THEN 'read' ELSE 'delivered' END
WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'out'
  AND (state = 'sent' OR ($4 AND state = 'delivered')) AND id IN (
    SELECT id FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND id <= $3
    ORDER BY id DESC LIMIT $5)
"""


async def wake(connection: Connection, tenant_id: int, conversation_id: int) -> None:
    """When the transaction is committed, let every node look at the conversation."""
    await connection.execute(WAKE, f"{tenant_id}:{conversation_id}")


async def wake_contact(pool: Pool, tenant_id: int, account_id: int, channel: str, name: str) -> None:
    """Let every node look at the conversation of an account with a contact."""
    await pool.execute(WAKE_CONTACT, tenant_id, account_id, channel, name)


class Feed:
    """Follows conversations for as long as the changes that it hears of are followed."""

    def __init__(self, pool: Pool, changes: Changes) -> None:
        self._pool = pool
        self._followers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._looks = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._stopped = asyncio.Event()
        changes.subscribe(CHANNEL, self._hear)

    def stop(self) -> None:
        """End every following: a server that stops waits for its streams."""
        self._stopped.set()
        self._hear(None)

    async def conversation(self, tenant_id: int, account_id: int, channel: str, name: str) -> int | None:
        """The conversation of an account with a contact; None before the contact's first message."""
        async with acting_for(self._pool, tenant_id) as scope:
            found: int | None = await scope.connection.fetchval(
                CONVERSATION, tenant_id, account_id, channel, name
            )
            return found

    async def seen(self, tenant_id: int, conversation_id: int, message_id: int, *, read: bool) -> None:
        """The contact has what was said until then, or has read it."""
        async with acting_for(self._pool, tenant_id) as scope:
            await scope.connection.execute(SEEN, tenant_id, conversation_id, message_id, read, LARGEST_LOOK)

    async def follow(self, tenant_id: int, conversation_id: int, after: int) -> AsyncGenerator[Look, None]:
        """A look at once, at every change, and every KEEP_ALIVE seconds, then without messages."""
        key, woken = f"{tenant_id}:{conversation_id}", asyncio.Event()
        self._followers[key].add(woken)
        try:
            shown: set[int] = set()
            look = await self._look(tenant_id, conversation_id, after)
            while not self._stopped.is_set():
                fresh = tuple(said for said in look.said if said.id not in shown)
                yield replace(look, said=fresh)
                shown = {said.id for said in look.said}
                after = max([after, *shown])
                if await _rung(woken):
                    look = await self._look(tenant_id, conversation_id, after)
        finally:
            self._followers[key].discard(woken)
            if not self._followers[key]:
                del self._followers[key]

    async def _look(self, tenant_id: int, conversation_id: int, after: int) -> Look:
        async with self._looks, acting_for(self._pool, tenant_id) as scope:
            rows = await scope.connection.fetch(
                LATEST, tenant_id, conversation_id, after, LARGEST_LOOK, OVERLAP
            )
            standing = await scope.connection.fetchrow(STANDING, tenant_id, conversation_id, LARGEST_LOOK)
        return Look(tuple(_said(row) for row in rows), **(standing or {"thinking": False}))

    def _hear(self, payload: str | None) -> None:
        """A conversation has changed; None: any may have."""
        heard = self._followers.values() if payload is None else [self._followers.get(payload, set())]
        for followers in heard:
            for woken in followers:
                woken.set()


def _said(row: Record) -> Said:
    author: Literal["contact", "tenant"] = "contact" if row["direction"] == "in" else "tenant"
    return Said(row["id"], author, restored(row["content"]), row["created_at"], row["person"])


async def _rung(woken: asyncio.Event) -> bool:
    """Whether something happened within KEEP_ALIVE seconds."""
    try:
        async with asyncio.timeout(KEEP_ALIVE):
            await woken.wait()
    except TimeoutError:
        return False
    await asyncio.sleep(PACE)
    woken.clear()
    return True
