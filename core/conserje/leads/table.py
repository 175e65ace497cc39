"""The table leads: what contacts want of a tenant, and whose it is to see to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from conserje.contract.opt_out import folded
from conserje.contract.tool import Lead
from conserje.errors import NotThere, OperatorError
from conserje.storage import notifications
from conserje.storage.database import Connection

MOST_OPEN = 20  # of one contact
LONGEST = {"wanted": 500, "name": 100, "phone": 40, "when": 100}  # characters

OF_CALL = "SELECT id FROM leads WHERE tenant_id = $1 AND conversation_id = $2 AND key = $3"

# The same wish of the same contact is the same lead for as long as it is open; what is said later is added.
OPEN = """
INSERT INTO leads AS there (tenant_id, conversation_id, contact_id, key, wish, wanted, name, phone, call_at)
SELECT $1, $2, contact_id, $3, $4, $5, $6, $7, $8 FROM conversations
WHERE conversations.tenant_id = $1 AND conversations.id = $2 AND peer <> '' AND (
    SELECT count(*) FROM (
        SELECT FROM leads WHERE leads.tenant_id = $1 AND leads.contact_id = conversations.contact_id
          AND leads.state = 'open' AND wish <> $4 LIMIT $9) AS others) < $9
ON CONFLICT (tenant_id, contact_id, wish) WHERE state = 'open' DO UPDATE SET
    name = coalesce(nullif(excluded.name, ''), there.name),
    phone = coalesce(nullif(excluded.phone, ''), there.phone),
    call_at = coalesce(nullif(excluded.call_at, ''), there.call_at)
RETURNING id, xmax = 0 AS is_new
"""

# Whoever gives one waits until the one before is given: the turns are those of the next statement.
LOCK_PEOPLE = "SELECT id FROM people WHERE tenant_id = $1 AND active ORDER BY id FOR NO KEY UPDATE"
BY_RULE = """
SELECT people.id FROM people JOIN tenants ON tenants.id = $1
WHERE tenant_id = $1 AND active AND (lead_rule IN ('turns', 'least_open') OR people.name = lead_rule)
ORDER BY CASE lead_rule WHEN 'least_open' THEN (
             SELECT count(*) FROM (
                 SELECT FROM leads
                 WHERE leads.tenant_id = $1 AND person_id = people.id AND leads.state = 'open'
                 LIMIT 1000) AS open) END,
         people.given_at NULLS FIRST, people.id
LIMIT 1
"""
BY_NAME = "SELECT id FROM people WHERE tenant_id = $1 AND active AND name = $2"
GIVE = """
WITH given AS (
    UPDATE leads SET person_id = $3, given_at = clock_timestamp()
    WHERE tenant_id = $1 AND id = $2 AND state = 'open' RETURNING conversation_id, given_at
), turn AS (
    UPDATE people SET given_at = given.given_at FROM given WHERE tenant_id = $1 AND people.id = $3
)
SELECT conversation_id, (SELECT name FROM people WHERE tenant_id = $1 AND people.id = $3) AS name FROM given
"""
CLOSE = """
UPDATE leads SET state = 'closed', closed_at = now() WHERE tenant_id = $1 AND id = $2 AND state = 'open'
RETURNING true
"""

LISTED = """
SELECT leads.id, leads.state, wanted, coalesce(nullif(leads.name, ''), contacts.name) AS name, leads.phone,
       call_at, people.name AS person, people.email, conversations.peer AS contact, conversation_id,
       leads.created_at, leads.given_at, closed_at
FROM leads
JOIN conversations ON conversations.tenant_id = $1 AND conversations.id = conversation_id
JOIN contacts ON contacts.tenant_id = $1 AND contacts.id = leads.contact_id
LEFT JOIN people ON people.tenant_id = $1 AND people.id = person_id
WHERE leads.tenant_id = $1
"""
LIST = (
    LISTED
    + """
  AND ($2::text IS NULL OR leads.state = $2) AND ($3::text IS NULL OR people.name = $3) AND leads.id < $5
