"""A person's rights: what these tables hold of one contact, and how they forget it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from conserje.conversations import feed, reads, state
from conserje.conversations.contacts import ContactError
from conserje.conversations.names import ACCOUNTS, DROP_REJECTS, SENT_AS
from conserje.conversations.retention import OF_DUE
from conserje.conversations.rows import FORGOTTEN, beside_key, digest
from conserje.storage.database import Connection
from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule

BATCH = 1000  # messages that are emptied at once
WRITERS_LIMIT, WRITERS_PAUSE = 10.0, 0.02  # seconds

EXISTS = "SELECT id FROM contacts WHERE tenant_id = $1 AND id = $2"
OF_CONTACT = "SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2"

# What is handed out of the tenant $1's contact $2, by its name there.
EXPORT = {
    "contact": """
SELECT contacts.*, (
    SELECT forgotten_at FROM forgotten WHERE forgotten.tenant_id = $1 AND contact_id = $2) AS forgotten_at
FROM contacts WHERE tenant_id = $1 AND id = $2
""",
    "identities": """
SELECT channel, name FROM identities WHERE tenant_id = $1 AND contact_id = $2 ORDER BY channel, name
""",
    "conversations": """
SELECT conversations.id, channel, address AS account, peer AS contact_address, state, opted_out,
       conversations.created_at, active_at
FROM conversations JOIN accounts ON accounts.tenant_id = $1 AND accounts.id = account_id
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY conversations.id
""",
    "messages": """
SELECT messages.id, conversation_id, direction, messages.created_at, content, messages.turn_id,
       provider_id, quotes, messages.state, messages.cause, sent_at
FROM conversations JOIN messages ON messages.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY conversation_id, messages.id
""",
    "summaries": """
SELECT conversation_id, text, since, made_at
FROM conversations JOIN summaries ON summaries.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 AND text <> '' ORDER BY conversation_id
""",
    "notes": """
SELECT notes.id, conversation_id, author, text, notes.created_at
FROM conversations JOIN notes ON notes.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY conversation_id, notes.id
""",
    "orders": """
SELECT messages.id AS message_id, messages.created_at, content
FROM conversations JOIN messages ON messages.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 AND kind = 'order'
ORDER BY conversation_id, messages.id
""",
    "turns": """
SELECT turns.id, conversation_id, assistant, intent, confidence, turns.cause, settled_at
FROM conversations JOIN turns ON turns.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY conversation_id, turns.id
""",
    "statuses": """
SELECT messages.id AS message_id, statuses.status, statuses.cause, statuses.provider_id, billable, category,
       statuses.created_at
FROM conversations
JOIN messages ON messages.tenant_id = $1 AND conversation_id = conversations.id AND direction = 'out'
CROSS JOIN LATERAL unnest(array_cat(ARRAY[messages.provider_id, outside_as], failed_as)) AS sent_as
JOIN statuses ON statuses.tenant_id = $1 AND statuses.account_id = messages.account_id
 AND statuses.provider_id = sent_as AND sent_as <> ''
WHERE conversations.tenant_id = $1 AND contact_id = $2
ORDER BY conversation_id, messages.id, statuses.created_at
""",
    "effects": """
SELECT effects.conversation_id, effects.turn_id, tool, arguments, effects.state, effects.created_at,
       ended_at, shown, effects.cause
FROM conversations JOIN effects ON effects.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2
ORDER BY effects.conversation_id, effects.turn_id, number
""",
    "reservations": """
SELECT conversation_id, result, reservations.created_at
FROM conversations JOIN reservations ON reservations.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 ORDER BY conversation_id, reservations.created_at
""",
    "rejects": f"""
