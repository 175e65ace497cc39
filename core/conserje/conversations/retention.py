"""Retention: when what was said is emptied, and when its rows and those who said it go.

What is unanswered, held, or on its way stays, and so does all of a conversation that is held, waits for its
account, or is with a person.
"""

from __future__ import annotations

from datetime import timedelta

from conserje.conversations import effects, notes
from conserje.conversations.rows import EMPTIED, FORGOTTEN
from conserje.storage.database import Connection
from conserje.storage.pruning import EARLIEST, LOOKED_AT, Rule

# Longer than providers repeat an event: until then a row's key says that it was taken. What was written
# earlier than `rows.OLDEST_ANSWERED` starts no turn, should it be taken once more.
ROWS_STAY = timedelta(days=35)
TOLD_BEFORE = timedelta(days=7)
NAMED = 5  # tenants

_ROWS_STAY = f"interval '{ROWS_STAY.days} days'"

ENDED = """CASE messages.direction WHEN 'in' THEN messages.turn_id IS NOT NULL
               ELSE messages.state NOT IN ('paced', 'queued', 'sending', 'uncertain', 'held') END"""

RESTING = """NOT (conversations.state = 'held' OR ill_since IS NOT NULL
                  OR conversations.state = 'person' AND hand_back_at > now())"""

# What comes late was taken when its conversation heard of it, whenever it was written.
TAKEN_AT = "messages.created_at + coalesce(late_by, '0')"

# Where they lie: a join may read all of the tenant's.
OF_DUE = "WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT place FROM due))"

# The next of a tenant's messages, in the order of their taking, and of these the due ones, which nobody else
# has. A page that is all younger is the last one.
_MESSAGES = f"""
WITH term AS MATERIALIZED (SELECT now() - keep_messages - {{stay}} AS until FROM tenants WHERE id = $1),
page AS MATERIALIZED (
    SELECT id, conversation_id, {TAKEN_AT} AS taken_at FROM messages
    WHERE tenant_id = $1 AND id > $2 AND (SELECT until FROM term) IS NOT NULL ORDER BY id LIMIT {LOOKED_AT}
), due AS MATERIALIZED (
    SELECT message.place, taken_at FROM page
    CROSS JOIN LATERAL (  -- row by row: a plan for many rows would read all conversations of a tenant
        SELECT FROM conversations
        WHERE tenant_id = $1 AND conversations.id = page.conversation_id AND {RESTING} LIMIT 1) AS resting
    CROSS JOIN LATERAL (
        SELECT ctid AS place FROM messages
        WHERE tenant_id = $1 AND conversation_id = page.conversation_id AND messages.id = page.id
          AND {ENDED} AND {{but}} FOR {{lock}} SKIP LOCKED) AS message
    WHERE taken_at < (SELECT until FROM term)
), done AS ({{act}} {OF_DUE} RETURNING 1)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} AND min(taken_at) < (SELECT until FROM term)
            THEN max(id) END FROM page) AS next_key,
       (SELECT (SELECT until FROM term) - min(taken_at) FROM due) AS late
"""  # noqa: S608 - of our own

REMOVE_MESSAGES = _MESSAGES.format(stay=_ROWS_STAY, lock="UPDATE", but="true", act="DELETE FROM messages")

# What was taken back stays so: an edit that comes later does not stand in its place.
_EMPTY = f"""
UPDATE messages SET quotes = NULL, cause = NULL,
    content = CASE kind WHEN 'revocation' THEN '{FORGOTTEN}' ELSE '{EMPTIED}' END
"""  # noqa: S608 - of our own
_IS_FULL = f"content NOT IN ('{EMPTIED}', '{FORGOTTEN}')"
EMPTY_MESSAGES = _MESSAGES.format(stay="interval '0'", lock="NO KEY UPDATE", but=_IS_FULL, act=_EMPTY)

COUNT_MESSAGES = f"""
SELECT count(*) FROM messages
JOIN conversations ON conversations.tenant_id = $1 AND conversations.id = conversation_id AND {RESTING}
JOIN tenants ON tenants.id = $1
WHERE messages.tenant_id = $1 AND {ENDED} AND {TAKEN_AT} < now() - keep_messages - {_ROWS_STAY}
"""  # noqa: S608 - of our own

COUNT_CONTENTS = f"""
SELECT count(*) FROM messages
JOIN conversations ON conversations.tenant_id = $1 AND conversations.id = conversation_id AND {RESTING}
JOIN tenants ON tenants.id = $1
WHERE messages.tenant_id = $1 AND {ENDED} AND {_IS_FULL}
  AND {TAKEN_AT} < now() - keep_messages AND {TAKEN_AT} >= now() - keep_messages - {_ROWS_STAY}
"""  # noqa: S608 - of our own

