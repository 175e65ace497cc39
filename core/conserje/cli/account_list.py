"""`conserje account list`: what a tenant's accounts are, and how they are."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from conserje.cli.table import json_option, show_rows
from conserje.cli.times import ago
from conserje.conversations import illness
from conserje.installation import Installation, with_installation
from conserje.storage.database import Connection
from conserje.tenants import accounts, tenants
from conserje.tenants.accounts import AccountRow

if TYPE_CHECKING:
    from conserje.conversations.illness import Illness
    from conserje.intake.reconcile import Fetch


@click.command("list")
@click.argument("slug")
@json_option
@with_installation
async def list_accounts(installation: Installation, slug: str, as_json: bool) -> None:
    """List a tenant's accounts, without their credentials; in red those that are ill.

    \b
    Example:
      conserje account list acme
    """
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        found = await described_all(connection, tenant.id)
    if not as_json:
        for row in found:
            row["ill_since"] = row["ill_since"] and ago(datetime.fromisoformat(row["ill_since"]))
    show_rows(found, as_json, f"{slug} has no accounts.", alarming=lambda row: row["ill_of"])


async def described_all(connection: Connection, tenant_id: int) -> list[dict[str, Any]]:
    """A tenant's accounts as they may be shown."""
    from conserje.intake import reconcile

    fetches = await reconcile.list_all(connection, tenant_id)
    illnesses = await illness.list_all(connection, tenant_id)
    return [
        _described(account, fetches.get(account.id), illnesses.get(account.id))
        for account in await accounts.list_all(connection, tenant_id)
    ]


def _described(account: AccountRow, fetch: Fetch | None, ill: Illness | None) -> dict[str, Any]:
    return {
        "channel": account.channel,
        "address": account.address,
        "status": account.status,
        "credentials": "sealed" if account.credentials else "the operator's",
        "settings": account.settings,
        "window_template": asdict(account.window_template) if account.window_template else None,
        "uncertain": account.uncertain,
        "fetched_at": fetch.fetched_at.isoformat(timespec="seconds") if fetch else None,
        "fetch_failed": fetch.cause if fetch else None,
        "ill_since": ill.since.isoformat(timespec="seconds") if ill else None,
        "ill_of": ill.cause if ill else None,
    }