SELECT id, account_id, raw, cause, created_at FROM rejects
WHERE tenant_id = $1 AND account_id IN (SELECT id FROM ({ACCOUNTS}) AS accounts) ORDER BY id
""",  # noqa: S608 - of our own; of these the ones that name the contact
}

# Who writes to the conversations waits, too: what they store then is seen by whoever locks them next.
LOCK = "SELECT id FROM contacts WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
LOCK_CONVERSATIONS = f"{OF_CONTACT} ORDER BY id FOR UPDATE"
LOCK_CONVERSATION = "SELECT FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"

# Some messages of a conversation, with their turns and what was reported of them; without $6 only those whose
# fate is settled. The key of an inbound one stays, so that it is taken once.
EMPTY = """
WITH said AS MATERIALIZED (
    SELECT account_id, id, direction, content, event_key, turn_id AS turn,
           array_cat(ARRAY[provider_id, outside_as], failed_as) AS provider_ids
    FROM messages
    WHERE tenant_id = $1 AND conversation_id = $2 AND id > $3 AND (content <> $4 OR provider_id IS NOT NULL)
      AND ($6 OR (direction = 'in' AND turn_id IS NOT NULL)
           OR state IN ('refused', 'sent', 'failed', 'delivered', 'read'))
    ORDER BY id LIMIT $5 FOR NO KEY UPDATE
), emptied AS (
    UPDATE messages SET content = $4, provider_id = NULL, quotes = NULL, cause = NULL, outside_as = NULL,
        failed_as = NULL, fault = NULL, due_at = NULL,
        turn_id = CASE WHEN messages.direction = 'in' THEN coalesce(messages.turn_id, 0) ELSE turn_id END,
        state = CASE WHEN state IN ('paced', 'queued', 'sending', 'uncertain', 'held') THEN 'refused'
                     ELSE state END
    FROM said WHERE tenant_id = $1 AND conversation_id = $2 AND messages.id = said.id
), named AS MATERIALIZED (
    SELECT DISTINCT account_id, provider_id FROM said, unnest(provider_ids) AS provider_id
    WHERE provider_id <> ''
), thought AS (
    UPDATE turns SET intent = NULL, cause = NULL, usage = '{}', told = NULL, calls = NULL
    FROM (SELECT DISTINCT turn FROM said) AS answered
    WHERE tenant_id = $1 AND conversation_id = $2 AND turns.id = answered.turn AND assistant <> 'person'
), told AS (
    UPDATE statuses SET provider_id = '', cause = NULL FROM named
    WHERE tenant_id = $1 AND statuses.account_id = named.account_id
      AND statuses.provider_id = named.provider_id
)
SELECT account_id, id, event_key, CASE WHEN direction = 'out' THEN content END AS words FROM said ORDER BY id
"""

# What could not be read of these messages, and what the business said in them by another way.
DROP_BESIDE = "DELETE FROM rejects WHERE tenant_id = $1 AND account_id = $2 AND event_key = ANY ($3::bytea[])"
DROP_WORDS = "DELETE FROM own_words WHERE tenant_id = $1 AND account_id = $2 AND digest = ANY ($3::bytea[])"

# What is reported later of what was said to them: the provider's numbers hold an address. No provider reports
# of what is older.
REMEMBER_SENT = f"""
INSERT INTO forgotten_addresses (tenant_id, account_id, digest)
SELECT DISTINCT $1::bigint, account_id, address_digest($1, account_id, sent_as)
FROM ({SENT_AS} AND messages.created_at > now() - interval '35 days') AS said
WHERE sent_as <> '' ORDER BY 2, 3
ON CONFLICT (tenant_id, account_id, digest) DO UPDATE SET forgotten_at = now()
"""  # noqa: S608 - of our own
REMEMBER = """
INSERT INTO forgotten_addresses (tenant_id, account_id, digest, opted_out)
SELECT $1, account_id, address_digest($1, account_id, known.name), opted_out
FROM conversations JOIN accounts ON accounts.tenant_id = $1 AND accounts.id = account_id
CROSS JOIN LATERAL (
    SELECT name FROM identities
    WHERE identities.tenant_id = $1 AND identities.contact_id = $2 AND identities.channel = accounts.channel
    UNION SELECT conversations.peer) AS known