# Once nothing is left of what it answered and said, but for the one that a conversation is at. With OFFSET it
# is asked row by row: a join may read all of the tenant's.
_TURN_IS_DUE = f"""
NOT EXISTS (SELECT FROM messages
            WHERE messages.tenant_id = $1 AND messages.conversation_id = turns.conversation_id
              AND messages.turn_id = turns.id OFFSET 0)
AND EXISTS (SELECT FROM conversations
            WHERE conversations.tenant_id = $1 AND conversations.id = turns.conversation_id AND {RESTING}
              AND conversations.turn_id IS DISTINCT FROM turns.id OFFSET 0)
"""  # noqa: S608 - of our own

_LAST_TERM = f"""
SELECT now() - keep_messages - {_ROWS_STAY} AS until FROM tenants WHERE id = $1
"""  # noqa: S608 - of our own

REMOVE_TURNS = f"""
WITH term AS MATERIALIZED ({_LAST_TERM}),
page AS MATERIALIZED (
    SELECT id, conversation_id, settled_at, ctid AS place FROM turns
    WHERE tenant_id = $1 AND id > $2 AND (SELECT until FROM term) IS NOT NULL ORDER BY id LIMIT {LOOKED_AT}
), due AS MATERIALIZED (
    SELECT * FROM page AS turns WHERE settled_at < (SELECT until FROM term) AND {_TURN_IS_DUE}
), done AS (
    DELETE FROM turns {OF_DUE} RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} AND min(settled_at) < (SELECT until FROM term)
            THEN max(id) END FROM page) AS next_key,
       (SELECT (SELECT until FROM term) - min(settled_at) FROM due) AS late
"""  # noqa: S608 - of our own

COUNT_TURNS = f"""
SELECT count(*) FROM turns
WHERE tenant_id = $1 AND settled_at < ({_LAST_TERM}) AND EXISTS (
    SELECT FROM conversations
    WHERE conversations.tenant_id = $1 AND conversations.id = turns.conversation_id AND {RESTING}
      AND conversations.turn_id IS DISTINCT FROM turns.id)
  AND NOT EXISTS (
    SELECT FROM messages
    WHERE messages.tenant_id = $1 AND messages.conversation_id = turns.conversation_id
      AND messages.turn_id = turns.id AND NOT ({ENDED} AND {TAKEN_AT} < ({_LAST_TERM})))
"""  # noqa: S608 - of our own

# What an assistant was told quotes messages that were as old as it reads back.
_TOLD_TERM = """
SELECT CASE WHEN keep_messages IS NOT NULL
       THEN now() - greatest(keep_messages - context_days * interval '1 day', '0') END AS until
FROM tenants WHERE id = $1
"""
_IS_TOLD = "(told IS NOT NULL OR calls IS NOT NULL)"
EMPTY_TOLD = f"""
WITH term AS MATERIALIZED ({_TOLD_TERM}),
page AS MATERIALIZED (
    SELECT id, settled_at, {_IS_TOLD} AS is_told, ctid AS place FROM turns
    WHERE tenant_id = $1 AND id > $2 AND (SELECT until FROM term) IS NOT NULL ORDER BY id LIMIT {LOOKED_AT}
), due AS MATERIALIZED (
    SELECT place, settled_at FROM page WHERE is_told AND settled_at < (SELECT until FROM term)
), done AS (
    UPDATE turns SET told = NULL, calls = NULL {OF_DUE} RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} AND min(settled_at) < (SELECT until FROM term)
            THEN max(id) END FROM page) AS next_key,
       (SELECT (SELECT until FROM term) - min(settled_at) FROM due) AS late
"""  # noqa: S608 - of our own
COUNT_TOLD = f"""
SELECT count(*) FROM turns WHERE tenant_id = $1 AND {_IS_TOLD} AND settled_at < ({_TOLD_TERM})
"""  # noqa: S608 - of our own

REMOVE_STATUSES = f"""
WITH term AS MATERIALIZED (SELECT now() - keep_statuses AS until FROM tenants WHERE id = $1),
due AS MATERIALIZED (
    SELECT ctid AS place, created_at FROM statuses
    WHERE tenant_id = $1 AND created_at >= $2 AND created_at < (SELECT until FROM term)
    ORDER BY created_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM statuses {OF_DUE} RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(created_at) END FROM due) AS next_key,
       (SELECT (SELECT until FROM term) - min(created_at) FROM due) AS late
"""  # noqa: S608 - of our own

