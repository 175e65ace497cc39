"""Accounts: tenants' identities at their providers, as the table holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from sys import intern
from typing import TYPE_CHECKING, Any, Literal

import asyncpg
from pydantic import SecretStr, TypeAdapter, ValidationError

from conserje.contract.account import Abilities
from conserje.contract.message import Template, to_json
from conserje.plugins import guard
from conserje.plugins.guard import PluginFailed
from conserje.storage.database import Connection, Pool, plan_for_any
from conserje.tenants import data_keys, tenants
from conserje.tenants.patches import patched
from conserje.tenants.refusals import Missing, TenantError, refusals
from conserje.tenants.tenants import Status, Tenant

if TYPE_CHECKING:
    from conserje.contract.channel import AnyChannel
    from conserje.tenants.vault import Vault


WhenUncertain = Literal["hold", "resend"]  # what becomes of a message that nobody can ask the provider for

_TEMPLATE = TypeAdapter(Template)
_ABILITIES = TypeAdapter(Abilities)


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A tenant's identity at one channel's provider, credentials sealed."""

    id: int
    channel: str
    address: str
    settings: dict[str, Any]
    credentials: str | None = field(repr=False)
    status: Status
    quiet_period: timedelta | None = None  # None: the tenant's
    window_template: Template | None = None  # as which a reply leaves that comes too late to leave as it is
    abilities: Abilities | None = None  # what its model was found to be able to do
    uncertain: WhenUncertain = "hold"

    @classmethod
    def from_row(cls, row: Mapping[str, Any] | asyncpg.Record) -> AccountRow:
        values = {name: row[name] for name in cls.__slots__}
        values |= {name: intern(values[name]) for name in ("channel", "status")}  # one of all that are equal
        values["settings"] = json.loads(row["settings"])
        if row["quiet_period"] is not None:
            values["quiet_period"] = timedelta(seconds=float(row["quiet_period"]))
        if row["window_template"] is not None:
            values["window_template"] = _TEMPLATE.validate_json(row["window_template"])
        if row["abilities"] is not None:
            values["abilities"] = _read_abilities(row["abilities"])
        return cls(**values)

    @property
    def active(self) -> bool:
        return self.status == "active"

    def quiet_period_of(self, tenant: Tenant) -> timedelta:
        """How long a contact must be silent before an answer is thought."""
        return tenant.quiet_period if self.quiet_period is None else self.quiet_period


def _read_abilities(written: str) -> Abilities | None:
    """None, as if nobody had tried, for what another release has written otherwise."""
    try:
        return _ABILITIES.validate_json(written)
    except ValidationError:
        return None


FIND = f"""
SELECT {tenants.COLUMNS},
       coalesce((SELECT json_agg(json_build_object(
                            'id', id, 'channel', channel, 'address', address, 'settings', settings::text,
                            'credentials', credentials, 'status', status,
                            'quiet_period', extract(epoch FROM accounts.quiet_period),
                            'window_template', window_template::text, 'abilities', abilities::text,
                            'uncertain', uncertain)
                        ORDER BY channel, address)
                 FROM accounts WHERE tenant_id = tenants.id), '[]') AS accounts
FROM tenants
WHERE id = CASE $1 WHEN 'slug' THEN coalesce(
                       (SELECT id FROM tenants WHERE slug = $2),
                       (SELECT tenant_id FROM former_slugs WHERE slug = $2 AND until > now()))
                   WHEN 'domain' THEN (SELECT tenant_id FROM domains WHERE host = $2)
                   WHEN 'id' THEN $2::bigint END
"""  # noqa: S608 - names of our own


async def find(
    database: Connection | Pool, by: Literal["slug", "domain", "id"], value: str
) -> tuple[Tenant, tuple[AccountRow, ...]] | None:
    """A tenant with all its accounts, in one query."""
    row = await database.fetchrow(FIND, by, value)
    if row is None:
        return None
    return Tenant.from_row(row), tuple(
        AccountRow.from_row(account) for account in json.loads(row["accounts"])
    )


