"""What the programs that dump and load are told: nothing secret stands on their command lines."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from conserje.operations import dump

SHOW = """#!{python}
import os, sys
service = os.environ.get("PGSERVICEFILE")
print(sys.argv[1:], os.environ.get("PGPASSWORD"), service and open(service).read(), file=sys.stdout)
"""


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("postgresql://ana:se%2Fcret@db/shop", "postgresql://ana@db/shop", "se/cret"),
        ("postgresql://ana@db/shop?password=se%2Fcret", "postgresql://ana@db/shop", "se/cret"),
        (
            "postgresql://ana@/shop?host=/run/pg&password=se%2Fcret&port=5432",
            "postgresql://ana@/shop?host=/run/pg&port=5432",
            "se/cret",
        ),
        ("postgresql://db:1,db2:2/shop?%70assword=se%2Fcret", "postgresql://db:1,db2:2/shop", "se/cret"),
        ("postgresql:///shop?host=/run/pg&password=x", "postgresql:///shop?host=/run/pg", "x"),
        ("postgresql://ana@db/shop?sslmode=require", "postgresql://ana@db/shop?sslmode=require", None),
    ],
)
async def test_promise_7_no_password_stands_on_a_command_line(
    tmp_path: Path, url: str, shown: str, password: str | None
) -> None:
    assert await told(tmp_path, url) == f"['--dbname={shown}'] {password} None"


async def test_promise_7_nor_does_what_opens_the_key_of_a_certificate(tmp_path: Path) -> None:
    url = "postgresql://ana@db/shop?sslkey=/k.pem&sslpassword=se%20cret"
    said = await told(tmp_path, url)
    assert said.startswith("['--dbname=postgresql://ana@db/shop?sslkey=/k.pem'] None ")
    assert "sslpassword=se cret" in said


async def told(folder: Path, url: str) -> str:
    """What a program finds in its arguments and its environment."""
    program = folder / "program"
    program.write_text(SHOW.format(python=sys.executable))
    program.chmod(0o755)
    async with dump._started(program, url, stdout=asyncio.subprocess.PIPE) as (process, _):
        assert process.stdout
        return (await process.stdout.read()).decode().strip()
