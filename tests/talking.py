"""Contacts who write to a tenant of the console's, are answered, and wait."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from album import JPEG, Album
from people import House

from conserje import InboundMessage, Limits, Text
from conserje.contract.message import Content
from conserje.conversations import handling
from conserje.conversations.handling import Conversation as Found
from conserje.delivery.delivery import Delivery
from conserje.files.folder import Folder
from conserje.intake.intake import Intake
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.tenants import data_keys
from conserje.tenants.entry import Entry
from conserje.turns.turn import Conversation

__all__ = ["JPEG", "Provider", "Talk", "open_talk"]


class Provider(Album):
    """It takes pictures, and for a day after what a contact wrote also words."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = Limits(carries=frozenset({"media", "template"}), takes={"image/jpeg": 2**20})

    def window(self, address: str) -> timedelta:
        return timedelta(hours=24)


@dataclass
class Talk:
    """The console, acme's account at the provider, and whoever writes to it."""

    house: House
    post: Provider
    intake: Intake
    conversation: Conversation
    delivery: Delivery
    _keys: itertools.count[int] = field(default_factory=itertools.count)

    async def entry(self, slug: str = "acme") -> Entry:
        return await self.house.context.directory.by_slug(slug)

    async def write(
        self, said: str | Content = "hola", *, sender: str = "ana", name: str = "Ana Soto", key: str = ""
    ) -> int:
        """A contact writes; the conversation."""
        entry = await self.entry()
        [account] = entry.accounts
        content = Text(said) if isinstance(said, str) else said
        event = InboundMessage(account.address, key or f"k{next(self._keys)}", sender, content, name=name)
        await self.intake.take(entry.tenant, [(account, event)])
        id: int = await self.house.pool.fetchval("SELECT max(id) FROM conversations WHERE peer = $1", sender)
        return id

    async def think(self, conversation: int) -> None:
        """The assistant answers what is there."""
        await self.conversation.converse(Job(jobs.CONVERSE, (await self.entry()).tenant.id, conversation))

    async def deliver(self, conversation: int) -> None:
        await self.delivery.deliver(Job(jobs.DELIVER, (await self.entry()).tenant.id, conversation))

    async def answered(self, said: str | Content = "hola", **how: str) -> int:
        """A contact writes, and has the answer; the conversation."""
        id = await self.write(said, **how)
        await self.think(id)
        await self.deliver(id)
        return id

    async def found(self, conversation: int) -> Found:
        return await handling.get(self.house.pool, (await self.entry()).tenant, conversation)


@asynccontextmanager
async def open_talk(house: House) -> AsyncIterator[Talk]:
    context = house.context
    tenant_id = await house.tenant("acme", quiet_period=timedelta(0))
    post = Provider()
    context.plugins.channels["post"] = post
    async with context.pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'post', '+56')", tenant_id
        )
        await data_keys.signing_key(connection, context.vault, tenant_id)
    context.directory.changed(tenant_id)
    async with Intake(context.pool, context.plugins) as intake:
        thinking = (context.pool, context.directory, context.plugins, context.vault)
        yield Talk(
            house,
            post,
            intake,
            Conversation(*thinking, context.settings.turn_limit, Folder(context.settings.files)),
            Delivery(*thinking, context.settings),
        )
