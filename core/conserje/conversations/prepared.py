"""Prepared answers: what a tenant's people say often, under a title, with the contact's name filled in."""

from __future__ import annotations

from dataclasses import dataclass

from conserje.errors import NotThere, OperatorError
from conserje.storage.database import Connection
from conserje.storage.text import clean

LONGEST_TITLE, LONGEST = 60, 4000  # characters
MOST = 200  # of a tenant: a person reads them through
NAME = "{name}"  # where the contact's name goes

COUNT = "SELECT count(*) FROM prepared_answers WHERE tenant_id = $1"
ADD = """
INSERT INTO prepared_answers (tenant_id, title, text) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, lower(title)) DO NOTHING RETURNING id
"""
CHANGE = """
UPDATE prepared_answers SET title = $3, text = $4, changed_at = now()
WHERE tenant_id = $1 AND id = $2 AND NOT EXISTS (
    SELECT FROM prepared_answers WHERE tenant_id = $1 AND id <> $2 AND lower(title) = lower($3))
RETURNING id
"""
REMOVE = "DELETE FROM prepared_answers WHERE tenant_id = $1 AND id = $2 RETURNING id"
LIST = "SELECT id, title, text FROM prepared_answers WHERE tenant_id = $1 ORDER BY lower(title), id LIMIT $2"
GET = "SELECT id, title, text FROM prepared_answers WHERE tenant_id = $1 AND id = $2"


class PreparedError(OperatorError):
    """A prepared answer cannot be kept; the text says why."""


class NoPrepared(PreparedError, NotThere):
    """The tenant has no such prepared answer."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared answer."""

    id: int
    title: str
    text: str

    def said_to(self, name: str) -> str:
        """Its words to a contact of this name; one without a name is left out, with the space before it."""
        if not name.split():
            return self.text.replace(f" {NAME}", "").replace(NAME, "")
        return self.text.replace(NAME, name.split()[0])


async def list_all(connection: Connection, tenant_id: int) -> list[Prepared]:
    """By title."""
    return [Prepared(**row) for row in await connection.fetch(LIST, tenant_id, MOST)]


async def get(connection: Connection, tenant_id: int, prepared_id: int) -> Prepared:
    """Raises NoPrepared."""
    if row := await connection.fetchrow(GET, tenant_id, prepared_id):
        return Prepared(**row)
    raise _none(prepared_id)


async def add(connection: Connection, tenant_id: int, title: str, text: str) -> int:
    """Keep one more; its number. Raises PreparedError."""
    title, text = _tidy(title, text)
    if await connection.fetchval(COUNT, tenant_id) >= MOST:
        raise PreparedError(f"There are {MOST} prepared answers already: remove one that nobody uses.")
    added: int | None = await connection.fetchval(ADD, tenant_id, title, text)
    if added is None:
        raise _titled()
    return added


async def change(connection: Connection, tenant_id: int, prepared_id: int, title: str, text: str) -> None:
    """Raises PreparedError."""
    if await connection.fetchval(CHANGE, tenant_id, prepared_id, *_tidy(title, text)) is None:
        await get(connection, tenant_id, prepared_id)
        raise _titled()


async def remove(connection: Connection, tenant_id: int, prepared_id: int) -> None:
    """Raises NoPrepared."""
    if await connection.fetchval(REMOVE, tenant_id, prepared_id) is None:
        raise _none(prepared_id)


def _tidy(title: str, text: str) -> tuple[str, str]:
    """As they are kept. Raises PreparedError."""
    title, text = " ".join(clean(title).split()), clean(text).strip()
    if not 0 < len(title) <= LONGEST_TITLE:
        raise PreparedError(f"A title has 1 to {LONGEST_TITLE} characters.", "title")
    if not 0 < len(text) <= LONGEST:
        raise PreparedError(f"A prepared answer has 1 to {LONGEST} characters.", "text")
    return title, text


def _titled() -> PreparedError:
    return PreparedError("There is a prepared answer of this title: choose another.", "title")


def _none(prepared_id: int) -> NoPrepared:
    return NoPrepared(f"There is no prepared answer {prepared_id}: somebody has removed it.", "id")
