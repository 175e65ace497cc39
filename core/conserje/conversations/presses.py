"""Presses: what a contact chose by a short id is stored by the long one that was offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from conserje.contract.message import Pressed
from conserje.conversations.messages import REWRITE
from conserje.conversations.rows import restored, stored
from conserje.storage.database import Connection, columns

BEGINS = '{"id":"_'  # what is stored of a press by a short id; of the other kinds none begins with an id

# What was offered is among the last of the conversation: the choice whose short id this is, if there is one.
OFFERED = """
SELECT pressed.n, choice ->> 'id' AS id, choice ->> 'title' AS title
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) WITH ORDINALITY
    AS pressed (tenant_id, conversation_id, message_id, short, n)
CROSS JOIN LATERAL (
    SELECT choice FROM (
        SELECT id, direction, kind, content FROM messages
        WHERE messages.tenant_id = pressed.tenant_id AND messages.conversation_id = pressed.conversation_id
          AND messages.id < pressed.message_id
        ORDER BY id DESC LIMIT 200) AS latest
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE WHEN direction = 'out' AND kind IN ('buttons', 'list')
             THEN coalesce(content::jsonb -> 'buttons', content::jsonb -> 'rows') END) AS choice
    WHERE '_' || left(encode(sha256(convert_to(choice ->> 'id', 'UTF8')), 'hex'), 16) = pressed.short
    ORDER BY latest.id DESC LIMIT 1) AS offered
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
