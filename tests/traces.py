"""Traces: where words are found that are to be nowhere."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from conserje.operations import archive, dump
from conserje.storage.database import Pool
from conserje.tenants.vault import Vault

TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'pgqueuer')
"""


async def found_in_tables(pool: Pool, *words: str) -> list[str]:
    """Where one of these words stands, in whatever column."""
    found = []
    for [table] in await pool.fetch(TABLES):
        for [row] in await pool.fetch(f"SELECT each::text FROM {table} AS each"):
            found += [f"{table}: {word}" for word in words if word.lower() in row.lower()]
    return found


def found_in_files(folder: Path, *words: str) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            held = path.read_bytes().lower()
            yield from (f"{path}: {word}" for word in words if word.lower().encode() in held)


def found_in_backup(path: Path, vault: Vault, *words: str) -> set[str]:
    """Which of these words stand in it, in whatever form: its files are read, its dump is made text."""
    held = []
    with archive.reading(path, vault) as (_, entries):
        for name, parts in entries:
            content = b"".join(parts)
            if name == archive.DATABASE:
                restore = [str(dump._program("pg_restore")), "--file=-"]
                content = subprocess.run(restore, input=content, stdout=subprocess.PIPE, check=True).stdout
            held.append(content)
    return {
        word
        for word in words
        if any(word.encode() in each or word.encode().hex().encode() in each for each in held)
    }
