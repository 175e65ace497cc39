"""Connections to Postgres that die under load: who listened listens again, and nothing is lost."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg
import pytest
from installation import Installation, until_taken
from processes import Serving
from waiting import until

TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()
"""
LISTENING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name IN ('conserje changes', 'conserje queue')
"""
LISTENERS = 6  # two edge workers', the operator's, the console's, the worker's for changes; its own for jobs
TAKEN_FROM_BRAVO = """
SELECT count(*) FROM messages JOIN tenants ON tenants.id = tenant_id
WHERE slug = 'bravo' AND direction = 'in'
"""
SWEPT = re.compile(r"Looked again at (\d+) conversations")  # each half minute, where nothing else found them
CHANGE_LIVE_WITHIN = 5.0  # seconds
WRITERS, PACE = 4, 0.1  # tenants, and seconds between two messages of one
AHEAD = 40  # messages that may wait for their replies: a load, not an overload, of any machine
AGAIN = 10  # new connections meet both edge workers


@dataclass
class Load:
    """Contacts who write one after the other until it is over."""

    installation: Installation
    server: Serving
    acknowledged: list[str] = field(default_factory=list)
    over: bool = False

    @property
    def answered(self) -> int:
        return sum(each.body == "hola" for each in self.installation.twilio.messages)

    async def go_on(self, number: int) -> None:
        written = 0
        while not self.over:
            await until(lambda: len(self.acknowledged) - self.answered < AHEAD)
            contact = f"whatsapp:+5696{number}{written:06}"
            await until_taken(self.server, self.installation.message(f"shop-{number}", contact, "hola"))
            self.acknowledged.append(contact)
            written += 1
            await asyncio.sleep(PACE)


@pytest.mark.new_database
async def test_promise_5_and_10_terminated_backends_delay_jobs_and_changes_by_seconds_at_most(
    installation: Installation,
) -> None:
    """Each change is made in the transaction that terminates all who would hear of it."""
    installation.environment["CONSERJE_WORKERS"] = "2"
    for slug in (*(f"shop-{number}" for number in range(WRITERS)), "bravo"):
        await installation.add(slug)
    administrator = await asyncpg.connect(installation.url)
    async with installation.serving() as server, installation.working() as worker:

        async def all_listen() -> bool:
            return await administrator.fetchval(LISTENING) == LISTENERS  # type: ignore[no-any-return]

        async def change(statement: str, live: Callable[[], Awaitable[bool]]) -> None:
            await until(all_listen)
            assert not await live()
            written = len(load.acknowledged)
            await until(lambda: load.answered >= written)  # the worker has recovered
            async with administrator.transaction():
                await administrator.execute(TERMINATE)
                await administrator.execute(statement)
            changed = time.monotonic()
            await until(live)
            took.append(time.monotonic() - changed)

        async def is_known(slug: str) -> bool:
            request = f"GET /bot/twilio/webhook HTTP/1.1\r\nHost: {slug}.localhost\r\n\r\n".encode()
            return {await server.status(request) for _ in range(AGAIN)} == {403}  # it has no account

        async def is_suspended() -> bool:
            before = await administrator.fetchval(TAKEN_FROM_BRAVO)
            for number in range(AGAIN):
                await until_taken(server, installation.message("bravo", f"whatsapp:+5697000000{number}", "!"))
            return await administrator.fetchval(TAKEN_FROM_BRAVO) == before  # type: ignore[no-any-return]

        took: list[float] = []
        await until(all_listen)
        load = Load(installation, server)
        writers = [asyncio.create_task(load.go_on(number)) for number in range(WRITERS)]
        for slug in ("new-1", "new-2", "new-3"):
            await change(
                f"INSERT INTO tenants (slug, name) VALUES ('{slug}', 'New')",
                lambda slug=slug: is_known(slug),  # type: ignore[misc]
            )
            enough = len(load.acknowledged) + 50
            await until(lambda enough=enough: len(load.acknowledged) >= enough)  # type: ignore[misc]
        await change("UPDATE tenants SET status = 'suspended' WHERE slug = 'bravo'", is_suspended)
        load.over = True
        await asyncio.gather(*writers)
        await administrator.execute("DELETE FROM tenants WHERE slug = 'bravo'")
        await administrator.close()
        await installation.until_settled()
    answered = {contact: count for (contact, text), count in installation.replies.items() if text == "hola"}
    assert answered == dict.fromkeys(load.acknowledged, 1)
    assert min(took) < CHANGE_LIVE_WITHIN  # a busy machine may be late, but not each time
    assert sum(map(int, SWEPT.findall(worker.said))) <= len(load.acknowledged) / 100
