"""What people asked a tenant that nobody could answer, without who asked it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from conserje.contract.assistant import Tenant
from conserje.contract.hours import here
from conserje.contract.opt_out import bare
from conserje.shop import knowledge
from conserje.shop.answers import Answers
from conserje.shop.asking import composed, words_of
from conserje.shop.knowledge import LONGEST_QUESTION
from conserje.storage.database import Connection
from conserje.storage.text import clean

KEPT = 500  # of a tenant: the least asked, and of those the oldest, go
MOST = 3  # of one reply

_LONG_NUMBER = re.compile(r"\+?[0-9](?:[0-9]|[ .()-](?=[ .()-]{0,2}[0-9])){5,}")
_LONGEST_NUMBER = 4  # digits
_LEFT_OUT = "…"
_NAMING = ({"me", "llamo"}, {"nombre", "es"}, {"chamo"}, {"name", "is"})

NOTE = """
INSERT INTO asked (tenant_id, key, question) SELECT $1, key, question
FROM unnest($2::text[], $3::text[]) AS noted (key, question)
ON CONFLICT (tenant_id, key) DO UPDATE SET (times, last_at) = (asked.times + 1, now())
"""
BOUND = """
DELETE FROM asked WHERE tenant_id = $1 AND key = ANY (ARRAY(
    SELECT key FROM asked WHERE tenant_id = $1
    ORDER BY times DESC, last_at DESC OFFSET $2 FOR UPDATE SKIP LOCKED))
"""
LIST = """
SELECT question, times, last_at, key FROM asked WHERE tenant_id = $1 ORDER BY times DESC, last_at DESC, key
"""
OPEN = "SELECT key, question FROM asked WHERE tenant_id = $1"
REMOVE = "DELETE FROM asked WHERE tenant_id = $1 AND key = ANY ($2::text[])"


class Asked(NamedTuple):
    """What people asked, how often, and when last."""

    question: str
    times: int
    last_at: datetime
    key: str


async def note(connection: Connection, tenant_id: int, questions: Sequence[str], name: str) -> None:
    """Count what could not be answered, without what names the contact, whose name is given."""
    if found := noted(questions, name):
        await connection.execute(NOTE, tenant_id, list(found), list(found.values()))
        await connection.execute(BOUND, tenant_id, KEPT)


def noted(questions: Sequence[str], name: str) -> dict[str, str]:
    """What is kept of a reply's questions, by what each means."""
    return dict(sorted(filter(None, (_noted(each, name) for each in questions[:MOST]))))


async def listed(connection: Connection, tenant_id: int) -> list[Asked]:
    """The most asked first."""
    return [Asked(*row) for row in await connection.fetch(LIST, tenant_id)]


async def dismiss(connection: Connection, tenant_id: int, key: str) -> None:
    """Take away what nobody is going to answer."""
    await connection.execute(REMOVE, tenant_id, [key])


async def remove_answered(connection: Connection, tenant_id: int, tenant: Tenant) -> None:
    """Take away what the tenant's knowledge answers by now."""
    rows = await connection.fetch(OPEN, tenant_id)
    if not rows:
        return
    told = await knowledge.read(connection, tenant_id)
    answers, now = Answers(told), here(datetime.now(UTC), tenant.time_zone)
    said = {key_of(wording) for each in told.questions for wording in (each.question, *each.wordings)}
    gone = [key for key, question in rows if key in said or answers.search(question, tenant, now)]
    await connection.execute(REMOVE, tenant_id, gone)


def key_of(question: str) -> str:
    """The same however it is asked: what its words mean, in any order."""
    words = words_of(question)
    meant = {min(word.keys) for word in words if word.is_content} or {word.written for word in words}
    return " ".join(sorted(meant))[:LONGEST_QUESTION]


def _noted(question: str, name: str) -> tuple[str, str] | None:
    written = anonymous(clean(question), name)[:LONGEST_QUESTION].strip()
    key = key_of(written)
    return (key, written) if key else None


def anonymous(text: str, name: str) -> str:
    """Without phones, addresses, long numbers, and the names of who writes."""
    own = {bare(word) for word in words_written(name) if len(word) > 2}
    kept: list[str] = []
    naming = 0  # words that may be a name, after "me llamo"
    for word in _LONG_NUMBER.sub(_LEFT_OUT, text).split():
        plain = {bare(each) for each in words_written(word)}
        is_private = "@" in word or "://" in word or word.startswith("www.") or bool(plain & own)
        is_private = is_private or sum(map(str.isdigit, word)) > _LONGEST_NUMBER or naming > 0
        naming = 2 if _names(kept, plain) else naming - 1
        if not is_private:
            kept.append(word)
        elif kept[-1:] != [_LEFT_OUT]:
            kept.append(_LEFT_OUT)
    return " ".join(kept)


def words_written(text: str) -> list[str]:
    return [word.written for word in words_of(composed(text))]


def _names(kept: Sequence[str], plain: set[str]) -> bool:
    """Whether a name follows this word and the one before it."""
    before = set(words_written(kept[-1])) if kept else set()
    return any(naming <= plain | before and naming & plain for naming in _NAMING)
