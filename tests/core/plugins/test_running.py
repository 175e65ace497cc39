"""Which processes have which plugins, and who has to be started anew."""

from __future__ import annotations

import functools
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from packages import install
from terminal import Terminal
from waiting import until

from conserje.net import client as http
from conserje.plugins import plugins, running
from conserje.plugins.plugins import Loaded, Plugins
from conserje.plugins.running import Described, Process
from conserje.storage.database import Pool
from conserje.telemetry.heartbeat import Heartbeat, this_process

HERE = socket.gethostname()
DODO = """
from conserje import Channel, Nothing

class Dodo(Channel[Nothing, Nothing, Nothing]):
    name = "dodo"
    Credentials = Settings = Operator = Nothing
"""
SAME = Loaded("channel", "dodo", "nest", "1.2", 1)
OLDER = Loaded("channel", "dodo", "nest", "1.1", 1)
OTHERS = Loaded("channel", "dodo", "cuckoo", "1.2", 1)
ECHO = Loaded("assistant", "echo", "conserje-echo", "0.1.1", 1)


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "nest", DODO, {"dodo": "conserje.channels"})
    return plugins.load({}, http.client())


def described(found: Plugins, *living: Process) -> list[Described]:
    return [each for each in running.described({}, found, [], living) if each.name == "dodo"]


def here(number: int, *has: Loaded) -> Process:
    return Process(f"{HERE}:{number}", "work", has)


@pytest.mark.parametrize(
    ("living", "state"),
    [
        ([], "ready"),
        ([here(1, SAME, ECHO)], "ready"),
        ([here(1, ECHO, SAME), here(2, OLDER)], f"restart to load: {HERE}:2 has 1.1"),
        ([here(1, ECHO)], f"restart to load: {HERE}:1 has none"),
        ([Process(f"{HERE}:1", "edge", None)], "ready"),  # of a release that does not say
        ([Process("elsewhere:1", "edge", (OLDER,))], "ready"),  # what is installed there, nobody knows here
        (
            [here(number, OLDER) for number in range(5)],
            f"restart to load: {HERE}:0 has 1.1, {HERE}:1 has 1.1, {HERE}:2 has 1.1 and 2 more",
        ),
    ],
)
def test_processes_of_this_machine_with_another_version_are_to_be_started_anew(
    found: Plugins, living: Sequence[Process], state: str
) -> None:
    [row] = described(found, *living)
    assert (row.state, row.distribution, row.version, row.contract) == (state, "nest", "1.2", 1)


def test_every_process_that_has_it_is_named_with_its_version(found: Plugins) -> None:
    elsewhere = Process("elsewhere:7", "edge", (Loaded("channel", "dodo", "nest", "1.3", 2, "is late"),))
    [row] = described(found, here(1, OLDER), elsewhere)
    assert [(run.process, run.version, run.state) for run in row.running] == [
        (f"{HERE}:1", "1.1", "ready"),
        ("elsewhere:7", "1.3", "is late"),
    ]


def test_what_is_installed_no_more_is_named_for_as_long_as_a_process_has_it(found: Plugins) -> None:
    rows = described(found, here(1, SAME), here(2, OTHERS))
    assert [(row.distribution, row.version, row.state) for row in rows] == [
        ("cuckoo", None, f"restart to unload: {HERE}:2"),
        ("nest", "1.2", f"restart to load: {HERE}:2 has 1.2"),
    ]
    gone = [each for each in running.described({}, found, [], [Process("far:1", "work", (OTHERS,))])]
    assert [each.state for each in gone if each.distribution == "cuckoo"] == ["is not installed here"]


async def test_a_process_tells_what_it_has_and_what_is_wrong_with_it(found: Plugins, pool: Pool) -> None:
    found.broken["dodo"] = "could not be started: OSError"
    async with Heartbeat(pool, "work", functools.partial(running.tell, found)):
        await until(lambda: running.processes(pool))
        await pool.execute(
            "INSERT INTO heartbeats (process, kind, counted, plugins) VALUES ('a:1', 'edge', '[]', NULL),"
            """ ('a:2', 'edge', '[]', '[{"of": "another release"}]')"""
        )
        earlier, later, ours = await running.processes(pool)
    assert (earlier.name, earlier.plugins, later.plugins, ours.name) == ("a:1", None, None, this_process())
    dodo = ours.plugin("channel", "dodo")
    assert dodo and (dodo.version, dodo.wrong) == ("1.2", "could not be started: OSError")


TENANTS = """
INSERT INTO tenants (slug, name, status, assistant, fallback_assistant, tool_settings) VALUES
    ('acme', 'Acme', 'active', 'echo', 'catalog', '{"mcp": {}, "lead": false}'),
    ('bravo', 'Bravo', 'active', 'catalog', 'catalog', '{"mcp": false}'),
    ('charlie', 'Charlie', 'suspended', 'echo', 'catalog', '{"mcp": {}}')
"""
ACCOUNTS = """
INSERT INTO accounts (tenant_id, channel, address, status)
SELECT id, channel, address, account.status
FROM tenants JOIN (VALUES
    ('acme', 'json', 'one', 'active'), ('acme', 'json', 'two', 'active'),
    ('bravo', 'json', 'one', 'suspended'), ('bravo', 'web', 'web', 'suspended'),
    ('charlie', 'json', 'one', 'active')
) AS account (slug, channel, address, status) USING (slug)
"""


async def test_the_list_says_which_tenants_use_it(terminal: Terminal, pool: Pool) -> None:
    await pool.execute(TENANTS)
    await pool.execute(ACCOUNTS)
    rows: dict[str, Any] = {row["name"]: row for row in await terminal.read("plugin", "list", "--json")}
    everybody = (2, ["acme", "bravo"])
    wanted = {
        "json": (1, ["acme"]),
        "web": (1, ["acme"]),
        "echo": (1, ["acme"]),
        "catalog": everybody,
        "mcp": (1, ["acme"]),
        "lead": (1, ["bravo"]),
        "hand_over": everybody,
        "search_products": everybody,
        "twilio": (0, []),
    }
    assert {name: (rows[name]["tenants"], rows[name]["some_tenants"]) for name in wanted} == wanted
    assert json.dumps(rows["web"]["running"]) == "[]"
    assert "acme, bravo" in (await terminal.type("plugin", "list")).stdout


async def test_a_list_without_its_database_says_so_and_lists(terminal: Terminal) -> None:
    nowhere = {"CONSERJE_DATABASE_URL": "postgresql://conserje@127.0.0.1:1/none"}
    listed = await Terminal(terminal.environment | nowhere).type("plugin", "list", "--json")
    assert json.loads(listed.stdout)[0]["running"] is None
    assert "Which processes and tenants have them cannot be said. Postgres at" in listed.stderr
