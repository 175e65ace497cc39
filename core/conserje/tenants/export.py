"""Records: all that a tenant's rows need to be the same again, without what is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from conserje.contract.message import Template
from conserje.storage.database import Connection
from conserje.tenants import accounts, tenants
from conserje.tenants import domains as tenant_domains
from conserje.tenants import phones as tenant_phones
from conserje.tenants.accounts import WhenUncertain
from conserje.tenants.patches import patched
from conserje.tenants.tenants import LateRule, Status

if TYPE_CHECKING:
    from conserje.tenants.vault import Vault


class RecordedAccount(BaseModel):
    """An account; of its credentials only whose they are."""

    model_config = ConfigDict(extra="forbid", ser_json_timedelta="float")

    channel: str
    address: str
    settings: dict[str, Any] = Field(default_factory=dict)
    status: Status = "active"
    quiet_period: timedelta | None = None
    window_template: Template | None = None
    uncertain: WhenUncertain | None = None
    credentials: Literal["sealed", "the operator's", "missing"] | None = None


class Record(BaseModel):
    """A tenant. What is None is not given: a new tenant has the default there, an old one what it has.

    But for a term that is said to be none: what has none is kept.
    """

    model_config = ConfigDict(extra="forbid", ser_json_timedelta="float")

    slug: str
    name: str
    status: Status | None = None
    aliases: list[str] | None = None
    locale: str | None = None
    currency: str | None = None
    time_zone: str | None = None
    assistant: str | None = None
    fallback_assistant: str | None = None
    assistant_settings: dict[str, dict[str, Any]] | None = None
    tool_settings: dict[str, dict[str, Any] | Literal[False]] | None = None
    lead_rule: str | None = None
    voice_notes: str | None = None
    quiet_period: timedelta | None = None
    longest_wait: timedelta | None = None
    hand_back_after: timedelta | None = None
    late_after: timedelta | None = None
    late_rule: LateRule | None = None
    late_text: str | None = None
    held_text: str | None = None
    notice_url: str | None = None
    notice_email: str | None = None
    keep_messages: timedelta | None = None
    keep_files: timedelta | None = None
    keep_statuses: timedelta | None = None
    context_days: int | None = None
    hours: dict[str, Any] | None = None
    tokens_of_contact: int | None = None
    usd_of_contact: Decimal | None = None
    tokens_of_day: int | None = None
    usd_of_day: Decimal | None = None
    tokens_of_month: int | None = None
    usd_of_month: Decimal | None = None
    hold_over_month: bool | None = None
    metadata: dict[str, Any] | None = None  # what the operator's own systems say of it
    phones: list[str] | None = None
    domains: list[str] | None = None
    accounts: list[RecordedAccount] | None = None


class RecordDiffers(Exception):
    """There is a tenant of this slug, and it is not as recorded; the text names the fields."""


# Of the table tenants; the others are of tables of their own.
COLUMNS = [name for name in Record.model_fields if name not in ("phones", "domains", "accounts")]
_JSON = ("assistant_settings", "tool_settings", "metadata", "hours", "accounts")
TERMS = {"keep_messages", "keep_files", "keep_statuses"}

READ = f"""
SELECT {", ".join(COLUMNS)},
       ARRAY(SELECT phone FROM sender_tenants WHERE tenant_id = tenants.id ORDER BY phone) AS phones,
       ARRAY(SELECT host FROM domains WHERE tenant_id = tenants.id ORDER BY host) AS domains,
       coalesce((SELECT json_agg(json_build_object(
                            'channel', channel, 'address', address, 'settings', settings, 'status', status,
                            'quiet_period', extract(epoch FROM accounts.quiet_period),
                            'window_template', window_template, 'uncertain', uncertain, 'credentials',
                            CASE WHEN credentials IS NULL THEN 'the operator''s' ELSE 'sealed' END)
                        ORDER BY channel, address)
                 FROM accounts WHERE tenant_id = tenants.id), '[]') AS accounts
