"""The sending of messages: the next one to leave, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Protocol

from conserje.contract.message import Content, Fault
from conserje.conversations.illness import HEALTH, Health
from conserje.conversations.rows import restored, stored
from conserje.costs.ledger import Charge
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import calling_for
from conserje.telemetry.clocks import TOLERANCE

if TYPE_CHECKING:
    from conserje.tenants.entry import Entry

LONGEST_PAUSE = timedelta(minutes=5)  # before a message is tried again
PATIENCE = timedelta(hours=1)  # of trying again what the provider does not take now
OUTCOME_UNKNOWN = "Nobody knows whether it was sent"  # how the cause of one begins that is held for that

State = Literal[
    "paced", "queued", "sending", "uncertain", "refused", "held", "sent", "failed", "delivered", "read"
]  # fmt: skip
Leaving = Literal["queued", "sending", "uncertain"]
Ending = Literal["queued", "uncertain", "refused", "held"]

Leave = Callable[[], Awaitable[None]]

# The next one to leave, locked, with what `find` must not mistake for it. The conversation is locked too,
# and first: a message that an opt-out finds queued is never marked `sending` after it.
NEXT = f"""
SELECT messages.id, messages.account_id, messages.state, attempt, attempted_at, due_at,
    coalesce(released_at, messages.created_at) AS created_at,
    messages.cause, fault, {HEALTH} AS health,
    content, quotes, peer AS contact_address, outside_as, resent_at, opted_out, coalesce(
        opted_out = 'all' AND messages.id = (
        SELECT confirmation_id FROM consents
        WHERE consents.tenant_id = $1 AND consents.conversation_id = $2
        ORDER BY consents.id DESC LIMIT 1), false) AS confirms,
    now() AS now, ARRAY(
        SELECT provider_id FROM (
            SELECT direction, provider_id FROM messages AS other
            WHERE other.tenant_id = $1 AND other.conversation_id = $2 AND messages.state <> 'queued'
            ORDER BY other.id DESC LIMIT 1000) AS latest
        WHERE direction = 'out' AND provider_id IS NOT NULL LIMIT 100) AS owned
FROM messages JOIN conversations
  ON conversations.tenant_id = messages.tenant_id AND conversations.id = messages.conversation_id
WHERE messages.tenant_id = $1 AND conversation_id = $2
  AND messages.state IN ('queued', 'sending', 'uncertain')
ORDER BY sequence LIMIT 1
FOR SHARE OF conversations FOR NO KEY UPDATE OF messages
"""  # noqa: S608 - of our own

# An attempt from before the clock was set back: how long ago it was is not known, so it counts from now.
SET_RIGHT = """
UPDATE messages SET attempted_at = now() WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3
"""

# With the content that leaves in the place of what was stored, where another does. Its time begins now: for
# however long the transaction has waited for a lock, others count the call as over no sooner than the caller.
START = """
UPDATE messages SET state = 'sending', attempt = attempt + 1, attempted_at = clock_timestamp(), due_at = NULL,
    content = coalesce($4, content)
WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3
RETURNING attempt, attempted_at
"""

# What follows in the same transaction locks the conversation: it is locked before its message is.
_CONVERSATION_FIRST = """
WITH place AS MATERIALIZED (SELECT FROM conversations WHERE tenant_id = $1 AND id = $2 FOR SHARE)
"""

# The provider has it, for what it costs (schema 66).
SENT = "SELECT * FROM note_sent($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"

# Anything else that a sending may come to; a message that a report has moved on stays there.
END = f"""{_CONVERSATION_FIRST}
UPDATE messages SET state = $5, cause = $6, due_at = now() + $7::interval,
    outside_as = CASE WHEN $8 THEN '' ELSE outside_as END, fault = nullif($9, ''),
    resent_at = CASE WHEN $10 THEN now() ELSE resent_at END,
    sent_number = CASE WHEN $5 = 'refused' THEN notification_number() ELSE sent_number END
WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3 AND attempt = $4
  AND state IN ('queued', 'sending', 'uncertain') AND EXISTS (SELECT FROM place)
