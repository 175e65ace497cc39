"""What the business says to its contacts by other ways: on its telephone, in the provider's inbox.

Whoever of the tenant writes has the conversation: the assistant is silent as for a person who took it over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from conserje.conversations import messages, state
from conserje.conversations.rows import BusinessRow, digest
from conserje.storage.database import Connection, columns

GREETED_WITHIN = timedelta(seconds=5)  # of what a contact writes the provider's automatic greeting comes

FIND = """
SELECT (SELECT id FROM conversations
        WHERE tenant_id = event.tenant_id AND account_id = event.account_id AND contact_id = (
            SELECT contact_id FROM identities
            WHERE identities.tenant_id = event.tenant_id AND identities.channel = event.channel
              AND identities.name = event.contact_address)
          AND CASE WHEN at IS NULL THEN true
                   ELSE NOT is_forgotten(event.tenant_id, event.account_id, contact_address, at) END) AS id
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[])
    WITH ORDINALITY AS event (tenant_id, account_id, channel, contact_address, at, n)
ORDER BY n
"""

# Those come back that were not said before.
NOTE_WORDS = """
INSERT INTO own_words (tenant_id, account_id, digest)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS t (tenant_id, account_id, digest)
ORDER BY tenant_id, account_id, digest
ON CONFLICT DO NOTHING
RETURNING tenant_id, account_id, digest
"""

# How the locked conversation stands: whether this is known already, and whether the contact has just written.
LOOK = """
SELECT conversations.account_id, peer = '' AS is_forgotten,
       state = 'person' AND hand_back_at > now() AS with_person,
       now() AS now, hand_back_after,
       EXISTS (SELECT FROM messages WHERE tenant_id = $1 AND account_id = conversations.account_id
               AND direction = 'out' AND provider_id = $3) AS known,
       EXISTS (SELECT FROM (
           SELECT id, direction, kind, created_at FROM messages
           WHERE tenant_id = $1 AND conversation_id = $2 AND turn_id IS DISTINCT FROM -1
           ORDER BY id DESC LIMIT 100) AS latest
           WHERE direction = 'in' AND kind NOT IN ('note', 'edit', 'revocation') AND id <> ALL ($4::bigint[])
             AND created_at BETWEEN coalesce($5, now()) - $6::interval AND coalesce($5, now())) AS just_wrote
FROM conversations JOIN tenants ON tenants.id = conversations.tenant_id
WHERE conversations.tenant_id = $1 AND conversations.id = $2
"""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the business said in a conversation, and the messages taken with it that were written later."""

    row: BusinessRow
    conversation_id: int
    later: Sequence[int]


async def conversations(connection: Connection, rows: Sequence[BusinessRow]) -> list[int | None]:
    """The conversations of these, made with their contacts where they are not there yet; None: the contact
    was forgotten since."""
    names = ("tenant_id", "account_id", "channel", "contact_address", "at")
    found = [row["id"] for row in await connection.fetch(FIND, *columns(rows, *names))]
    for n, row in enumerate(rows):
        if found[n] is None:
            found[n] = await connection.fetchval(messages.PLACE, *columns([row], *messages.PLACED))
    return found


async def lock(connection: Connection, places: Iterable[tuple[int, int]]) -> None:
    """Lock these conversations (tenant, id) until the transaction ends, in one order for all nodes."""
    for place in sorted(set(places)):
        await connection.execute(state.LOOK, *place)


async def note(connection: Connection, said: Sequence[Spoken]) -> list[tuple[Spoken, int]]:
    """Store each once as the business's words, in a conversation that is locked; the assistant is silent
    from then on where it is no automatic greeting. Those that are new come back with their ids."""
    new = await _note_words(connection, said)
    stored: list[tuple[Spoken, int]] = []
    for each in said:
        place, row = (each.row.tenant_id, each.conversation_id), each.row
        found = await connection.fetchrow(LOOK, *place, row.provider_id, each.later, row.at, GREETED_WITHIN)
        assert found is not None  # it is locked
        if found["known"] or found["is_forgotten"]:
            continue
        is_new = _words(row) in new
        new.discard(_words(row))
        rest = found["hand_back_after"] - (found["now"] - min(row.at or found["now"], found["now"]))
        silences = row.silences and is_new and not found["just_wrote"] and rest > timedelta(0)
        if silences:
            await _silence(connection, place, rest, found["with_person"])
        told = (row.content, row.provider_id, row.at, silences)
        stored.append((each, await connection.fetchval(state.SAID, *place, *told)))
    return stored


async def _silence(
    connection: Connection, place: tuple[int, int], rest: timedelta, with_person: bool
) -> None:
    if with_person:
        await state.leave_to_person(connection, *place)
    # Nobody signs.
    await connection.execute(state.EXTEND if with_person else state.TAKE, *place, rest, "", None)


async def _note_words(connection: Connection, said: Sequence[Spoken]) -> set[tuple[int, int, bytes]]:
    """What of this was not said before."""
    words = sorted({_words(each.row) for each in said if each.row.silences})
    new = await connection.fetch(NOTE_WORDS, *map(list, zip(*words, strict=True))) if words else []
    return {tuple(row) for row in new}


def _words(row: BusinessRow) -> tuple[int, int, bytes]:
    return row.tenant_id, row.account_id, digest(row.content)
