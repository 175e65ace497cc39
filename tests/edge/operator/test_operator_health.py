"""`/livez` and `/readyz`: each check that fails says what to do, and none takes long."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from office import Office, open_office
from processes import free_port
from starlette.applications import Starlette
from waiting import LIMIT, until

from conserje import Nothing
from conserje.leads.tool import OpenLead
from conserje.net.client import client
from conserje.plugins import fences
from conserje.plugins.plugins import Loaded
from conserje.storage import silence
from conserje.storage.database import Pool
from conserje.telemetry.heartbeat import Heartbeat
from conserje.telemetry.pulse import Call, beating
from conserje.tenants.keyring import create_keyring
from conserje_edge.operator import health
from conserje_edge.operator.context import OperatorContext
from conserje_fakes import server

OFF = """
INSERT INTO subscriptions (tenant_id, url, secret, token_secret, state, cause)
SELECT id, 'https://acme.example/', 'v1.x', 'v1.x', 'off', 'Nothing was taken for 5 days.' FROM tenants
"""
ILL = """
WITH account AS (
    INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'meta', '1100') RETURNING tenant_id, id
)
INSERT INTO illnesses (tenant_id, account_id, cause)
SELECT tenant_id, id, '190: the token has expired' FROM account
"""


@dataclass
class House:
    """An installation where all is well, until the test breaks something."""

    office: Office
    context: OperatorContext

    async def failing(self) -> dict[str, str]:
        """The checks that fail, with what they say."""
        answer = await health.ready(self.context)
        told: dict[str, Any] = json.loads(bytes(answer.body))
        failed = {name: check["detail"] for name, check in told["checks"].items() if not check["ok"]}
        assert told["checks"].keys() == health.CHECKS.keys()
        assert (answer.status_code, told["ready"]) == ((503, False) if failed else (200, True))
        return failed


@pytest_asyncio.fixture
async def house(
    pool: Pool, database_url: str, keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    for limit in ("LIMIT", "EDGE_LIMIT"):
        monkeypatch.setattr(health, limit, LIMIT)
    async with (
        open_office(pool, database_url, keyring) as office,
        server.serving(Starlette()) as edge,
        Heartbeat(pool, "work"),
    ):
        given = office.context.settings.model_copy(
            update={"listen": edge.removeprefix("http://"), "master_keys_file": keyring}
        )
        house = House(office, dataclasses.replace(office.context, settings=given))
        await until(lambda: pool.fetchval("SELECT count(*) FROM heartbeats"))
        yield house


async def test_all_is_well(house: House) -> None:
    assert await house.failing() == {}


async def test_without_postgres(house: House, database_url: str) -> None:
    house.context.pool.terminate()
    failed = await house.failing()
    assert failed.keys() == {"postgres", "migrations", "keyring", "accounts", "worker"}
    assert "CONSERJE_DATABASE_URL" in failed["postgres"]


async def test_with_a_postgres_that_does_not_answer(
    house: House, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LIMIT", 2.0)
    user = await asyncpg.connect(database_url)
    async with user.transaction():
        await user.execute("SET LOCAL ROLE conserje_owner; LOCK heartbeats IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        assert (await house.failing()).keys() == {"worker"}
        assert time.monotonic() - started < 9  # the pool gives a statement ten seconds
    await user.close()


async def test_a_loop_that_stood_still_is_not_blamed_on_postgres(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LIMIT", 1.0)
    async with beating():
        asyncio.get_running_loop().call_later(0, lambda: time.sleep(2))  # once the checks have asked
        failed = await house.failing()
    assert "postgres" in failed
    for said in failed.values():
        assert "this process itself stood still" in said
        assert "CONSERJE_DATABASE_URL" not in said


async def test_an_account_that_is_ill_is_a_warning(house: House) -> None:
    tenant = await house.office.add("acme")
    await house.context.pool.execute(ILL, tenant)
    answer = await health.ready(house.context)
    told = json.loads(bytes(answer.body))["checks"]["accounts"]
    assert answer.status_code == 200
    assert told["ok"]
    assert "acme meta 1100: 190: the token has expired" in told["warning"]


async def warning_of(context: OperatorContext, check: str) -> str:
    """What a check says although all is well; empty: nothing."""
    answer = await health.ready(context)
    told = json.loads(bytes(answer.body))["checks"][check]
    assert told["ok"]
    return str(told.get("warning", ""))


async def test_what_a_tool_withholds_is_a_warning(house: House) -> None:
    tenant = await house.office.add("acme")
    assert await warning_of(house.context, "accounts") == ""
    await house.context.pool.execute(
        "INSERT INTO accounts (tenant_id, channel, address, withheld) VALUES ($1, 'mcp', 'https://a/', $2)",
        tenant,
        "find_order is off. Look at it.",
    )
    warning = await warning_of(house.context, "accounts")
    assert warning == "Tools withhold something (acme mcp https://a/: find_order is off. Look at it.)."


async def test_a_subscription_that_is_off_is_a_warning_unless_somebody_put_it_off(house: House) -> None:
    await house.office.add("acme")
    await house.context.pool.execute(OFF)
    said = await warning_of(house.context, "subscriptions")
    assert "of acme: Nothing was taken for 5 days" in said and "--on" in said
    await house.context.pool.execute("UPDATE subscriptions SET cause = NULL")
    assert await warning_of(house.context, "subscriptions") == ""


async def test_backups_that_stay_out_are_a_warning(house: House, tmp_path: Path) -> None:
    assert await warning_of(house.context, "backups") == ""
    given = house.context.settings.model_copy(update={"backups": tmp_path / "backups"})
    saved = dataclasses.replace(house.context, settings=given)
    assert "is not there" in await warning_of(saved, "backups")
    (tmp_path / "backups").mkdir()
    said = await warning_of(saved, "backups")
    assert "run `conserje backup`" in said and "log of consents" in said


@pytest.mark.new_database
async def test_a_silent_installation_is_a_warning(house: House, database_url: str) -> None:
    assert await warning_of(house.context, "silence") == ""
    owner = await asyncpg.connect(database_url, server_settings={"role": "conserje_owner"})
    await owner.execute(silence.NOTE, "x.backup", None, None)
    said = await warning_of(house.context, "silence")
    assert "restored from x.backup" in said and "`conserje restore --resume`" in said
    await silence.end(owner)
    await owner.close()
    assert await warning_of(house.context, "silence") == ""


@pytest.mark.new_database
async def test_with_a_schema_of_another_release(house: House, database_url: str) -> None:
    user = await asyncpg.connect(database_url)
    await user.execute("SET ROLE conserje_owner; INSERT INTO migrations (version) VALUES (9999)")
    assert "update Conserje" in (await house.failing())["migrations"]
    await user.execute("DELETE FROM migrations WHERE version > 1")
    assert "conserje migrate" in (await house.failing())["migrations"]
    await user.close()


async def test_without_the_keyring_or_with_another(house: House, keyring: Path) -> None:
    context = house.context
    await house.office.add("acme")
    await context.pool.execute("UPDATE tenants SET data_key = $1", context.vault.new_data_key())
    assert await house.failing() == {}
    keyring.unlink()
    assert "CONSERJE_MASTER_KEYS_FILE" in (await house.failing())["keyring"]
    create_keyring(keyring)
    failed = await house.failing()
    assert failed.keys() == {"keyring"}
    assert "lacks master key" in failed["keyring"]


async def test_a_broken_plugin_is_a_warning(house: House) -> None:
    house.context.plugins.broken["meta"] = "could not be loaded: ImportError: no meta_sdk"
    why = "meta could not be loaded: ImportError: no meta_sdk"
    assert await house.failing() == {}
    answer = await health.ready(house.context)
    said = json.loads(bytes(answer.body))["checks"]["plugins"]
    assert said == {"ok": True, "warning": f"Plugins are broken: install them again, or remove them ({why})."}


async def test_a_plugin_that_did_not_start_in_another_process_is_a_warning(house: House) -> None:
    fine = Loaded("channel", "web", "conserje-web", "1", 1)
    lost = Loaded("channel", "meta", "conserje-meta", "1", 1, "could not be started: OSError at meta.py:7")
    told = json.dumps([dataclasses.asdict(each) for each in (fine, lost)])
    await house.context.pool.execute(
        "INSERT INTO heartbeats (process, kind, counted, plugins) VALUES ('a:1', 'work', '[]', $1)", told
    )
    assert await house.failing() == {}
    answer = await health.ready(house.context)
    said = json.loads(bytes(answer.body))["checks"]["processes"]
    without = "a:1 goes without plugins: mend that, and start it again (meta could not be started: "
    assert said == {"ok": True, "warning": f"{without}OSError at meta.py:7)."}


async def test_a_fence_is_a_warning(house: House) -> None:
    of_node = fences.of_node(house.context.settings.data_dir)
    for _ in range(fences.ENOUGH):
        of_node.note(Call("catalog", "reply", "acme"))
    assert await house.failing() == {}
    answer = await health.ready(house.context)
    said = json.loads(bytes(answer.body))["checks"]["plugins"]
    assert said["ok"] is True
    assert "catalog is fenced off for acme, and tried again at" in said["warning"]


async def test_without_an_edge_or_with_one_that_hangs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def listening_at(listen: str) -> OperatorContext:
        given = house.context.settings.model_copy(update={"listen": listen})
        return dataclasses.replace(house.context, settings=given)

    house.context = listening_at(f"127.0.0.1:{free_port()}")
    assert "CONSERJE_LISTEN" in (await house.failing())["edge"]
    house.context = listening_at("/nowhere/edge.sock")
    assert (await house.failing()).keys() == {"edge"}
    monkeypatch.setattr(health, "EDGE_LIMIT", 0.2)
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with silent:
        house.context = listening_at(f"127.0.0.1:{silent.sockets[0].getsockname()[1]}")
        assert (await house.failing()).keys() == {"edge"}


async def test_without_a_worker(house: House) -> None:
    await house.context.pool.execute("UPDATE heartbeats SET kind = 'edge'")
    assert "`conserje work`" in (await house.failing())["worker"]


async def test_who_has_not_said_how_long_is_named_once(house: House) -> None:
    for slug in ("acme", "bravo"):
        await house.office.add(slug)
    assert "warning" not in json.loads(bytes((await health.ready(house.context)).body))["checks"]["keeping"]
    await house.context.pool.execute("UPDATE tenants SET keep_messages = NULL")
    assert await house.failing() == {}
    said = json.loads(bytes((await health.ready(house.context)).body))["checks"]["keeping"]
    assert "(2 tenants, acme first)" in said["warning"]
    assert "`conserje tenant set acme --keep-messages 365d`" in said["warning"]


async def test_what_nobody_could_read_is_said_before_it_goes(house: House) -> None:
    tenant = await house.office.add("acme")
    await house.context.pool.execute(
        "WITH account AS ("
        " INSERT INTO accounts (tenant_id, channel, address) VALUES ($1, 'meta', '1') RETURNING id)"
        " INSERT INTO rejects (tenant_id, account_id, event_key, raw, cause, goes_at)"
        " SELECT $1, id, 'x', '', '', now() + interval '6 days' FROM account",
        tenant,
    )
    said = json.loads(bytes((await health.ready(house.context)).body))["checks"]["keeping"]
    assert "goes within 7 days (1 of acme): see `conserje held list`" in said["warning"]


async def warned(house: House) -> str:
    """What is said of tenants' assistants."""
    told = json.loads(bytes((await health.ready(house.context)).body))
    assert told["ready"]
    return str(told["checks"]["assistants"].get("warning", ""))


