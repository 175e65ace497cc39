"""`conserje account check` of a model: what it can do is found, said, and kept with the account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terminal import Terminal

from conserje.contract.account import Abilities
from conserje.storage.database import Pool
from conserje.tenants import accounts
from conserje_fakes import server
from conserje_fakes.openai import StandIn
from conserje_fakes.openai_chat import TOOLLESS, Server

PLACE = ("acme", "openai", "own")


@pytest.mark.parametrize(("kind", "able"), [(Server(), True), (TOOLLESS, False)], ids=["able", "not able"])
async def test_what_a_model_can_do_is_kept_with_its_account(
    terminal: Terminal, pool: Pool, tmp_path: Path, kind: Server, able: bool
) -> None:
    key = tmp_path / "key.json"
    key.write_text(json.dumps({"api_key": "sk-1"}))
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    await terminal.type("account", "add", *PLACE, "--credentials", str(key), "--no-check")
    assert await abilities(pool) is None
    async with server.serving(StandIn(server=kind).app()) as url:
        found = await terminal.type("account", "check", *PLACE, OPENAI_BASE_URL=f"{url}/v1")
    assert ("can call tools" in found.stdout) is able
    assert ("it is asked without them" in found.stdout) is not able
    assert await abilities(pool) == Abilities("gpt-6-luna", able, able, "max_tokens")


async def test_a_refused_key_is_not_tried_further(terminal: Terminal, pool: Pool, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text(json.dumps({"api_key": "sk-wrong"}))
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    await terminal.type("account", "add", *PLACE, "--credentials", str(key), "--no-check")
    stand_in = StandIn(keys=frozenset({"sk-1"}))
    async with server.serving(stand_in.app()) as url:
        found = await terminal.type("account", "check", *PLACE, code=1, OPENAI_BASE_URL=f"{url}/v1")
    assert "refused the API key" in found.stdout and "tools" not in found.stdout
    assert await abilities(pool) is None and not stand_in.requests


async def test_what_another_release_wrote_otherwise_is_as_if_nobody_had_tried(
    terminal: Terminal, pool: Pool
) -> None:
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    await terminal.type("account", "add", *PLACE, "--no-check", OPENAI_API_KEY="sk-1")
    await pool.execute("""UPDATE accounts SET abilities = '{"flies": true}'""")
    assert await abilities(pool) is None


async def abilities(pool: Pool) -> Abilities | None:
    found = await accounts.find(pool, "slug", "acme")
    assert found is not None
    [account] = [each for each in found[1] if each.channel == "openai"]
    return account.abilities
