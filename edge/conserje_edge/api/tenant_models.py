"""What is asked and answered of tenants."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from conserje.tenants.tenants import LateRule, Status, Tenant
from conserje_edge.api.models import LARGEST, Given, Shown, Slug, Time

# Durations, which are written as seconds.
SECONDS = (
    "quiet_period", "longest_wait", "hand_back_after", "late_after", "keep_messages", "keep_files",
    "keep_statuses",
)  # fmt: skip
_PLAIN = (
    "slug", "name", "status", "locale", "currency", "time_zone", "assistant", "fallback_assistant",
    "assistant_settings", "tool_settings", "lead_rule", "voice_notes", "late_rule", "late_text", "held_text",
    "notice_url", "notice_email", "context_days", "tokens_of_contact", "usd_of_contact", "tokens_of_day",
    "usd_of_day", "tokens_of_month", "usd_of_month", "hold_over_month",
)  # fmt: skip

Name = Annotated[str, Field(min_length=1, max_length=200, description="The name of the business.")]
Locale = Annotated[str, Field(pattern="^[a-z]{2}(-[A-Z]{2})?$", examples=["es-CL"])]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["CLP"])]
TimeZone = Annotated[str, Field(min_length=1, max_length=100, examples=["America/Santiago"])]
Plugin = Annotated[str, Field(min_length=1, max_length=40)]
Seconds = Annotated[float, Field(ge=0, le=36500 * 86400, description="In seconds.")]
Said = Annotated[str, Field(min_length=1, max_length=1000)]
Tokens = Annotated[int, Field(ge=0, le=LARGEST, description="0: no bound; null: the operator's.")]
Usd = Annotated[
    Decimal,
    Field(
        ge=0, le=1_000_000, max_digits=16, decimal_places=6, description="0: no bound; null: the operator's."
    ),
]
Settings = dict[str, JsonValue]


class TenantListed(Shown):
    """A tenant in a list."""

    slug: str
    name: str
    status: Status
    url: Annotated[str, Field(description="Its public address.")]
    time_zone: str


class TenantShown(TenantListed):
    """A tenant; its durations are in seconds."""

    locale: str
    currency: str
    assistant: str
    fallback_assistant: str
    assistant_settings: Annotated[dict[str, Any], Field(description="By assistant.")]
    tool_settings: Annotated[dict[str, Any], Field(description="By tool; false: it is off.")]
    lead_rule: str
    voice_notes: Annotated[
        str | None, Field(description="The assistant that writes them down; null: nobody hears them.")
    ]
    quiet_period: float
    longest_wait: float
    hand_back_after: float
    late_after: float
    late_rule: LateRule
    late_text: str | None
    held_text: str | None
    notice_url: str | None
    notice_email: str | None
    keep_messages: Annotated[float | None, Field(description="null: nobody has said, so all.")]
    keep_files: Annotated[float | None, Field(description="null: as long as their messages.")]
    keep_statuses: Annotated[float | None, Field(description="null: nobody has said, so all.")]
    context_days: int
    hours: Annotated[dict[str, Any], Field(description="`week` by day, `exceptions` by date.")]
    tokens_of_contact: int | None
    usd_of_contact: Decimal | None
    tokens_of_day: int | None
    usd_of_day: Decimal | None
    tokens_of_month: int | None
    usd_of_month: Decimal | None
    hold_over_month: bool
    aliases: list[str]
    former_slugs: Annotated[dict[str, Time], Field(description="What it was called, and until when.")]
    domains: list[str]
    phones: Annotated[list[str], Field(description="Whose messages to `POST /webhook` are its.")]


class NewTenant(Given):
    """A tenant that is to be added; what is not given has its default."""

    slug: Slug
    name: Name
    assistant: Plugin | None = None
    locale: Locale = "es-CL"
    currency: Currency = "CLP"
    time_zone: TimeZone = "America/Santiago"
    phones: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=40)]],
        Field(max_length=100, description="Whose messages to `POST /webhook` are its."),
    ] = Field(default_factory=list)


def _omitted() -> Any:
    """What need not be given, and is not null where it is."""
    return Field(default_factory=lambda: None)


class ChangedTenant(Given):
    """What changes of a tenant: what is not named stays."""

    slug: Annotated[Slug, Field(description="The one before goes on for 90 days.")] = _omitted()
    name: Name = _omitted()
    assistant: Plugin = _omitted()
    fallback_assistant: Plugin = _omitted()
    assistant_settings: Annotated[
        dict[Plugin, Settings | None], Field(max_length=50, description="By assistant, merged.")
    ] = _omitted()
    tool_settings: Annotated[
        dict[Plugin, Settings | Literal[False]],
        Field(max_length=50, description="By tool, merged; false: off."),
    ] = _omitted()
    lead_rule: Annotated[
        str, Field(min_length=1, max_length=100, description="turns, least_open, or a person's name.")
    ] = _omitted()
    voice_notes: (
        Annotated[Plugin, Field(description="An assistant; each voice note goes to its vendor.")] | None
    ) = None
    locale: Locale = _omitted()
    currency: Currency = _omitted()
    time_zone: TimeZone = _omitted()
    quiet_period: Seconds = _omitted()
    longest_wait: Seconds = _omitted()
    hand_back_after: Seconds = _omitted()
    late_after: Seconds = _omitted()
    late_rule: LateRule = _omitted()
    late_text: Said | None = None
    held_text: Said | None = None
    notice_url: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    notice_email: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    keep_messages: Seconds | None = None
    keep_files: Seconds | None = None
    keep_statuses: Seconds | None = None
    context_days: Annotated[int, Field(ge=1, le=36500)] = _omitted()
    hours: Annotated[
        dict[Literal["week", "exceptions"], dict[str, JsonValue] | None],
        Field(
            description="Merged by day: null takes one away.",
            examples=[{"week": {"monday": ["09:00-18:00"]}}],
        ),
    ] = _omitted()
    aliases: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]],
        Field(max_length=100, description="Old ids by which it is known, too; all of them."),
    ] = _omitted()
    tokens_of_contact: Tokens | None = None
    usd_of_contact: Usd | None = None
    tokens_of_day: Tokens | None = None
    usd_of_day: Usd | None = None
    tokens_of_month: Tokens | None = None
    usd_of_month: Usd | None = None
    hold_over_month: bool = _omitted()


def shown_columns(tenant: Tenant) -> dict[str, Any]:
    """What is shown as it is stored, and the durations as seconds."""
    columns = {name: getattr(tenant, name) for name in _PLAIN} | {"aliases": list(tenant.aliases)}
    durations: dict[str, timedelta | None] = {name: getattr(tenant, name) for name in SECONDS}
    return columns | {
        name: None if each is None else each.total_seconds() for name, each in durations.items()
    }


def as_column(name: str, value: Any) -> Any:
    """What is given, as its column has it."""
    return timedelta(seconds=value) if name in SECONDS and value is not None else value