COLUMNS = (
    "id, channel, address, settings, credentials, status, extract(epoch FROM quiet_period) AS quiet_period,"
    " window_template, abilities, uncertain"
)

LIST = f"""
SELECT {COLUMNS} FROM accounts WHERE tenant_id = $1 ORDER BY channel, address
"""  # noqa: S608 - names of our own

GET = f"SELECT {COLUMNS} FROM accounts WHERE tenant_id = $1 AND id = $2"  # noqa: S608 - names of our own
GET_LOCKED = GET + " FOR NO KEY UPDATE"

ADD = f"""
INSERT INTO accounts (tenant_id, channel, address, settings, credentials, status, quiet_period,
                      window_template, uncertain)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING {COLUMNS}
"""  # noqa: S608 - names of our own

# An operator may have made the row for the sake of its settings, without what core makes up.
ENSURE = """
INSERT INTO accounts (tenant_id, channel, address, credentials, quiet_period) VALUES ($1, $2, $2, $3, $4)
ON CONFLICT (tenant_id, channel, address)
DO UPDATE SET credentials = excluded.credentials, quiet_period = excluded.quiet_period
WHERE accounts.credentials IS NULL
"""

SETTINGS = """
SELECT settings FROM accounts WHERE tenant_id = $1 AND channel = $2 AND address = $3 FOR NO KEY UPDATE
"""

CHANGE = """
UPDATE accounts SET settings = coalesce($4, settings), credentials = coalesce($5, credentials),
    status = coalesce($6, status),
    window_template = CASE WHEN $7::text IS NULL THEN window_template ELSE nullif($7, '')::jsonb END,
    uncertain = coalesce($8, uncertain),
    checked = CASE WHEN $4 IS NULL AND $5 IS NULL THEN checked END
WHERE tenant_id = $1 AND channel = $2 AND address = $3
"""

SEALED = """
SELECT id, credentials FROM accounts WHERE tenant_id = $1 AND channel = $2 AND address = $3 FOR UPDATE
"""

MOVE = """
UPDATE accounts SET address = $3, credentials = $4, checked = NULL WHERE tenant_id = $1 AND id = $2
"""

CHANNELS = """
SELECT tenant_id, array_agg(DISTINCT channel ORDER BY channel) AS channels
FROM accounts WHERE status = 'active' GROUP BY tenant_id
"""

OTHERS_AT = """
SELECT slug FROM accounts JOIN tenants ON tenants.id = tenant_id
WHERE channel = $2 AND address = $3 AND tenant_id <> $1 ORDER BY slug
"""

AT_ADDRESSES = """
SELECT address, array_agg(tenant_id ORDER BY tenant_id) AS tenant_ids FROM accounts
WHERE channel = $1 AND address = ANY ($2) GROUP BY address
"""

# Among some accounts: strangers may ask for this, if seldom.
WITH_SECRETS = """
SELECT DISTINCT tenant_id FROM (
    SELECT tenant_id, credentials FROM accounts WHERE channel = $1 ORDER BY address LIMIT 1000) AS few
WHERE credentials IS NOT NULL LIMIT $2
"""


async def add(
    connection: Connection,
    tenant_id: int,
    channel: str,
    address: str,
    *,
    settings: Mapping[str, Any] | None = None,
    credentials: str | None = None,
    status: Status = "active",
    quiet_period: timedelta | None = None,
    window_template: Template | None = None,
    uncertain: WhenUncertain = "hold",
) -> AccountRow:
    """Store an account; `credentials` are sealed. Raises TenantError."""
    given = json.dumps(settings or {})
    with refusals():
        row = await connection.fetchrow(
            ADD,
            tenant_id,
            channel,
            address,
            given,
            credentials,
            status,
            quiet_period,
            window_template and to_json(window_template),
            uncertain,
        )
    assert row is not None
    return AccountRow.from_row(row)


