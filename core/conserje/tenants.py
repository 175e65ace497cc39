"""Tenants, their domains and their senders, as the tables hold them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import asyncpg

from conserje.assistant import Tenant as TenantSeen
from conserje.database import Connection, Pool
from conserje.errors import OperatorError

if TYPE_CHECKING:
    from conserje.vault import Vault


LateRule = Literal["answer", "apologise", "hand_over", "park"]


class TenantError(OperatorError):
    """What was asked of a tenant or an account cannot be; the text says why."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A client business; its slug is the first label of its host."""

    id: int
    slug: str
    name: str
    status: str
    aliases: tuple[str, ...]
    locale: str
    currency: str
    time_zone: str
    assistant: str
    fallback_assistant: str
    assistant_settings: dict[str, Any]
    quiet_period: timedelta
    longest_wait: timedelta
    hand_back_after: timedelta
    late_after: timedelta
    late_rule: LateRule
    late_text: str | None
    held_text: str | None
    notice_url: str | None
    notice_email: str | None
    data_key: str | None = field(repr=False)

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Tenant:
        values = {name: row[name] for name in cls.__slots__}
        values["aliases"] = tuple(row["aliases"])
        values["assistant_settings"] = json.loads(row["assistant_settings"])
        return cls(**values)

    @property
    def active(self) -> bool:
        return self.status == "active"

    @property
    def seen(self) -> TenantSeen:
        """What a plugin sees of it."""
        return TenantSeen(self.slug, self.name, self.locale, self.currency, self.time_zone)


SENTENCES = {
    "tenants_slug_key": "The slug is taken.",
    "tenants_slug_form": "A slug is 1 to 40 of a-z, 0-9 and -, with no - at either end and no -- at 3.",
    "tenants_slug_reserved": "The slug is reserved for the installation's own hosts.",
    "tenants_name_check": "A tenant's name is 1 to 200 characters.",
    "api_keys_name_check": "A key's name is 1 to 100 characters.",
    "tenants_status_check": "A tenant's status is active or suspended.",
    "tenants_locale_check": "A locale is a language and perhaps a country, like es-CL.",
    "tenants_currency_check": "A currency is three capital letters, like CLP.",
    "tenants_time_zone_check": "The time zone is unknown; write one like America/Santiago.",
    "tenants_assistant_settings_check": "The assistant's settings are a JSON object.",
    "tenants_metadata_check": "A tenant's metadata is a JSON object.",
    "tenants_quiet_period_check": "A quiet period is 0 to 60 seconds.",
    "tenants_longest_wait_check": "The longest wait is 0 to 10 minutes.",
    "tenants_hand_back_after_check": "The time after which a conversation is handed back is more than 0.",
    "tenants_late_after_check": "The time after which a message is late is more than 0.",
    "tenants_late_rule_check": "A late rule is answer, apologise, hand_over or park.",
    "tenants_late_text_check": "The text for late answers is 1 to 1000 characters.",
    "tenants_held_text_check": "The text for held conversations is 1 to 1000 characters.",
    "tenants_notice_url_check": "A notice's address is https://host/path, without a user in it.",
    "tenants_notice_email_check": "A notice's e-mail address is like team@example.com.",
    "tenants_data_key_check": "A data key is wrapped by the vault and begins with v1.",
    "domains_host_key": "The domain belongs to a tenant already.",
    "domains_host_check": "A domain is a host name like chat.example.com, in lower case and without a port.",
    "accounts_channel_check": "A channel's name is a-z, 0-9 and _, at most 40.",
    "accounts_address_check": "An address is 1 to 200 characters without space at either end.",
    "accounts_settings_check": "An account's settings are a JSON object.",
    "accounts_credentials_sealed": "Credentials are sealed and begin with v1: `conserje seal` makes them.",
    "accounts_status_check": "An account's status is active or suspended.",
    "accounts_tenant_id_channel_address_key": (
        "The tenant has this account already. To change its credentials, set the column to what "
        "`conserje seal` prints."
    ),
    "accounts_quiet_period_check": "A quiet period is 0 to 60 seconds.",
    "accounts_window_template_check": (
        "An account's template for the window is a JSON object: its name, and perhaps language and values."
    ),
    "accounts_tenant_id_fkey": "There is no such tenant.",
    "domains_tenant_id_fkey": "There is no such tenant.",
    "sender_tenants_phone_check": "A phone is a + and 6 to 15 digits, its country first.",
    "sender_tenants_phone_key": "The phone writes to a tenant already.",
    "sender_tenants_tenant_id_fkey": "There is no such tenant.",
}


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the database refuses into a sentence; its own text may show the row."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        rule = error.constraint_name or error.column_name or ""
        raise TenantError(SENTENCES.get(rule, f"The database refuses the row by its rule {rule}.")) from None
    except asyncpg.InvalidParameterValueError:
        raise TenantError(SENTENCES["tenants_time_zone_check"]) from None
    except (asyncpg.DataError, ValueError):
        raise TenantError("A value holds characters that the database cannot store.") from None


TENANT = """
SELECT id, slug, name, status, aliases, locale, currency, time_zone, assistant, fallback_assistant,
       assistant_settings, quiet_period, longest_wait, hand_back_after, late_after, late_rule, late_text,
       held_text, notice_url, notice_email, data_key
FROM tenants
"""
GET = TENANT + "WHERE slug = $1"
LIST = TENANT + "ORDER BY slug"


async def add(connection: Connection, slug: str, name: str, **values: object) -> Tenant:
    """Store a tenant; `values` are further columns, the others have their defaults. Raises TenantError."""
    columns = {"slug": slug, "name": name, **values}
    with refusals():
        await connection.execute(_insert("tenants", list(columns)), *columns.values())
    return await get(connection, slug)


