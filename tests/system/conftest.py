"""What tests with the real processes share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio
from installation import Installation, install
from processes import Serving

from conserje.storage.database import Pool
from conserje.storage.pool import connect_pool
from conserje.tenants.keyring import create_keyring


@pytest_asyncio.fixture
async def installation(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Installation]:
    """An installation of the test's own, with nothing running yet."""
    async with install(pool, database_url, keyring) as installation:
        yield installation


@pytest_asyncio.fixture(scope="module")
async def house(
    new_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Installation, Serving]]:
    """An installation at work, for tests that harm nobody: each has a tenant and contacts of its own."""
    keyring = tmp_path_factory.mktemp("house") / "keys" / "master.json"
    create_keyring(keyring)
    async with (
        new_database() as url,
        await connect_pool(url) as pool,
        install(pool, url, keyring, edge_workers=2) as installation,
        installation.serving() as server,
        installation.working(),
    ):
        yield installation, server
