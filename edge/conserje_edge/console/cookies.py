"""The console's cookies: whose sign-in a browser has, its detour, and sentences for the next page.

A tenant's host is a sibling of the console's, and may plant cookies for all of them: not of these names.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

PREFIX = "__Host-"  # browsers take it only from this very host, and over https
SIGN_IN = "conserje"
FLASH = "conserje-flash"
DETOUR = "conserje-detour"
LONGEST_FLASH = 2000
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
    written = request.cookies.get(_name(request, FLASH), "")
    try:
        return [(str(kind), str(text)) for kind, text in json.loads(base64.urlsafe_b64decode(written))]
    except (ValueError, TypeError, binascii.Error, RecursionError):
        return []


def keep_flashes(request: Request, response: Response, left: Sequence[tuple[str, str]]) -> None:
    """Leave them for the next page; those that would not fit are cut."""
    if left:
        room = LONGEST_FLASH // len(left)
        written = json.dumps([(kind, text[:room]) for kind, text in left]).encode()
        _set(request, response, FLASH, base64.urlsafe_b64encode(written).decode(), 60)


def drop_flashes(request: Request, response: Response) -> None:
    if _name(request, FLASH) in request.cookies:
        _set(request, response, FLASH, "", 0)


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
