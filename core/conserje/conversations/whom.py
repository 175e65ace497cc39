"""Whom a business writes to of its own accord: which of its conversations with a contact, made if need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conserje.storage.database import Connection

PLACE = "SELECT conversation_for($1, $2, $3, $4, '{}', '')"

OF_CONTACT = """
SELECT id, account_id FROM conversations
WHERE tenant_id = $1 AND contact_id = $2 AND peer <> '' ORDER BY account_id LIMIT 100
"""

KNOWN_AS = """
SELECT channel, min(name) AS name FROM identities WHERE tenant_id = $1 AND contact_id = $2
GROUP BY channel HAVING count(*) = 1
"""

KNOWN = "SELECT name FROM identities WHERE tenant_id = $1 AND channel = $2 AND name = ANY ($3)"

ACCOUNT = "SELECT account_id FROM conversations WHERE tenant_id = $1 AND id = $2"

# Of a message that has left, or came.
QUOTED = """
SELECT provider_id FROM messages
WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3 AND provider_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation, and the account of the tenant's that has it."""

    id: int
    account_id: int


async def place(
    connection: Connection, tenant_id: int, account_id: int, channel: str, contact_address: str
) -> int:
    """The conversation of an account with a contact, made with the contact where it is not there yet."""
    id: int = await connection.fetchval(PLACE, tenant_id, account_id, channel, contact_address)
    return id


async def of_contact(connection: Connection, tenant_id: int, contact_id: int) -> list[Talk]:
    """The contact's conversations."""
    rows = await connection.fetch(OF_CONTACT, tenant_id, contact_id)
    return [Talk(row["id"], row["account_id"]) for row in rows]


async def known_as(connection: Connection, tenant_id: int, contact_id: int) -> dict[str, str]:
    """What the contact is called at channels where they have one name."""
    rows = await connection.fetch(KNOWN_AS, tenant_id, contact_id)
    return {row["channel"]: row["name"] for row in rows}


async def first_known(connection: Connection, tenant_id: int, channel: str, names: Sequence[str]) -> str:
    """The first of these that is a contact's; the first at all where none is."""
    rows = await connection.fetch(KNOWN, tenant_id, channel, names)
    known = {row["name"] for row in rows}
    return next((each for each in names if each in known), names[0])


async def account_of(connection: Connection, tenant_id: int, conversation_id: int) -> int | None:
    """The account of a conversation; None: there is none such."""
    found: int | None = await connection.fetchval(ACCOUNT, tenant_id, conversation_id)
    return found


async def quoted(connection: Connection, tenant_id: int, conversation_id: int, message_id: int) -> str | None:
    """The provider's id of a message of the conversation; None where it has none."""
    found: str | None = await connection.fetchval(QUOTED, tenant_id, conversation_id, message_id)
    return found
