"""Promise 3 with Twilio: of equal texts whose sendings nobody saw the end of, each is sent once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import impatient
import pytest
import pytest_asyncio
from scene import Scene
from waiting import until

from conserje import InboundMessage, Text
from conserje.conversations.rows import stored
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje_fakes.server import serving
from conserje_fakes.twilio import TwilioAccount, create
from conserje_fakes.twilio_messages import StandIn
from conserje_twilio import Twilio, TwilioOperator

SID, TOKEN = "AC" + "1" * 32, "secreto"
NUMBER, CONTACT = "whatsapp:+56911111111", "whatsapp:+56922222222"
TEXT = "Sí, tenemos."


@dataclass
class Counter:
    """A conversation with one contact by way of the stand-in, whose reports do not come."""

    scene: Scene
    twilio: StandIn
    faults: Any
    job: Job

    async def say(self, *texts: str) -> None:
        """Replies that wait to be sent."""
        for text in texts:
            await self.scene.pool.execute(
                "INSERT INTO messages"
                " (tenant_id, conversation_id, account_id, direction, content, sequence, state)"
                " SELECT tenant_id, id, account_id, 'out', $2, next_sequence, 'queued'"
                " FROM conversations WHERE id = $1",
                self.job.conversation_id,
                stored(Text(text)),
            )
            await self.scene.pool.execute("UPDATE conversations SET next_sequence = next_sequence + 1")

    async def deliver(self) -> None:
        await self.scene.pool.execute("UPDATE messages SET due_at = NULL")
        await self.scene.delivery.deliver(self.job)

    async def pass_time(self, seconds: float) -> None:
        """Let what is uncertain have been so for longer."""
        await self.scene.pool.execute(
            "UPDATE messages SET attempted_at = attempted_at - $1::interval WHERE state = 'uncertain'",
            timedelta(seconds=seconds),
        )

    async def states(self) -> list[tuple[str, str | None]]:
        rows = await self.scene.pool.fetch(
            "SELECT state, provider_id FROM messages WHERE direction = 'out' ORDER BY sequence"
        )
        return [(row["state"], row["provider_id"]) for row in rows]

    @property
    def sids(self) -> list[str]:
        return [message.sid for message in self.twilio.messages]


@pytest_asyncio.fixture
async def counter(scene: Scene) -> AsyncIterator[Counter]:
    app = create([TwilioAccount(SID, TOKEN, (NUMBER,))], habit="none")
    async with serving(app) as url, impatient.client(app.state.faults) as http:
        operator = TwilioOperator.model_validate({"base_url": url, "account_sid": SID, "auth_token": TOKEN})
        scene.delivery.plugins.channels["twilio"] = Twilio(operator, http)
        await scene.pool.execute("UPDATE accounts SET channel = 'twilio', address = $1", NUMBER)
        await scene.heard()
        entry = await scene.entry()
        account = entry.accounts_of("twilio")[0]
        hello = InboundMessage(NUMBER, "k", CONTACT, Text("¿Tienen pan?"))
        await scene.intake.take(entry.tenant, [(account, hello)])
        row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
        assert row is not None
        yield Counter(scene, app.state.stand_in, app.state.faults, Job(jobs.DELIVER, *row))


LOST = ["hang-up-after-accept", "stall-after-accept"]


@pytest.mark.parametrize("fault", LOST)
async def test_two_equal_texts_both_taken_are_told_apart(counter: Counter, fault: str) -> None:
    await counter.say(TEXT, TEXT)
    counter.faults.extend([fault, fault])
    await counter.deliver()
    assert await counter.states() == [("sent", sid) for sid in counter.sids]
    assert len(set(counter.sids)) == 2


async def test_a_text_that_was_not_taken_is_not_mistaken_for_its_equal(counter: Counter) -> None:
    await counter.say(TEXT, TEXT)
    await counter.deliver()
    await counter.say(TEXT)
    counter.faults.append("stall")  # Twilio does not take this one
    await counter.deliver()
    assert [state for state, _ in await counter.states()] == ["sent", "sent", "uncertain"]
    assert len(counter.sids) == 2
    await counter.pass_time(61)  # by now Twilio would list it
    await counter.deliver()
    assert await counter.states() == [("sent", sid) for sid in counter.sids]
    assert len(set(counter.sids)) == 3


async def test_what_nobody_can_tell_for_two_minutes_is_held_and_so_is_the_next_while_the_account_is_ill(
    counter: Counter,
) -> None:
    await counter.say(TEXT, "Otra cosa")
    counter.faults.append("stall-after-accept")
    delivering = asyncio.create_task(counter.deliver())
    await until(lambda: counter.sids)
    twilio_account = counter.twilio.accounts.pop(SID)  # Twilio does not let us ask
    await delivering
    assert [state for state, _ in await counter.states()] == ["uncertain", "queued"]
    await counter.pass_time(121)
    await counter.deliver()
    assert [state for state, _ in await counter.states()] == ["held", "held"]
    counter.twilio.accounts[SID] = twilio_account
    await counter.deliver()
    assert len(counter.sids) == 1  # the held one is an operator's now, though Twilio could tell again
