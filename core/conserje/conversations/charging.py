"""What messages cost, once the provider has said as what it charges them."""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import Record

from conserje.conversations.messages import OF_REPORT
from conserje.conversations.rows import ReportRow
from conserje.costs import ledger
from conserje.costs.ledger import Correction
from conserje.costs.prices import Key, PriceList, Prices
from conserje.storage.database import Connection, columns

# The lines of the messages of which these tell, where they are not charged so already. What is told of a
# sending before the last one changes nothing.
FOUND = f"""
SELECT line.tenant_id, line.id, line.day, line.name, line.category, line.country, line.units, line.micros,
       report.status, report.billable, report.category AS told
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::boolean[], $7::text[])
    AS report (tenant_id, account_id, message_id, provider_id, status, billable, category)
CROSS JOIN LATERAL ({OF_REPORT.format(report="report", columns="tenant_id, id, provider_id")}) AS message
CROSS JOIN LATERAL (  -- row by row: a plan for many rows would read all of a tenant's
    SELECT * FROM costs
    WHERE costs.tenant_id = message.tenant_id AND costs.message_id = message.id LIMIT 1) AS line
WHERE coalesce(message.provider_id, report.provider_id) = report.provider_id
  AND CASE WHEN report.status = 'failed' OR NOT report.billable THEN line.micros IS DISTINCT FROM 0
           ELSE report.category <> '' AND report.category <> line.category END
ORDER BY line.tenant_id, line.day, line.name, line.category, line.country,
         coalesce(line.conversation_id, 0) % 4, line.id
"""  # noqa: S608 - of our own

# What was reported of a message before anybody here knew that it was sent.
TOLD = """
SELECT status, billable, category FROM statuses
WHERE tenant_id = $1 AND account_id = $2 AND provider_id = $3 AND (billable IS NOT NULL OR status = 'failed')
ORDER BY created_at
"""

_NAMES = ("tenant_id", "account_id", "message_id", "provider_id", "status", "billable", "category")


def _says(row: ReportRow) -> bool:
    """Whether a report says as what its message is charged. What fails is not, but for an SMS."""
    return row.status == "failed" or (row.billable is not None and row.status in ("delivered", "read"))


async def correct(connection: Connection, prices: Prices, rows: Sequence[ReportRow]) -> None:
    """Charge messages as their providers say."""
    told = [row for row in rows if _says(row)]
    if not told:
        return
    found = await connection.fetch(FOUND, *columns(told, *_NAMES))
    if lines := [each for each in found if (each["status"], each["category"]) != ("failed", ledger.SMS)]:
        known = await prices.current(connection)
        await ledger.correct(connection, [_corrected(known, line) for line in lines])


def _corrected(known: PriceList, line: Record) -> Correction:
    category = line["told"] or line["category"]
    is_free = line["status"] == "failed" or line["billable"] is False
    key = Key("message", line["name"], category, line["country"])
    cost = 0 if is_free else known.of_messages(key, line["units"], line["day"])
    return Correction(line["tenant_id"], line["id"], category, cost)


async def correct_before(
    connection: Connection,
    prices: Prices,
    tenant_id: int,
    account_id: int,
    provider_id: str,
    message_id: int,
) -> None:
    """Charge a message as was reported before the provider's id of it was known."""
    told = await connection.fetch(TOLD, tenant_id, account_id, provider_id)
    rows = [ReportRow(tenant_id, account_id, b"", message_id, provider_id, row["status"], None,
                      row["billable"], row["category"]) for row in told]  # fmt: skip
    await correct(connection, prices, rows)