"""  # noqa: S608 - of our own


@dataclass(frozen=True, slots=True)
class Next:
    """The next message to leave, its row locked."""

    id: int
    account_id: int
    state: Leaving
    attempt: int
    attempted_at: datetime | None  # the last one
    due_at: datetime | None  # not before
    created_at: datetime  # or since when it may leave, where it waited for its account's pace
    content: Content
    quotes: str | None
    contact_address: str
    outside_as: str | None  # the provider's name for it when it was outside the window
    resent_at: datetime | None  # though nobody knows whether it was sent before
    cause: str | None
    fault: Fault | None  # its account's: it waits until that is well
    health: Health | None  # its account's
    opted_out: Literal["all", "marketing"] | None
    confirms: bool  # it is what the contact is told of an opt-out
    now: datetime  # by the database's clock
    owned: frozenset[str]  # the provider's ids of the conversation's other messages


@dataclass(frozen=True, slots=True)
class Free:
    """Nothing but a contact's last message keeps a reply from leaving."""

    since: timedelta | None  # so long ago at most; None: whenever it was


class Sender(Protocol):
    """Who sends what turns have to say; what sends it is called once its transaction is committed."""

    def free(self, entry: Entry, account_id: int, content: Content) -> Free | None:
        """When it may leave as it is; None: there is more to be asked of it."""
        ...

    def leaving(self, entry: Entry, job: Job, message: Next, asked_at: float) -> Leave:
        """What sends the message, and those after it; who took it in hand began to ask for it `asked_at`."""
        ...

    async def take_first(self, connection: Connection, entry: Entry, job: Job) -> Leave | None:
        """Take what the job would be for in hand, in the caller's transaction, if it may leave now."""
        ...


@dataclass(frozen=True, slots=True)
class Sending:
    """A message that is being handed to the provider."""

    tenant_id: int
    conversation_id: int
    id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What the provider has, and what it costs by the tenant's own days."""

    sending: Sending
    provider_id: str
    charge: Charge | None
    zone: str
    bound: int | None  # of a month, in millionths of a USD; None: anything

    @property
    def columns(self) -> tuple[object, ...]:
        cost = (*astuple(self.charge), self.bound) if self.charge else (None,) * 6
        return (*_key(self.sending)[1:], self.provider_id, self.zone, *cost)


@dataclass(frozen=True, slots=True)
class Noted:
    """What follows of a sending that is over; not done: more than a next message, and nothing was written."""

    done: bool
    account: int | None  # where reports of the message came before
    warning: int | None  # the share of the month's bound to tell of
    more: bool  # another message waits


async def find_next(connection: Connection, tenant_id: int, conversation_id: int) -> Next | None:
    """The conversation's next message to leave, locked; None: there is none."""
    row = await connection.fetchrow(NEXT, tenant_id, conversation_id)
    if row is None:
        return None
    attempted_at, now = row["attempted_at"], row["now"]
    if attempted_at and attempted_at > now + TOLERANCE:
        await connection.execute(SET_RIGHT, tenant_id, conversation_id, row["id"])
        attempted_at = now
    return Next(
        **{
            **row,
            "attempted_at": attempted_at,
            "content": restored(row["content"]),
            "owned": frozenset(row["owned"]),
        }
    )


async def start(
    connection: Connection, tenant_id: int, conversation_id: int, message_id: int, changed: Content | None
) -> tuple[int, datetime]:
    """Mark the locked message as being sent, with `changed` in the place of what it says; the attempt."""
    content = None if changed is None else stored(changed)
    row = await connection.fetchrow(START, tenant_id, conversation_id, message_id, content)
    assert row is not None  # the row is locked
    return row["attempt"], row["attempted_at"]


async def note_sent(connection: Connection, sent: Sent) -> Noted:
    """The provider has it; what else follows comes in the same transaction."""
    row = await connection.fetchrow(SENT, sent.sending.tenant_id, False, *sent.columns)
    assert row is not None  # it always says
    return Noted(**row)


async def note_sent_at_once(pool: Pool, sent: Sent, *, aside: bool) -> Noted:
    """The same in a transaction of its own, by one round trip, unless more follows."""
    async with calling_for(pool, sent.sending.tenant_id, aside=aside) as connection:
        row = await connection.fetchrow(SENT, sent.sending.tenant_id, True, *sent.columns)
    assert row is not None  # it always says
    return Noted(**row)


async def note_end(
    connection: Connection,
    sending: Sending,
    state: Ending,
    cause: str | None,
    pause: timedelta | None,
    outside: bool,
    fault: Fault,
    resend: bool,
) -> None:
    """The provider does not have it, or may not: because the contact wrote too long ago (`outside`), or
    because of the account (`fault`). `resend`: it leaves once more all the same."""
    await connection.execute(END, *_key(sending), state, cause, pause, outside, fault, resend)


def _key(sending: Sending) -> tuple[int, int, int, int]:
    return sending.tenant_id, sending.conversation_id, sending.id, sending.attempt
