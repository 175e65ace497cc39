"""The table tenants: who they are, and what each wants done."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from sys import intern
from typing import Annotated, Any, Literal

import asyncpg
from pydantic import PlainValidator

from conserje.contract.assistant import Tenant as TenantSeen
from conserje.contract.hours import Hours
from conserje.storage.database import Connection, Pool, plan_for_any
from conserje.tenants.patches import patched
from conserje.tenants.refusals import SENTENCES, Missing, TenantError, refusals
from conserje.tenants.sharing import one_of

Status = Literal["active", "suspended"]
LateRule = Literal["answer", "apologise", "hand_over", "park"]

# Core's, which are on by themselves.
OWN_TOOLS = frozenset({"search_products", "search_knowledge", "hand_over", "lead"})

# Many tenants have the same, of which one is remembered.
_OFTEN_EQUAL = (
    "status", "locale", "currency", "time_zone", "assistant", "fallback_assistant", "late_rule", "lead_rule",
)  # fmt: skip
_TIMES = ("quiet_period", "longest_wait", "hand_back_after", "late_after")


def _hours(written: dict[str, Any] | None) -> Hours | None:
    """As the column has them, and the replica; None for an empty week, too."""
    try:
        hours = Hours.read(written or {})
    except ValueError:  # as a date that there is not, which the database lets pass
        return None
    return hours if hours.week or hours.exceptions else None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A client business; its slug is the first label of its host."""

    id: int
    slug: str
    name: str
    status: Status
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
    first_slug: str | None = None  # where it was called otherwise
    keep_messages: timedelta | None = None  # none: nobody has said how long, and they stay
    keep_files: timedelta | None = None  # none: as long as their messages
    keep_statuses: timedelta | None = None
    context_days: int = 30  # of what was said before, what an assistant reads
    signing_key: str | None = field(default=None, repr=False)  # where the data key was renewed
    hours: Annotated[Hours | None, PlainValidator(_hours)] = None  # none: it has not said when it is open
    tokens_of_contact: int | None = None  # a day; none: as the operator has it, 0: no bound; so all below
    usd_of_contact: Decimal | None = None
    tokens_of_day: int | None = None
    usd_of_day: Decimal | None = None
    tokens_of_month: int | None = None
    usd_of_month: Decimal | None = None
    hold_over_month: bool = False  # messages, too, once the month's bound is reached
    tool_settings: dict[str, Any] = field(default_factory=dict)  # by tool; false: it is off
    lead_rule: str = "turns"  # or least_open, or the name of a person
    voice_notes: str | None = None  # the assistant that writes them down; none: nobody hears them

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> Tenant:
        values = {name: row[name] for name in cls.__slots__}
        values |= {name: intern(values[name]) for name in _OFTEN_EQUAL}
        values |= {name: one_of(values[name]) for name in _TIMES}
        values["aliases"] = tuple(row["aliases"])
        values["assistant_settings"] = json.loads(row["assistant_settings"])
        values["tool_settings"] = json.loads(row["tool_settings"])
        values["hours"] = _hours(json.loads(row["hours"] or "null"))
        return cls(**values)

    @property
    def active(self) -> bool:
        return self.status == "active"

    def has_tool(self, name: str) -> bool:
        """Whether its assistants may call the tool."""
        return self.tool_settings.get(name, {} if name in OWN_TOOLS else False) is not False

    @property
    def signs_with(self) -> str | None:
        """The wrapped key that signs what is the tenant's."""
        return self.signing_key or self.data_key

    @property
    def context(self) -> timedelta:
        """How far back an assistant reads."""
        return timedelta(days=self.context_days)

    @property
    def seen(self) -> TenantSeen:
        """What a plugin sees of it."""
        return TenantSeen(self.slug, self.name, self.locale, self.currency, self.time_zone, self.hours)


