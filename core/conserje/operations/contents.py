"""What is in a database that is saved: its rows are counted, and its owner must see all of them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from conserje.operations.archive import BackupError, Listed
from conserje.storage.database import Connection

TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'heartbeats'
ORDER BY relname
"""

NEWEST = "SELECT coalesce(max(id), 0) FROM messages"

# A dump of the owner's would lack rows of these, and so would what counts them.
UNSEEN = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relrowsecurity AND NOT EXISTS (
    SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polpermissive AND polcmd IN ('*', 'r')
      AND 'conserje_owner'::regrole = ANY (polroles) AND pg_get_expr(polqual, polrelid) = 'true')
ORDER BY relname
"""

SIZES = """
SELECT pg_export_snapshot() AS snapshot, now() AS at, pg_database_size(current_database()) AS bytes,
       (SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')) AS table_bytes
"""


REFUSE_OTHERS = """
DO $$ BEGIN
    ASSERT {rows} = (SELECT count(*) FROM public."{table}"), 'other rows of {table} came back';
END $$;
"""


class Seen(NamedTuple):
    """A moment of a database, for as long as the transaction is open that looks at it."""

    snapshot: str
    at: datetime
    bytes: int
    table_bytes: int  # without indexes: more than any dump of them


async def see(connection: Connection) -> Seen:
    """In the caller's transaction. Raises BackupError where the owner does not see all."""
    if unseen := [name for [name] in await connection.fetch(UNSEEN)]:
        raise BackupError(
            f"The owner does not see every row of {', '.join(unseen)}, and a backup would lack them: give"
            " each of them a policy for conserje_owner with USING (true)."
        )
    row = await connection.fetchrow(SIZES)
    assert row is not None
    return Seen(**row)


async def count(connection: Connection) -> Listed:
    """The rows of each table, as the connection's role sees them."""
    rows = {}
    for [table] in await connection.fetch(TABLES):
        counted = f'SELECT count(*) FROM public."{table}"'  # noqa: S608 - of pg_class
        rows[table] = await connection.fetchval(counted)
    return Listed(rows=rows, newest_message=await connection.fetchval(NEWEST), files=0)


def refusing_others(listed: Listed) -> str:
    """Statements that fail, as the owner, where other numbers of rows came back."""
    return "".join(REFUSE_OTHERS.format(table=table, rows=rows) for table, rows in listed.rows.items())