FROM tenants WHERE $1::text IS NULL OR slug = $1 ORDER BY slug
"""  # noqa: S608 - names of our own


KNOWN = """
SELECT slug FROM tenants WHERE slug = $1 OR metadata ->> 'bot_id' = $1 OR aliases @> ARRAY[$1]
ORDER BY slug = $1 DESC, slug LIMIT 1
"""


async def read(connection: Connection, slug: str | None = None) -> list[Record]:
    """The record of every tenant, or of the one of this slug."""
    return [
        Record.model_validate(
            {
                **row,
                **{name: json.loads(row[name]) for name in _JSON if row[name] is not None},
            }
        )
        for row in await connection.fetch(READ, slug)
    ]


async def restore(connection: Connection, record: Record) -> bool:
    """Make the tenant; False where it is there, as recorded. To be called in a transaction.

    Raises TenantError, and RecordDiffers where it is there otherwise; an account or phone more is
    no difference.
    """
    if there := await read(connection, record.slug):
        if differing := [name for name in Record.model_fields if not _same(name, record, there[0])]:
            raise RecordDiffers(f"{record.slug} is there and differs in {', '.join(differing)}.")
        return False
    said = TERMS & record.model_fields_set
    given = {name: value for name in COLUMNS if (value := getattr(record, name)) is not None or name in said}
    columns = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in given.items()}
    tenant = await tenants.add(connection, **columns)
    for phone in record.phones or ():
        await tenant_phones.add(connection, tenant.id, phone)
    for host in record.domains or ():
        await tenant_domains.add(connection, tenant.id, host)
    for account in record.accounts or ():
        await accounts.add(
            connection,
            tenant.id,
            account.channel,
            account.address,
            settings=account.settings,
            status=account.status,
            quiet_period=account.quiet_period,
            window_template=account.window_template,
            uncertain=account.uncertain or "hold",
        )
    return True


async def known(connection: Connection, old_id: str) -> str | None:
    """The slug of the tenant that has, or had, this id."""
    slug: str | None = await connection.fetchval(KNOWN, old_id)
    return slug


async def change(connection: Connection, vault: Vault, slug: str, record: Record) -> None:
    """Make the tenant as recorded; what the record does not say stays. To be called in a transaction.

    An account whose channel the tenant has once gets the recorded address. Raises TenantError or VaultError.
    """
    [there] = await read(connection, slug)
    if columns := dict(_changes(there, record)):
        await tenants.change(connection, slug, **columns)
    tenant = await tenants.get(connection, record.slug)
    for phone in set(record.phones or ()) - set(there.phones or ()):
        await tenant_phones.add(connection, tenant.id, phone)
    for host in set(record.domains or ()) - set(there.domains or ()):
        await tenant_domains.add(connection, tenant.id, host)
    for account in record.accounts or ():
        await _place(connection, vault, tenant.id, account, there.accounts or [])


def _changes(there: Record, given: Record) -> Iterator[tuple[str, object]]:
    """The columns in which the tenant differs from what is given, as they shall be."""
    for name in COLUMNS:
        before, value = getattr(there, name), getattr(given, name)
        after = patched(before or {}, value) if isinstance(value, dict) else value
        if value is not None and after != before:
            yield name, json.dumps(after) if isinstance(after, dict) else after


async def _place(
    connection: Connection, vault: Vault, tenant_id: int, given: RecordedAccount, there: list[RecordedAccount]
) -> None:
    """Change, move or add the account."""
    place, alike = (connection, tenant_id, given.channel), [a for a in there if a.channel == given.channel]
    if given.address not in [each.address for each in alike]:
        if len(alike) != 1:
            await accounts.add(*place, given.address, settings=given.settings, status=given.status)
            return
        await accounts.move(connection, vault, tenant_id, given.channel, alike[0].address, given.address)
    if given.settings or "status" in given.model_fields_set:
        merged = await accounts.merged_settings(*place, given.address, given.settings)
        await accounts.change(*place, given.address, settings=merged, status=given.status)


def _same(name: str, given: Record, there: Record) -> bool:
    wanted, found = getattr(given, name), getattr(there, name)
    match name:
        case "accounts":
            return all(any(map(partial(_is, each), found)) for each in wanted or ())
        case "phones" | "domains":
            return set(wanted or ()) <= set(found)
        case _:
            return wanted is None or wanted == found


def _is(given: RecordedAccount, there: RecordedAccount) -> bool:
    may_lack = ("quiet_period", "window_template", "uncertain")
    not_given = {name: None for name in may_lack if getattr(given, name) is None}
    there = there.model_copy(update=not_given)
    return given.model_copy(update={"credentials": there.credentials}) == there
