"""`python -m fuzz --count 1000000`: prints rate, answers and memory; fails where memory grows."""

from __future__ import annotations

import secrets
import sys
import time
from pathlib import Path

import click
import uvloop
from processes import new_folder

from conserje.storage import embedded
from conserje.storage.migrate import migrate
from conserje.storage.pool import connect_pool
from conserje.telemetry import log
from conserje.tenants.keyring import create_keyring
from fuzz.run import BATCH, Fuzz, memory, opened

GROWTH = 1.05  # of memory, from the end of the first tenth to the end of the last


@click.command()
@click.option("--count", default=1_000_000, show_default=True, help="Forged posts.")
@click.option("--seed", default=lambda: secrets.randbelow(2**32), show_default="random")
def main(count: int, seed: int) -> None:
    """Post what nobody signed to the webhook routes of an edge in this process."""
    log.set_up("error")
    click.echo(f"seed {seed}")
    with new_folder() as folder:
        uvloop.run(_run(folder, count, seed))


async def _run(folder: Path, count: int, seed: int) -> None:
    keyring = folder / "keys" / "master.json"
    create_keyring(keyring)
    async with embedded.running(folder) as url:
        await migrate(url)
        pool = await connect_pool(url)
        async with opened(pool, url, keyring, seed) as fuzz:
            grew = await _measure(fuzz, count)
        pool.terminate()
    if grew > GROWTH:
        sys.exit(f"memory grew to {grew:.3f} of what it was: a leak")


async def _measure(fuzz: Fuzz, count: int) -> float:
    """What memory grew to, as a part of what it was after the first tenth."""
    began, batches = time.monotonic(), max(10, count // BATCH)
    first = 0
    for number in range(1, batches + 1):
        await fuzz.batch()
        if number == batches // 10:
            first = memory()
    last, took = memory(), time.monotonic() - began
    posts = sum(fuzz.answers.values())
    click.echo(f"{posts} forged posts in {took:.0f} s ({posts / took:.0f} a second): {dict(fuzz.answers)}")
    click.echo(f"{fuzz.accepted} genuine posts among them were accepted and stored, nothing else")
    click.echo(f"memory {first / 2**20:.1f} MB after the first tenth, {last / 2**20:.1f} MB after the last")
    return last / first


if __name__ == "__main__":
    main()
