"""Presses: what a contact chose by a short id is stored by the long one that was offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from conserje.contract.message import Pressed
from conserje.conversations.messages import REWRITE
from conserje.conversations.rows import restored, stored
from conserje.storage.database import Connection, columns

BEGINS = '{"id":"_'  # what is stored of a press by a short id; of the other kinds none begins with an id

# The choices by whose short ids something was pressed. What was offered is among the last messages of the
# conversation, which are looked through once, however much is pressed at a time.
OFFERED = """
WITH pressed AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) WITH ORDINALITY
        AS t (tenant_id, conversation_id, message_id, short, n)
), place AS MATERIALIZED (
    SELECT tenant_id, conversation_id, min(message_id) AS message_id FROM pressed
    GROUP BY tenant_id, conversation_id
), offered AS MATERIALIZED (
    SELECT place.tenant_id, place.conversation_id, latest.id AS message_id, choice,
           '_' || left(encode(sha256(convert_to(choice ->> 'id', 'UTF8')), 'hex'), 16) AS short
    FROM place
    CROSS JOIN LATERAL (
        SELECT id, direction, kind, content FROM messages
        WHERE messages.tenant_id = place.tenant_id AND messages.conversation_id = place.conversation_id
          AND messages.id < place.message_id
        ORDER BY id DESC LIMIT 200) AS latest
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE WHEN direction = 'out' AND kind IN ('buttons', 'list')
             THEN coalesce(content::jsonb -> 'buttons', content::jsonb -> 'rows') END) AS choice
)
SELECT DISTINCT ON (n) n, choice ->> 'id' AS id, choice ->> 'title' AS title
FROM pressed JOIN offered USING (tenant_id, conversation_id, short)
ORDER BY n, offered.message_id DESC
"""


class Press(NamedTuple):
    """A message by which a contact may have chosen something by a short id."""

    tenant_id: int
    conversation_id: int
    message_id: int
    content: str


async def resolve(connection: Connection, presses: Sequence[Press]) -> None:
    """Have what was pressed name the id that was offered; what was not offered stays as it came."""
    pressed = [(press, said) for press in presses if isinstance(said := restored(press.content), Pressed)]
    given = columns([press for press, _ in pressed], "tenant_id", "conversation_id", "message_id")
    for row in await connection.fetch(OFFERED, *given, [said.id for _, said in pressed]):
        press, said = pressed[row["n"] - 1]
        title = row["title"] if said.title in ("", said.id) else said.title
        content = stored(Pressed(row["id"], title))
        await connection.execute(REWRITE, *press[:3], content)
