"""What tests of nginx share: one that runs, with a mirror behind it, and who asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from nginx.caller import Caller
from nginx.gate import certify, nginx
from nginx.mirror import Mirror, mirroring

CUSTOM = "chat.acme.test"
Opened = tuple[Caller, Mirror]


@asynccontextmanager
async def standing(folder: Path, instead: dict[str, str] | None = None) -> AsyncIterator[Opened]:
    """nginx with a mirror behind it."""
    certify(folder / "certificates", custom=[CUSTOM])
    async with (
        mirroring() as mirror,
        nginx(
            folder / "nginx",
            mirror.address,
            mirror.address,
            folder / "certificates",
            console_upstream=mirror.address,
            instead=instead,
        ) as gate,
    ):
        caller = Caller(gate)
        try:
            yield caller, mirror
        finally:
            await caller.close()


@pytest_asyncio.fixture(scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """For tests that only ask."""
    async with standing(tmp_path_factory.mktemp("edge")) as opened:
        yield opened


@pytest.fixture
def caller(opened: Opened) -> Caller:
    return opened[0]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Opened]]:
    """nginx of the test's own, with texts of its configuration replaced."""

    def opened(instead: dict[str, str]) -> AbstractAsyncContextManager[Opened]:
        return standing(tmp_path, instead)

    return opened
