"""A tenant's MCP server by the commands: its account, what it has, what is allowed, what has changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

from terminal import Terminal

from conserje.storage.database import Pool
from conserje_fakes import server
from conserje_fakes.mcp import StandIn

NEAR = "127.0.0.1/32"
WITHHELD = "SELECT withheld FROM accounts WHERE channel = 'mcp'"


async def test_a_tool_is_allowed_by_what_the_check_shows_and_off_once_it_changes(
    terminal: Terminal, pool: Pool, tmp_path: Path
) -> None:
    key, stand_in = tmp_path / "key.json", StandIn(keys=frozenset({"not-a-secret-1"}))
    key.write_text(json.dumps({"token": "not-a-secret-1"}))
    async with server.serving(stand_in.app()) as url:
        place = ("acme", "mcp", f"{url}/mcp")
        await terminal.type("tenant", "add", "acme", "--name", "Acme")
        await terminal.type("account", "add", *place, "--credentials", str(key), FETCH_ALLOW=NEAR)
        found = await terminal.read("account", "check", *place, "--json", FETCH_ALLOW=NEAR)
        [remedy] = [each["remedy"] for each in found if each["text"].startswith("find_order is not")] or [""]
        [setting] = re.findall(r"--tool-setting '(.*)'", remedy)
        await terminal.type("tenant", "set", "acme", "--tool-setting", setting)
        allowed = await terminal.type("account", "check", *place, FETCH_ALLOW=NEAR)
        assert "find_order is offered, and does something." in allowed.stdout
        stand_in.tools["find_order"] = {**stand_in.tools["find_order"], "description": "Deletes all."}
        changed = await terminal.type("account", "check", *place, code=1, FETCH_ALLOW=NEAR)
    assert "find_order is off, since the server says something else" in changed.stdout
    assert "find_order is off" in await pool.fetchval(WITHHELD)
    assert "not-a-secret-1" not in changed.output
