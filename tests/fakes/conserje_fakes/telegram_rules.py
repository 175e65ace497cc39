"""What the Bot API refuses of a request, each in its own words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from conserje_fakes import telegram_entities

TEXT, CAPTION = 4096, 1024
CALLBACK_DATA = 64  # bytes
MOST_BUTTONS = 100
MEGABYTE = 1024 * 1024
UPLOAD, PHOTO, DOWNLOAD, BY_ADDRESS = 50 * MEGABYTE, 10 * MEGABYTE, 20 * MEGABYTE, 20 * MEGABYTE
PHOTO_BY_ADDRESS = 5 * MEGABYTE
LARGEST_VCARD = 2048  # bytes

PORTS = frozenset({443, 80, 88, 8443})
ACTIONS = frozenset(
    {
        "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice",
        "upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note",
    }
)  # fmt: skip
REACTIONS = frozenset(
    "👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾😡"
)

_SECRET = re.compile(r"[A-Za-z0-9_-]*")
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)


class Refusal(Exception):
    """An error answer of the Bot API."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def bad(description: str) -> Refusal:
    return Refusal(400, f"Bad Request: {description}")


def too_many(seconds: int) -> Refusal:
    return Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def require(condition: object, description: str) -> None:
    if not condition:
        raise bad(description)


def utf16(text: str) -> int:
    """How long Telegram's clients say that a text is; where a source counts code points, this is stricter."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def formatted(given: Mapping[str, Any], field: str, most: int) -> dict[str, Any]:
    """The words of a message without their marks, and what was marked. Raises Refusal."""
    text = str(given.get(field) or "")
    is_caption = field == "caption"
    require(len(text.encode()) <= 1 << 15, "Text is too long")
    try:
        read = telegram_entities.read(text, str(given.get("parse_mode") or ""))
    except telegram_entities.Unparsable as error:
        raise bad(str(error)) from None
    words = read.text.strip()
    require(words or is_caption, "message text is empty")
    require(utf16(words) <= most, "message caption is too long" if is_caption else "message is too long")
    prefix = "caption_" if is_caption else ""
    entities = [{"type": each.type, "offset": each.offset, "length": each.length} for each in read.entities]
    return ({field: words} if words else {}) | ({f"{prefix}entities": entities} if entities else {})


def keyboard(markup: Any) -> dict[str, Any]:
    """What stands below a message. Raises Refusal."""
    if markup in (None, ""):
        return {}
    markup = as_json(markup, "reply keyboard markup")
    require(isinstance(markup, dict), "object expected as reply markup")
    if "inline_keyboard" not in markup:
        return {}  # keys in place of the contact's own keyboard, or none: nothing to be seen in the message
    rows = markup["inline_keyboard"]
    whole = isinstance(rows, list) and all(isinstance(row, list) for row in rows)
    require(whole, 'field "inline_keyboard" must be an Array of Arrays')
    buttons = [button for row in rows for button in row]
    require(len(buttons) <= MOST_BUTTONS, "reply markup is too long")
    for button in buttons:
        _check_button(button)
    return {"reply_markup": {"inline_keyboard": rows}}


def _check_button(button: Any) -> None:
    parsing = "can't parse inline keyboard button: "
    require(isinstance(button, dict), f"{parsing}InlineKeyboardButton must be an Object")
    require(isinstance(button.get("text"), str), f'{parsing}Can\'t find field "text"')
    require(button["text"].strip(), "inline keyboard button text must be non-empty")
    if button.get("url"):
        return
    data = button.get("callback_data")
    require(data, f"{parsing}Text buttons are unallowed in the inline keyboard")
    require(isinstance(data, str), f'{parsing}Field "callback_data" must be of type String')
    require(len(str(data).encode()) <= CALLBACK_DATA, "BUTTON_DATA_INVALID")


def as_json(given: Any, what: str) -> Any:
    """A field that is an object in JSON, and text in a form. Raises Refusal."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        raise bad(f"can't parse {what} JSON object") from None


def number(given: Mapping[str, Any], field: str) -> float:
    """Raises Refusal."""
    require(str(given.get(field, "")).strip(), f"{field} is empty")
    try:
        return float(given[field])
    except (TypeError, ValueError):
        raise bad(f"{field} is no number") from None


def check_webhook(url: str, secret: str) -> None:
    """Raises Refusal."""
    parts = urlsplit(url)
    require(parts.hostname and _HOST.fullmatch(parts.hostname), "invalid webhook URL specified")
    require(len(secret) <= 256, "secret token is too long")
    require(_SECRET.fullmatch(secret), "secret token contains unallowed characters")
    require(parts.scheme == "https", "bad webhook: An HTTPS URL must be provided for webhook")
    require(
        (parts.port or 443) in PORTS,
        "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
    )


def reactions(given: Any) -> Sequence[str]:
    """Raises Refusal."""
    wanted = as_json(given or [], "reaction types")
    require(isinstance(wanted, list), "expected an Array of ReactionType")
    require(len(wanted) <= 1, "REACTIONS_TOO_MANY")
    emojis = [str(each.get("emoji", "")) for each in wanted]
    require(all(emoji.rstrip("\ufe0f") in REACTIONS for emoji in emojis), "REACTION_INVALID")
    return emojis
