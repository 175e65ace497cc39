"""The table illnesses: accounts whose provider takes nothing of them until somebody mends them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import asyncpg

from conserje.contract.message import Fault
from conserje.storage import notifications
from conserje.storage.database import Connection
from conserje.tenants.accounts import no_account

FIRST_PAUSE = timedelta(minutes=1)  # until a message is tried the first time

Health = Literal["ill", "tried", "recovers"]

# Of the account of the conversation $2 of the tenant $1: "tried" where this conversation is the one that may
# try, "recovers" where the account is well and this one still waits; null: nothing is the matter.
HEALTH = """coalesce((
        SELECT CASE WHEN trial = $2 THEN 'tried' ELSE 'ill' END FROM illnesses
        WHERE illnesses.tenant_id = $1 AND illnesses.account_id = conversations.account_id
          AND well_at IS NULL),
        CASE WHEN ill_since IS NOT NULL THEN 'recovers' END)"""

# A trial of this conversation's is over. What is due already stays so: somebody has changed the account since
# the message left that tells of the fault.
FALL_ILL = """
INSERT INTO illnesses (tenant_id, account_id, cause, due_at)
VALUES ($1, $2, $4, CASE WHEN $5 THEN now() + $6::interval END)
ON CONFLICT (tenant_id, account_id) DO UPDATE SET
    cause = excluded.cause, trial = nullif(illnesses.trial, $3), well_at = NULL,
    since = CASE WHEN illnesses.well_at IS NULL THEN illnesses.since ELSE now() END,
    tries = CASE WHEN illnesses.well_at IS NULL THEN illnesses.tries ELSE 0 END,
    due_at = CASE WHEN illnesses.well_at IS NULL AND illnesses.due_at <= now() THEN illnesses.due_at
                  WHEN NOT $5 THEN NULL
                  WHEN illnesses.well_at IS NULL THEN coalesce(illnesses.due_at, excluded.due_at)
                  ELSE excluded.due_at END
RETURNING since = now()
"""

RECOVER = """
UPDATE illnesses SET well_at = now(), trial = NULL, due_at = now()
WHERE tenant_id = $1 AND account_id = $2 AND well_at IS NULL
RETURNING true
"""

TRY_NOW = """
WITH account AS (
    SELECT tenant_id, id FROM accounts WHERE tenant_id = $1 AND channel = $2 AND address = $3
), due AS (
    UPDATE illnesses SET due_at = now() FROM account
    WHERE illnesses.tenant_id = account.tenant_id AND account_id = account.id AND well_at IS NULL
    RETURNING account_id
)
SELECT due.account_id IS NOT NULL FROM account LEFT JOIN due ON true
"""

LIST = """
SELECT account_id, cause, since, due_at FROM illnesses WHERE tenant_id = $1 AND well_at IS NULL
"""

OF_ALL = """
SELECT slug, channel, address, cause, illnesses.since FROM illnesses
JOIN tenants ON tenants.id = illnesses.tenant_id AND tenants.status = 'active'
JOIN accounts ON accounts.tenant_id = illnesses.tenant_id AND accounts.id = illnesses.account_id
WHERE well_at IS NULL ORDER BY illnesses.since, slug, address LIMIT $1
"""

COUNT = """
SELECT slug, count(*) FROM illnesses JOIN tenants ON tenants.id = tenant_id AND tenants.status = 'active'
WHERE well_at IS NULL GROUP BY slug ORDER BY count(*) DESC, slug
"""


@dataclass(frozen=True, slots=True)
class Illness:
    """What an account is ill of, and when it is tried next; None: once somebody asks for it."""

    cause: str
    since: datetime
    due_at: datetime | None


class Ill(NamedTuple):
    """An account that is ill."""

    slug: str
    channel: str
    address: str
    cause: str
    since: datetime


async def fall_ill(
    connection: Connection, tenant_id: int, account_id: int, conversation_id: int, cause: str, fault: Fault
) -> bool:
    """The provider has told the conversation's messages of a fault of the account's; False: it was ill."""
    newly: bool = await connection.fetchval(
        FALL_ILL, tenant_id, account_id, conversation_id, cause, fault != "lasting", FIRST_PAUSE
    )
    if newly:
        about = {"account": account_id, "cause": cause}
        await notifications.record(connection, tenant_id, "account.ill", None, **about)
    return newly


async def recover(connection: Connection, tenant_id: int, account_id: int) -> bool:
    """The provider has taken a message; False: the account was well."""
    if not await connection.fetchval(RECOVER, tenant_id, account_id):
        return False
    await note_well(connection, tenant_id, account_id)
    return True


async def note_well(connection: Connection, tenant_id: int, account_id: int) -> None:
    """Keep that the account is well since this transaction."""
    await notifications.record(connection, tenant_id, "account.well", None, account=account_id)


async def try_now(connection: Connection, tenant_id: int, channel: str, address: str) -> bool:
    """Let something be tried soon; False: the account is well. Raises TenantError where there is none."""
    ill: bool | None = await connection.fetchval(TRY_NOW, tenant_id, channel, address)
    if ill is None:
        raise no_account(channel, address)
    return ill


async def list_all(connection: Connection, tenant_id: int) -> dict[int, Illness]:
    """The illnesses of a tenant's accounts, by the account's id."""
    return {row["account_id"]: _illness(row) for row in await connection.fetch(LIST, tenant_id)}


def _illness(row: asyncpg.Record) -> Illness:
    return Illness(row["cause"], row["since"], row["due_at"])


async def of_all(connection: Connection, most: int) -> list[Ill]:
    """The accounts that are ill, of all tenants, the longest first."""
    return [Ill(**row) for row in await connection.fetch(OF_ALL, most)]


async def count(connection: Connection) -> list[tuple[str, int]]:
    """How many accounts of each tenant are ill, by its slug, those with most first."""
    return [(slug, number) for slug, number in await connection.fetch(COUNT)]
