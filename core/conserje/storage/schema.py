"""The schema: its migrations, and which of its versions this release works with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from conserje.storage.database import Connection, DatabaseError

_FILE = re.compile(r"(\d{4})_\w+\.sql")
_WORKS_WITH = re.compile(r"-- Works with processes of schema (\d+)\.\n")
_IN_STEPS = "\n-- In steps: "
_NEXT_STEP = "\n-- Next step\n"


class Migration(NamedTuple):
    """A file of `sql/`. Its first line may name the oldest schema whose processes still work after it.

    One that takes long on full tables goes in steps: statements that commit by themselves.
    """

    version: int
    statements: str

    @property
    def works_with(self) -> int:
        """Without that line: its own processes alone."""
        first = _WORKS_WITH.match(self.statements)
        return int(first[1]) if first else self.version

    @property
    def in_steps(self) -> bool:
        return _IN_STEPS in self.statements

    @property
    def steps(self) -> list[str]:
        """Each is sent by itself: what makes an index beside those who write may be in no transaction."""
        return self.statements.split(_NEXT_STEP)


def migrations() -> list[Migration]:
    """All of this release, in order."""
    return sorted(Migration(version, file.read_text(encoding="utf-8")) for version, file in _files())


def newest() -> int:
    """The version of the last one. None is read: each start asks."""
    return max(version for version, _ in _files())


def _files() -> Iterator[tuple[int, Traversable]]:
    for file in files("conserje").joinpath("sql").iterdir():
        if match := _FILE.fullmatch(file.name):
            yield int(match[1]), file


OLDEST_SERVED = "SELECT max(coalesce(works_with, version)) FROM public.migrations WHERE version > $1"


async def refuse_other_schema(connection: Connection) -> None:
    """Raises DatabaseError for a schema but our own, or a newer one that says it works with ours."""
    here, known = await schema_version(connection), newest()
    if here < known:
        raise DatabaseError(
            f"The database's schema is {here}, too old for this release, which needs {known}: "
            "run `conserje up` or `conserje migrate`."
        )
    if here > known and (oldest := await connection.fetchval(OLDEST_SERVED, known)) > known:
        raise DatabaseError(
            f"The database's schema is {here}, too new for this release, which knows {known}: update Conserje"
            f" to one that knows {oldest}, or restore the backup made before the migration."
        )


# Of Conserje's schemas, a table that is neither its own nor an extension's, unless it is installed already.
OTHER_TABLE = """
SELECT format('%s.%s', relnamespace::regnamespace, relname) FROM pg_class AS other
WHERE relnamespace::regnamespace::text IN ('public', 'pgqueuer') AND relkind IN ('r', 'p', 'f', 'v', 'm')
  AND pg_get_userbyid(relowner) <> 'conserje_owner'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = other.oid
                  AND deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.migrations')
                  AND pg_get_userbyid(relowner) = 'conserje_owner')
ORDER BY relname LIMIT 1
"""


async def refuse_other_tables(connection: Connection) -> None:
    """Raises DatabaseError for a database that is another program's."""
    if table := await connection.fetchval(OTHER_TABLE):
        raise DatabaseError(
            f"The database holds another program's tables, like {table}: make one for Conserje alone by"
            " `CREATE DATABASE conserje`, and name it in CONSERJE_DATABASE_URL."
        )


async def schema_version(connection: Connection) -> int:
    """The number of the last migration; 0 for an empty database."""
    if await connection.fetchval("SELECT to_regclass('public.migrations')") is None:
        return 0
    version: int = await connection.fetchval("SELECT coalesce(max(version), 0) FROM public.migrations")
    return version
