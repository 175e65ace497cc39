"""The hours of a tenant, and of its page as the release before reads and writes them: the same week."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest

from conserje.storage.database import Connection
from conserje.tenants import accounts, tenants

WEEK = {"monday": ["09:00-13:00", "15:00-19:00"], "sunday": []}


async def page(connection: Connection, tenant_id: int) -> Any:
    return json.loads(
        await connection.fetchval("SELECT settings FROM accounts WHERE tenant_id = $1", tenant_id)
    )


async def hours(connection: Connection) -> Any:
    found = (await tenants.get(connection, "acme")).hours
    return found.written() if found else None


async def test_the_page_s_setting_is_the_tenant_s_week_both_ways(connection: Connection) -> None:
    acme = await tenants.add(connection, "acme", "Acme")
    await accounts.add(connection, acme.id, "web", "web", settings={"colour": "#112233", "hours": WEEK})
    assert await hours(connection) == {"week": WEEK, "exceptions": {}}
    exceptions: dict[str, list[str]] = {"2026-12-25": []}
    await tenants.set_hours(
        connection, "acme", {"week": {"friday": ["10:00-12:00"]}, "exceptions": exceptions}
    )
    assert await page(connection, acme.id) == {"colour": "#112233", "hours": {"friday": ["10:00-12:00"]}}
    await accounts.change(connection, acme.id, "web", "web", settings={"hours": WEEK})
    assert await hours(connection) == {"week": WEEK, "exceptions": exceptions}
    await accounts.change(connection, acme.id, "web", "web", settings={"colour": "#112233"})
    assert await hours(connection) == {"week": {}, "exceptions": exceptions}
    await tenants.change(connection, "acme", hours=None)
    assert await hours(connection) is None


async def test_a_tenant_without_a_page_has_hours(connection: Connection) -> None:
    await tenants.add(connection, "acme", "Acme", hours=json.dumps({"week": WEEK}))
    assert await hours(connection) == {"week": WEEK, "exceptions": {}}


async def test_a_page_s_nonsense_is_stored_and_is_nobody_s_hours(connection: Connection) -> None:
    acme = await tenants.add(connection, "acme", "Acme")
    await accounts.add(connection, acme.id, "web", "web", settings={"hours": {"lunes": ["9"]}})
    assert await hours(connection) is None


@pytest.mark.parametrize(
    "wrong",
    [
        [], "x", {"days": {}}, {"week": []}, {"week": {"lunes": []}}, {"week": {"monday": "09:00-18:00"}},
        {"week": {"monday": ["9-18"]}}, {"week": {"monday": [3]}}, {"exceptions": {"25-12-2026": []}},
        {"week": {"monday": [["09:00-18:00"]]}},
    ],
)  # fmt: skip
async def test_the_database_refuses_what_are_no_hours(connection: Connection, wrong: Any) -> None:
    await tenants.add(connection, "acme", "Acme")
    with pytest.raises(asyncpg.CheckViolationError, match="tenants_hours_check"):
        await connection.execute("UPDATE tenants SET hours = $1", json.dumps(wrong))


async def test_it_takes_what_are_some(connection: Connection) -> None:
    await tenants.add(connection, "acme", "Acme")
    some: list[dict[str, Any]] = [
        {},
        {"week": {}},
        {"week": WEEK, "exceptions": {"2026-12-25": []}},
        {"week": {"monday": ["22:00-24:00"]}},
    ]
    for good in some:
        await connection.execute("UPDATE tenants SET hours = $1", json.dumps(good))
