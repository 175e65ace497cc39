"""A row is a client: from its commit to the first acknowledged message."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from installation import Installation, credentials
from processes import Serving

from conserje.tenants import accounts
from conserje_fakes.twilio_messages import TwilioAccount

TENANTS = 400
LIVE_WITHIN = 0.1  # seconds, for 99 of 100
ASKED = 10  # of so many one was asked for before: who asks for nobody waits for the answer
LONGEST = 20  # times what a quarter stays below, on machines for which that is more
INSERT = """
WITH tenant AS (
    INSERT INTO tenants (id, slug, name, data_key) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $2, $3)
    RETURNING id
)
INSERT INTO accounts (tenant_id, channel, address, credentials) SELECT id, 'twilio', $4, $5 FROM tenant
"""


@dataclass
class Client:
    """A tenant to be, with its row's values."""

    slug: str
    row: tuple[int, str, str, str, str]


def prepare(installation: Installation, number: int) -> Client:
    slug = f"client-{number}"
    account = TwilioAccount(
        "AC" + secrets.token_hex(16), secrets.token_hex(16), [f"whatsapp:+5698{number:07}"]
    )
    installation.know(slug, account)
    key = installation.vault.new_data_key()
    context = accounts.credentials_context(10_000 + number, "twilio", account.numbers[0])
    sealed = installation.vault.seal(key, context, credentials(account))
    return Client(slug, (10_000 + number, slug, key, account.numbers[0], sealed))


async def test_promise_10_a_row_takes_messages_within_100_ms_of_its_commit(
    installation: Installation,
) -> None:
    """Some slugs were asked for before their rows were there: the only worker remembers its absence.

    A machine at work on something else gets a second try, and then what is usual on it.
    """
    async with installation.serving() as server:
        for attempt in range(2):
            took, wrong = await insert_all(installation, server, attempt * TENANTS)
            quick, slowest = sorted(took)[TENANTS // 4], sorted(took)[TENANTS * 99 // 100 - 1]
            if slowest <= LIVE_WITHIN:
                break
    assert slowest <= max(LIVE_WITHIN, LONGEST * quick), f"p99 {slowest * 1000:.0f} ms, {wrong} wrong answers"
    stored = await installation.pool.fetchval("SELECT count(DISTINCT tenant_id) FROM messages")
    assert stored == TENANTS * (attempt + 1)


async def insert_all(installation: Installation, server: Serving, first: int) -> tuple[list[float], int]:
    """How long each took from commit to 200, and how many answers in between were others."""
    took, wrong = [], 0
    for number in range(first, first + TENANTS):
        client = prepare(installation, number)
        request = installation.message(client.slug, "whatsapp:+56911111111", "hola")
        if number % ASKED == 0:
            assert await server.status(request) == 404
        await installation.pool.execute(INSERT, *client.row)
        committed = time.monotonic()
        while (status := await server.status(request)) != 200:
            assert status == 404  # known to be absent; never half a tenant
            wrong += 1
        took.append(time.monotonic() - committed)
    return took, wrong
