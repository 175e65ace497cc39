"""By what a contact is known, and what is theirs by it: in a spool, and of what nobody could read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from conserje.conversations.rows import BusinessRow, InboundRow, RejectRow, ReportRow, Row
from conserje.storage.database import Connection

AT_ONCE = 50  # rejects, each of which may be as large as a webhook
SHORT = 5  # characters: with fewer, a name is a word like others

KNOWN = """
SELECT channel, name FROM identities WHERE tenant_id = $1 AND contact_id = $2
UNION SELECT channel, peer FROM conversations
JOIN accounts ON accounts.tenant_id = $1 AND accounts.id = account_id
WHERE conversations.tenant_id = $1 AND contact_id = $2 AND peer <> ''
"""

# The accounts at which the contact may be named.
ACCOUNTS = f"""
SELECT id, channel FROM accounts WHERE tenant_id = $1 AND channel IN (
    SELECT channel FROM ({KNOWN}) AS known)
"""  # noqa: S608 - of our own

# The provider's numbers of what was said to them.
SENT_AS = """
SELECT DISTINCT messages.account_id,
       unnest(array_cat(ARRAY[messages.provider_id, outside_as], failed_as)) AS sent_as
FROM conversations JOIN messages ON messages.tenant_id = $1 AND conversation_id = conversations.id
WHERE conversations.tenant_id = $1 AND contact_id = $2 AND direction = 'out'
"""

REJECTS = f"""
SELECT id, account_id, raw FROM rejects WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT {AT_ONCE}
"""  # noqa: S608 - of our own
DROP_REJECTS = "DELETE FROM rejects WHERE tenant_id = $1 AND id = ANY ($2::bigint[])"

_NUMBER = re.compile(r"\+?[0-9]{7,}")


@dataclass(frozen=True, slots=True)
class Names:
    """By what a contact is known: what says one of these is theirs."""

    tenant_id: int
    known: frozenset[tuple[str, str]]  # the names with their channels
    channels: dict[int, str]  # of the accounts at which they may be named
    sent_as: frozenset[str]  # the provider's numbers of what was said to them
    _seen: set[tuple[int, bytes]] = field(default_factory=set)

    def are_in(self, row: Row) -> bool:
        """Whether a row is theirs, to be asked in the order of taking: a part of what is theirs is theirs."""
        if row.tenant_id != self.tenant_id or not self._are_in(row):
            return False
        self._seen.add((row.account_id, row.event_key))
        return True

    def _are_in(self, row: Row) -> bool:
        match row:
            case InboundRow() | BusinessRow():
                said = (row.contact_address, *json.loads(row.identities))
                return any((row.channel, name) in self.known for name in said)
            case ReportRow():
                return row.provider_id in self.sent_as
            case RejectRow():
                return (row.account_id, row.beside) in self._seen or self.said_in(row.account_id, row.raw)

    def said_in(self, account_id: int, raw: str) -> bool:
        """Whether what an account's provider posted names them, as it stands there or encoded."""
        channel = self.channels.get(account_id)
        names = [name for at, name in self.known if at == channel]
        texts = (raw, unquote_plus(raw)) if names else ()
        return any(_says(text, name.rpartition(":")[2] or name) for text in texts for name in names)


def _says(text: str, name: str) -> bool:
    """A number stands there by its digits, with its plus or without it, and a short name between quotes."""
    if _NUMBER.fullmatch(name):
        return _has_number(text, name.removeprefix("+"))
    quoted = json.dumps(name)
    return quoted in text if len(name) < SHORT else name in text or quoted[1:-1] in text


def _has_number(text: str, digits: str) -> bool:
    at = text.find(digits)
    while at >= 0:
        around = text[max(at - 1, 0) : at] + text[at + len(digits) : at + len(digits) + 1]
        if not any(each in "0123456789" for each in around):
            return True
        at = text.find(digits, at + 1)
    return False


async def names(connection: Connection, tenant_id: int, contact_id: int) -> Names:
    """To be asked before the contact is forgotten."""
    place = (tenant_id, contact_id)
    known = await connection.fetch(KNOWN, *place)
    channels = await connection.fetch(ACCOUNTS, *place)
    sent_as = await connection.fetch(SENT_AS, *place)
    return Names(
        tenant_id,
        frozenset((row["channel"], row["name"]) for row in known),
        {row["id"]: row["channel"] for row in channels},
        frozenset(row["sent_as"] for row in sent_as if row["sent_as"]),
    )


async def drop_rejects(connection: Connection, names: Names) -> None:
    """Remove what nobody could read and names them, some at a time: whoever posts waits for none of it."""
    after = 0
    while names.known and (rows := await connection.fetch(REJECTS, names.tenant_id, after)):
        if theirs := [row["id"] for row in rows if names.said_in(row["account_id"], row["raw"])]:
            await connection.execute(DROP_REJECTS, names.tenant_id, theirs)
        after = rows[-1]["id"]
