"""What a channel can carry, and how a content is made to fit: the same way for all channels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from conserje.contract.message import (
    Button,
    Buttons,
    ContactCard,
    Content,
    List,
    Location,
    Media,
    Order,
    Pressed,
    Reaction,
    Row,
    Template,
    Text,
    line,
    plain,
)
from conserje.contract.opt_out import folded


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message of a channel can carry; lengths are in characters.

    `carries` names the kinds besides text, buttons and lists that it takes as they are: "media",
    "location", "contact_card", "reaction", "template". `file_bytes` and `file_seconds` are for a file
    that a contact sent.
    """

    text: int = 4096
    body: int = 1024  # of the words above buttons or rows
    buttons: int = 0
    button_title: int = 20
    rows: int = 0
    row_title: int = 24
    row_description: int = 72
    caption: int = 1024
    files: int = 1
    carries: frozenset[str] = frozenset()
    file_bytes: int = 16 * 1024 * 1024
    file_seconds: float = 60.0


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


def offers(content: Content) -> bool:
    """Whether there is something to choose in it."""
    return isinstance(content, Buttons | List) or (isinstance(content, Text) and bool(content.choices))


def chosen(written: str, offered: Content | None) -> Pressed | None:
    """What `written` chooses of that which was offered last: by its number if it had one, or by its words."""
    said = folded(written)
    match offered:
        case Text(choices=choices) if (number := _NUMBER.fullmatch(said)) and choices:
            picked = [choice for n, choice in enumerate(choices, 1) if n == int(number[1])]
        case Text(choices=choices) | Buttons(buttons=choices):
            picked = [choice for choice in choices if folded(choice.title) == said]
        case List(rows=rows):
            picked = [Button(row.id, row.title) for row in rows if folded(row.title) == said]
        case _:
            picked = []
    return Pressed(picked[0].id, picked[0].title) if len(picked) == 1 else None


_NUMBER = re.compile(r"(?:la |el |opcion |numero |a |o |opcao |option |number )?([0-9]{1,2})")


_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"»)]*+(?=\s)|\n")  # looks at each run of signs once
_SPACE = re.compile(r"(?=\s)")


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