async def get(connection: Connection, slug: str) -> Tenant:
    """Raises TenantError where there is none."""
    if row := await connection.fetchrow(GET, slug):
        return Tenant.from_row(row)
    raise _no_tenant(slug)


async def list_all(connection: Connection) -> list[Tenant]:
    return [Tenant.from_row(row) for row in await connection.fetch(LIST)]


async def with_alias(database: Connection | Pool, alias: str) -> list[tuple[int, str]]:
    """The ids and slugs of the tenants that have this old id."""
    rows = await database.fetch(
        "SELECT id, slug FROM tenants WHERE aliases @> ARRAY[$1] ORDER BY slug", alias
    )
    return [(row["id"], row["slug"]) for row in rows]


async def slugs(database: Connection | Pool) -> list[str]:
    return [row["slug"] for row in await database.fetch("SELECT slug FROM tenants ORDER BY slug")]


async def change(connection: Connection, slug: str, **values: object) -> Tenant:
    """Replace these columns. Raises TenantError."""
    assignments = ", ".join(f"{name} = ${n}" for n, name in enumerate(values, 2))
    with refusals():
        await connection.execute(
            f"UPDATE tenants SET {assignments} WHERE slug = $1",  # noqa: S608 - names of our own
            slug,
            *values.values(),
        )
    return await get(connection, slug)


async def suspend(connection: Connection, slug: str) -> None:
    """Verify and answer the tenant's webhooks, and keep nothing. Raises TenantError."""
    await _set_status(connection, slug, "suspended")


async def resume(connection: Connection, slug: str) -> None:
    """Raises TenantError."""
    await _set_status(connection, slug, "active")


async def _set_status(connection: Connection, slug: str, status: str) -> None:
    done = await connection.execute("UPDATE tenants SET status = $2 WHERE slug = $1", slug, status)
    if done == "UPDATE 0":
        raise _no_tenant(slug)


async def remove(connection: Connection, slug: str) -> None:
    """Delete the tenant and all that is its: accounts, contacts, conversations. Raises TenantError."""
    if await connection.execute("DELETE FROM tenants WHERE slug = $1", slug) == "DELETE 0":
        raise _no_tenant(slug)


def _no_tenant(slug: str) -> TenantError:
    return TenantError(f"There is no tenant {slug}; see `conserje tenant list`.")


def reserving_base(slug: str, bases: Sequence[str]) -> str | None:
    """The base domain that takes this slug: with bases b and a.b, the host a.b is no tenant a under b."""
    known = [base.lower().removesuffix(".") for base in bases]
    return next((base for base in known for other in known if base == f"{slug}.{other}"), None)


async def add_domain(connection: Connection, tenant_id: int, host: str) -> None:
    """Let a host outside the base domains name the tenant. Raises TenantError."""
    with refusals():
        await connection.execute(_insert("domains", ["tenant_id", "host"]), tenant_id, host)


async def remove_domain(connection: Connection, tenant_id: int, host: str) -> None:
    """Raises TenantError where the tenant has no such domain."""
    done = await connection.execute("DELETE FROM domains WHERE tenant_id = $1 AND host = $2", tenant_id, host)
    if done == "DELETE 0":
        raise TenantError(f"The tenant has no domain {host}; see `conserje tenant show`.")


async def list_domains(connection: Connection, tenant_id: int) -> list[str]:
    rows = await connection.fetch("SELECT host FROM domains WHERE tenant_id = $1 ORDER BY host", tenant_id)
    return [row["host"] for row in rows]


async def data_key(connection: Connection, vault: Vault, tenant_id: int) -> str:
    """The tenant's wrapped data key, made at the first need. Raises TenantError or VaultError."""
    row = await connection.fetchrow("SELECT data_key FROM tenants WHERE id = $1", tenant_id)
    if row is not None and row["data_key"] is None:
        row = await connection.fetchrow(
            # Two at once: the second finds the row changed and takes the first one's key.
            "UPDATE tenants SET data_key = coalesce(data_key, $2) WHERE id = $1 RETURNING data_key",
            tenant_id,
            vault.new_data_key(),
        )
    if row is None:
        raise TenantError("There is no such tenant.")
    key: str = row["data_key"]
    return key


DATA_KEYS = """
SELECT split_part(data_key, '.', 2) AS master, count(*) AS tenants, min(data_key) AS example
FROM tenants WHERE data_key IS NOT NULL GROUP BY 1 ORDER BY 1
"""


async def data_keys(connection: Connection) -> dict[str, tuple[int, str]]:
    """For each master key in use: how many tenants' data keys it wraps, and one of these."""
    return {row["master"]: (row["tenants"], row["example"]) for row in await connection.fetch(DATA_KEYS)}


OTHERWISE_WRAPPED = """
SELECT id, data_key FROM tenants WHERE data_key IS NOT NULL AND split_part(data_key, '.', 2) <> $1 LIMIT $2
"""

REWRAP = """
UPDATE tenants SET data_key = new.after
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS new (id, before, after)
WHERE tenants.id = new.id AND tenants.data_key = new.before
"""


async def rewrap_data_keys(connection: Connection, vault: Vault, largest: int = 300) -> int:
    """Wrap up to `largest` data keys by the newest master key; how many were found, 0: none is left.

    Raises VaultError.
    """
    rows = await connection.fetch(OTHERWISE_WRAPPED, vault.sealing_key.id, largest)
    if rows:
        ids, before = [row["id"] for row in rows], [row["data_key"] for row in rows]
        await connection.execute(REWRAP, ids, before, [vault.rewrap(key) for key in before])
    return len(rows)


def _insert(table: str, columns: Sequence[str]) -> str:
    values = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608 - names of our own
