"""The routes of the chat page: the page, its parts, its session, and what the feed has for it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from importlib.resources import files
from math import ceil
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, PackageLoader
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from conserje import (
    Buttons,
    Hours,
    House,
    Identity,
    List,
    Look,
    Media,
    Note,
    Pressed,
    Row,
    Said,
    Shown,
    Tenant,
    Text,
    UploadRefused,
    Visit,
    in_language,
    plain,
)
from conserje_web import theme
from conserje_web.settings import is_origin
from conserje_web.words import LANGUAGES, Words

_RETRY = 2000  # milliseconds until a browser asks again for a stream that broke
_YEAR = 365 * 24 * 3600  # seconds
_EXCEPTIONS_SHOWN = 14  # days ahead
_LOADER_SECONDS = 300  # its address never changes, so a new one is seen that much later

_NO_STORE = {"cache-control": "no-store"}
_SAFE = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}

_SCRIPTED = (
    "you",
    "sending",
    "offline",
    "unsent",
    "again",
    "refused",
    "too_many",
    "no_cookie",
    "own_tab",
    "delivered",
    "read",
    "today",
    "yesterday",
    "one_new",
    "many_new",
    "assistant",
    "an_assistant",
    "called",
    "attended",
    "a_person",
    "unwritten",
    "kind",
    "large",
    "key",
    "many",
    "a_file",
    "to_shop",
    "record",
    "recording",
)
_IMPORT = re.compile(rb'\b(from|import) "/([a-z]+\.js)"')
_SEEN = re.compile(r"https://|http://[a-z0-9-]+\.localhost[:/]")  # the latter where Conserje is only tried
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_MODULES = ("page", "identity", "files", "outbox", "shelf", "listening", "talk", "attention", "hours")
_SCRIPTS = tuple(f"{name}.js" for name in _MODULES)
_UPLOAD_STATUS = {"unwritten": 403, "kind": 415, "large": 413, "many": 429, "key": 409}

_templates = Environment(
    loader=PackageLoader("conserje_web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


class _Seen(BaseModel):
    """What the page says of itself."""

    id: int = Field(ge=0, lt=2**63)
    read: bool


class _Identity(BaseModel):
    """What the site says, through the page."""

    name: str = Field(default="", max_length=200)
    phone: str = Field(default="", max_length=40)
    hash: str = Field(default="", max_length=64)


@dataclass(frozen=True)
class _Part:
    """A file of the page, named by what is in it."""

    content: bytes
    media_type: str

    @classmethod
    def stored(cls, name: str, media_type: str) -> _Part:
        return cls((files("conserje_web") / "static" / name).read_bytes(), media_type)

    @classmethod
    def script(cls, name: str) -> _Part:
        """A script with those that it imports, so that all are of one release."""
        content = _IMPORT.sub(
            lambda match: (
                b'%s "/%s?v=%s"' % (match[1], match[2], cls.script(match[2].decode()).version.encode())
            ),
            cls.stored(name, "text/javascript").content,
        )
        return cls(content, "text/javascript")

    @property
    def version(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:16]


class Pages:
    """The pages of every tenant, from what the house tells of each."""

    stored: ClassVar[dict[str, _Part]] = {
        **{path: _Part.stored(path[1:], "text/css") for path in ("/chat.css", "/files.css")},
        **{f"/{name}": _Part.script(name) for name in _SCRIPTS},
    }

    def __init__(self, house: House) -> None:
        self._house = house
        self.routes = [
            Route("/", self.page, methods=["GET"]),
            *(Route(path, self.part, methods=["GET"]) for path in (*self.stored, "/theme.css", "/icon.svg")),
            Route("/chat.js", self.loader, methods=["GET"]),
            Route("/session", self.session, methods=["POST"]),
            Route("/history", self.history, methods=["GET"]),
            Route("/stream", self.stream, methods=["GET"]),
            Route("/seen", self.seen, methods=["POST"]),
            Route("/upload", self.upload, methods=["POST"]),
            Route("/identify", self.identify, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        visit = await self._house.visit(request)
        text = _templates.get_template("page.html").render(_described(visit, datetime.now(UTC)))
        return Response(text, media_type="text/html", headers=_page_headers(visit))

    async def part(self, request: Request) -> Response:
        path = request.url.path
        part = self.stored.get(path) or _parts_of(await self._house.visit(request))[path]
        lasts = request.query_params.get("v") == part.version  # two releases may be serving at once
        return _file(request, part, f"public, max-age={_YEAR}, immutable" if lasts else "no-cache")

    async def loader(self, request: Request) -> Response:
        """The script that a tenant's own site names."""
        visit = await self._house.visit(request)
        words, title = in_language(LANGUAGES, visit.tenant.locale), _title(visit)
        chat = {
            "origins": visit.settings.origins,
            "brand": visit.settings.colour,
            "onBrand": theme.letters_on(visit.settings.colour),
            "title": title,
            "open": words.open_chat.format(name=title),
            "close": words.close_chat,
        }
        text = _templates.get_template("chat.js").render(chat=chat)
        part = _Part(text.encode(), "text/javascript")
        return _file(request, part, f"public, max-age={_LOADER_SECONDS}")

    async def session(self, request: Request) -> Response:
        session = await self._house.open_session(request)
        cookie = {"set-cookie": session.cookie} if session.cookie else {}
        return Response(status_code=204, headers={**_NO_STORE, **cookie})

    async def history(self, request: Request) -> Response:
        if found := await self._follow(request, 0):
            look, looks = found
            await looks.aclose()
            return JSONResponse(_as_data(look), headers={**_SAFE, **_NO_STORE})
        return _nothing_written()

    async def stream(self, request: Request) -> Response:
        given = request.headers.get("last-event-id") or request.query_params.get("after", "")
        after = int(given) if given.isascii() and given.isdigit() and len(given) <= 18 else 0
        if found := await self._follow(request, after):
            headers = {**_SAFE, **_NO_STORE, "x-accel-buffering": "no"}
            return StreamingResponse(_events(*found), media_type="text/event-stream", headers=headers)
        return _nothing_written()

    async def seen(self, request: Request) -> Response:
        """The visitor's page has what was said until a message, or the visitor has read it."""
        try:
            seen = _Seen.model_validate_json(await request.body())
        except ValidationError:
            return Response(status_code=400)
        if session := await self._house.session(request):
            await self._house.seen(session, seen.id, read=seen.read)
        return _nothing_written()

    async def upload(self, request: Request) -> Response:
        """A file that the visitor says; for what is not taken there is a word, the page has a sentence."""
        if not _ID.fullmatch(id := request.query_params.get("id", "")):
            return Response(status_code=400)
        try:
            if (session := await self._house.session(request)) is None:
                raise UploadRefused("unwritten")
            name = request.query_params.get("name", "")
            taken = {"id": await self._house.upload(session, request, f"{session.id}:{id}", name)}
        except UploadRefused as refused:
            told, status = {"refused": refused.reason}, _UPLOAD_STATUS[refused.reason]
            return JSONResponse(told, status, headers={**_SAFE, **_NO_STORE})
        return JSONResponse(taken, headers={**_SAFE, **_NO_STORE})

    async def identify(self, request: Request) -> Response:
        """Who the visitor is, as the site around the page says; 409 until they have written."""
        try:
            said = _Identity.model_validate_json(await request.body())
        except ValidationError:
            return Response(status_code=400)
        session = await self._house.session(request)
        identity = Identity(said.name, said.phone, said.hash)
        if session is None or not await self._house.identify(session, request, identity):
            return Response(status_code=409, headers=_NO_STORE)
        return _nothing_written()

    async def _follow(self, request: Request, after: int) -> tuple[Look, AsyncGenerator[Look, None]] | None:
        """The first look at what the visitor and the tenant have said, and those to come."""
        if not (session := await self._house.session(request)):
            return None
        looks = self._house.feed(session, after)
        first = await anext(looks, None)
        return (first, looks) if first else None


