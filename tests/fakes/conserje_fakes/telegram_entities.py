"""Marks in a text, HTML or MarkdownV2, as Telegram's servers read them, and what they refuse."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

_TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
    "span": "spoiler", "code": "code", "pre": "pre", "a": "text_link", "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}  # fmt: skip
_TAG = re.compile(r"<(/?)([^\s>]*)([^>]*)(>?)")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#[0-9]{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_MARKS = {
    "*": "Bold", "__": "Underline", "_": "Italic", "~": "Strikethrough", "||": "Spoiler",
    "```": "PreCode", "`": "Code", "[": "TextUrl",
}  # fmt: skip
_TYPES = {"PreCode": "pre", "TextUrl": "text_link"}


class Unparsable(Exception):
    """The marks of a text do not fit each other."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"can't parse entities: {cause}")


@dataclass(frozen=True, slots=True)
class Entity:
    """What is marked in a text; places are counted in UTF-16."""

    type: str
    offset: int
    length: int


@dataclass(slots=True)
class Read:
    """A text without its marks."""

    text: str = ""
    entities: list[Entity] = field(default_factory=list)

    @property
    def place(self) -> int:
        return len(self.text.encode("utf-16-le", "surrogatepass")) // 2

    def close(self, type: str, begin: int) -> None:
        if self.place > begin:
            self.entities.append(Entity(type, begin, self.place - begin))


def read(text: str, parse_mode: str) -> Read:
    """Raises Unparsable."""
    match parse_mode.lower():
        case "" | "none":
            return Read(text)
        case "html":
            return _read_html(text)
        case "markdownv2":
            return _MarkdownV2(text).read()
        case _:
            raise Unparsable("unsupported parse_mode")


def _bytes_before(text: str, place: int) -> int:
    return len(text[:place].encode("utf-8", "surrogatepass"))


def _read_html(text: str) -> Read:
    read, open_, place = Read(), list[tuple[str, int]](), 0
    for tag in _TAG.finditer(text):
        read.text += _decoded(text[place : tag.start()])
        place, at, name = tag.end(), _bytes_before(text, tag.start()), tag[2].lower()
        if tag[1]:
            _close_tag(read, open_, name, at, whole=bool(tag[4]))
            continue
        if tag.end(2) < len(text) and name not in _TAGS:
            raise Unparsable(f'Unsupported start tag "{name}" at byte offset {at}')
        if not tag[4]:
            raise Unparsable(f"Unclosed start tag at byte offset {at}")
        if name == "span" and "tg-spoiler" not in tag[3]:
            raise Unparsable(f'Tag "span" must have class "tg-spoiler" at byte offset {at}')
        open_.append((name, read.place))
    read.text += _decoded(text[place:])
    if open_:
        raise Unparsable(f'Can\'t find end tag corresponding to start tag "{open_[-1][0]}"')
    return read


def _close_tag(read: Read, open_: list[tuple[str, int]], name: str, at: int, *, whole: bool) -> None:
    if not open_:
        raise Unparsable(f"Unexpected end tag at byte offset {at}")
    if not whole:
        raise Unparsable(f"Unclosed end tag at byte offset {at}")
    expected, begin = open_.pop()
    if name not in ("", expected):
        raise Unparsable(
            f'Unmatched end tag at byte offset {at}, expected "</{expected}>", found "</{name}>"'
        )
    read.close(_TAGS[expected], begin)


def _decoded(text: str) -> str:
    """The few entities that Telegram knows; any other stays as it is written."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)


@dataclass(slots=True)
class _MarkdownV2:
    given: str
    at: int = 0
    out: Read = field(default_factory=Read)
    open: list[tuple[str, int, int]] = field(default_factory=list)  # sign, place in the words, byte

    def read(self) -> Read:
        while self.at < len(self.given):
            self._step()
        if self.open:
            sign, _, byte = self.open[-1]
            raise Unparsable(f"Can't find end of {_MARKS[sign]} entity at byte offset {byte}")
        return self.out

    def _step(self) -> None:
        sign = self._sign()
        character = self.given[self.at]
        if character == "\\" and "\x00" < self.given[self.at + 1 : self.at + 2] <= "\x7e":
            self._take(self.given[self.at + 1], 2)
        elif self.open and sign == self.open[-1][0]:
            self._close(sign)
        elif self._in_code or character not in _RESERVED or self._quotes(character):
            self._take(character, 1)
        elif self.open and self.open[-1][0] == "[" and character == "]":
            self._close_link()
        elif sign in _MARKS:
            self.open.append((sign, self.out.place, _bytes_before(self.given, self.at)))
            self.at += len(sign)
        else:
            raise Unparsable(
                f"Character '{character}' is reserved and must be escaped with the preceding '\\'"
            )

    @property
    def _in_code(self) -> bool:
        return bool(self.open) and self.open[-1][0].startswith("`")

    def _quotes(self, character: str) -> bool:
        return character == ">" and (not self.out.text or self.out.text.endswith("\n"))

    def _sign(self) -> str:
        """The longest sign that stands here."""
        found = (
            sign
            for sign in ("```", "||", "__", "*", "_", "~", "`", "[")
            if self.given.startswith(sign, self.at)
        )
        return next(found, "")

    def _take(self, character: str, width: int) -> None:
        self.out.text += character
        self.at += width

    def _close(self, sign: str) -> None:
        _, begin, _ = self.open.pop()
        self.at += len(sign)
        name = _MARKS[sign]
        self.out.close(_TYPES.get(name, name.lower()), begin)

    def _close_link(self) -> None:
        _, begin, byte = self.open.pop()
        end = self.given.find(")", self.at)
        if self.given[self.at + 1 : self.at + 2] != "(" or end < 0:
            raise Unparsable(f"Can't find end of a URL at byte offset {byte}")
        self.at = end + 1
        self.out.close("text_link", begin)