COUNT_STATUSES = """
SELECT count(*) FROM statuses WHERE tenant_id = $1
  AND created_at < (SELECT now() - keep_statuses FROM tenants WHERE id = $1)
"""

REMOVE_REJECTS = f"""
WITH due AS MATERIALIZED (
    SELECT ctid AS place, goes_at FROM rejects WHERE tenant_id = $1 AND goes_at >= $2 AND goes_at < now()
    ORDER BY goes_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
), done AS (
    DELETE FROM rejects {OF_DUE} RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(goes_at) END FROM due) AS next_key,
       (SELECT now() - min(goes_at) FROM due) AS late
"""  # noqa: S608 - of our own

COUNT_REJECTS = "SELECT count(*) FROM rejects WHERE tenant_id = $1 AND goes_at < now()"

_IS_OVER = f"""
{RESTING} AND coalesce(leased_until < now(), true)
AND greatest(active_at, conversations.created_at) < ({_LAST_TERM})
"""

# Whoever takes a message of it holds the row, and whoever comes later waits, and finds that it is gone. A
# contact who wants no more messages is not forgotten.
_CONVERSATION_IS_DUE = f"opted_out IS NULL AND {_IS_OVER}"
_SAYS_NOTHING = """NOT EXISTS (
    SELECT FROM messages WHERE messages.tenant_id = $1 AND conversation_id = conversations.id OFFSET 0)"""

LOCK_CONVERSATIONS = f"""
WITH page AS MATERIALIZED (
    SELECT id FROM conversations WHERE tenant_id = $1 AND id > $2 AND ({_LAST_TERM}) IS NOT NULL
    ORDER BY id LIMIT {LOOKED_AT}
), due AS MATERIALIZED (
    SELECT place.id, active_at FROM page CROSS JOIN LATERAL (
        SELECT id, active_at FROM conversations
        WHERE tenant_id = $1 AND conversations.id = page.id AND {_CONVERSATION_IS_DUE} AND {_SAYS_NOTHING}
        FOR UPDATE SKIP LOCKED) AS place
)
SELECT ARRAY(SELECT id FROM due) AS ids,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(id) END FROM page) AS next_key,
       (SELECT ({_LAST_TERM}) - min(active_at) FROM due) AS late
"""  # noqa: S608 - of our own

REMOVE_CONVERSATIONS = f"""
WITH done AS (
    DELETE FROM conversations WHERE tenant_id = $1 AND id = ANY ($2::bigint[]) AND {_SAYS_NOTHING}
    RETURNING id
)
SELECT count(*) FROM done
"""  # noqa: S608 - of our own

COUNT_CONVERSATIONS = f"""
SELECT count(*) FROM conversations WHERE tenant_id = $1 AND {_CONVERSATION_IS_DUE} AND NOT EXISTS (
    SELECT FROM messages WHERE messages.tenant_id = $1 AND conversation_id = conversations.id
      AND NOT ({ENDED} AND {TAKEN_AT} < ({_LAST_TERM})))
"""  # noqa: S608 - of our own

_IS_ALONE = """NOT EXISTS (
    SELECT FROM conversations WHERE conversations.tenant_id = $1 AND contact_id = contacts.id OFFSET 0)"""

LOCK_CONTACTS = f"""
WITH page AS MATERIALIZED (
    SELECT id FROM contacts WHERE tenant_id = $1 AND id > $2 AND ({_LAST_TERM}) IS NOT NULL
    ORDER BY id LIMIT {LOOKED_AT}
), due AS MATERIALIZED (
    SELECT contact.id, created_at FROM page CROSS JOIN LATERAL (
        SELECT id, created_at FROM contacts
        WHERE tenant_id = $1 AND contacts.id = page.id AND created_at < ({_LAST_TERM}) AND {_IS_ALONE}
        FOR UPDATE SKIP LOCKED) AS contact
)
SELECT ARRAY(SELECT id FROM due) AS ids,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(id) END FROM page) AS next_key,
       (SELECT ({_LAST_TERM}) - min(created_at) FROM due) AS late
"""  # noqa: S608 - of our own

REMOVE_CONTACTS = f"""
WITH done AS (
    DELETE FROM contacts WHERE tenant_id = $1 AND id = ANY ($2::bigint[]) AND {_IS_ALONE} RETURNING id
)
SELECT count(*) FROM done
"""  # noqa: S608 - of our own

