"""The tables subscriptions and positions: where notifications are told, and how far each has been read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Literal

import asyncpg

from conserje.notices import hosts
from conserje.notices.hosts import Host, NoSubscription, SubscriptionError
from conserje.notices.signing import is_secret, new_secret
from conserje.storage.database import Connection
from conserje.storage.notifications import KINDS, LAST_MESSAGE, LAST_NUMBER
from conserje.tenants.vault import Vault

MOST = 20  # of one tenant
BOTH_SIGN = timedelta(hours=24)  # after a secret was changed
TESTED_EVERY = timedelta(minutes=1)
LONGEST_SECRET, SHORTEST_SECRET = 200, 24  # characters of a token's

COLUMNS = """
id, tenant_id, (SELECT slug FROM tenants WHERE tenants.id = subscriptions.tenant_id) AS slug, url, kinds,
ordered, state, cause, failing_since, failures, former_until, created_at
"""
_HERE = "tenant_id IS NOT DISTINCT FROM $1 AND id = $2"

# The row's lock keeps others from counting the same.
COUNT = "SELECT count(*) FROM subscriptions WHERE tenant_id IS NOT DISTINCT FROM $1"
NEXT_ID = "SELECT nextval('subscriptions_id_seq')"
ADD = f"""
INSERT INTO subscriptions (id, tenant_id, url, kinds, ordered, secret, token_secret)
OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {COLUMNS}
"""  # noqa: S608 - of our own

# What happened before is not told.
START = f"""
INSERT INTO positions (tenant_id, subscription_id, message_id, number)
SELECT id, $1, {LAST_MESSAGE}, {LAST_NUMBER} FROM tenants WHERE $2::bigint IS NULL OR id = $2
"""  # noqa: S608 - of our own
LIST = f"""
SELECT {COLUMNS} FROM subscriptions WHERE tenant_id IS NOT DISTINCT FROM $1 ORDER BY id
"""  # noqa: S608 - of our own
OF_ALL = f"SELECT {COLUMNS} FROM subscriptions ORDER BY tenant_id NULLS FIRST, id"  # noqa: S608 - of our own
FIND = f"SELECT {COLUMNS} FROM subscriptions WHERE id = $1"  # noqa: S608 - of our own
GET = f"SELECT {COLUMNS} FROM subscriptions WHERE {_HERE}"  # noqa: S608 - of our own
CHANGE = f"""
UPDATE subscriptions SET url = coalesce($3, url), kinds = coalesce($4, kinds),
    ordered = coalesce($5, ordered), state = coalesce($6, state),
    due_at = CASE WHEN $6 = 'on' THEN now() ELSE due_at END,
    failing_since = CASE WHEN $6 = 'on' THEN NULL ELSE failing_since END,
    failures = CASE WHEN $6 = 'on' THEN 0 ELSE failures END,
    cause = CASE WHEN $6::text IS NULL THEN cause END,
    former_secret = CASE WHEN $7::text IS NULL THEN former_secret ELSE secret END,
    former_until = CASE WHEN $7::text IS NULL THEN former_until ELSE now() + $9 END,
    secret = coalesce($7, secret), token_secret = coalesce($8, token_secret)
WHERE {_HERE} RETURNING {COLUMNS}
"""  # noqa: S608 - of our own
REMOVE = f"DELETE FROM subscriptions WHERE {_HERE} RETURNING true"  # noqa: S608 - of our own
REMOVE_POSITIONS = "DELETE FROM positions WHERE subscription_id = $1"
REMOVE_TELLINGS = "DELETE FROM tellings WHERE subscription_id = $1"
TEST = f"""
UPDATE subscriptions SET tested_at = now()
WHERE {_HERE} AND coalesce(tested_at < now() - $3::interval, true) RETURNING true
"""  # noqa: S608 - of our own
SECRETS = """
SELECT secret, CASE WHEN former_until > now() THEN former_secret END AS former_secret, token_secret
FROM subscriptions WHERE id = $1
"""
# What other master keys than $1 have sealed.
OTHERWISE_SEALED = """
SELECT id, secret, former_secret, token_secret FROM subscriptions
WHERE split_part(secret, '.', 2) <> $1 OR split_part(token_secret, '.', 2) <> $1
   OR split_part(former_secret, '.', 2) <> $1
