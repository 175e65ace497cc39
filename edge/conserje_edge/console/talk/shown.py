"""What a page shows of a dialogue: its messages by days, with their files and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from conserje.contract.message import Content, Edit, Media
from conserje.contract.pages import Shown as ShownFile
from conserje.contract.plain import plain
from conserje.conversations.dialogue import Event, Line, Part
from conserje.conversations.notes import Note
from conserje.files import links
from conserje.files import table as files
from conserje.storage.database import Connection
from conserje_edge.console.asked import Asked
from conserje_edge.console.talk import fates
from conserje_edge.console.talk.fates import Fate

PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


@dataclass(frozen=True, slots=True)
class Said:
    """A message with its files; `missing` are those that are not here, `lost` why."""

    line: Line
    files: tuple[ShownFile, ...]
    missing: int
    lost: Sequence[str]
    fate: Fate | None

    @property
    def id(self) -> str:
        return f"m{self.line.message.id}"

    @property
    def content(self) -> Content:
        return self.line.message.content

    @property
    def quoted(self) -> str:
        """What it quotes, in one line; empty: nothing."""
        return plain(self.line.quoted)[:200] if self.line.quoted else ""

    @property
    def is_theirs(self) -> bool:
        return self.line.message.direction == "in"

    @property
    def is_explained(self) -> bool:
        """Whether an assistant has said it, or has thought about it."""
        return self.line.assistant not in (None, "person", "consent", "machine")

    @property
    def revision(self) -> str:
        """What changes when there is something new to see in it."""
        return f"{self.line.message.state}{'e' if self.line.edited else ''}{self.missing}"


@dataclass(frozen=True, slots=True)
class Day:
    """What was said on one day of the tenant's."""

    date: date
    items: list[Said | Event | Note]


async def days(asked: Asked, connection: Connection, conversation: int, part: Part) -> list[Day]:
    """A part of a dialogue as the page shows it. Raises VaultError."""
    lines = [item for item in part.items if isinstance(item, Line)]
    contents = [_content(line) for line in lines]
    base = asked.context.settings.tenant_url(asked.tenant.slug)
    of_lines = await links.beside(connection, asked.context.vault, asked.tenant, conversation, contents, base)
    media = [line for line in lines if isinstance(_content(line), Media)]
    places = [(conversation, line.message.id) for line in media]
    lost = await files.not_kept(connection, asked.tenant.id, places) if places else {}
    said = {
        line.message.id: _said(line, kept, lost.get(line.message.id, []))
        for line, kept in zip(lines, of_lines, strict=True)
    }
    return _by_day(
        [said[item.message.id] if isinstance(item, Line) else item for item in part.items], asked.zone
    )


def _content(line: Line) -> Content:
    """What a message says; of one that tells of an edit, what it says then."""
    content = line.message.content
    return content.content if isinstance(content, Edit) else content


def _said(line: Line, kept: tuple[ShownFile, ...], lost: Sequence[str]) -> Said:
    content = _content(line)
    named = len(content.files) if isinstance(content, Media) else 0
    return Said(line, kept, named - len(kept), lost, fates.of(line))


def _by_day(items: Sequence[Said | Event | Note], zone: ZoneInfo) -> list[Day]:
    found: list[Day] = []
    for item in items:
        at = item.line.at if isinstance(item, Said) else item.at
        day = at.astimezone(zone).date()
        if not found or found[-1].date != day:
            found.append(Day(day, []))
        found[-1].items.append(item)
    return found
