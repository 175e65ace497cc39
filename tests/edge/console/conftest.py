"""What tests of the console share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from people import House, open_house

from conserje.storage.database import Pool


@pytest_asyncio.fixture
async def console(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[House]:
    """The console with all its places, to which nobody has come yet."""
    async with open_house(pool, database_url, keyring) as house:
        yield house