def _nothing_written() -> Response:
    """204, at which an EventSource asks no more."""
    return Response(status_code=204, headers=_NO_STORE)


async def _events(look: Look, looks: AsyncGenerator[Look, None]) -> AsyncIterator[str]:
    """Server-sent events (HTML standard, 9.2); a look without news is a comment to keep the line."""
    yield f"retry: {_RETRY}\n{_event(look)}"
    standing = replace(look, said=())
    async with aclosing(looks):
        async for look in looks:
            yield ":\n\n" if look == standing else _event(look)
            standing = replace(look, said=())


def _event(look: Look) -> str:
    last = f"id: {look.said[-1].id}\n" if look.said else ""
    return f"{last}data: {json.dumps(_as_data(look), ensure_ascii=False, separators=(',', ':'))}\n\n"


def _as_data(look: Look) -> dict[str, Any]:
    return {
        "said": [_as_shown(said) for said in look.said if not isinstance(said.content, Note)],
        "thinking": look.thinking,
        "attending": look.attending,
        "person": look.person,
        "unread_from": look.unread_from,
    }


def _as_shown(said: Said) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": said.id, "author": said.author, "at": said.at.isoformat()}
    if said.person is not None:
        shown["person"] = said.person
    match said.content:
        case Buttons(text=text, buttons=buttons):
            return shown | {
                "text": text,
                "choices": [{"id": button.id, "title": button.title} for button in buttons],
            }
        case List(text=text, rows=rows):
            return shown | {"text": text, "choices": [_as_card(row) for row in rows]}
        case Text(text=text, cards=cards) if cards:
            return shown | {"text": text, "cards": [_as_card(row) for row in cards]}
        case Pressed(title=title):
            return shown | {"text": title}
        case Media(caption=caption) if said.files:
            return shown | {"text": caption, "files": [_as_file(file) for file in said.files]}
        case content:
            return shown | {"text": plain(content)}