COUNT_CONTACTS = f"""
SELECT count(*) FROM contacts WHERE tenant_id = $1 AND created_at < ({_LAST_TERM}) AND NOT EXISTS (
    SELECT FROM conversations WHERE conversations.tenant_id = $1 AND contact_id = contacts.id
      AND NOT ({_CONVERSATION_IS_DUE} AND NOT EXISTS (
          SELECT FROM messages WHERE messages.tenant_id = $1 AND conversation_id = conversations.id
            AND NOT ({ENDED} AND {TAKEN_AT} < ({_LAST_TERM})))))
"""  # noqa: S608 - of our own

# Of who wants no more messages the address is enough: of them nothing is left but that.
_HAS_PROFILE = "(contacts.name <> '' OR phone <> '')"
_WANTS_NONE = """EXISTS (
    SELECT FROM conversations
    WHERE conversations.tenant_id = $1 AND contact_id = contacts.id AND opted_out IS NOT NULL OFFSET 0)"""

EMPTY_PROFILES = f"""
WITH page AS MATERIALIZED (
    SELECT id FROM contacts WHERE tenant_id = $1 AND id > $2 AND ({_LAST_TERM}) IS NOT NULL
    ORDER BY id LIMIT {LOOKED_AT}
), due AS MATERIALIZED (
    SELECT contact.place, last.active_at FROM page CROSS JOIN LATERAL (
        SELECT ctid AS place FROM contacts
        WHERE tenant_id = $1 AND contacts.id = page.id AND {_HAS_PROFILE} AND {_WANTS_NONE} AND NOT EXISTS (
            SELECT FROM conversations
            WHERE conversations.tenant_id = $1 AND contact_id = contacts.id
              AND NOT coalesce({_IS_OVER} AND {_SAYS_NOTHING}, false) OFFSET 0)
        FOR NO KEY UPDATE SKIP LOCKED) AS contact
    CROSS JOIN LATERAL (
        SELECT max(active_at) AS active_at FROM conversations
        WHERE tenant_id = $1 AND contact_id = page.id LIMIT 1) AS last
), done AS (
    UPDATE contacts SET name = '', phone = '', vouched_at = NULL {OF_DUE} RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows,
       (SELECT CASE WHEN count(*) = {LOOKED_AT} THEN max(id) END FROM page) AS next_key,
       (SELECT ({_LAST_TERM}) - min(active_at) FROM due) AS late
"""  # noqa: S608 - of our own

COUNT_PROFILES = f"""
SELECT count(*) FROM contacts WHERE tenant_id = $1 AND {_HAS_PROFILE} AND {_WANTS_NONE} AND NOT EXISTS (
    SELECT FROM conversations WHERE conversations.tenant_id = $1 AND contact_id = contacts.id
      AND NOT coalesce({_IS_OVER} AND NOT EXISTS (
          SELECT FROM messages WHERE messages.tenant_id = $1 AND conversation_id = conversations.id
            AND NOT ({ENDED} AND {TAKEN_AT} < ({_LAST_TERM}))), false))
"""  # noqa: S608 - of our own

REJECTS_GOING = """
SELECT slug, count(*) FROM rejects JOIN tenants ON tenants.id = tenant_id
WHERE dropped_at IS NULL AND goes_at < now() + $1::interval
GROUP BY slug ORDER BY count(*) DESC, slug LIMIT $2
"""

# Messages before their turns, those before their conversations, and these before their contacts.
RULES = (
    Rule("rejects", "rejects", COUNT_REJECTS, REMOVE_REJECTS, EARLIEST),
    *effects.RULES,
    notes.RULE,
    Rule("statuses", "statuses", COUNT_STATUSES, REMOVE_STATUSES, EARLIEST),
    Rule("messages", "messages", COUNT_MESSAGES, REMOVE_MESSAGES),
    Rule("contents", "messages", COUNT_CONTENTS, EMPTY_MESSAGES),
    Rule("what assistants were told", "turns", COUNT_TOLD, EMPTY_TOLD),
    Rule("turns", "turns", COUNT_TURNS, REMOVE_TURNS),
    Rule(
        "conversations", "conversations", COUNT_CONVERSATIONS, REMOVE_CONVERSATIONS, lock=LOCK_CONVERSATIONS
    ),
    Rule("contacts", "contacts", COUNT_CONTACTS, REMOVE_CONTACTS, lock=LOCK_CONTACTS),
    Rule("names of who wants no messages", "contacts", COUNT_PROFILES, EMPTY_PROFILES),
)


async def rejects_going(connection: Connection) -> str:
    """Of whom something goes soon that nobody could read and nobody has dropped; empty where nothing does."""
    rows = await connection.fetch(REJECTS_GOING, TOLD_BEFORE, NAMED + 1)
    named = [f"{number} of {slug}" for slug, number in rows[:NAMED]]
    return ", ".join([*named, *(["and more"] if len(rows) > NAMED else [])])
