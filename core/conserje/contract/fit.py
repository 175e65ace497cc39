"""How a content is made to fit what a channel carries: the same way for all channels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from conserje.contract.limits import Limits
from conserje.contract.message import (
    Button,
    Buttons,
    ContactCard,
    Content,
    List,
    Location,
    Media,
    Order,
    Reaction,
    Row,
    Template,
    Text,
    line,
    plain,
)

_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"»)]*+(?=\s)|\n")  # looks at each run of signs once
_SPACE = re.compile(r"(?=\s)")


def fit(content: Content, limits: Limits) -> list[Content]:
    """`content` as one or more contents that keep to `limits`; files stay files, see `linked`."""
    match content:
        case Text(text=text) if len(text) > limits.text:
            *pieces, last = split(text, limits.text)
            return [*(Text(piece) for piece in pieces), replace(content, text=last)]
        case Buttons() | List():
            return _fit_choices(content, limits)
        case Media():
            return _fit_files(content, limits)
        case Reaction() if "reaction" not in limits.carries:
            return []
        case Location() | ContactCard() | Template() | Order() if content.type not in limits.carries:
            return fit(Text(words), limits) if (words := _in_words(content)) else [content]
        case _:
            return [content]


def _fit_choices(content: Buttons | List, limits: Limits) -> list[Content]:
    """Buttons, else a list, else the same with numbers; a price is paid for each message, so it is one."""
    if len(content.text) <= limits.body:
        if isinstance(content, Buttons) and _are_buttons(content.buttons, limits):
            return [content]
        if _are_rows(rows := _rows(content), limits):
            return [List(content.text, rows)]
    return fit(_numbered(content), limits)


def _are_buttons(buttons: Sequence[Button], limits: Limits) -> bool:
    return len(buttons) <= limits.buttons and all(len(each.title) <= limits.button_title for each in buttons)


def _are_rows(rows: Sequence[Row], limits: Limits) -> bool:
    return len(rows) <= limits.rows and all(
        len(row.title) <= limits.row_title and len(row.description) <= limits.row_description for row in rows
    )


def _rows(content: Buttons | List) -> tuple[Row, ...]:
    if isinstance(content, List):
        return content.rows
    return tuple(Row(button.id, button.title) for button in content.buttons)


def _numbered(content: Buttons | List) -> Text:
    rows = _rows(content)
    numbered = [f"{n}. {line(row)}" for n, row in enumerate(rows, 1)]
    return Text("\n".join([content.text, *numbered]), tuple(Button(row.id, row.title) for row in rows))


def _fit_files(content: Media, limits: Limits) -> list[Content]:
    """As many messages as it takes, the words under the first one."""
    size = max(limits.files, 1)
    groups = [content.files[n : n + size] for n in range(0, len(content.files), size)]
    if len(content.caption) > limits.caption:
        return [*(Media(files) for files in groups), *fit(Text(content.caption), limits)]
    return [Media(files, "" if n else content.caption) for n, files in enumerate(groups)]


def _in_words(content: Location | ContactCard | Template | Order) -> str:
    match content:
        case Location(latitude=latitude, longitude=longitude, name=name, address=address):
            place = f"https://www.google.com/maps?q={latitude:.6f},{longitude:.6f}"
            return "\n".join(filter(None, (name, address, place)))
        case ContactCard(name=name, phones=phones, emails=emails):
            return "\n".join((name, *phones, *emails))
        case Template(text=text):
            return text
        case Order():
            return plain(content)


def linked(content: Media, limits: Limits) -> Content:
    """`content`, whose files are named by addresses, as words where the channel carries no files."""
    if "media" in limits.carries:
        return content
    return Text("\n".join(filter(None, (content.caption, *(file.ref for file in content.files)))))


def split(text: str, limit: int) -> list[str]:
    """Cut `text` into pieces of at most `limit` characters, at sentence ends where there are any."""
    pieces = []
    while len(text) > limit:
        cut = _last_end(_SENTENCE_END, text, limit) or _last_end(_SPACE, text, limit) or limit
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text] if text else pieces


def _last_end(pattern: re.Pattern[str], text: str, limit: int) -> int:
    return max((m.end() for m in pattern.finditer(text[: limit + 1]) if m.end() <= limit), default=0)