def _as_card(row: Row) -> dict[str, str]:
    """A thing with what there is to see of it."""
    card = {"id": row.id, "title": row.title, "description": row.description}
    seen = {"picture": row.picture, "link": row.link}
    return card | {name: address for name, address in seen.items() if _SEEN.match(address)}


def _as_file(file: Shown) -> dict[str, Any]:
    """A file as the page shows it: what is of this host within it, what lies elsewhere as a link."""
    kind = file.content_type.partition("/")[0]
    is_ours = file.address.startswith("/")
    return {
        "address": file.address,
        "kind": kind if is_ours and kind in ("image", "audio") else "file",
        "name": file.name,
        "size": file.size,
    }


def _file(request: Request, part: _Part, cache: str) -> Response:
    headers = {**_SAFE, "cache-control": cache, "etag": f'"{part.version}"'}
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(part.content, media_type=part.media_type, headers=headers)


def _page_headers(visit: Visit) -> dict[str, str]:
    settings = visit.settings
    pictures = sorted({settings.logo_origin or "", *filter(is_origin, visit.origins)} - {""})
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": " ".join(["'self'", "blob:", *pictures]),
        "media-src": "'self' blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(filter(None, (*settings.origins, visit.console))) or "'none'",
    }
    written = "; ".join(f"{name} {value}" for name, value in policy.items())
    return {**_SAFE, "content-security-policy": written, "cache-control": "no-cache"}


def _title(visit: Visit) -> str:
    title: str = visit.settings.title or visit.tenant.name
    return title


def _parts_of(visit: Visit) -> dict[str, _Part]:
    """The parts that differ from tenant to tenant."""
    colour = visit.settings.colour
    return {
        "/theme.css": _Part(theme.style_sheet(colour).encode(), "text/css"),
        "/icon.svg": _Part(theme.icon(_title(visit), colour).encode(), "image/svg+xml"),
    }


def _described(visit: Visit, now: datetime) -> dict[str, Any]:
    """What the template shows."""
    tenant, settings, title = visit.tenant, visit.settings, _title(visit)
    words = in_language(LANGUAGES, tenant.locale)
    parts = Pages.stored | _parts_of(visit)
    hours, here = tenant.hours or Hours(), now.astimezone(_zone(tenant))
    is_open = hours.now(here) is not None if tenant.hours else None
    changes = hours.changes(here)
    return {
        "lang": tenant.locale if tenant.locale.startswith(words.lang) else words.lang,
        "title": title,
        "words": words,
        "said_by_script": _said_by_script(words, title),
        "settings": settings,
        "is_open": is_open,
        "changes": ceil(changes.total_seconds()) if changes else None,
        "opens": opening(hours, words, here) if is_open is False else "",
        "week": list(_week(hours, words, here)),
        "address": {path: f"{path}?v={part.version}" for path, part in parts.items()},
        "scripts": [f"/{name}" for name in _SCRIPTS],
    }


def _week(hours: Hours, words: Words, here: datetime) -> Iterator[tuple[str, str]]:
    """The hours of each day, Monday first; the exceptions of the next days by their date."""
    if not hours.week and not hours.exceptions:
        return
    for name, openings in zip(words.days, hours.days(), strict=True):
        yield name, ", ".join(map(str, openings))
    for day in sorted(hours.exceptions):
        if 0 <= (day - here.date()).days < _EXCEPTIONS_SHOWN:
            yield f"{words.days[day.weekday()]} {day.day}/{day.month}", ", ".join(map(str, hours.on(day)))


def opening(hours: Hours, words: Words, here: datetime) -> str:
    """When it opens; nothing where it never does."""
    if not (found := hours.after(here)):
        return ""
    named = (words.opens_today, words.opens_tomorrow)[found.days] if found.days < 2 else words.opens_on
    day = words.days[(here.weekday() + found.days) % 7]
    return named.format(day=day, time=found.opening.opens)


def _said_by_script(words: Words, title: str) -> dict[str, str]:
    said = {name: getattr(words, name) for name in _SCRIPTED}
    return said | {"name": title, "thinking": words.thinking.format(name=title)}


def _zone(tenant: Tenant) -> tzinfo:
    try:
        return ZoneInfo(tenant.time_zone)
    except (ZoneInfoNotFoundError, ValueError):  # Postgres knows more names
        return UTC