BLANK = "\u115f\u1160\u2800\u3164\uffa0"  # letters and signs that show nothing
REMOVAL_LIMIT = 600.0  # seconds: all that was ever said goes at once, 40,000 conversations in 7 s
COLUMNS = ", ".join(each.name for each in fields(Tenant))
TENANT = f"SELECT {COLUMNS} FROM tenants "  # noqa: S608 - names of our own
GET = TENANT + "WHERE slug = $1"
LOCK = TENANT + "WHERE id = $1 FOR NO KEY UPDATE"
LIST = TENANT + "ORDER BY slug"
PAGE = (
    TENANT
    + """
WHERE slug > $1 AND ($3::bigint IS NULL OR id = $3) AND ($4::text[] IS NULL OR slug = ANY ($4))
  AND ($5 = '' OR strpos(slug, $5) > 0 OR strpos(lower(name), $5) > 0)
ORDER BY slug LIMIT $2
"""
)
CALLED_NOW = """
SELECT tenants.slug FROM former_slugs JOIN tenants ON tenants.id = tenant_id
WHERE former_slugs.slug = $1 AND until > now()
"""
FORMER = "SELECT slug, until FROM former_slugs WHERE tenant_id = $1 AND until > now() ORDER BY slug"
COUNT = "SELECT status, count(*) FROM tenants GROUP BY status ORDER BY status"
KEEPING_ALL = "SELECT count(*), min(slug) FROM tenants WHERE keep_messages IS NULL"


async def add(connection: Connection, slug: str, name: str, **values: object) -> Tenant:
    """Store a tenant; `values` are further columns, the others have their defaults. Raises TenantError."""
    columns = {"slug": slug, "name": name, **values}
    _refuse_invisible(name)
    with refusals():
        await connection.execute(_insert("tenants", list(columns)), *columns.values())
    return await get(connection, slug)


def _refuse_invisible(name: object) -> None:
    """Raises TenantError for a name of which nothing is seen; what is no text the database refuses."""
    if isinstance(name, str) and not any(_is_seen(c) for c in name):
        raise TenantError(SENTENCES["tenants_name_check"], "name")


def _is_seen(c: str) -> bool:
    return unicodedata.category(c)[0] in "LNPS" and c not in BLANK


async def get(connection: Connection, slug: str) -> Tenant:
    """Raises TenantError where there is none."""
    if row := await connection.fetchrow(GET, slug):
        return Tenant.from_row(row)
    if now := await connection.fetchval(CALLED_NOW, slug):
        raise Missing(f"{slug} is called {now} now.", "slug")
    raise _no_tenant(slug)


async def lock(connection: Connection, tenant_id: int) -> Tenant:
    """It as it is, until the transaction ends. Raises TenantError where there is none any more."""
    row = await connection.fetchrow(LOCK, tenant_id)
    if row is None:
        raise Missing("The tenant is removed: see `conserje tenant list`.", "slug")
    return Tenant.from_row(row)


async def list_all(connection: Connection) -> list[Tenant]:
    return [Tenant.from_row(row) for row in await connection.fetch(LIST)]


async def page(
    connection: Connection,
    after: str,
    limit: int,
    tenant_id: int | None = None,
    *,
    slugs: Collection[str] | None = None,
    like: str = "",
) -> list[Tenant]:
    """The next tenants by their slugs; of them this one, these, or those whose slug or name has that."""
    found = await connection.fetch(PAGE, after, limit, tenant_id, slugs, like.lower())
    return [Tenant.from_row(row) for row in found]


async def former_slugs(connection: Connection, tenant_id: int) -> dict[str, datetime]:
    """What the tenant was called, and until when it is found there."""
    return {row["slug"]: row["until"] for row in await connection.fetch(FORMER, tenant_id)}


async def count(connection: Connection) -> list[tuple[str, int]]:
    """How many tenants have each status."""
    return [(status, number) for status, number in await connection.fetch(COUNT)]


async def keeping_all(connection: Connection) -> tuple[int, str]:
    """How many tenants keep their messages for ever, since nobody has said how long; the first one's slug."""
    row = await connection.fetchrow(KEEPING_ALL)
    assert row is not None
    return row[0], row[1] or ""


async def with_alias(database: Connection | Pool, alias: str) -> list[tuple[int, str]]:
    """The ids and slugs of the tenants that have this old id."""
    rows = await database.fetch(
        "SELECT id, slug FROM tenants WHERE aliases @> ARRAY[$1] ORDER BY slug", alias
    )
    return [(row["id"], row["slug"]) for row in rows]


async def slugs(database: Connection | Pool) -> list[str]:
    return [row["slug"] for row in await database.fetch("SELECT slug FROM tenants ORDER BY slug")]


