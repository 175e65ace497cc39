"""What is marked in a text, as Telegram takes it: HTML."""

from __future__ import annotations

import html
import re

_TAGS = {"*": "b", "_": "i", "~": "s"}
_LONGEST = 500  # characters between two marks, so that no text takes long
# The first that fits stands: in an address and in code nothing is marked.
_PART = re.compile(
    r"https?://\S+"
    r"|```\n?(?P<block>.+?)```"
    r"|`(?P<code>[^`\n]+)`"
    rf"|(?<!\w)(?P<mark>[*_~])(?=\S)(?P<words>[^\n]{{1,{_LONGEST}}}?)(?<=\S)(?P=mark)(?!\w)",
    re.DOTALL,
)


def to_html(text: str) -> str:
    """The text, in which WhatsApp's marks are, in HTML whose tags fit each other."""
    written, place = "", 0
    for part in _PART.finditer(text):
        written += html.escape(text[place : part.start()], quote=False) + _part(part)
        place = part.end()
    return written + html.escape(text[place:], quote=False)


def _part(part: re.Match[str]) -> str:
    if part["block"]:
        return f"<pre>{html.escape(part['block'], quote=False)}</pre>"
    if part["code"]:
        return f"<code>{html.escape(part['code'], quote=False)}</code>"
    if part["mark"]:
        tag = _TAGS[part["mark"]]
        return f"<{tag}>{to_html(part['words'])}</{tag}>"
    return html.escape(part[0], quote=False)