WHERE conversations.tenant_id = $1 AND conversations.contact_id = $2 AND known.name <> ''
ORDER BY account_id, 3
ON CONFLICT (tenant_id, account_id, digest)
DO UPDATE SET forgotten_at = now(), opted_out = excluded.opted_out
"""
EMPTYING = (REMEMBER_SENT, DROP_REJECTS, EMPTY, DROP_BESIDE, DROP_WORDS)
NOTE = """
INSERT INTO forgotten (tenant_id, contact_id) VALUES ($1, $2)
ON CONFLICT (tenant_id, contact_id) DO UPDATE SET forgotten_at = now()
"""

# The last of it, in this order: the names that the first ones need go with the last ones.
FORGET = (
    f"DELETE FROM overflow WHERE tenant_id = $1 AND conversation_id IN ({OF_CONTACT})",  # noqa: S608
    f"UPDATE turns SET intent = NULL, cause = NULL, usage = '{{}}', told = NULL, calls = NULL"  # noqa: S608
    f" WHERE tenant_id = $1 AND assistant <> 'person' AND conversation_id IN ({OF_CONTACT})"
    " AND (coalesce(intent, cause, told, calls::text) IS NOT NULL OR usage <> '{}')",
    f"UPDATE summaries SET version = version + 1, text = '', covers = NULL, since = NULL, made_at = NULL,"  # noqa: S608
    f" asked_at = NULL WHERE tenant_id = $1 AND conversation_id IN ({OF_CONTACT})",
    f"DELETE FROM notes WHERE tenant_id = $1 AND conversation_id IN ({OF_CONTACT})",  # noqa: S608
    reads.FORGET,
    f"DELETE FROM effects WHERE tenant_id = $1 AND conversation_id IN ({OF_CONTACT})",  # noqa: S608
    f"DELETE FROM reservations WHERE tenant_id = $1 AND conversation_id IN ({OF_CONTACT})",  # noqa: S608
    REMEMBER,
    "DELETE FROM identities WHERE tenant_id = $1 AND contact_id = $2",
    "UPDATE contacts SET name = '', phone = '', vouched_at = NULL WHERE tenant_id = $1 AND id = $2",
    state.FORGET,
    NOTE,
)

# Who was about to store messages where it found the conversation before its contact was forgotten.
WRITERS = """
SELECT coalesce(array_agg(virtualtransaction), '{}') FROM pg_locks
WHERE locktype = 'relation' AND relation = 'messages'::regclass AND mode = 'RowExclusiveLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND pid <> pg_backend_pid() AND ($1::text[] IS NULL OR virtualtransaction = ANY ($1))
"""

# Longer than any spool waits: what was written before the forgetting has come by then. An opt-out stays.
_HASH_IS_DUE = "opted_out IS NULL AND forgotten_at < now() - interval '35 days'"
COUNT_HASHES = f"SELECT count(*) FROM forgotten_addresses WHERE tenant_id = $1 AND {_HASH_IS_DUE}"  # noqa: S608
REMOVE_HASHES = f"""
WITH due AS MATERIALIZED (
    SELECT ctid AS place, forgotten_at FROM forgotten_addresses
    WHERE tenant_id = $1 AND forgotten_at >= $2 AND {_HASH_IS_DUE}
    ORDER BY forgotten_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM forgotten_addresses {OF_DUE} RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(forgotten_at) END FROM due) AS next_key,
       (SELECT now() - interval '35 days' - min(forgotten_at) FROM due) AS late
"""  # noqa: S608 - of our own
RULES = (Rule("hashes of the forgotten", "forgotten_addresses", COUNT_HASHES, REMOVE_HASHES, EARLIEST),)


async def conversations(
    connection: Connection, tenant_id: int, contact_id: int, *, locked: bool = False
) -> list[int]:
    """The contact's conversations; `locked` until the transaction ends, also for who writes to them.

    Raises ContactError.
    """
    if await connection.fetchval(LOCK if locked else EXISTS, tenant_id, contact_id) is None:
        raise ContactError(f"The tenant has no contact {contact_id}: see `conserje contact list`.")
    statement = LOCK_CONVERSATIONS if locked else OF_CONTACT
    return [row["id"] for row in await connection.fetch(statement, tenant_id, contact_id)]


async def remember_sent(connection: Connection, tenant_id: int, contact_id: int) -> None:
    """To be done before the first message is emptied: what is reported of them later is dropped."""
    await connection.execute(REMEMBER_SENT, tenant_id, contact_id)


async def empty(
    connection: Connection, tenant_id: int, conversation_id: int, after: int = 0, *, everything: bool
) -> list[int]:
    """Take away what some messages of a conversation say, in the caller's transaction; their ids, the oldest
    first. Without `everything` what may still be answered or sent is left."""
    place = (tenant_id, conversation_id)
    await connection.execute(LOCK_CONVERSATION, *place)
    rows = await connection.fetch(EMPTY, *place, after, FORGOTTEN, BATCH, everything)
    if rows:
        account = (tenant_id, rows[0]["account_id"])
        beside = [beside_key(row["event_key"]) for row in rows if row["event_key"]]
        await connection.execute(DROP_BESIDE, *account, beside)
        said = {digest(row["words"]) for row in rows if row["words"]}
        await connection.execute(DROP_WORDS, *account, list(said))
    return [row["id"] for row in rows]


async def wake(connection: Connection, tenant_id: int, conversation_id: int) -> None:
    """Let pages look that show the conversation."""
    await feed.wake(connection, tenant_id, conversation_id)


async def wait_for_writers(connection: Connection) -> None:
    """Return when whoever stores messages now has ended, or has taken WRITERS_LIMIT seconds."""
    writers = await connection.fetchval(WRITERS, None)
    with suppress(TimeoutError):
        async with asyncio.timeout(WRITERS_LIMIT):
            while writers:
                await asyncio.sleep(WRITERS_PAUSE)
                writers = await connection.fetchval(WRITERS, writers)
