"""Searching a tenant's conversations: by name, by number, by words; the newest first, so many at once.

No index is kept for it, which each message would pay for: what is looked through is bounded, and goes on
where it ended.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from conserje.contract.message import Content
from conserje.contract.plain import plain
from conserje.conversations.desk import NEWEST, Place
from conserje.conversations.paging import LAST_ID
from conserje.conversations.rows import restored
from conserje.storage.database import Connection
from conserje.storage.text import clean

CONVERSATIONS, MESSAGES = 2000, 20_000  # that are looked through at once
WORDS = 6  # of what is searched for, and no more
FEWEST_DIGITS = 4
CANDIDATES = 300  # messages whose stored form has the words
_NUMBER_SIGNS = "0123456789+-(). /"
# With the capitals: of letters with signs a server may not know which are the same.
_SIGNED = {"a": "áàâãä", "e": "éèêë", "i": "íìîï", "o": "óòôõö", "u": "úùûü", "n": "ñ", "c": "ç"}
_ANY = {bare: f"[{bare}{signed}{signed.upper()}]" for bare, signed in _SIGNED.items()}
_BARE = str.maketrans({letter: bare for bare, signed in _SIGNED.items() for letter in signed})

PEOPLE = f"""
SELECT scanned.id, active_at AS moment FROM (
    SELECT id, contact_id, peer, active_at FROM conversations
    WHERE tenant_id = $1 AND (active_at, id) < ($2, $3)
    ORDER BY active_at DESC, id DESC LIMIT {CONVERSATIONS}) AS scanned
JOIN LATERAL (
    SELECT name, phone FROM contacts WHERE tenant_id = $1 AND contacts.id = contact_id LIMIT 1)
    AS contacts ON true
WHERE name || ' ' || peer ~* ALL ($5::text[])
   OR ($6 <> '' AND strpos(translate(peer || ' ' || phone, '+-(). /', ''), $6) > 0)
ORDER BY active_at DESC, scanned.id DESC LIMIT $4
"""  # noqa: S608 - of our own
PEOPLE_TO = f"""
SELECT active_at AS moment, id FROM conversations WHERE tenant_id = $1 AND (active_at, id) < ($2, $3)
ORDER BY active_at DESC, id DESC OFFSET {CONVERSATIONS - 1} LIMIT 1
"""  # noqa: S608 - of our own

# In their stored form, which has names of its own: the words themselves are looked at afterwards.
SAID = f"""
SELECT id, conversation_id, created_at AS at, content FROM (
    SELECT id, conversation_id, created_at, content, turn_id FROM messages
    WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT {MESSAGES}) AS scanned
WHERE content ~* ALL ($4::text[]) AND turn_id IS DISTINCT FROM -1
ORDER BY id DESC LIMIT $3
"""  # noqa: S608 - of our own
SAID_TO = f"""
SELECT id FROM messages WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC OFFSET {MESSAGES - 1} LIMIT 1
"""  # noqa: S608 - of our own


class People(NamedTuple):
    """The conversations with whom is searched for, and where to look on; None: all were looked through."""

    conversations: list[int]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Said:
    """A message in which the words are."""

    id: int
    conversation_id: int
    at: datetime
    content: Content


class Sayings(NamedTuple):
    """Messages in which the words are, and before which one to look on; None: all were looked through."""

    said: list[Said]
    next: int | None


async def people(
    connection: Connection, tenant_id: int, text: str, limit: int, after: Place | None = None
) -> People:
    """The conversations with those whose name or address has all words of `text`, or whose number has its
    digits, however it is written."""
    arguments = (tenant_id, *(after or NEWEST))
    rows = await connection.fetch(PEOPLE, *arguments, limit + 1, _patterns(text), _digits(text))
    found = [row["id"] for row in rows[:limit]]
    if len(rows) > limit:
        return People(found, Place(rows[limit - 1]["moment"], found[-1]))
    last = await connection.fetchrow(PEOPLE_TO, *arguments)
    return People(found, Place(*last) if last else None)


async def said(
    connection: Connection, tenant_id: int, text: str, limit: int, before: int = LAST_ID
) -> Sayings:
    """The messages before that one in which all words of `text` are, newest first."""
    rows = await connection.fetch(SAID, tenant_id, before, CANDIDATES, _patterns(text))
    found = [Said(**{**row, "content": restored(row["content"])}) for row in rows]
    has = [each for each in found if all(word in _folded(plain(each.content)) for word in _words(text))]
    if len(has) > limit:
        return Sayings(has[:limit], has[limit - 1].id)
    if len(rows) == CANDIDATES:
        return Sayings(has, found[-1].id)
    return Sayings(has, await connection.fetchval(SAID_TO, tenant_id, before))


def place_in(said: str, text: str) -> int:
    """Where in `said` the first word of `text` begins; below 0: nowhere."""
    return _folded(said).find(_words(text)[0])


def _folded(text: str) -> str:
    """`text` as it is searched for: without case and accents."""
    return text.lower().translate(_BARE)


def _words(text: str) -> list[str]:
    return _folded(clean(text)).split()[:WORDS] or [""]


def _patterns(text: str) -> list[str]:
    """An expression for the stored form of each word, with nothing in it that repeats."""
    stored = (json.dumps(word, ensure_ascii=False)[1:-1] for word in _words(text))
    return ["".join(_ANY.get(c, re.escape(c)) for c in word) for word in stored]


def _digits(text: str) -> str:
    """Of what may be a number: without signs, and without the zeros that only some write before it."""
    if not all(c in _NUMBER_SIGNS for c in text):
        return ""
    digits = "".join(c for c in text if c.isdigit()).lstrip("0")
    return digits if len(digits) >= FEWEST_DIGITS else ""