async def ensure(connection: Connection, vault: Vault, tenant_id: int, channel: AnyChannel) -> None:
    """Let the tenant have its account of a channel that every tenant has. Raises TenantError or VaultError.

    Its address is the channel's name, its credentials are what their model makes up.
    """
    try:
        plain = guard.called(channel, "", "Credentials", _made_up)
    except PluginFailed as error:
        raise TenantError(f"The account {channel.name} cannot be made: its model {error.told}.") from None
    async with connection.transaction():
        sealed = await seal_credentials(connection, vault, tenant_id, channel.name, channel.name, plain)
        await connection.execute(ENSURE, tenant_id, channel.name, sealed, channel.quiet_period)


def _made_up(credentials: Any) -> bytes:
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in credentials
    }
    return json.dumps(plain).encode()


async def merged_settings(
    connection: Connection, tenant_id: int, channel: str, address: str, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """The account's settings with `changes`, to be stored in the same transaction.

    Raises TenantError where there is no such account.
    """
    settings = await connection.fetchval(SETTINGS, tenant_id, channel, address)
    if settings is None:
        raise no_account(channel, address)
    return patched(json.loads(settings), changes)


async def change(
    connection: Connection,
    tenant_id: int,
    channel: str,
    address: str,
    *,
    settings: Mapping[str, Any] | None = None,
    credentials: str | None = None,
    status: Status | None = None,
    window_template: Template | Literal[""] | None = None,
    uncertain: WhenUncertain | None = None,
) -> None:
    """Replace what is given; an empty template takes the template away.

    Raises TenantError where there is no such account.
    """
    given = None if settings is None else json.dumps(settings)
    with refusals():
        done = await connection.execute(
            CHANGE,
            tenant_id,
            channel,
            address,
            given,
            credentials,
            status,
            to_json(window_template) if window_template else window_template,
            uncertain,
        )
    if done == "UPDATE 0":
        raise no_account(channel, address)


async def move(
    connection: Connection, vault: Vault, tenant_id: int, channel: str, address: str, to: str
) -> None:
    """Let the account have another address, in the caller's transaction; its conversations stay, its
    credentials are sealed anew.

    Raises TenantError or VaultError.
    """
    key = await data_keys.sealing_key(connection, vault, tenant_id)
    row = await connection.fetchrow(SEALED, tenant_id, channel, address)
    if row is None:
        raise no_account(channel, address)
    sealed = row["credentials"]
    if sealed is not None:
        plain = vault.unseal(key, credentials_context(tenant_id, channel, address), sealed)
        sealed = vault.seal(key, credentials_context(tenant_id, channel, to), plain)
    with refusals():
        await connection.execute(MOVE, tenant_id, row["id"], to, sealed)


async def channels(connection: Connection) -> dict[int, list[str]]:
    """By the tenants' ids, the channels of which they have an active account."""
    return {row["tenant_id"]: row["channels"] for row in await connection.fetch(CHANNELS)}


async def others_at(database: Connection | Pool, tenant_id: int, channel: str, address: str) -> list[str]:
    """The slugs of other tenants that have an account at this address."""
    return [row["slug"] for row in await database.fetch(OTHERS_AT, tenant_id, channel, address)]


async def list_all(connection: Connection, tenant_id: int) -> list[AccountRow]:
    return [AccountRow.from_row(row) for row in await connection.fetch(LIST, tenant_id)]


async def get(connection: Connection, tenant_id: int, account_id: int, *, lock: bool = False) -> AccountRow:
    """An account by its id; locked, it stays so until the transaction ends. Raises TenantError."""
    row = await connection.fetchrow(GET_LOCKED if lock else GET, tenant_id, account_id)
    if row is None:
        raise Missing(f"The tenant has no account {account_id}: see `conserje account list`.", "id")
    return AccountRow.from_row(row)


async def tenants_at(
    database: Connection | Pool, channel: str, addresses: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """The ids of the tenants that have an account at each of these addresses, where there are any."""
    rows = await database.fetch(AT_ADDRESSES, channel, list(addresses))
    return {row["address"]: tuple(row["tenant_ids"]) for row in rows}


async def with_secrets(database: Connection | Pool, channel: str, most: int) -> list[int]:
    """The ids of tenants that have an account of the channel with credentials of its own: some, where there
    are many."""
    return [row["tenant_id"] for row in await database.fetch(WITH_SECRETS, channel, most)]


async def remove(connection: Connection, tenant_id: int, channel: str, address: str) -> None:
    """Delete the account and its conversations. Raises TenantError where there is none."""
    async with connection.transaction():
        await plan_for_any(connection)
        done = await connection.execute(
            "DELETE FROM accounts WHERE tenant_id = $1 AND channel = $2 AND address = $3",
            tenant_id,
            channel,
            address,
            timeout=tenants.REMOVAL_LIMIT,
        )
    if done == "DELETE 0":
        raise no_account(channel, address)


def no_account(channel: str, address: str) -> Missing:
    return Missing(f"The tenant has no account {channel} {address}: see `conserje account list`.", "address")


def credentials_context(tenant_id: int, channel: str, address: str) -> tuple[str, ...]:
    """What the credentials of an account are sealed to."""
    return (str(tenant_id), channel, address, "credentials")


async def seal_credentials(
    connection: Connection, vault: Vault, tenant_id: int, channel: str, address: str, plain: bytes
) -> str:
    """The credentials (JSON) as the account's row holds them, to be stored in the same transaction.

    Raises TenantError or VaultError.
    """
    key = await data_keys.sealing_key(connection, vault, tenant_id)
    return vault.seal(key, credentials_context(tenant_id, channel, address), plain)


NOTE_ABILITIES = "UPDATE accounts SET abilities = $3 WHERE tenant_id = $1 AND id = $2"


async def note_abilities(
    connection: Connection, tenant_id: int, account_id: int, abilities: Abilities
) -> None:
    """Remember what the account's model was found to be able to do; nothing for an account removed."""
    written = _ABILITIES.dump_json(abilities).decode()
    await connection.execute(NOTE_ABILITIES, tenant_id, account_id, written)


NOTE_WITHHELD = """
UPDATE accounts SET withheld = $4 WHERE tenant_id = $1 AND channel = $2 AND address = $3 AND withheld <> $4
"""

WITHHELD = """
SELECT slug, channel, address, withheld FROM accounts JOIN tenants ON tenants.id = tenant_id
WHERE withheld <> '' ORDER BY accounts.id LIMIT $1
"""


async def note_withheld(pool: Pool, tenant_id: int, tool: str, address: str, why: str) -> bool:
    """Remember what the account's tool withholds, "" for nothing; whether that is news."""
    return await pool.execute(NOTE_WITHHELD, tenant_id, tool, address, why) != "UPDATE 0"


async def withheld(connection: Connection, most: int) -> list[str]:
    """What tools withhold, of all tenants, each with its account."""
    rows = await connection.fetch(WITHHELD, most)
    return ["{slug} {channel} {address}: {withheld}".format(**row) for row in rows]


NOTE_SEEN = """
INSERT INTO secrets_seen (tenant_id, account_id, name)
SELECT tenant_id, id, $3 FROM accounts WHERE tenant_id = $1 AND id = $2
ON CONFLICT (tenant_id, account_id, name) DO UPDATE SET last_seen = now()
"""


async def note_secret_seen(connection: Connection, tenant_id: int, account_id: int, name: str) -> None:
    """Remember that the provider signs with the account's secret `name`; nothing for an account removed."""
    await connection.execute(NOTE_SEEN, tenant_id, account_id, name)
