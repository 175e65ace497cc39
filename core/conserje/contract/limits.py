"""What one message of a channel can carry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from conserje.contract.message import FileKind

Markup = Literal["plain", "whatsapp", "markdown"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message of a channel can carry; lengths are in characters.

    `carries` names the kinds besides text, buttons and lists that it takes as they are: "media",
    "location", "contact_card", "reaction", "template", and "cards", which are shown with what they are cards
    of. `captions` are the kinds of files below which words
    are shown; with others they are a message of their own. `markup` says which marks of a text it shows as
    what they mean: assistants write Markdown. `file_bytes` and `file_seconds` are for a file that a contact
    sent. `takes` are the media types of files that it takes of ours, each with its largest size in bytes;
    empty: any, of at most `file_bytes`.
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
    takes: dict[str, int] = field(default_factory=dict)

    def refusal(self, media_type: str, size: int) -> str:
        """Why a file of ours cannot be sent, in a sentence; empty: it can."""
        if not size:
            return "it is empty."
        most = self.takes.get(media_type) if self.takes else self.file_bytes
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
