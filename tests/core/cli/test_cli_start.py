"""What a command loads before it does anything: each library that it does not need costs every start."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from processes import bare_environment

from conserje.cli.main import COMMANDS
from conserje.commands import Deferred, installed
from conserje.storage.database import Pool
from conserje.tenants import tenants

DATABASE = {"asyncpg", "pydantic"}  # pydantic for the settings that name it
DEAR = {
    "aiosmtplib", "cryptography", "granian", "httpx2", "jinja2", "openai", "pgqueuer", "prometheus_client",
    "rapidfuzz", "requests", "starlette", "tldextract", "twilio", *DATABASE,
}  # fmt: skip


def libraries(environment: dict[str, str], *command: str) -> set[str]:
    """The top-level packages that `conserje` imports for a command."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "conserje", *command],
        env=bare_environment() | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(re.findall(r"^import time: .*\| +(\w+)", done.stderr, re.M))


def test_the_version_is_told_without_any_library() -> None:
    loaded = libraries({}, "--version")
    assert "click" in loaded and not loaded & DEAR


def test_the_help_lists_commands_without_loading_them() -> None:
    assert libraries({}, "--help") & DEAR <= {"cryptography"}  # of `conserje certificate`


LISTS = ("tenant list", "key list", "held list", "message list acme", "conversation list acme")


@pytest.mark.parametrize("command", LISTS)
async def test_a_list_needs_the_database_alone(pool: Pool, database_url: str, command: str) -> None:
    async with pool.acquire() as connection:
        await tenants.add(connection, "acme", "Acme")
    assert libraries({"CONSERJE_DATABASE_URL": database_url}, *command.split()) & DEAR == DATABASE


async def test_a_plugin_s_setting_loads_that_plugin_alone(database_url: str) -> None:
    setting = {"CONSERJE_TWILIO_BASE_URL": "http://127.0.0.1:1"}
    loaded = libraries({"CONSERJE_DATABASE_URL": database_url} | setting, "tenant", "list")
    assert {each for each in loaded if each.startswith("conserje_")} == {"conserje_twilio"}


def test_a_command_is_listed_as_its_help_begins() -> None:
    for listed in (*COMMANDS, *installed()):
        command = listed.load() if isinstance(listed, Deferred) else listed
        assert listed.get_short_help_str(limit=1000) == command.get_short_help_str(limit=1000)
