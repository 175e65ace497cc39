"""What tests of the API share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from other_system import System, open_system

from conserje.storage.database import Pool


@pytest_asyncio.fixture
async def system(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[System]:
    async with open_system(pool, database_url, keyring) as system:
        yield system
