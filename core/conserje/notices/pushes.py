"""The table pushes: what each device is told of a tenant whose people its login is of, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from conserje.access.sign_ins import IDLE, LONGEST
from conserje.conversations.desk import IS_TAKEN
from conserje.notices.web_push import Address
from conserje.storage import jobs
from conserje.storage.database import Connection
from conserje.storage.jobs import Job
from conserje.storage.notifications import LAST_MESSAGE, LAST_NUMBER, Position

EVERY = timedelta(minutes=1)  # at most so often one device is told of one tenant
CALLED = timedelta(seconds=10)  # for which a job may wait in the queue
CALLS = 200  # in a look
READ = 500  # messages, or notifications, of a tenant in a look

# Whoever answers is told, from now on: also of a tenant that somebody has come to since. What is being
# removed is left out.
BEGIN = f"""
INSERT INTO pushes (tenant_id, sign_in, message_id, number)
SELECT people.tenant_id, sign_in, {LAST_MESSAGE}, {LAST_NUMBER}
FROM devices JOIN people ON people.login_id = devices.login_id AND active AND role IN ('owner', 'agent')
JOIN tenants ON tenants.id = people.tenant_id
WHERE NOT EXISTS (
    SELECT FROM pushes WHERE pushes.sign_in = devices.sign_in AND pushes.tenant_id = people.tenant_id)
FOR KEY SHARE OF devices, tenants SKIP LOCKED
ON CONFLICT DO NOTHING
"""  # noqa: S608 - of our own

# Who is signed in no more, because they were not there for long, is told so as the last thing.
_IS_OVER = "(seen_at <= now() - {idle}::interval OR sign_ins.created_at <= now() - {longest}::interval)"
END = f"""
WITH over AS MATERIALIZED (
    SELECT tenant_id, id FROM pushes JOIN sign_ins ON hash = sign_in
    WHERE due_at IS NULL AND {_IS_OVER.format(idle="$1", longest="$2")}
    FOR NO KEY UPDATE OF pushes SKIP LOCKED
)
UPDATE pushes SET due_at = now() FROM over WHERE pushes.tenant_id = over.tenant_id AND pushes.id = over.id
"""  # noqa: S608 - of our own

# Since the last look somebody was handed over, or wrote to the login that has the conversation. Of what was
# not looked at for long the last of all is: bounded from below alone, so that an index gives it in order.
LOOK = f"""
WITH behind AS MATERIALIZED (
    SELECT pushes.tenant_id, id, login_id, message_id, number FROM pushes JOIN devices USING (sign_in)
    WHERE (SELECT true FROM messages
           WHERE messages.tenant_id = pushes.tenant_id AND messages.id > message_id AND messages.id <= $1
           LIMIT 1)
       OR (SELECT true FROM notifications
           WHERE notifications.tenant_id = pushes.tenant_id AND notifications.id > number
             AND notifications.id <= $2 LIMIT 1)
    FOR NO KEY UPDATE OF pushes SKIP LOCKED
)
UPDATE pushes SET message_id = greatest(behind.message_id, $1), number = greatest(behind.number, $2),
    due_at = CASE WHEN EXISTS (
        SELECT FROM (
            SELECT id, kind FROM notifications
            WHERE notifications.tenant_id = behind.tenant_id AND notifications.id > behind.number
            ORDER BY notifications.id DESC LIMIT {READ}) AS latest
        WHERE latest.id <= $2 AND kind = 'conversation.handed_over'
    ) OR EXISTS (
        SELECT FROM (
            SELECT id, conversation_id, direction, turn_id FROM messages
            WHERE messages.tenant_id = behind.tenant_id AND messages.id > behind.message_id
            ORDER BY messages.id DESC LIMIT {READ}) AS latest
        WHERE latest.id <= $1 AND direction = 'in' AND turn_id IS DISTINCT FROM -1
          AND (SELECT {IS_TAKEN} AND login_id = behind.login_id FROM conversations
               WHERE tenant_id = behind.tenant_id AND conversations.id = conversation_id LIMIT 1)
    ) THEN now() ELSE due_at END
FROM behind WHERE pushes.tenant_id = behind.tenant_id AND pushes.id = behind.id
"""  # noqa: S608 - of our own

# Those of whom something is due, which are called by a job each.
CALL = """
WITH due AS MATERIALIZED (
    SELECT tenant_id, id FROM pushes WHERE due_at IS NOT NULL AND rests_until <= now()
    ORDER BY rests_until LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE pushes SET rests_until = now() + $2 FROM due
WHERE pushes.tenant_id = due.tenant_id AND pushes.id = due.id
RETURNING pushes.tenant_id, pushes.id
"""
TAKE = f"""
UPDATE pushes SET rests_until = now() + $3 FROM devices JOIN sign_ins ON hash = sign_in
WHERE tenant_id = $1 AND id = $2 AND due_at IS NOT NULL AND rests_until <= now() + $4::interval
  AND devices.sign_in = pushes.sign_in
RETURNING due_at, failures, devices.login_id, devices.sign_in, endpoint, p256dh, auth,
    (SELECT language FROM logins WHERE logins.id = devices.login_id) AS language,
    {_IS_OVER.format(idle="$5", longest="$6")} AS is_over
"""  # noqa: S608 - of our own
# What happened since it was taken is told once more.
TOLD = "UPDATE pushes SET due_at = NULL, failures = 0 WHERE tenant_id = $1 AND id = $2 AND due_at = $3"
FAILED = (
    "UPDATE pushes SET rests_until = now() + $3, failures = failures + 1 WHERE tenant_id = $1 AND id = $2"
)
END_ALL = "UPDATE pushes SET due_at = NULL WHERE due_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Push:
    """What is due to one device, of one tenant."""

    tenant_id: int
    id: int
    due_at: datetime
    failures: int  # in a row
    login_id: int
    sign_in: bytes
    language: str | None
    address: Address
    is_over: bool  # the sign-in


async def begin(connection: Connection) -> None:
    """Let each device be told of each tenant whose people its login is of."""
    await connection.execute(BEGIN)


async def look(connection: Connection, until: Position) -> None:
    """Find out who is to be told of what has happened up to there."""
    await connection.execute(LOOK, *until)
    await connection.execute(END, IDLE, LONGEST)


async def call(connection: Connection) -> list[Job]:
    """The jobs of what is due, for the caller's transaction."""
    rows = await connection.fetch(CALL, CALLS, CALLED)
    return [Job(jobs.PUSH, row["tenant_id"], 0, row["id"]) for row in rows]


async def take(connection: Connection, tenant_id: int, id: int) -> Push | None:
    """What is to be told now; None: it was, or its device is told nothing any more."""
    row = await connection.fetchrow(TAKE, tenant_id, id, EVERY, CALLED, IDLE, LONGEST)
    if row is None:
        return None
    values = dict(row)
    address = Address(*(values.pop(name) for name in ("endpoint", "p256dh", "auth")))
    return Push(tenant_id, id, address=address, **values)


async def told(connection: Connection, push: Push) -> None:
    """There is nothing to tell any more, but what has happened meanwhile."""
    await connection.execute(TOLD, push.tenant_id, push.id, push.due_at)


async def failed(connection: Connection, push: Push, pause: timedelta) -> None:
    """It is told later, if somebody waits still."""
    await connection.execute(FAILED, push.tenant_id, push.id, pause)


async def end_all(connection: Connection) -> None:
    """Tell none of what is due: another installation may have told it."""
    await connection.execute(END_ALL)
