"""A provider that misbehaves: the message is kept, retried, settled or held, and the cause is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from installation import Installation
from waiting import until

from conserje_fakes.twilio import Fault

LATER = """
UPDATE messages SET attempted_at = attempted_at - $2::interval WHERE direction = 'out' AND content LIKE $1
"""
SHOWN = "SELECT state, cause FROM messages WHERE direction = 'out' AND content LIKE $1"


async def test_a_provider_s_failures_are_settled_or_shown_with_their_cause(
    installation: Installation,
) -> None:
    """Each failure has a tenant and a contact of its own; the calls come one after the other."""
    installation.environment["CONSERJE_SEND_LIMIT"] = "3"
    failures: dict[Fault, tuple[str, str]] = {
        "html": ("uncertain", "may not list all of them yet"),
        "redirect": ("uncertain", "may not list all of them yet"),
        "500": ("uncertain", "may not list all of them yet"),
        "stall": ("uncertain", "may not list all of them yet"),
        "stall-after-accept": ("delivered", ""),
        "hang-up-after-accept": ("delivered", ""),
        "429": ("queued", "20429: too many requests"),
        "429 without retry-after": ("queued", "20429: too many requests"),
    }
    async with installation.serving() as server, installation.working():
        for number, (fault, expected) in enumerate(failures.items()):
            slug, contact = f"shop-{number}", f"whatsapp:+5699000000{number}"
            await installation.add(slug)
            installation.faults.append(fault)
            assert await server.status(installation.message(slug, contact, fault)) == 200
            await until(lambda: not installation.faults)
            await until_shown(installation, fault, *expected)
        shown = {slug: await reply_of(installation, slug) for slug in ("shop-0", "shop-4", "shop-6")}
        assert (shown["shop-0"]["state"], shown["shop-0"]["content"]) == ("uncertain", "html")
        assert shown["shop-0"]["cause"] == "Twilio lists no such message, but may not list all of them yet."
        assert (shown["shop-4"]["state"], shown["shop-4"]["cause"]) == ("delivered", None)
        await until_shown(installation, "429", "delivered", "")
        await until_shown(installation, "429 without retry-after", "delivered", "")

        # A minute later Twilio would list it, if it had taken it: it is sent again.
        await installation.pool.execute(LATER, '%"html"%', timedelta(seconds=61))
        # After two minutes of which nobody can tell it is held.
        del installation.twilio.accounts[installation.accounts["shop-1"].account_sid]
        await installation.pool.execute(LATER, '%"redirect"%', timedelta(seconds=121))
        await until_shown(installation, "html", "delivered", "")
        await until_shown(installation, "redirect", "held", "Nobody knows whether it was sent")
        held = await reply_of(installation, "shop-1")
        assert (held["state"], held["content"]) == ("held", "redirect")
    bodies = [message.body for message in installation.twilio.messages]
    expected_once = ["html", "stall-after-accept", "hang-up-after-accept", "429", "429 without retry-after"]
    assert [bodies.count(text) for text in expected_once] == [1] * 5
    assert not {"redirect", "500", "stall"} & set(bodies)


async def reply_of(installation: Installation, slug: str) -> Any:
    """The tenant's first reply, as `conserje message list` shows it."""
    listed = await installation.read("message", "list", slug)
    return next(item for item in listed if item.get("direction") == "out")


async def until_shown(installation: Installation, text: str, state: str, cause: str) -> None:
    async def shown() -> bool:
        row = await installation.pool.fetchrow(SHOWN, f'%"{text}"%')
        return row is not None and row["state"] == state and cause in (row["cause"] or "")

    await until(shown)
