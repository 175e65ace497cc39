"""The console's cookies: whose sign-in a browser has, its detour, and sentences for the next page.

A tenant's host is a sibling of the console's, and may plant cookies for all of them: not of these names.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

PREFIX = "__Host-"  # browsers take it only from this very host, and over https
SIGN_IN = "conserje"
FLASH = "conserje-flash"
DETOUR = "conserje-detour"
ONCE = "conserje-once"
LONGEST_FLASH = 2000
LEFT_SECONDS = 60  # for the next page
KEPT_SECONDS = 14 * 24 * 3600  # as long as a sign-in lives at most
DETOUR_SECONDS = 600


def sign_in(request: Request) -> str | None:
    """The token of the browser's sign-in, as it says."""
    return request.cookies.get(_name(request, SIGN_IN))


def keep_sign_in(request: Request, response: Response, token: str) -> None:
    """Let the browser be signed in."""
    _set(request, response, SIGN_IN, token, KEPT_SECONDS)


def drop_sign_in(request: Request, response: Response) -> None:
    _set(request, response, SIGN_IN, "", 0)


def detour(request: Request) -> str:
    """The token of the detour that the browser is on; empty: it is on none."""
    return request.cookies.get(_name(request, DETOUR), "")


def keep_detour(request: Request, response: Response, token: str) -> None:
    """Let the browser go to the issuer."""
    _set(request, response, DETOUR, token, DETOUR_SECONDS)


def drop_detour(request: Request, response: Response) -> None:
    _set(request, response, DETOUR, "", 0)


def flashes(request: Request) -> list[tuple[str, str]]:
    """The kinds and sentences that the last page left."""
    try:
        return [(str(kind), str(text)) for kind, text in _read(request, FLASH)]
    except (ValueError, TypeError):
        return []


def keep_flashes(request: Request, response: Response, left: Sequence[tuple[str, str]]) -> None:
    """Leave them for the next page; those that would not fit are cut."""
    if left:
        room = LONGEST_FLASH // len(left)
        _write(request, response, FLASH, [(kind, text[:room]) for kind, text in left])


def drop_flashes(request: Request, response: Response) -> None:
    if _name(request, FLASH) in request.cookies:
        _set(request, response, FLASH, "", 0)


def shown_once(request: Request) -> dict[str, str] | None:
    """What is to be shown at this address, this once."""
    kept = _read(request, ONCE)
    if not isinstance(kept, dict) or kept.pop("/", None) != request.url.path:
        return None
    return {str(name): str(value) for name, value in kept.items()}


def keep_once(request: Request, response: Response, path: str, values: Mapping[str, str]) -> None:
    """Leave it for the page at this address, and no other."""
    _write(request, response, ONCE, {"/": path, **values})


def drop_once(request: Request, response: Response) -> None:
    if shown_once(request) is not None:
        _set(request, response, ONCE, "", 0)


def _read(request: Request, name: str) -> Any:
    """What the last page left; None where that is nothing."""
    try:
        return json.loads(base64.urlsafe_b64decode(request.cookies.get(_name(request, name), "")))
    except (ValueError, binascii.Error, RecursionError):
        return None


def _write(request: Request, response: Response, name: str, left: object) -> None:
    _set(request, response, name, base64.urlsafe_b64encode(json.dumps(left).encode()).decode(), LEFT_SECONDS)


def _name(request: Request, name: str) -> str:
    return PREFIX + name if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    """On this machine, over plain http, some browsers take no cookie that is said to be secure."""
    return bool(request.state.secure)


def _set(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        _name(request, name), value, max_age=seconds, path="/", secure=_is_secure(request), httponly=True,
        samesite="lax",
    )  # fmt: skip
