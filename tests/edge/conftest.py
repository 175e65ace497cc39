"""What tests of the edge share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from chatting import Host, chatting
from doorway import Edge, open_edge

from conserje.storage.database import Pool


@pytest_asyncio.fixture
async def edge(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Edge]:
    async with open_edge(pool, database_url, keyring) as edge:
        yield edge


@pytest_asyncio.fixture
async def host(edge: Edge, tmp_path: Path) -> AsyncIterator[Host]:
    """With a chat page."""
    async with chatting(edge, tmp_path / "files") as host:
        yield host
