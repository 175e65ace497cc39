"""Retention: files go with what their messages say, or sooner; so does what no message names."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from conserje.conversations.retention import ENDED, OF_DUE, RESTING, TAKEN_AT
from conserje.conversations.rows import EMPTIED
from conserje.files.folder import Folder
from conserje.files.table import Removed
from conserje.storage.database import Connection
from conserje.storage.pruning import LOOKED_AT, Rule

log = logging.getLogger(__name__)

# In the order of their taking, which is that of their messages' taking.
_PAGE = f"""
term AS MATERIALIZED (SELECT now() - {{term}} AS until FROM tenants WHERE id = $1),
page AS MATERIALIZED (
    SELECT id, created_at FROM files
    WHERE tenant_id = $1 AND id > $2 AND (SELECT until FROM term) IS NOT NULL ORDER BY id LIMIT {LOOKED_AT}
)"""  # noqa: S608 - of our own
_NEXT_KEY = f"""
(SELECT CASE WHEN count(*) = {LOOKED_AT} AND min(created_at) < (SELECT until FROM term)
     THEN max(id) END FROM page)
"""  # noqa: S608 - of our own

# The trigger of the table notes what is to be removed from the disk.
REMOVE = f"""
WITH {_PAGE.format(term="keep_messages")}, due AS MATERIALIZED (
    SELECT file.place, page.created_at FROM page CROSS JOIN LATERAL (
        SELECT ctid AS place, conversation_id, message_id FROM files
        WHERE tenant_id = $1 AND files.id = page.id LIMIT 1) AS file
    CROSS JOIN LATERAL (
        SELECT FROM messages
        WHERE tenant_id = $1 AND messages.conversation_id = file.conversation_id
          AND messages.id = file.message_id AND content = '{EMPTIED}' LIMIT 1) AS message
), done AS (
    DELETE FROM files {OF_DUE} RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS rows, {_NEXT_KEY} AS next_key,
       (SELECT (SELECT until FROM term) - min(created_at) FROM due) AS late
"""  # noqa: S608 - of our own

COUNT = f"""
SELECT count(*) FROM files
JOIN messages ON messages.tenant_id = $1 AND messages.conversation_id = files.conversation_id
  AND messages.id = files.message_id
JOIN conversations ON conversations.tenant_id = $1 AND conversations.id = files.conversation_id
JOIN tenants ON tenants.id = $1
WHERE files.tenant_id = $1
  AND (content = '{EMPTIED}' OR {ENDED} AND {RESTING} AND {TAKEN_AT} < now() - keep_messages)
"""  # noqa: S608 - of our own

# What is not kept any more has its row as long as its message, which says so.
_KEPT_LONG = "state = 'kept' AND kept_at < now() - (SELECT keep_files FROM tenants WHERE id = $1)"

END = f"""
WITH {_PAGE.format(term="keep_files")}, due AS MATERIALIZED (
    SELECT file.id, file.place, file.bytes, file.kept_at FROM page CROSS JOIN LATERAL (
        SELECT id, ctid AS place, conversation_id, message_id, bytes, kept_at FROM files
        WHERE tenant_id = $1 AND files.id = page.id AND {_KEPT_LONG} FOR NO KEY UPDATE SKIP LOCKED) AS file
    CROSS JOIN LATERAL (
        SELECT FROM messages WHERE tenant_id = $1 AND messages.conversation_id = file.conversation_id
          AND messages.id = file.message_id AND {ENDED} LIMIT 1) AS message
    CROSS JOIN LATERAL (
        SELECT FROM conversations
        WHERE tenant_id = $1 AND conversations.id = file.conversation_id AND {RESTING} LIMIT 1) AS resting
), done AS (
    UPDATE files SET state = 'gone', cause = 'It is older than the tenant keeps files.', bytes = NULL,
        sha256 = NULL, kept_at = NULL
    {OF_DUE} RETURNING 1
), noted AS (
    INSERT INTO removed_files SELECT $1, id FROM due ON CONFLICT DO NOTHING
), counted AS (
    UPDATE tenant_files SET bytes = greatest(tenant_files.bytes - gone.bytes, 0)
    FROM (SELECT sum(bytes) AS bytes FROM due) AS gone WHERE tenant_id = $1 AND gone.bytes IS NOT NULL
)
SELECT (SELECT count(*) FROM done) AS rows, {_NEXT_KEY} AS next_key,
       (SELECT (SELECT until FROM term) - min(kept_at) FROM due) AS late
"""  # noqa: S608 - of our own

COUNT_LONG_KEPT = f"""
SELECT count(*) FROM files
JOIN messages ON messages.tenant_id = $1 AND messages.conversation_id = files.conversation_id
  AND messages.id = files.message_id
JOIN conversations ON conversations.tenant_id = $1 AND conversations.id = files.conversation_id
JOIN tenants ON tenants.id = $1
WHERE files.tenant_id = $1 AND files.{_KEPT_LONG} AND content <> '{EMPTIED}' AND {ENDED} AND {RESTING}
  AND coalesce({TAKEN_AT} >= now() - keep_messages, true)
"""  # noqa: S608 - of our own

RULES = (
    Rule("files", "files", COUNT, REMOVE),
    Rule("files before their messages", "files", COUNT_LONG_KEPT, END),
)

# Of files on the disk those that no row means. An id that was never given is not of this database.
NAMELESS = """
SELECT $1::bigint AS tenant_id, lying.id FROM unnest($2::bigint[]) AS lying (id), files_id_seq
WHERE lying.id <= CASE WHEN is_called THEN last_value ELSE 0 END AND NOT EXISTS (
    SELECT FROM files WHERE files.tenant_id = $1 AND files.id = lying.id AND state <> 'gone')
"""

FOREIGN = """
SELECT count(*) FROM unnest($1::bigint[]) AS lying (id), files_id_seq
WHERE lying.id > CASE WHEN is_called THEN last_value ELSE 0 END
"""


async def remove_nameless(connection: Connection, folder: Folder) -> AsyncIterator[int]:
    """Remove from the disk what has lain there for a day and no row means; how many of each look went.

    Raises NoRoom.
    """
    foreign = 0
    async for tenant_id, ids in folder.lying():
        foreign += await connection.fetchval(FOREIGN, ids)
        nameless = [Removed(**row) for row in await connection.fetch(NAMELESS, tenant_id, ids)]
        await folder.remove(nameless)
        yield len(nameless)
    if foreign:
        log.warning(
            "%d files in %s have ids that this database has not given, and stay: are they another's?",
            foreign,
            folder.path,
        )
