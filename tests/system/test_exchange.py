"""Messages over sockets, through the real processes, to a stand-in for Twilio and back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import get_args

from installation import Installation
from processes import Serving
from waiting import LIMIT, until

from conserje_fakes.twilio import Habit

House = tuple[Installation, Serving]


async def test_a_message_is_answered_and_its_reply_becomes_delivered_however_that_is_reported(
    house: House,
) -> None:
    installation, server = house
    await installation.add("habits")
    for habit in get_args(Habit):
        installation.twilio.habit = habit
        assert await server.status(installation.message("habits", "whatsapp:+56911111111", habit)) == 200
        end = "sent" if habit == "none" else "delivered"

        async def reported(habit: Habit = habit, end: str = end) -> bool:
            return (await installation.states()).get(habit) == end

        await until(reported)
    assert [m.body for m in installation.twilio.messages if m.body in get_args(Habit)] == list(
        get_args(Habit)
    )
    assert {callback.status for callback in installation.twilio.callbacks} == {204}


async def test_a_forged_report_changes_nothing(house: House) -> None:
    installation, server = house
    await installation.add("forged")
    installation.twilio.habit = "none"
    assert await server.status(installation.message("forged", "whatsapp:+56922222222", "verdad")) == 200
    await until(lambda: "verdad" in [message.body for message in installation.twilio.messages])
    await installation.until_settled()
    [reply] = [message for message in installation.twilio.messages if message.body == "verdad"]
    form = {"MessageSid": reply.sid, "MessageStatus": "delivered", "From": reply.sender, "To": reply.to}
    form["AccountSid"] = reply.account_sid
    assert await server.status(installation.request("forged", form, "status", token="f" * 32)) == 403
    assert (await installation.states())["verdad"] == "sent"
    assert await server.status(installation.request("forged", form, "status")) == 204
    assert (await installation.states())["verdad"] == "delivered"


async def test_promise_2_one_event_posted_200_times_at_once_to_all_edge_workers_is_taken_once(
    house: House,
) -> None:
    installation, server = house
    await installation.add("often")
    request = installation.message("often", "whatsapp:+56933333333", "una vez")
    before = [connections(worker) for worker in server.workers]
    lines = [await server.connect() for _ in range(200)]
    await until(lambda: all(now > then + 10 for now, then in zip(now_open(server), before, strict=True)))
    for _, writer in lines:
        writer.write(request)
    heads = [await asyncio.wait_for(reader.readline(), LIMIT) for reader, _ in lines]
    for _, writer in lines:
        writer.close()
    assert {head.split(b" ")[1] for head in heads} == {b"200"}
    assert await server.status(request) == 200  # and later once more
    await until(lambda: installation.replies["whatsapp:+56933333333", "una vez"])
    await installation.until_settled()
    assert installation.replies["whatsapp:+56933333333", "una vez"] == 1
    taken = "SELECT count(*) FROM messages WHERE direction = 'in' AND content LIKE '%una vez%'"
    assert await installation.pool.fetchval(taken) == 1


def connections(pid: int) -> int:
    """How many sockets the process has open."""
    return sum(str(file.readlink()).startswith("socket:") for file in Path(f"/proc/{pid}/fd").iterdir())


def now_open(server: Serving) -> list[int]:
    return [connections(worker) for worker in server.workers]


async def test_a_burst_of_five_in_three_seconds_gets_one_reply(house: House) -> None:
    installation, server = house
    await installation.add("burst", quiet="2.5 seconds")
    parts = [f"parte {number}" for number in range(5)]
    began = time.monotonic()
    for number, part in enumerate(parts):
        await until(lambda due=began + number * 0.7: time.monotonic() >= due)  # type: ignore[misc]
        assert await server.status(installation.message("burst", "whatsapp:+56944444444", part)) == 200
    await installation.until_settled()
    assert [m.body for m in installation.twilio.messages if "parte" in m.body] == ["\n".join(parts)]


async def test_promise_4_a_conversation_s_replies_leave_in_the_order_of_its_messages(house: House) -> None:
    installation, server = house
    await installation.add("order")
    contacts = [f"whatsapp:+5692000000{n}" for n in range(5)]
    words = [str(number) for number in range(10)]

    async def talk(contact: str) -> None:
        for word in words:
            assert await server.status(installation.message("order", contact, word)) == 200

    async with installation.working():  # a second worker
        await asyncio.gather(*(talk(contact) for contact in contacts))
        await installation.until_settled()
    [number] = installation.accounts["order"].numbers
    for contact in contacts:
        assert "\n".join(installation.twilio.sent(number, contact)).split("\n") == words
