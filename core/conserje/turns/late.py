"""The late rule: which turns come too late for a tenant, and what is said to their contacts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from conserje.contract.language import in_language
from conserje.contract.message import Text
from conserje.telemetry import clocks
from conserje.tenants import words
from conserje.tenants.tenants import Tenant


def late(
    tenant: Tenant, written: Iterable[datetime], unparked_at: datetime | None, now: datetime
) -> timedelta | None:
    """How old the oldest unanswered message is, if that is too old for the tenant.

    It does not matter whose fault it is, the provider's, an outage's or a worker's: the contact has
    waited all the same. What an operator let be answered is late no more.
    """
    counting = [at for at in written if unparked_at is None or at > unparked_at]
    age = now - min(counting, default=now)
    return age if age > after(tenant) else None


def after(tenant: Tenant) -> timedelta:
    """From what age on a message is too old for the tenant."""
    # Somebody who writes on and on is waited for by the tenant's own wish.
    # Providers and the spool tell times of other clocks than Postgres'.
    return max(tenant.late_after, tenant.longest_wait) + clocks.postgres()


def cause(tenant: Tenant, age: timedelta) -> str:
    """Why a turn was not thought, for the operator."""
    waited = timedelta(seconds=round(age.total_seconds()))
    return f"The oldest message is {waited} old: the tenant's late rule is {tenant.late_rule}."


def apology(tenant: Tenant) -> Text:
    """What is said before a late answer."""
    return _said(tenant, words.LATE)


def notice(tenant: Tenant) -> Text:
    """What is said when a late conversation is handed over."""
    return _said(tenant, words.LATE_PASSED_ON)


def _said(tenant: Tenant, sentences: dict[str, str]) -> Text:
    return Text(tenant.late_text or in_language(sentences, tenant.locale))
