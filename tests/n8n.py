"""A running n8n: what its user does in the editor is done on its command line."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2
import pytest
from processes import bare_environment, free_port
from waiting import until

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "n8n"
PLACE = Path(os.environ.get("N8N", ROOT / ".n8n"))
STARTS_WITHIN = 300.0  # seconds: its own migrations, on a busy machine

# It asks nobody on the internet, nor does it show itself.
SILENT = {
    "N8N_DIAGNOSTICS_ENABLED": "false",
    "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
    "N8N_TEMPLATES_ENABLED": "false",
    "N8N_PERSONALIZATION_ENABLED": "false",
    "N8N_HIRING_BANNER_ENABLED": "false",
    "N8N_DYNAMIC_BANNERS_ENABLED": "false",
    "N8N_LICENSE_AUTO_RENEW_ENABLED": "false",
    "N8N_COMMUNITY_PACKAGES_ENABLED": "false",
    "N8N_DISABLED_MODULES": "mcp-registry",
    "N8N_DISABLE_UI": "true",
}


@dataclass
class N8n:
    """Where it listens, and what it works with."""

    folder: Path
    database: dict[str, str]
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        programs = f"{PLACE / 'node24' / 'node_modules' / '.bin'}:{PLACE / 'n8n' / 'node_modules' / '.bin'}"
        return bare_environment() | SILENT | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "N8N_USER_FOLDER": str(self.folder),
            "N8N_ENCRYPTION_KEY": "a test's own",
            "N8N_LISTEN_ADDRESS": "127.0.0.1",
            "N8N_PORT": str(self.port),
            "N8N_RUNNERS_BROKER_PORT": str(free_port()),
            "DB_TYPE": "postgresdb",
            **{f"DB_POSTGRESDB_{name.upper()}": value for name, value in self.database.items()},
        }  # fmt: skip

    async def run(self, *command: str) -> None:
        process = await asyncio.create_subprocess_exec(
            "n8n",
            *command,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()

    async def take(self, credentials: Sequence[dict[str, Any]], workflows: Sequence[dict[str, Any]]) -> None:
        """Import these, and make the workflows active."""
        for what, found in (("credentials", credentials), ("workflow", workflows)):
            file = self.folder / f"{what}.json"
            file.write_text(json.dumps(found))
            await self.run(f"import:{what}", f"--input={file}")
        for workflow in workflows:
            await self.run("publish:workflow", f"--id={workflow['id']}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        log = self.folder / "n8n.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                "n8n", "start", env=self.environment, stdout=output, stderr=output
            )
        async with httpx2.AsyncClient() as http:

            async def is_ready() -> bool:
                assert process.returncode is None, log.read_text()
                try:
                    return (await http.get(f"{self.url}/healthz/readiness")).status_code == 200
                except httpx2.TransportError:
                    return False

            try:
                await until(is_ready, STARTS_WITHIN)
                yield
            finally:
                if process.returncode is None:
                    process.terminate()
                    await process.wait()


def install(folder: Path, database_url: str) -> N8n:
    """An n8n on this database; skips the test where there is none on this machine."""
    for program in ("node24/node_modules/.bin/node", "n8n/node_modules/.bin/n8n"):
        if not (PLACE / program).exists():
            pytest.skip("needs n8n: make .n8n/installed")
    return N8n(folder, parts(database_url))


def parts(database_url: str) -> dict[str, str]:
    """What n8n is told of a database, by our URL of it."""
    split = urlsplit(database_url)
    query = parse_qs(split.query)
    found = {
        "host": query.get("host", [split.hostname or "127.0.0.1"])[0],
        "port": query.get("port", [str(split.port or 5432)])[0],
        "database": split.path.removeprefix("/"),
        "user": split.username or "conserje",
    }
    return found | ({"password": unquote(split.password)} if split.password else {})


def examples() -> dict[str, dict[str, Any]]:
    """The workflows, by their files' names."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(EXAMPLES.glob("*.json"))}
