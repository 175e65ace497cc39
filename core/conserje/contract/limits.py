"""What one message of a channel can carry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from conserje.contract.message import FileKind

Markup = Literal["plain", "whatsapp", "markdown"]
Unit = Literal["characters", "utf-16", "bytes"]


def length(text: str, unit: Unit) -> int:
    """How long a text is: in characters (code points), in UTF-16's units, or in the bytes of UTF-8."""
    if unit == "characters" or text.isascii():
        return len(text)
    if unit == "utf-16":
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    return len(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message of a channel can carry.

    Words (`text`, `body`, `caption`, titles and descriptions) are counted in `unit`, ids in `button_id_unit`,
    as the provider counts them: an emoji is one character, two of "utf-16", four "bytes". Longer words are
    cut into several messages, never within a character; buttons and rows that do not fit become numbered
    lines. An id that is longer than `button_id` leaves as a short one, of 17 signs, and what is pressed comes
    back with the long one: no channel needs a table for it.

    `carries` names the kinds besides text, buttons and lists that it takes as they are: "media",
    "location", "contact_card", "reaction", "template", and "cards", which are shown with what they are cards
    of. `captions` are the kinds of files below which words
    are shown; with others they are a message of their own. `markup` says which marks of a text it shows as
    what they mean: assistants write Markdown. `file_bytes` and `file_seconds` are for a file that a contact
    sent. `takes` are the media types of files that it takes of ours, each with its largest size in bytes,
    "*/*" for all that are not named; empty: any, of at most `file_bytes`.
    """

    unit: Unit = "characters"
    text: int = 4096
    body: int = 1024  # of the words above buttons or rows
    buttons: int = 0
    button_title: int = 20
    button_id: int = 200  # also of a row's
    button_id_unit: Unit = "characters"
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
    takes: dict[str, int] = field(default_factory=dict)

    def length(self, words: str) -> int:
        """How long the provider finds them."""
        return length(words, self.unit)

    def largest(self, media_type: str) -> int | None:
        """The bytes of a file of ours that it takes; None: it takes none of this type."""
        return self.takes.get(media_type, self.takes.get("*/*")) if self.takes else self.file_bytes

    def refusal(self, media_type: str, size: int) -> str:
        """Why a file of ours cannot be sent, in a sentence; empty: it can."""
        if not size:
            return "it is empty."
        most = self.largest(media_type)
        if most is None:
            return f"it is {media_type}, and the channel takes {', '.join(sorted(self.takes))}."
        if size > most:
            return f"it has {_megabytes(size)}, and the channel takes {_megabytes(most)} of {media_type}."
        return ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast what a business says of its own accord leaves an account; answers do not wait for it.

    One contact is sent `burst` messages at once, and then one in `pause` seconds.
    """

    each_second: float = 20.0
    burst: int = 0
    pause: float = 0.0


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.3g} MB"
