"""What tests of the edge share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from doorway import Edge, open_edge

from conserje.storage.database import Pool


@pytest_asyncio.fixture
async def edge(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Edge]:
    async with open_edge(pool, database_url, keyring) as edge:
        yield edge
