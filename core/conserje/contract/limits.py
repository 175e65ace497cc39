"""What one message of a channel can carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conserje.contract.message import FileKind

Markup = Literal["plain", "whatsapp", "markdown"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message of a channel can carry; lengths are in characters.

    `carries` names the kinds besides text, buttons and lists that it takes as they are: "media",
    "location", "contact_card", "reaction", "template". `captions` are the kinds of files below which words
    are shown; with others they are a message of their own. `markup` says which marks of a text it shows as
    what they mean: assistants write Markdown. `file_bytes` and `file_seconds` are for a file that a contact
    sent.
    """

    text: int = 4096
    body: int = 1024  # of the words above buttons or rows
    buttons: int = 0
    button_title: int = 20
    button_id: int = 200  # also of a row's
    rows: int = 0
    row_title: int = 24
    row_description: int = 72
    caption: int = 1024
    captions: frozenset[FileKind] = frozenset({"image", "audio", "video", "document", "sticker"})
    files: int = 1
    carries: frozenset[str] = frozenset()
    markup: Markup = "plain"
    file_bytes: int = 16 * 1024 * 1024
    file_seconds: float = 60.0