async def change(connection: Connection, slug: str, /, **values: object) -> Tenant:
    """Replace these columns. Raises TenantError."""
    tenant = await get(connection, slug)
    _refuse_invisible(values.get("name"))
    assignments = ", ".join(f"{name} = ${n}" for n, name in enumerate(values, 2))
    with refusals():
        await connection.execute(
            f"UPDATE tenants SET {assignments} WHERE id = $1",  # noqa: S608 - names of our own
            tenant.id,
            *values.values(),
        )
    return await get(connection, str(values.get("slug", slug)))


async def set_hours(connection: Connection, slug: str, written: Mapping[str, Any]) -> None:
    """Raises TenantError for what are no hours."""
    try:
        hours = Hours.read(written)
    except ValueError as error:
        raise TenantError(f"hours.{error}.", "hours") from None
    await change(connection, slug, hours=json.dumps(hours.written()))


async def change_hours(connection: Connection, slug: str, days: Mapping[str, Any]) -> None:
    """Merge these days into its hours; a day that is None goes. Raises TenantError."""
    there = (await get(connection, slug)).hours or Hours()
    await set_hours(connection, slug, patched(there.written(), days))


async def merged_settings(
    connection: Connection,
    slug: str,
    changes: Mapping[str, Any],
    column: Literal["assistant_settings", "tool_settings"] = "assistant_settings",
) -> dict[str, Any]:
    """The settings of all its assistants, or tools, with these changes, locked until they are stored.

    Raises TenantError.
    """
    settings = await connection.fetchval(
        f"SELECT {column} FROM tenants WHERE slug = $1 FOR NO KEY UPDATE",  # noqa: S608 - names of our own
        slug,
    )
    if settings is None:
        raise _no_tenant(slug)
    return patched(json.loads(settings), changes)


async def change_aliases(
    connection: Connection, slug: str, added: Sequence[str], dropped: Sequence[str]
) -> None:
    """Let old ids name the tenant, and others no longer. Raises TenantError for another tenant's."""
    tenant = await get(connection, slug)
    if unknown := [alias for alias in dropped if alias not in tenant.aliases]:
        raise TenantError(f"{slug} has no alias {unknown[0]}: see `conserje tenant show {slug}`.")
    for alias in added:
        if not alias.strip():
            raise TenantError("An alias is an old id of the tenant, and not empty.")
        if others := [other for _, other in await with_alias(connection, alias) if other != slug]:
            raise TenantError(f"The alias {alias} is {others[0]}'s: `--no-alias` there takes it away first.")
    kept = [alias for alias in dict.fromkeys((*tenant.aliases, *added)) if alias not in dropped]
    await change(connection, slug, aliases=kept)


async def suspend(connection: Connection, slug: str) -> None:
    """Verify and answer the tenant's webhooks, and keep nothing. Raises TenantError."""
    await _set_status(connection, slug, "suspended")


async def resume(connection: Connection, slug: str) -> None:
    """Raises TenantError."""
    await _set_status(connection, slug, "active")


async def _set_status(connection: Connection, slug: str, status: Status) -> None:
    done = await connection.execute("UPDATE tenants SET status = $2 WHERE slug = $1", slug, status)
    if done == "UPDATE 0":
        raise _no_tenant(slug)


async def remove(connection: Connection, slug: str) -> None:
    """Delete the tenant and all that is its: accounts, contacts, conversations. Raises TenantError."""
    async with connection.transaction():
        await plan_for_any(connection)
        done = await connection.execute("DELETE FROM tenants WHERE slug = $1", slug, timeout=REMOVAL_LIMIT)
    if done == "DELETE 0":
        raise _no_tenant(slug)


def _no_tenant(slug: str) -> Missing:
    return Missing(f"There is no tenant {slug}: see `conserje tenant list`.", "slug")


def reserving_base(slug: str, bases: Sequence[str]) -> str | None:
    """The base domain that takes this slug: with bases b and a.b, the host a.b is no tenant a under b."""
    known = [base.lower().removesuffix(".") for base in bases]
    return next((base for base in known for other in known if base == f"{slug}.{other}"), None)


def _insert(table: str, columns: Sequence[str]) -> str:
    values = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608 - names of our own
