"""An assistant that asks a model, prices, and a message that is answered and delivered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from scene import Scene

from conserje import Assistant, Nothing, Reply, Text, Turn
from conserje.costs import prices
from conserje.costs.prices import Key, Price
from conserje.net.client import client
from conserje.storage import jobs
from conserje.storage.jobs import Job

LONG_AGO = date(2026, 1, 1)
ANA = "+56911111111"


class Oracle(Assistant[Nothing, Nothing, Nothing]):
    """Asks a model, and says what it was told to say."""

    name = "oracle"
    Credentials = Settings = Operator = Nothing

    def __init__(self, model: str = "gpt-6.1-sol", **usage: int) -> None:
        super().__init__(Nothing(), client())
        self.model = model
        self.usage: Mapping[str, int] = usage or {"input_tokens": 2000, "output_tokens": 150}
        self.fails: Exception | None = None
        self.asked = 0

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        await turn.budget.check()
        self.asked += 1
        await turn.budget.spend(self.model, self.usage)
        if self.fails:
            raise self.fails
        return Reply([Text("hola")])


async def give_oracle(scene: Scene, oracle: Oracle) -> Oracle:
    assistants: Any = scene.conversation.plugins.assistants
    assistants["oracle"] = oracle
    await scene.pool.execute("UPDATE tenants SET assistant = 'oracle'")
    await scene.heard()
    return oracle


async def price(scene: Scene, key: Key, **amounts: str) -> None:
    async with scene.pool.acquire() as connection:
        given: Any = {name: Decimal(amount) for name, amount in amounts.items()}
        await prices.put(connection, Price(key, LONG_AGO, **given))


async def answered(scene: Scene, sender: str = ANA) -> Job:
    """A contact writes, and the answer is delivered; the delivery's job."""
    await scene.write("hola", sender=sender)
    place = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations WHERE peer = $1", sender)
    assert place is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *place))
    await scene.delivery.deliver(job := Job(jobs.DELIVER, *place))
    return job
