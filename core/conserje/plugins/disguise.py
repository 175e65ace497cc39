"""Disguise: what stands in a recording in the place of credentials, phones, ids and words.

The same has the same stand-in wherever it stands, in every process: it is made with the recording's key.
Nobody finds out what was there, and a phone stays as long as it was, a word, too.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any
from urllib.parse import quote, quote_plus

from conserje.plugins.redaction import HIDDEN, without_looks

HOST = "tienda.bot.example"  # in the place of the tenant's
SHORTEST_SECRET = 6  # signs; of a shorter one only the whole value is known for it
SHORTEST_PHONE = 7  # digits
KEPT_DIGITS = 3  # of the beginning, by which libraries know a country
NEAR = 366 * 86400  # seconds from now, in which a number of ten digits is a time

_STAND_IN = re.compile(r"(\$\{\w+\}|\[redacted\])")
_PIECES = re.compile(
    r"(?P<url>https?://[^\s\"'<>\\]+)"
    r"|(?P<email>[\w.+-]{1,64}@(?=[A-Za-z])[\w.-]{1,200})"
    r"|(?P<token>[A-Za-z0-9+/=_-]{16,})"
    r"|(?P<digits>[0-9]{7,})"
)
_URL = re.compile(r"(https?://)(?:[^/?#@\s]*@)?([^/?#:]*)(:[0-9]+)?([^?#]*)([?]?)([^#]*)")
_SAID = re.compile(r"(?P<url>https?://[^\s\"'<>\\]+)|[A-Za-z]+|[0-9]+")
_DIGITS = re.compile(r"[0-9]{7,}")
_RUN = re.compile(r"[A-Za-z0-9+/=_-]+")
_HEX = re.compile(r"([A-Z]{0,2})([0-9a-f-]+)")
_SECRET_NAME = re.compile(
    r"token|secret|passw|api_?key|authorization|credential|signature|cookie|\A(?:sig|hash)\Z", re.IGNORECASE
)
_SECRET_IN_QUERY = re.compile(_SECRET_NAME.pattern + r"|key|code|oh", re.IGNORECASE)
_COORDINATE = re.compile(r"-?[0-9]{1,3}\.[0-9]+")
_WORD = re.compile(r"[A-Z]?[a-z._]{1,30}")
WORDY_NAME = re.compile(
    r"(?:name|title|text|body|caption|description|label|header|footer|city|street|address|country|e?mail|emails"
    r"|values|message|mensaje|texto|nombre|headline|subject|note|about|quote|content|cause)\Z",
    re.IGNORECASE,
)
_KIND_NAME = re.compile(r"type|kind|object|event|status", re.IGNORECASE)
_PLACE_NAME = re.compile(r"lat|lon|lng", re.IGNORECASE)
_VOWELS, _CONSONANTS = "aeiou", "bcdfglmnprstv"


@dataclass
class Disguise:
    """The disguise of one account's recording.

    `fields` are its credentials by their names, which go to places of that name; `others` are other secrets.
    """

    key: bytes
    fields: Mapping[str, str]
    others: Collection[str] = ()
    slug: str = ""
    keep_words: bool = False
    by_names: bool = False  # whether a word is somebody's for its field's name alone
    said: set[str] = field(default_factory=set)  # what people wrote, word for word
    phones: set[str] = field(default_factory=set)  # digits that are no time

    def __post_init__(self) -> None:
        named = {value: f"${{{name}}}" for name, value in self.fields.items() if value}
        secrets = {**{each: HIDDEN for each in self.others if each}, **named}
        self._whole = dict(secrets)
        longest_first = sorted(secrets.items(), key=lambda each: len(each[0]), reverse=True)
        known = [each for each in longest_first if len(each[0]) >= SHORTEST_SECRET]
        self._forms = [(form, place) for secret, place in known for form in _written(secret)]
        self._cores = {core for secret, _ in known for core in _encoded(secret)}

    def value(self, given: Any, name: str = "") -> Any:
        """A value of JSON in disguise; `name` is its field's."""
        match given:
            case str():
                return self.text(given, name)
            case dict():
                return {
                    self._plain(self._hidden(name)): self.value(each, name) for name, each in given.items()
                }
            case list() | tuple():
                return [self.value(each, name) for each in given]
            case bool() | None:
                return given
            case int():
                return int(_DIGITS.sub(self._phone, str(given)))
            case float() if _PLACE_NAME.search(name) and isfinite(given):
                return float(round(given))
            case _:
                return given

    def text(self, text: str, name: str = "") -> str:
        """A text in disguise."""
        if text in self._whole:
            return self._whole[text]
        if text[:1] in ("{", "[") and (inside := _json(text)) is not None:
            return json.dumps(self.value(inside), ensure_ascii=False)
        hidden = self._hidden(text)
        if text and _SECRET_NAME.search(name):
            return hidden if _STAND_IN.fullmatch(hidden) else HIDDEN
        if _PLACE_NAME.search(name) and _COORDINATE.fullmatch(text):
            return str(round(float(text)))
        if not self._is_said(text, name):
            return self._plain(hidden)
        return _beside_stand_ins(lambda part: _SAID.sub(self._word, part), hidden)

    def betrays(self, text: str) -> bool:
        """Whether a text holds a credential, however it is written, or a phone that is known."""
        runs = [found[0] for found in _RUN.finditer(text)]
        return (
            any(form in text for form, _ in self._forms)
            or any(core in run for run in runs for core in self._cores)
            or any(phone in text for phone in self.phones if len(phone) >= SHORTEST_PHONE)
        )

    def _is_said(self, text: str, name: str) -> bool:
        if self.keep_words or _URL.fullmatch(text):
            return False
        if " " in text.strip() or not text.isascii():
            return True
        if _KIND_NAME.search(name):
            return False
        return text in self.said or (self.by_names and bool(WORDY_NAME.search(name)))

    def _hidden(self, text: str) -> str:
        """Without what is known to be secret, or looks like it."""
        for form, place in self._forms:
            text = text.replace(form, place)
        return _beside_stand_ins(without_looks, _RUN.sub(self._uncover, text))

    def _uncover(self, found: re.Match[str]) -> str:
        return HIDDEN if any(core in found[0] for core in self._cores) else found[0]

    def _plain(self, text: str) -> str:
        return _PIECES.sub(self._piece, text)

    def _piece(self, found: re.Match[str]) -> str:
        match found.lastgroup:
            case "url":
                return _URL.sub(self._address, found[0])
            case "email":
                local, _, domain = found[0].partition("@")
                return _SAID.sub(self._word, local) + "@" + (domain if local.isdigit() else "example.com")
            case "token":
                return self._token(found[0])
            case _:
                return self._phone(found)

    def _address(self, found: re.Match[str]) -> str:
        scheme, host, port, path, mark, query = found.groups(default="")
        if self.slug and host.startswith(f"{self.slug}."):
            host, port = HOST, ""
        path = "/".join(self._segment(each) for each in path.split("/"))
        pairs = (pair.partition("=") for pair in query.split("&"))
        return f"{scheme}{host}{port}{path}{mark}" + "&".join(
            name + sign + (HIDDEN if _is_secret(name, value) else self._segment(value))
            for name, sign, value in pairs
        )

    def _segment(self, text: str) -> str:
        return _beside_stand_ins(self._plain, text)

    def _token(self, token: str) -> str:
        """An id: of the same signs at the same places; what is made of words is none."""
        if "/" in token and any(map(_WORD.fullmatch, token.split("/"))):  # a path
            return "/".join(map(self._plain, token.split("/")))
        letters, digits = any(c.isalpha() for c in token), any(c.isdigit() for c in token)
        if not letters:
            return _DIGITS.sub(self._phone, token)
        if not digits and (len(token) < 24 or not token.isalpha()):
            return token
        if found := _HEX.fullmatch(token):
            return found[1] + "".join(
                c if c == "-" else "0123456789abcdef"[n % 16]
                for c, n in zip(found[2], self._numbers(token, len(token)), strict=False)
            )
        return "".join(map(_like, token, self._numbers(token, len(token))))

    def _phone(self, found: re.Match[str]) -> str:
        digits = found[0]
        if digits not in self.phones and _is_time(digits):
            return digits
        rest = self._numbers(digits, len(digits) - KEPT_DIGITS)
        return digits[:KEPT_DIGITS] + "".join(str(n % 10) for n in rest)

    def _word(self, found: re.Match[str]) -> str:
        """As long as it was, and with capitals where it had them; short numbers, too, are somebody's."""
        word = found[0]
        if found.lastgroup == "url":
            return "https://example.com/" + self._stream(word, 8)
        if word.isdigit():
            if len(word) >= SHORTEST_PHONE:
                return self._phone(found)
            return "".join(str(n % 9 + 1) for n in self._numbers(word, len(word)))
        letters = self._stream(word.lower(), len(word))
        return "".join(new.upper() if old.isupper() else new for old, new in zip(word, letters, strict=True))

    def _stream(self, of: str, length: int) -> str:
        numbers = self._numbers(of, length)
        return "".join(
            (_CONSONANTS if place % 2 == 0 else _VOWELS)[n % (13 if place % 2 == 0 else 5)]
            for place, n in enumerate(numbers)
        )

    def _numbers(self, of: str, count: int) -> bytes:
        made, round_ = b"", 0
        while len(made) < count:
            made += hashlib.blake2b(f"{round_} {of}".encode(), key=self.key).digest()
            round_ += 1
        return made[: max(count, 0)]


