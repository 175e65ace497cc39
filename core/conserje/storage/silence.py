"""The table restorations, and the silence of a restored installation: its queue takes no jobs.

Whatever leaves or is answered begins with a job, whichever release's process would do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from conserje.storage.database import Connection, DatabaseError, Pool

# The mark of one whose restoring has not ended, and how that goes on.
LOADED, RECOVERED = "unfinished", "recovered"
_GO_ON = {
    LOADED: "A backup was restored here, and not to the end: give `conserje restore FROM` again.",
    RECOVERED: "This recovered database was not silenced to the end: give `conserje restore --recovered TIME`"
    " again.",
}

# In the transaction that loads a backup, of whatever schema that is: no worker finds its rows before. Whoever
# would write jobs until the end is told that Postgres cannot be asked, and spools what it was given.
_BEGIN = """
SET LOCAL ROLE conserje_owner;
SET LOCAL row_security = on;
CREATE OR REPLACE FUNCTION pgqueuer.not_yet() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE SQLSTATE ''57P03'' USING MESSAGE = ''a backup is being restored''; END';
DROP TRIGGER IF EXISTS silence ON pgqueuer.pgqueuer;
CREATE OR REPLACE TRIGGER {mark} BEFORE INSERT ON pgqueuer.pgqueuer
    FOR EACH ROW EXECUTE FUNCTION pgqueuer.not_yet();
DELETE FROM pgqueuer.pgqueuer;
"""

# As text: for an array of names each new connection would first ask Postgres what that is.
MARK = """
SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass('pgqueuer.pgqueuer') AND tgname::text = ANY ($1)
"""

FINISH = """
CREATE OR REPLACE FUNCTION pgqueuer.take_none() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE OR REPLACE TRIGGER silence BEFORE INSERT ON pgqueuer.pgqueuer
    FOR EACH ROW EXECUTE FUNCTION pgqueuer.take_none();
DROP FUNCTION IF EXISTS pgqueuer.not_yet() CASCADE;
"""
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


def begin(mark: str) -> str:
    """The statements by which a restoring begins, in the transaction that brings its rows."""
    return _BEGIN.format(mark=mark)


async def unfinished(connection: Connection) -> str | None:
    """The mark of a restoring that has not ended; None: there is none."""
    mark: str | None = await connection.fetchval(MARK, list(_GO_ON))
    return mark


async def refuse_unfinished(connection: Connection) -> None:
    """Raises DatabaseError for a database whose restoring has not ended."""
    if mark := await unfinished(connection):
        raise DatabaseError(_GO_ON[mark])


async def fall(
    connection: Connection, source: str, made_at: datetime | None, log_until: datetime | None
) -> None:
    """As conserje_owner, in the transaction in which the restoring ends: jobs are taken, and none is kept."""
    await connection.execute(FINISH)
    await connection.execute(NOTE, source, made_at, log_until)


async def end(connection: Connection) -> None:
    """As conserje_owner, in the caller's transaction: jobs are taken again."""
    await connection.execute(END)