ORDER BY id FOR NO KEY UPDATE
"""
RESEAL = "UPDATE subscriptions SET secret = $2, former_secret = $3, token_secret = $4 WHERE id = $1"
SEALED_BY = """
SELECT count(*) FROM subscriptions
WHERE $1 IN (split_part(secret, '.', 2), split_part(former_secret, '.', 2), split_part(token_secret, '.', 2))
"""
OFF = f"""
SELECT {COLUMNS} FROM subscriptions
WHERE state = 'off' AND cause IS NOT NULL
  AND coalesce((SELECT status = 'active' FROM tenants WHERE tenants.id = subscriptions.tenant_id), true)
ORDER BY id LIMIT $1
"""  # noqa: S608 - of our own

State = Literal["on", "off"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where notifications are told, and how that goes; without a tenant those of all, to the operator."""

    id: int
    tenant_id: int | None
    slug: str | None  # of the tenant
    url: str
    kinds: Sequence[str]  # none: all
    ordered: bool  # within a conversation
    state: State
    cause: str | None  # why the last telling failed
    failing_since: datetime | None
    failures: int  # in a row
    former_until: datetime | None  # until then the secret before signs, too
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Secrets:
    """What proves to the receiver who tells: several that sign while one is changed, and the token's."""

    signing: Sequence[str] = field(repr=False)
    token: str = field(repr=False)

    @classmethod
    def new(cls) -> Secrets:
        return cls((new_secret(),), token_urlsafe(32))


@dataclass(frozen=True, slots=True)
class Change:
    """What is changed of a subscription; None: it stays."""

    url: str | None = None
    kinds: Sequence[str] | None = None
    ordered: bool | None = None
    state: State | None = None
    secret: str | None = field(default=None, repr=False)
    token_secret: str | None = field(default=None, repr=False)


async def add(
    connection: Connection,
    vault: Vault,
    tenant_id: int | None,
    url: str,
    kinds: Sequence[str],
    secrets: Secrets,
    *,
    ordered: bool = False,
) -> Subscription:
    """Tell from now on, in the caller's transaction. Raises SubscriptionError."""
    await _check(connection, tenant_id, Change(url, kinds, None, None, secrets.signing[0], secrets.token))
    if await connection.fetchval(COUNT, tenant_id) >= MOST:
        raise SubscriptionError(f"There are {MOST} subscriptions already: remove one first.")
    id: int = await connection.fetchval(NEXT_ID)
    sealed = (_seal(vault, id, "secret", secrets.signing[0]), _seal(vault, id, "token", secrets.token))
    row = await connection.fetchrow(ADD, id, tenant_id, url, list(dict.fromkeys(kinds)), ordered, *sealed)
    assert row is not None  # it was inserted
    await connection.execute(START, id, tenant_id)
    return Subscription(**row)


async def list_all(connection: Connection, tenant_id: int | None) -> list[Subscription]:
    """A tenant's, or the operator's."""
    return [Subscription(**row) for row in await connection.fetch(LIST, tenant_id)]


async def of_all(connection: Connection) -> list[Subscription]:
    """The operator's, and then all tenants'."""
    return [Subscription(**row) for row in await connection.fetch(OF_ALL)]


async def find(connection: Connection, id: int) -> Subscription:
    """Whosever it is. Raises SubscriptionError."""
    return _found(await connection.fetchrow(FIND, id), id)


async def get(connection: Connection, tenant_id: int | None, id: int) -> Subscription:
    """Raises SubscriptionError."""
    return _found(await connection.fetchrow(GET, tenant_id, id), id)


async def change(
    connection: Connection, vault: Vault, tenant_id: int | None, id: int, change: Change
) -> Subscription:
    """What is not changed stays, and what was not told yet is told as it is now.

    The secret before signs for a day beside the new one. Raises SubscriptionError.
    """
    await get(connection, tenant_id, id)
    await _check(connection, tenant_id, change)
    sealed = [
        plain and _seal(vault, id, name, plain)
        for name, plain in (("secret", change.secret), ("token", change.token_secret))
    ]
    kinds = None if change.kinds is None else list(dict.fromkeys(change.kinds))
    what = (change.url, kinds, change.ordered, change.state, *sealed, BOTH_SIGN)
    return _found(await connection.fetchrow(CHANGE, tenant_id, id, *what), id)