def _like(sign: str, number: int) -> str:
    if sign.isdigit():
        return str(number % 10)
    if not sign.isalpha():
        return sign
    return chr((ord("A") if sign.isupper() else ord("a")) + number % 26)


def _is_time(digits: str) -> bool:
    """Whether it is a moment of this year, in seconds or milliseconds."""
    seconds = int(digits) / (1000 if len(digits) == 13 else 1)
    return len(digits) in (10, 13) and abs(seconds - time.time()) < NEAR


def _is_secret(name: str, value: str) -> bool:
    """Whether a field of a query is one, which is not replaced yet."""
    return bool(value and _SECRET_IN_QUERY.search(name)) and not _STAND_IN.fullmatch(value)


def _beside_stand_ins(change: Callable[[str], str], text: str) -> str:
    """`text` changed, but for the stand-ins that are in it already."""
    parts = _STAND_IN.split(text)
    return "".join(part if _STAND_IN.fullmatch(part) else change(part) for part in parts)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _written(secret: str) -> Iterator[str]:
    """A secret as it is, and as it stands in an address, a form, JSON or a page."""
    quoted = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret)}
    quoted |= {quote(each, safe="") for each in quoted}
    quoted |= {_small_escapes(each) for each in quoted}
    quoted |= {json.dumps(secret)[1:-1], json.dumps(secret)[1:-1].replace("/", "\\/")}
    quoted |= {secret.encode().hex(), secret.encode().hex().upper()}
    return iter(sorted(quoted, key=len, reverse=True))


def _small_escapes(quoted: str) -> str:
    return _ESCAPE.sub(lambda found: found[0].lower(), quoted)


_ESCAPE = re.compile("%[0-9A-F]{2}")


def _encoded(secret: str) -> Iterator[str]:
    """What base64 makes of a secret wherever it begins, less the signs that it shares with what is beside."""
    plain = secret.encode()
    for before in range(3):
        made = base64.b64encode(bytes(before) + plain).decode()
        core = made[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6]
        yield core
        yield core.replace("+", "-").replace("/", "_")
