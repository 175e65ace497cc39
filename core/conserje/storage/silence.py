"""The table restorations, and the silence of a restored installation: its queue takes no jobs.

Whatever leaves or is answered begins with a job, whichever release's process would do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from conserje.storage.database import Connection, Pool

# In the transaction that loads a backup, of whatever schema that is: no worker finds its rows before.
BEGIN = """
SET LOCAL ROLE conserje_owner;
SET LOCAL row_security = on;
CREATE OR REPLACE FUNCTION pgqueuer.take_none() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
DROP TRIGGER IF EXISTS silence ON pgqueuer.pgqueuer;
CREATE OR REPLACE TRIGGER unfinished BEFORE INSERT ON pgqueuer.pgqueuer
    FOR EACH ROW EXECUTE FUNCTION pgqueuer.take_none();
DELETE FROM pgqueuer.pgqueuer;
"""

IS_UNFINISHED = """
SELECT EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = to_regclass('pgqueuer.pgqueuer') AND tgname = 'unfinished')
"""

FINISH = "ALTER TRIGGER unfinished ON pgqueuer.pgqueuer RENAME TO silence"
NOTE = "INSERT INTO restorations (source, made_at, log_until) VALUES ($1, $2, $3)"

END = """
DROP TRIGGER IF EXISTS silence ON pgqueuer.pgqueuer;
DROP FUNCTION IF EXISTS pgqueuer.take_none();
UPDATE restorations SET resumed_at = now() WHERE resumed_at IS NULL
"""

STANDING = """
SELECT source, made_at, log_until, restored_at FROM restorations WHERE resumed_at IS NULL
ORDER BY id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Restoration:
    """What a silent installation was restored from."""

    source: str
    made_at: datetime | None
    log_until: datetime | None
    restored_at: datetime

    def __str__(self) -> str:
        at = self.restored_at.astimezone(UTC).isoformat(timespec="seconds")
        return (
            f"It was restored from {self.source} at {at} and is silent: messages are taken, and none is"
            " answered or sent before `conserje restore --resume`."
        )


async def standing(database: Connection | Pool) -> Restoration | None:
    """Why the installation is silent; None: it is not."""
    row = await database.fetchrow(STANDING)
    return Restoration(**row) if row else None


async def is_unfinished(connection: Connection) -> bool:
    """Whether a backup was loaded, and whoever did it ended before the rest was done."""
    unfinished: bool = await connection.fetchval(IS_UNFINISHED)
    return unfinished


async def note(
    connection: Connection, source: str, made_at: datetime | None, log_until: datetime | None
) -> None:
    """As conserje_owner, in the transaction in which all is done that belongs to it."""
    await connection.execute(FINISH)
    await connection.execute(NOTE, source, made_at, log_until)


async def end(connection: Connection) -> None:
    """As conserje_owner, in the caller's transaction: jobs are taken again."""
    await connection.execute(END)
