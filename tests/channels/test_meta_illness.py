"""Promise 12 with Meta's posts, a worker, and a Graph API that takes nothing for a while."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest_asyncio
from doorway import Edge, open_edge
from terminal import Terminal
from waiting import LIMIT, until

from conserje.installation import tasks
from conserje.net.client import client
from conserje.settings import Settings
from conserje.storage.database import Pool
from conserje.tenants import accounts, tenants
from conserje.work.worker import Worker
from conserje_catalog import Catalog
from conserje_fakes.meta import Number, StandIn, create
from conserje_fakes.meta_webhooks import sign
from conserje_fakes.server import serving
from conserje_meta import Meta, MetaOperator

NUMBER, TOKEN, SECRET, PHONE = "110000000000001", "EAAficha", "s3creto", "56922222222"
HELD = {"access_token": TOKEN, "app_secret": SECRET, "verify_token": "palabra"}
PLACE = ("acme", "meta", NUMBER)


@dataclass
class Shop:
    """A tenant whose WhatsApp is Meta's, and the Graph API that it has."""

    edge: Edge
    meta: StandIn
    settings: Settings
    url: str

    async def post(self, **value: Any) -> None:
        """Meta posts a change of the number's."""
        change = {"field": "messages", "value": {"metadata": {"phone_number_id": NUMBER}, **value}}
        entry = {"id": "1", "changes": [change]}
        body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
        headers = {"host": "acme.localhost", "x-hub-signature-256": sign(SECRET, body)}
        answer = await self.edge.http.post("http://edge/bot/meta/webhook", content=body, headers=headers)
        assert answer.status_code == 200

    async def hear(self, text: str, id: str) -> None:
        """A contact writes."""
        at = str(int(datetime.now(UTC).timestamp()))
        message = {"from": PHONE, "id": id, "timestamp": at, "type": "text", "text": {"body": text}}
        await self.post(messages=[message])

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        webhooks = self.edge.webhooks
        directory = webhooks.reception.directory
        all_tasks = tasks(self.edge.pool, directory, webhooks.plugins, self.edge.vault, self.settings)
        worker = Worker(self.edge.pool, self.url, all_tasks, self.settings.slots)
        running = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await asyncio.wait_for(running, LIMIT)

    async def states(self) -> list[str]:
        rows = await self.edge.pool.fetch("SELECT state FROM messages WHERE direction = 'out' ORDER BY id")
        return [row["state"] for row in rows]


@pytest_asyncio.fixture
async def shop(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Shop]:
    app = create([Number(NUMBER, TOKEN, SECRET)], habit="none", window=None)
    async with serving(app) as graph, open_edge(pool, database_url, keyring) as edge:
        plugins = edge.webhooks.plugins
        plugins.channels["meta"] = Meta(MetaOperator(base_url=graph), client())
        plugins.assistants["catalog"] = Catalog(Catalog.Operator(), client())
        async with pool.acquire() as connection:
            tenant = await tenants.get(connection, "acme")
            await seal(edge, connection, tenant.id)
        await edge.run("UPDATE tenants SET quiet_period = '0'")
        yield Shop(edge, app.state.stand_in, Settings(data_dir=keyring.parent.parent), database_url)


async def seal(edge: Edge, connection: Any, tenant_id: int) -> None:
    plain = json.dumps(HELD).encode()
    sealed = await accounts.seal_credentials(connection, edge.vault, tenant_id, "meta", NUMBER, plain)
    await accounts.add(connection, tenant_id, "meta", NUMBER, credentials=sealed)


async def test_promise_12_what_an_expired_token_holds_is_sent_by_held_retry_once_it_is_mended(
    shop: Shop, terminal: Terminal
) -> None:
    shop.meta.numbers[NUMBER].access_token = "EAAotra"
    async with shop.working():
        await shop.hear("hola", "wamid.1")
        await until(lambda: held(terminal))
        [message] = await terminal.read("held", "list", "--json")
        assert message["cause"].startswith("190: the access token has expired")
        assert message["cause"].endswith("(Error validating access token)")
        shop.meta.numbers[NUMBER].access_token = TOKEN
        await terminal.type("held", "retry", message["id"])
        await until(lambda: shop.meta.taken)
        await until(lambda: not_ill(shop))
    assert len(shop.meta.taken) == 1
    assert await terminal.read("held", "list", "--json") == []


async def held(terminal: Terminal) -> bool:
    return bool(await terminal.read("held", "list", "--json"))


async def not_ill(shop: Shop) -> bool:
    return not await shop.edge.pool.fetchval("SELECT count(*) FROM illnesses WHERE well_at IS NULL")


async def test_promise_12_what_a_status_says_failed_for_a_while_is_offered_again(shop: Shop) -> None:
    async with shop.working():
        await shop.hear("hola", "wamid.1")
        await until(lambda: shop.meta.taken)
        await until(lambda: is_in(shop, "sent"))
        [sent] = shop.meta.taken
        failed = {"id": sent.id, "status": "failed", "errors": [{"code": 131056}]}
        await shop.post(
            statuses=[failed | {"biz_opaque_callback_data": sent.body["biz_opaque_callback_data"]}]
        )
        assert await shop.states() == ["queued"]
        pause = "SELECT extract(epoch FROM due_at - now())::float FROM messages WHERE direction = 'out'"
        assert 0 < await shop.edge.pool.fetchval(pause) <= 6
        await until(lambda: is_in(shop, "sent"))
    assert [taken.text for taken in shop.meta.taken] == [sent.text] * 2


async def is_in(shop: Shop, state: str) -> bool:
    return await shop.states() == [state]


async def test_a_check_finds_what_is_wrong_and_tries_what_is_held(shop: Shop, terminal: Terminal) -> None:
    base = {"META_BASE_URL": shop.edge.webhooks.plugins.channels["meta"].operator.base_url}
    shop.meta.numbers[NUMBER].access_token = "EAAotra"
    async with shop.working():
        await shop.hear("hola", "wamid.1")
        await until(lambda: held(terminal))
        wrong = await terminal.type("account", "check", *PLACE, code=1, **base)
        assert "190: the access token has expired" in wrong.stdout
        assert "is tried in some seconds" in wrong.stderr
        shop.meta.numbers[NUMBER].access_token = TOKEN
        await terminal.type("account", "check", *PLACE, code=1, **base)  # it posts to another address
        await until(lambda: shop.meta.taken)
    assert len(shop.meta.taken) == 1


async def test_credentials_are_tried_when_they_are_set(
    shop: Shop, terminal: Terminal, tmp_path: Path
) -> None:
    base = {"META_BASE_URL": shop.edge.webhooks.plugins.channels["meta"].operator.base_url}
    file = tmp_path / "meta.json"
    file.write_text(json.dumps(HELD | {"access_token": "EAAotra"}))
    changed = await terminal.type("account", "set", *PLACE, "--credentials", str(file), **base)
    assert "error: Meta refuses to tell: 190: the access token has expired" in changed.stderr
    changed = await terminal.type("account", "set", *PLACE, "--credentials", str(file), "--no-check", **base)
    assert changed.stderr == ""
