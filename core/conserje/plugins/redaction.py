"""Takes secrets out of what a plugin says: those that it was handed, and what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pydantic import BaseModel, SecretBytes, SecretStr

HIDDEN = "[redacted]"
SHORTEST = 6  # characters; what is shorter would take innocent words with it

_NAMED = re.compile(
    r"((?i:access_?token|refresh_?token|auth_?token|token|secret|passwor[dt]|passwd|api_?key"
    r"|authorization|credentials?|signature)[\"']?+ ?+"
    r"(?:= ?+[\"']?+|: ?+(?:[\"']|(?i:bearer |basic )|(?=[^\s\d]{0,64}+\d))))"  # not "token: It expired"
    r"[^\s\"',;&)}\]]++"
)
_LOOKS = re.compile(
    r"(?i:\b(?:bearer|basic) )[\w.~+/=-]{8,}+"
    r"|\beyJ[\w-]{8,}+(?:\.[\w-]*+)*+"  # a JSON web token
    r"|\b(?:sk|pk|rk|whsec|ghp|gho|xox[a-z]|shpat|EAA|AKIA|AIza)[\w-]{12,}+"
    r"|(?<=://)[^\s/@]++(?=@)"
)
_HEX = re.compile(r"\b[0-9a-fA-F]{32,}+\b")


def redacted(text: str, operator: object = None, credentials: Iterable[object] = ()) -> str:
    """`text` without what the operator keeps secret, what is in credentials, and what looks like a secret."""
    if not text:
        return text
    known = {each for held in (operator, *credentials) for each in secrets(held)}
    known |= {each for held in credentials for each in strings(held)}
    for secret in sorted(known, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, HIDDEN)
    return _HEX.sub(HIDDEN, without_looks(text))


def without_looks(text: str) -> str:
    """`text` without what looks like a secret and like nothing else: 32 digits may be an id."""
    return _LOOKS.sub(HIDDEN, _NAMED.sub(rf"\1{HIDDEN}", text))


def secrets(held: object) -> Iterator[str]:
    """What is typed as secret, wherever it is in a model."""
    match held:
        case SecretStr():
            yield held.get_secret_value()
        case SecretBytes():
            yield held.get_secret_value().decode("utf-8", "replace")
        case _:
            for part in _parts(held):
                yield from secrets(part)


def strings(held: object) -> Iterator[str]:
    """All words of a model: an author may have typed a token as any other."""
    if isinstance(held, str):
        yield held
    for part in _parts(held):
        yield from strings(part)


def _parts(held: object) -> Iterable[object]:
    match held:
        case BaseModel():
            return [value for _, value in held]
        case dict():
            return held.values()
        case list() | tuple() | set() | frozenset():
            return held
        case _:
            return ()