async def test_an_assistant_that_cannot_answer_as_it_stands_is_a_warning(house: House) -> None:
    pool = house.office.context.pool
    await house.office.add("acme")
    assert await warned(house) == ""
    await pool.execute("UPDATE tenants SET assistant = 'openai' WHERE slug = 'acme'")
    assert "openai has no credentials of acme." in await warned(house)
    wrong = '{"catalog": {"colour": "s3cret"}}'
    await pool.execute("UPDATE tenants SET assistant = 'catalog', assistant_settings = $1", wrong)
    assert "The settings of catalog of acme: colour" in (said := await warned(house)) and "s3cret" not in said
    await pool.execute("UPDATE tenants SET status = 'suspended'")
    assert await warned(house) == ""


async def test_a_tool_whose_settings_it_refuses_is_a_warning(house: House) -> None:
    await house.office.add("acme")
    house.context.plugins.tools["lead"] = OpenLead(Nothing(), client())
    assert await warning_of(house.context, "tools") == ""
    set_to = "UPDATE tenants SET tool_settings = $1 WHERE slug = 'acme'"
    await house.context.pool.execute(set_to, '{"lead": {"colour": "s3cret"}}')
    said = await warning_of(house.context, "tools")
    assert "The settings of lead of acme: colour" in said and "s3cret" not in said
    await house.context.pool.execute(set_to, '{"lead": false, "gone": {"colour": "blue"}}')
    assert await warning_of(house.context, "tools") == ""
