"""The servers that are compared: how each is prepared, started and counted."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Protocol

from bench.postgres import Postgres
from bench.process import output
from bench.tenants import add
from bench.webhooks import DOMAIN, Tenant

FOLDER = Path(__file__).parent
COMPETITORS = FOLDER / "competitors"
VENV = FOLDER / ".venv"
OF_JOB = "('x' || encode(substring(payload FROM 9 FOR 8), 'hex'))::bit(64)::bigint"  # the conversation's id
CONNECTIONS = 32  # of all of a competitor's workers to Postgres: 16, 48 and 64 were no faster


class Server(Protocol):
    """Takes Twilio's webhooks and stores a message and a job for each."""

    name: str
    title: str
    folder: Path
    owner: str
    answer: str  # the statement that takes all jobs, as workers that keep up do
    counts: str  # counts messages, and those of them that are due or have been answered

    def missing(self) -> str | None:
        """What this machine lacks to run it."""

    async def install(self) -> None: ...

    async def fill(self, postgres: Postgres, database: str, tenants: list[Tenant]) -> None:
        """Make schema and tenants in an empty database."""

    def command(self, port: int, workers: int) -> list[str]: ...

    def variables(self, postgres: Postgres, database: str, port: int, workers: int) -> dict[str, str]: ...


class Competitor:
    """What the three have in common: one schema, and counting its rows."""

    owner = "postgres"
    answer = "DELETE FROM jobs"
    counts = "SELECT (SELECT count(*) FROM messages), (SELECT last_value FROM jobs_id_seq)"

    async def fill(self, postgres: Postgres, database: str, tenants: list[Tenant]) -> None:
        rows = ", ".join(f"('{t.slug}', '{t.account_sid}', '{t.auth_token}')" for t in tenants)
        await postgres.execute(
            database,
            (COMPETITORS / "schema.sql").read_text(encoding="utf-8"),
            f"INSERT INTO tenants (slug, account_sid, auth_token) VALUES {rows}",
        )

    def variables(self, postgres: Postgres, database: str, port: int, workers: int) -> dict[str, str]:
        return {"DATABASE_URL": postgres.url(database), "POOL_SIZE": str(CONNECTIONS // workers)}


class Python(Competitor):
    """A competitor in the virtual environment of the benchmark's own."""

    def missing(self) -> str | None:
        return None

    async def install(self) -> None:
        if not VENV.exists():
            await output(sys.executable, "-m", "venv", str(VENV))
        await output(str(VENV / "bin/pip"), "install", "--quiet", f"--requirement={FOLDER}/requirements.txt")


class Flask(Python):
    """gunicorn with threads, which were a little faster than gevent."""

    name = "flask"
    title = "Flask, gunicorn, psycopg"
    folder = COMPETITORS / "flask"

    def command(self, port: int, workers: int) -> list[str]:
        return [
            str(VENV / "bin/gunicorn"),
            f"--bind=127.0.0.1:{port}",
            f"--workers={workers}",
            "--worker-class=gthread",
            f"--threads={CONNECTIONS // workers}",
            "--keep-alive=75",
            "app:app",
        ]


class FastAPI(Python):
    """uvicorn with uvloop and httptools."""

    name = "fastapi"
    title = "FastAPI, uvicorn, SQLAlchemy"
    folder = COMPETITORS / "fastapi"

    def command(self, port: int, workers: int) -> list[str]:
        return [
            str(VENV / "bin/uvicorn"),
            "--host=127.0.0.1",
            f"--port={port}",
            f"--workers={workers}",
            "--loop=uvloop",
            "--http=httptools",
            "--no-access-log",
            "--timeout-keep-alive=75",
            "app:app",
        ]

    def variables(self, postgres: Postgres, database: str, port: int, workers: int) -> dict[str, str]:
        ours = super().variables(postgres, database, port, workers)
        return ours | {"DATABASE_URL": ours["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:", 1)}


class Express(Competitor):
    """The cluster module, and node-postgres with named statements."""

    name = "express"
    title = "Express, node-postgres"
    folder = COMPETITORS / "express"

    def missing(self) -> str | None:
        return None if shutil.which("node") and shutil.which("npm") else "node and npm are not installed"

    async def install(self) -> None:
        if not (self.folder / "node_modules").exists():
            await output("npm", "install", "--no-package-lock", "--no-audit", f"--prefix={self.folder}")

    def command(self, port: int, workers: int) -> list[str]:
        return ["node", "app.js"]

    def variables(self, postgres: Postgres, database: str, port: int, workers: int) -> dict[str, str]:
        own = {"NODE_ENV": "production", "PORT": str(port), "WORKERS": str(workers)}
        return super().variables(postgres, database, port, workers) | own


class Conserje:
    """`conserje serve` of this very Python, with default settings but the number of workers."""

    name = "conserje"
    title = "Conserje"
    owner = "conserje"
    # Of a tenant that has very many waiting a conversation waits as a whole, outside the queue.
    answer = f"""
WITH gone AS (DELETE FROM pgqueuer.pgqueuer WHERE entrypoint = 'converse' RETURNING {OF_JOB} AS id),
    brought AS (DELETE FROM overflow RETURNING conversation_id)
UPDATE messages SET turn_id = 1 WHERE direction = 'in' AND turn_id IS NULL
    AND conversation_id IN (SELECT id FROM gone UNION SELECT conversation_id FROM brought)
"""
    counts = f"""
WITH due AS (
    SELECT {OF_JOB} AS id FROM pgqueuer.pgqueuer WHERE entrypoint = 'converse'
    UNION SELECT conversation_id FROM overflow
)
SELECT count(*), count(*) FILTER (WHERE turn_id = 1 OR conversation_id IN (SELECT id FROM due))
FROM messages WHERE direction = 'in'
"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # keyring and nothing else

    def missing(self) -> str | None:
        return None

    async def install(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)

    async def fill(self, postgres: Postgres, database: str, tenants: list[Tenant]) -> None:
        await self._run(postgres, database, "migrate")
        if not (self.folder / "keys").exists():
            await self._run(postgres, database, "keys", "new")
        await add(postgres.url(database), self.folder / "keys" / "master.json", tenants)

    def command(self, port: int, workers: int) -> list[str]:
        return [sys.executable, "-m", "conserje", "serve"]

    def work(self) -> list[str]:
        return [sys.executable, "-m", "conserje", "work"]

    def variables(self, postgres: Postgres, database: str, port: int, workers: int) -> dict[str, str]:
        return {
            "CONSERJE_DATABASE_URL": postgres.url(database, self.owner),
            "CONSERJE_DATA_DIR": str(self.folder),
            "CONSERJE_DOMAINS": DOMAIN,
            "CONSERJE_LISTEN": f"127.0.0.1:{port}",
            "CONSERJE_OPERATOR_LISTEN": str(self.folder / "operator.sock"),
            "CONSERJE_CONSOLE_LISTEN": str(self.folder / "console.sock"),
            "CONSERJE_WORKERS": str(workers),
        }

    async def _run(self, postgres: Postgres, database: str, *arguments: str) -> None:
        variables = self.variables(postgres, database, port=1, workers=1)
        await output(sys.executable, "-m", "conserje", *arguments, variables=variables)
