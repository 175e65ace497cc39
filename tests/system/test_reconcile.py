"""What Twilio could not post is fetched by the worker, answered by the tenant's rule, and once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from installation import Installation
from waiting import until

from conserje.tenants import tenants

CONTACT = "whatsapp:+56933333333"


async def test_what_was_written_while_nothing_ran_is_answered_with_an_apology(
    installation: Installation,
) -> None:
    installation.environment["CONSERJE_FETCH_EVERY"] = "1"
    await installation.add("acme")
    async with installation.pool.acquire() as connection:
        await tenants.change(
            connection, "acme", late_rule="apologise", late_after=timedelta(seconds=30), late_text="¡Perdona!"
        )

    async def asked() -> bool:
        return bool(await installation.pool.fetchval("SELECT cursor FROM fetches"))

    async with installation.working():
        await until(asked)
    number = installation.accounts["acme"].numbers[0]
    form = installation.twilio.inbound(number, CONTACT, "¿Tienen pan?")
    installation.twilio.receive(form, datetime.now(UTC) - timedelta(minutes=1))
    async with installation.serving() as server, installation.working():

        async def answered() -> bool:
            return bool(installation.replies[CONTACT, "¿Tienen pan?"])

        await until(answered)
        assert await server.status(installation.request("acme", form)) == 200  # Twilio posts it after all
        assert await server.status(installation.message("acme", CONTACT, "¿Y leche?")) == 200
        await installation.until_settled()
    assert installation.replies == {
        (CONTACT, "¡Perdona!"): 1,
        (CONTACT, "¿Tienen pan?"): 1,
        (CONTACT, "¿Y leche?"): 1,
    }
    [shown] = await installation.read("account", "list", "acme")
    assert shown["fetched_at"] and shown["fetch_failed"] is None


async def test_why_twilio_cannot_be_asked_is_shown(installation: Installation) -> None:
    installation.environment["CONSERJE_FETCH_EVERY"] = "1"
    await installation.add("acme")
    async with installation.working() as worker:

        async def asked() -> bool:
            return bool(await installation.pool.fetchval("SELECT cursor FROM fetches"))

        await until(asked)
        token = installation.accounts["acme"].auth_token
        del installation.twilio.accounts[installation.accounts["acme"].account_sid]

        async def failed() -> bool:
            [shown] = await installation.read("account", "list", "acme")
            return bool(shown["fetch_failed"])

        await until(failed)
    [shown] = await installation.read("account", "list", "acme")
    assert shown["fetch_failed"].startswith("20003: Twilio does not accept the credentials")
    assert token not in worker.said
    assert "Traceback" not in worker.said