async def remove(connection: Connection, tenant_id: int | None, id: int) -> None:
    """With all that it has been told, in the caller's transaction. Raises SubscriptionError."""
    if not await connection.fetchval(REMOVE, tenant_id, id):
        raise _none(id)
    await connection.execute(REMOVE_POSITIONS, id)
    await connection.execute(REMOVE_TELLINGS, id)


async def may_test(connection: Connection, tenant_id: int | None, id: int) -> None:
    """Raises SubscriptionError, also where one was tested a moment ago."""
    await get(connection, tenant_id, id)
    if not await connection.fetchval(TEST, tenant_id, id, TESTED_EVERY):
        raise SubscriptionError(
            f"Subscription {id} was tested less than a minute ago: wait, then test again."
        )


async def secrets(connection: Connection, vault: Vault, subscription: Subscription) -> Secrets:
    """Raises SubscriptionError or VaultError."""
    row = await connection.fetchrow(SECRETS, subscription.id)
    if row is None:
        raise _none(subscription.id)
    sealed = (row["secret"], row["former_secret"])
    signing = tuple(_open(vault, subscription.id, "secret", each) for each in sealed if each)
    return Secrets(signing, _open(vault, subscription.id, "token", row["token_secret"]))


async def reseal(connection: Connection, vault: Vault) -> int:
    """Seal all secrets by the newest master key; of how many subscriptions. Raises VaultError."""
    async with connection.transaction():
        rows = await connection.fetch(OTHERWISE_SEALED, vault.sealing_key.id)
        for id, *sealed in rows:
            anew = [
                each and _seal(vault, id, name, _open(vault, id, name, each))
                for name, each in zip(("secret", "secret", "token"), sealed, strict=True)
            ]
            await connection.execute(RESEAL, id, *anew)
    return len(rows)


async def sealed_by(connection: Connection, key_id: str) -> int:
    """Of how many subscriptions this master key seals a secret."""
    count: int = await connection.fetchval(SEALED_BY, key_id)
    return count


async def off(connection: Connection, most: int) -> list[Subscription]:
    """Those that were put off because nothing was taken, of all tenants."""
    return [Subscription(**row) for row in await connection.fetch(OFF, most)]


async def _check(connection: Connection, tenant_id: int | None, change: Change) -> None:
    """Raises SubscriptionError."""
    if change.url is not None:
        host = Host.of(change.url)
        if len(change.url) > 2000 or "#" in change.url:
            raise SubscriptionError("An address has at most 2000 characters, and no # in it.", "url")
        if host.scheme not in hosts.PORTS:
            raise SubscriptionError("An address begins with https://.", "url")
        if host.scheme == "http" and not await hosts.is_allowed(connection, tenant_id, host):
            raise SubscriptionError(
                "An address begins with https://, but for hosts that the operator allows:"
                " see `conserje subscription host`.",
                "url",
            )
    if unknown := sorted(set(change.kinds or ()) - set(KINDS)):
        raise SubscriptionError(
            f"There is no notification {unknown[0]}: there are {', '.join(KINDS)}.", "kinds"
        )
    if change.secret is not None and not is_secret(change.secret):
        raise SubscriptionError(
            "A secret is whsec_ and the base64 of 24 to 64 random bytes, as Standard Webhooks has it.",
            "secret",
        )
    token = change.token_secret
    if token is not None and not (SHORTEST_SECRET <= len(token) <= LONGEST_SECRET and token.isprintable()):
        raise SubscriptionError(
            f"A token's secret has {SHORTEST_SECRET} to {LONGEST_SECRET} characters.", "token_secret"
        )


def _purpose(id: int, name: str) -> str:
    """What a secret is sealed to: in another row it does not open."""
    return f"subscription-{id}-{name}"


def _seal(vault: Vault, id: int, name: str, plain: str) -> str:
    return vault.wrap(_purpose(id, name), plain.encode())


def _open(vault: Vault, id: int, name: str, sealed: str) -> str:
    """Raises VaultError."""
    return vault.unwrap(_purpose(id, name), sealed).decode()


def _found(row: asyncpg.Record | None, id: int) -> Subscription:
    if row is None:
        raise _none(id)
    return Subscription(**row)


def _none(id: int) -> NoSubscription:
    return NoSubscription(f"There is no subscription {id}: see `conserje subscription list`.", "id")
