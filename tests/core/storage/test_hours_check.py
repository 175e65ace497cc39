"""The database takes hours that can be read, and wordings that are texts; what was there is mended."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import pytest

import conserje
from conserje.contract.hours import Hours
from conserje.storage.database import Pool

ASKED = Path(conserje.__file__).parent / "sql" / "0039_asked.sql"
SOUND = {"week": {"monday": ["09:00-13:00", "15:00-24:00"]}, "exceptions": {"2028-02-29": []}}
WRONG = [
    {"week": {"monday": [None]}},
    {"week": {"monday": [["09:00-10:00"]]}},
    {"week": {"monday": ["09:00-09:00"]}},
    {"week": {"monday": ["09:00-10:00"] * 7}},
    {"week": {"lunes": []}},
    {"week": None},
    {"exceptions": {"2027-02-29": []}},
    {"exceptions": {"2026-13-01": []}},
    {"exceptions": {"0000-01-01": []}},
]


@pytest.mark.parametrize("hours", [SOUND, {}, {"week": {}}, *WRONG])
async def test_hours_are_what_is_read_of_them(pool: Pool, hours: dict[str, object]) -> None:
    try:
        Hours.read(hours)
    except ValueError:
        sound = False
    else:
        sound = hours not in WRONG  # "week": null is read as none, and never written
    assert await pool.fetchval("SELECT are_hours($1::text::jsonb)", json.dumps(hours)) is sound


@pytest.mark.parametrize("wordings", ["{NULL}", "{{a},{b}}", '{""}'])
async def test_wordings_are_texts_in_a_row(pool: Pool, wordings: str) -> None:
    await pool.execute("INSERT INTO tenants (slug, name) VALUES ('acme', 'Acme')")
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "INSERT INTO questions (tenant_id, question, answer, wordings)"
            " SELECT id, 'x', 'y', $1::text::text[] FROM tenants",
            wordings,
        )


async def test_what_was_there_is_mended(pool: Pool) -> None:
    [mending] = [part for part in ASKED.read_text("utf-8").split(";\n") if "UPDATE tenants SET hours" in part]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE conserje_owner")
        await connection.execute("ALTER TABLE tenants DROP CONSTRAINT tenants_hours_check")
        hours = {"week": {"monday": ["09:00-10:00"], "friday": [None]}, "exceptions": {"2027-02-30": []}}
        await connection.execute(
            "INSERT INTO tenants (slug, name, hours) VALUES ('acme', 'Acme', $1)", json.dumps(hours)
        )
        await connection.execute(mending)
        left = json.loads(await connection.fetchval("SELECT hours FROM tenants"))
        await connection.execute(
            "ALTER TABLE tenants ADD CONSTRAINT tenants_hours_check CHECK (are_hours(hours))"
        )
        assert left == {"week": {"monday": ["09:00-10:00"]}, "exceptions": {}}
