"""Marks: how far what is kept of a tenant has come, so that who looks at it knows when to look again.

Read from numbers that rows have anyway: who takes messages does nothing for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from conserje.storage.database import Pool

# Each is the end of an index.
OF_TENANTS = """
SELECT tenant.id,
    (SELECT max(messages.id) FROM messages WHERE tenant_id = tenant.id) AS said,
    (SELECT max(sent_number) FROM messages WHERE tenant_id = tenant.id AND sent_number IS NOT NULL) AS sent,
    (SELECT max(number) FROM statuses WHERE tenant_id = tenant.id AND number IS NOT NULL) AS reported,
    (SELECT max(notifications.id) FROM notifications WHERE tenant_id = tenant.id) AS happened,
    (SELECT max(audit.id) FROM audit WHERE tenant_id = tenant.id) AS done
FROM unnest($1::bigint[]) AS tenant (id)
"""
OF_ALL = "SELECT (SELECT last_value FROM messages_id_seq), (SELECT last_value FROM notification_numbers)"


class Mark(NamedTuple):
    """The last numbers; what is another mark is another state."""

    said: int | None = None
    sent: int | None = None
    reported: int | None = None
    happened: int | None = None
    done: int | None = None


async def of_tenants(pool: Pool, tenant_ids: Sequence[int]) -> dict[int, Mark]:
    rows = await pool.fetch(OF_TENANTS, tenant_ids)
    return {tenant_id: Mark(*mark) for tenant_id, *mark in rows}


async def of_all(pool: Pool) -> tuple[int, int]:
    """Of the whole installation; it may move a moment before what moved it can be read."""
    row = await pool.fetchrow(OF_ALL)
    assert row is not None
    return row[0], row[1]
