"""What a status callback costs an account with nothing behind it, and one with very many messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from statistics import median

from bench import webhooks
from bench.cost import Cost, Meter
from bench.installation import DATABASE, Installation, installed
from bench.place import Place
from bench.posting import post, post_all
from bench.webhooks import Tenant

BEHIND = 200_000  # messages
ROUNDS = 3
EACH, WARM_UP = 1_500, 500  # callbacks of a round, and of each account before the first
AT_ONCE = 16
PHONE = "56911111111"

# Contacts as many as a hundredth of the messages, who wrote half of these.
FILL = """
WITH account AS (
    SELECT tenant_id, accounts.id FROM accounts JOIN tenants ON tenants.id = tenant_id
    WHERE slug = '{slug}' AND channel = 'twilio'
), contact AS (
    INSERT INTO contacts (tenant_id, name)
    SELECT tenant_id, 'c' || n FROM account, generate_series(1, {count} / 100) AS n
    RETURNING tenant_id, id, name
), conversation AS (
    INSERT INTO conversations (tenant_id, account_id, contact_id, peer)
    SELECT contact.tenant_id, account.id, contact.id, name FROM contact, account
    RETURNING tenant_id, account_id, id
)
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key, turn_id,
                      sequence, state, provider_id, sent_at)
SELECT tenant_id, id, account_id, CASE WHEN is_out THEN 'out' ELSE 'in' END,
       '{{"text":"hola","type":"text"}}',
       CASE WHEN NOT is_out THEN decode(md5(id || ' ' || n), 'hex') END, 1, CASE WHEN is_out THEN n END,
       CASE WHEN is_out THEN 'delivered' END, 'SM' || md5(id || ' ' || n), now()
FROM conversation, generate_series(1, 100) AS n, LATERAL (SELECT n % 2 = 0 AS is_out) AS each
"""
SENT = """
INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, sequence, state,
                      provider_id, sent_at)
SELECT tenant_id, conversations.id, account_id, 'out', '{{"text":"hola","type":"text"}}', 1000 + n, 'sent',
       'SM' || md5('sent ' || n), now()
FROM conversations JOIN tenants ON tenants.id = tenant_id, generate_series(1, {count}) AS n
WHERE slug = '{slug}' AND peer = 'whatsapp:+{phone}'
"""
IDS = """
SELECT array_agg(messages.id ORDER BY sequence), array_agg(provider_id ORDER BY sequence)
FROM messages JOIN tenants ON tenants.id = tenant_id WHERE slug = '{slug}' AND state = 'sent'
"""
KNOWN = """
SELECT count(*) FILTER (WHERE state = 'delivered' AND sequence > 1000), count(*) - 1
FROM messages JOIN tenants ON tenants.id = tenant_id WHERE slug = '{slug}'
"""


@dataclass
class Statuses:
    """The callback "delivered" of messages that were sent before, with the account's `behind`."""

    behind: int
    callbacks: int  # of each round
    costs: list[Cost] = field(default_factory=list)
    void: str | None = None

    @property
    def microseconds(self) -> float:
        return median(cost.total for cost in self.costs)


async def measure(place: Place) -> list[Statuses]:
    """An empty and a full account of one database, in turn. Raises Failed."""
    async with installed(place, webhooks.tenants(2), "SELECT") as installation:
        empty, full = installation.tenants
        seen = {empty: Statuses(0, EACH), full: Statuses(BEHIND, EACH)}
        await _fill(installation, full)
        requests = {tenant: await _callbacks(installation, tenant) for tenant in seen}
        for tenant in seen:
            await post_all(installation.port, islice(requests[tenant], WARM_UP), AT_ONCE)
        for number in range(ROUNDS):
            for tenant in list(seen)[:: -1 if number % 2 else 1]:
                seen[tenant].costs.append(await _measure_round(installation, requests[tenant]))
        for tenant, statuses in seen.items():
            statuses.void = await _fault(installation, tenant, statuses.behind)
    return list(seen.values())


async def _fill(installation: Installation, full: Tenant) -> None:
    postgres = installation.place.postgres
    await postgres.execute(DATABASE, FILL.format(slug=full.slug, count=BEHIND))
    for tenant in installation.tenants:  # a conversation, by way of the door
        await post(installation.port, webhooks.webhook(tenant, PHONE, "Hola"))
    count = WARM_UP + ROUNDS * EACH
    sent = [SENT.format(slug=tenant.slug, phone=PHONE, count=count) for tenant in installation.tenants]
    await postgres.execute(DATABASE, *sent, "VACUUM ANALYZE", "CHECKPOINT")


async def _callbacks(installation: Installation, tenant: Tenant) -> Iterator[bytes]:
    ids, sids = await installation.place.postgres.row(DATABASE, IDS.format(slug=tenant.slug))
    callbacks = [
        webhooks.status(tenant, PHONE, sid, "delivered", message)
        for message, sid in zip(ids, sids, strict=True)
    ]
    return iter(callbacks)


async def _measure_round(installation: Installation, requests: Iterator[bytes]) -> Cost:
    postgres = installation.place.postgres
    meter = Meter(postgres, {"server": [installation.serve.pid], "Postgres": [await postgres.pid()]})
    await meter.begin()
    await post_all(installation.port, islice(requests, EACH), AT_ONCE)
    return await meter.end(EACH)


async def _fault(installation: Installation, tenant: Tenant, behind: int) -> str | None:
    posted = WARM_UP + ROUNDS * EACH
    known, there = await installation.place.postgres.row(DATABASE, KNOWN.format(slug=tenant.slug))
    if known != posted:
        return f"{posted} callbacks were acknowledged, {known} are known"
    return None if there == behind + posted else f"{there - posted} messages were behind, not {behind}"
