"""What the tests of the deployment share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from deployment.traffic import Traffic
from deployment.units import Machine
from installation import Installation, install
from nginx.gate import BASE, certify, nginx
from processes import new_folder

from conserje.storage.database import Pool


@pytest_asyncio.fixture
async def installation(pool: Pool, database_url: str, keyring: Path) -> AsyncIterator[Installation]:
    """An installation of the test's own, with nothing running yet."""
    async with install(pool, database_url, keyring) as installation:
        installation.environment["CONSERJE_DOMAINS"] = BASE
        yield installation


@pytest_asyncio.fixture
async def machine(installation: Installation) -> AsyncIterator[Machine]:
    """A machine on which the installation's units can be started."""
    with new_folder() as folder:
        (folder / "var/lib").mkdir(parents=True)
        (folder / "var/lib/conserje").symlink_to(installation.folder)
        machine = Machine(folder, installation.environment)
        try:
            yield machine
        finally:
            await machine.end()


@pytest_asyncio.fixture
async def traffic(installation: Installation, machine: Machine) -> AsyncIterator[Traffic]:
    """The way in through nginx, to both instances of conserje-serve@."""
    trust = certify(machine.folder)
    upstream = ",".join(f"unix:{machine.path(instance)}" for instance in "12")
    async with nginx(machine.folder / "nginx", upstream, "127.0.0.1:1", machine.folder) as gate:
        yield Traffic(installation, gate, trust)