ORDER BY leads.id DESC LIMIT $4
"""
)
OF_CONTACT = LISTED + " AND leads.contact_id = $2 ORDER BY leads.id DESC LIMIT $3"
GET = LISTED + " AND leads.id = $2"

State = Literal["open", "closed"]


class LeadError(OperatorError):
    """What was asked of a lead cannot be; the text says why."""


class NoLead(LeadError, NotThere):
    """The tenant has no such lead, or it is closed."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A lead as a tenant's people see it."""

    id: int
    state: State
    wanted: str
    name: str
    phone: str
    call_at: str
    person: str | None
    email: str | None  # the person's
    contact: str
    conversation_id: int
    created_at: datetime
    given_at: datetime | None
    closed_at: datetime | None


def tidy(text: str, most: int) -> str:
    """One line of what a model or a contact wrote, without what a terminal or a mail would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:most].rstrip()


async def open_lead(
    connection: Connection, tenant_id: int, conversation_id: int, key: str, lead: Lead
) -> tuple[int | None, bool]:
    """Keep it, in the caller's transaction; its number, and whether it is new.

    None: it says nothing, or the contact has too many.
    """
    if there := await connection.fetchval(OF_CALL, tenant_id, conversation_id, key):
        return there, False
    if not (wanted := tidy(lead.wanted, LONGEST["wanted"])):
        return None, False
    wish = hashlib.sha256(folded(wanted).encode()).digest()
    said = [tidy(getattr(lead, part), LONGEST[part]) for part in ("name", "phone", "when")]
    row = await connection.fetchrow(OPEN, tenant_id, conversation_id, key, wish, wanted, *said, MOST_OPEN)
    if row is None:
        return None, False
    if row["is_new"]:
        await notifications.record(connection, tenant_id, "lead.created", conversation_id, lead=row["id"])
    return row["id"], row["is_new"]


async def give_by_rule(connection: Connection, tenant_id: int, lead_id: int) -> None:
    """Give it to whose turn it is, by the tenant's rule; to nobody where there is nobody."""
    await connection.execute(LOCK_PEOPLE, tenant_id)
    if (person := await connection.fetchval(BY_RULE, tenant_id)) is not None:
        await _give(connection, tenant_id, lead_id, person)


async def give(connection: Connection, tenant_id: int, lead_id: int, name: str) -> None:
    """Give it to this person. Raises LeadError."""
    person = await connection.fetchval(BY_NAME, tenant_id, name)
    if person is None:
        raise LeadError(f"The tenant has no person {name}: see `conserje person list`.", "person")
    if not await _give(connection, tenant_id, lead_id, person):
        raise _no_lead(lead_id)


async def _give(connection: Connection, tenant_id: int, lead_id: int, person_id: int) -> bool:
    """False: there is no such open lead."""
    given = await connection.fetchrow(GIVE, tenant_id, lead_id, person_id)
    if given is None:
        return False
    about = {"lead": lead_id, "person": given["name"]}
    await notifications.record(connection, tenant_id, "lead.given", given["conversation_id"], **about)
    return True


async def close(connection: Connection, tenant_id: int, lead_id: int) -> None:
    """Raises LeadError."""
    if not await connection.fetchval(CLOSE, tenant_id, lead_id):
        raise _no_lead(lead_id)


async def list_all(
    connection: Connection,
    tenant_id: int,
    state: State | None,
    person: str | None,
    limit: int,
    before: int = 2**63 - 1,
) -> list[Listed]:
    """The last ones before that number, newest first."""
    return [Listed(**row) for row in await connection.fetch(LIST, tenant_id, state, person, limit, before)]


async def of_contact(connection: Connection, tenant_id: int, contact_id: int, limit: int) -> list[Listed]:
    """A contact's last ones, newest first."""
    return [Listed(**row) for row in await connection.fetch(OF_CONTACT, tenant_id, contact_id, limit)]


async def find(connection: Connection, tenant_id: int, lead_id: int) -> Listed | None:
    row = await connection.fetchrow(GET, tenant_id, lead_id)
    return Listed(**row) if row else None


async def get(connection: Connection, tenant_id: int, lead_id: int) -> Listed:
    """Raises LeadError."""
    if found := await find(connection, tenant_id, lead_id):
        return found
    raise NoLead(f"The tenant has no lead {lead_id}: see `conserje lead list`.", "id")


def _no_lead(lead_id: int) -> NoLead:
    return NoLead(f"The tenant has no open lead {lead_id}: see `conserje lead list`.", "id")
