"""Contacts: who has written to a tenant, and by which addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from conserje.errors import NotThere
from conserje.storage.database import Connection
from conserje.storage.text import clean

IDENTITIES = """
ARRAY(SELECT channel || ' ' || name FROM identities
      WHERE tenant_id = $1 AND contact_id = contacts.id ORDER BY channel, name) AS identities
"""

# Among those who were heard of last.
LATEST = f"""
SELECT contacts.id, contacts.name, contacts.created_at AS since, active.active_at AS last_at, {IDENTITIES},
       phone, vouched_at
FROM (
    SELECT contact_id, max(active_at) AS active_at FROM (
        SELECT contact_id, active_at FROM conversations
        WHERE tenant_id = $1 ORDER BY active_at DESC LIMIT 5000) AS latest
    GROUP BY contact_id) AS active
JOIN contacts ON contacts.tenant_id = $1 AND contacts.id = active.contact_id
WHERE NOT EXISTS (SELECT FROM forgotten WHERE tenant_id = $1 AND contact_id = contacts.id)
  AND ($2 = '' OR strpos(lower(contacts.name), lower($2)) > 0 OR EXISTS (
    SELECT FROM identities
    WHERE tenant_id = $1 AND contact_id = contacts.id AND strpos(lower(identities.name), lower($2)) > 0))
ORDER BY active.active_at DESC LIMIT $3
"""  # noqa: S608 - of our own

_SEEN = f"""
SELECT id, name, created_at AS since,
       (SELECT max(active_at) FROM conversations
        WHERE tenant_id = $1 AND contact_id = contacts.id) AS last_at, {IDENTITIES}, phone, vouched_at
FROM contacts WHERE tenant_id = $1
"""  # noqa: S608 - of our own
GET = _SEEN + "AND id = $2"
OF_IDS = _SEEN + "AND id = ANY ($2::bigint[])"


# What the site vouches for stands, whatever a visitor says later; nothing of who was forgotten meanwhile.
VOUCH = """
UPDATE contacts
SET name = coalesce(nullif($3, ''), name), phone = coalesce(nullif($4, ''), phone), vouched_at = now()
WHERE tenant_id = $1
  AND id = (SELECT contact_id FROM conversations
            WHERE tenant_id = $1 AND conversations.id = $2 AND peer <> '')
"""

# By somebody of the tenant. What a contact calls themselves later changes nothing: they have a name.
RENAME = """
UPDATE contacts SET name = $3 WHERE tenant_id = $1 AND id = $2
  AND NOT EXISTS (SELECT FROM forgotten WHERE tenant_id = $1 AND contact_id = $2)
RETURNING id
"""
LONGEST_NAME = 200  # characters


WRITTEN = "SELECT EXISTS (SELECT FROM conversations WHERE tenant_id = $1 AND account_id = $2)"


async def have_written(connection: Connection, tenant_id: int, account_id: int) -> bool:
    """Whether anybody has, to this account, or been written to."""
    return bool(await connection.fetchval(WRITTEN, tenant_id, account_id))


class ContactError(NotThere):
    """There is no such contact; the text says how to find one."""


@dataclass(frozen=True, slots=True)
class ContactSeen:
    """A person who writes to a tenant, as an operator sees them."""

    id: int
    name: str
    since: datetime
    last_at: datetime | None
    identities: list[str]  # channel and name at it
    phone: str  # that the tenant's site vouches for; none: ''
    vouched_at: datetime | None


async def latest(connection: Connection, tenant_id: int, text: str, limit: int) -> list[ContactSeen]:
    """Who was heard of last, and has `text` in the name or an address."""
    rows = await connection.fetch(LATEST, tenant_id, text, limit)
    return [ContactSeen(**row) for row in rows]


async def vouch(connection: Connection, tenant_id: int, conversation_id: int, name: str, phone: str) -> None:
    """Set what is given of a conversation's contact, as the tenant's own site has it."""
    await connection.execute(VOUCH, tenant_id, conversation_id, name, phone)


async def rename(connection: Connection, tenant_id: int, contact_id: int, name: str) -> None:
    """Call the contact so; without a name they are called by what they say of themselves.

    Raises ContactError.
    """
    said = " ".join(clean(name).split())[:LONGEST_NAME]
    if await connection.fetchval(RENAME, tenant_id, contact_id, said) is None:
        raise _none(contact_id)


async def get(connection: Connection, tenant_id: int, contact_id: int) -> ContactSeen:
    """Raises ContactError."""
    if row := await connection.fetchrow(GET, tenant_id, contact_id):
        return ContactSeen(**row)
    raise _none(contact_id)


def _none(contact_id: int) -> ContactError:
    return ContactError(f"The tenant has no contact {contact_id}: see `conserje contact list`.", "contact")
