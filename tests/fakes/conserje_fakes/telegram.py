"""A stand-in for Telegram's Bot API: it refuses what Telegram refuses, and fails on request.

Rules, each with the answer to what breaks it, in Telegram's own words where its server's source has them:

- The token is in the path: without its form, of no bot, or revoked: 401. An unknown method: 404.
- A webhook is an https address, by a name, at port 443, 80, 88 or 8443; its secret has 1 to 256 of A-Z, a-z,
  0-9, _ and -: 400; set twice in a second: 429. A bot has one, and no getUpdates beside it: 409. It takes
  what `allowed_updates` names, of reactions nothing that is not named.
- A bot cannot write first: 400 to who never wrote, 403 to who was only seen in a group, who has blocked it,
  or whose account is gone, and where it has left.
- A text has 1 to 4,096 characters, a caption at most 1,024, counted without marks in UTF-16; its marks, HTML
  or MarkdownV2, fit each other: 400.
- A button has words and an address or 1 to 64 bytes to come back; there are at most 100. A press waits half
  a minute for its answer: 400.
- After a short burst one message a second to a chat, and 30 in all: 429, with the seconds in
  `parameters.retry_after` and in Retry-After.
- A file handed in has at most 50 MB (413), a photo 10, and is a picture; one at an address 20, a photo 5:
  400.
- A file of more than 20 MB is not given out: 400; a link to one lives an hour: 404.
- A venue has a name and an address, a contact a name and a number; what is replied to is there: 400.

Updates are posted with the secret in a header, ids ascending, those of one chat and kind in order, again
until they are told 2xx or a day is over; what such an answer names as `method` is called. `edge` is where
every webhook's host is reached, as DNS and TLS would have it.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from conserje_fakes.server import until_gone
from conserje_fakes.telegram_chats import Bot, Pace
from conserje_fakes.telegram_contacts import Contacts
from conserje_fakes.telegram_methods import Methods
from conserje_fakes.telegram_rules import UPLOAD, Refusal, too_many
from conserje_fakes.telegram_webhooks import Poster

__all__ = ["Bot", "Fault", "Pace", "StandIn", "create"]

Fault = Literal[
    "429", "500", "502 html", "html", "redirect", "stall", "stall-after-accept", "hang-up-after-accept"
]
_AFTERWARDS = ("stall-after-accept", "hang-up-after-accept", None)

_TOKEN = re.compile(r"[1-9][0-9]{0,15}:[A-Za-z0-9_-]{1,60}")


class StandIn:
    """The state of one stand-in; a test in the same process reads it, and has contacts do what they do.

    `now` tells the time in seconds. `faults` are what the next messages meet; `before_answer` is awaited
    between taking one and the answer.
    """

    def __init__(
        self,
        bots: Iterable[Bot],
        *,
        edge: str = "http://127.0.0.1:8080",
        pace: Pace = Pace(),  # noqa: B008  it is frozen
        pauses: tuple[float, float] = (0.05, 0.5),
        now: Callable[[], float] = time.time,
    ) -> None:
        self.edge = edge
        self.pace = pace
        self.pauses = pauses
        self.now = now
        self.faults: deque[Fault] = deque()
        self.refused: list[tuple[str, Refusal]] = []  # methods that an answer to a post named in vain
        self.bots: dict[int, Bot] = {}
        self._http = httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_connections=None))
        for bot in bots:
            self.add(bot)

    def add(self, bot: Bot) -> None:
        self.bots[bot.id] = bot

        async def called(method: str, given: Mapping[str, Any]) -> None:
            try:
                await self.methods(bot).call(method, given)
            except Refusal as refusal:
                self.refused.append((method, refusal))

        bot.poster = Poster(self._http, self.edge, self.now, called, self.pauses)

    def bot(self, token: str) -> Bot:
        """Raises Refusal."""
        if not _TOKEN.fullmatch(token):
            raise Refusal(401, "Unauthorized: invalid token specified")
        bot = self.bots.get(int(token.partition(":")[0]))
        if bot is None or bot.token != token or bot.revoked:
            raise Refusal(401, "Unauthorized")
        return bot

    def methods(self, bot: Bot) -> Methods:
        return Methods(bot, self.pace, self.now, self._http)

    def contacts(self, bot: int) -> Contacts:
        """Who writes to the bot of this id."""
        return Contacts(self.bots[bot], self.now)

    async def before_answer(self) -> None:
        """To be replaced by a test."""

    async def close(self) -> None:
        for bot in self.bots.values():
            await bot.poster.close()
        await self._http.aclose()


async def call(request: Request) -> Response:
    stand_in: StandIn = request.app.state.stand_in
    bot, method = stand_in.bot(request.path_params["token"]), request.path_params["method"]
    given = await _given(request, bot)
    sends = method.lower().startswith("send") and method.lower() != "sendchataction"
    fault = stand_in.faults.popleft() if sends and stand_in.faults else None
    if fault in _AFTERWARDS:
        result = await stand_in.methods(bot).call(method, given)
        if sends:
            await stand_in.before_answer()
        if fault is None:
            return JSONResponse({"ok": True, "result": result})
    return await _fail(fault, request)


async def _given(request: Request, bot: Bot) -> Mapping[str, Any]:
    """The fields, by query, JSON or form; a file among them is kept. Raises Refusal."""
    if int(request.headers.get("content-length", 0)) > UPLOAD + 1024 * 1024:
        raise Refusal(413, "Request Entity Too Large")
    query = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        body = await request.json()
        return query | (body if isinstance(body, dict) else {})
    fields: dict[str, Any] = {}
    async with request.form(max_files=10, max_fields=100, max_part_size=1024 * 1024) as form:
        for name, value in form.multi_items():
            fields[name] = await _kept(bot, value) if isinstance(value, UploadFile) else value
    attached = {name: fields.get(str(value)[9:]) for name, value in fields.items() if _names_part(value)}
    return query | fields | attached


def _names_part(value: object) -> bool:
    return isinstance(value, str) and value.startswith("attach://")


async def _kept(bot: Bot, file: UploadFile) -> object:
    content = await file.read()
    if len(content) > UPLOAD:
        raise Refusal(413, "Request Entity Too Large")
    return bot.keep_file(content, file.content_type or "application/octet-stream", file.filename or "")


async def _fail(fault: Fault | None, request: Request) -> Response:
    match fault:
        case "429":
            raise too_many(7)
        case "500":
            return _error(Refusal(500, "Internal Server Error: restart"))
        case "502 html":
            return HTMLResponse("<html><head><title>502 Bad Gateway</title></head></html>", 502)
        case "redirect":
            return RedirectResponse(request.url, 307)  # who follows it is taken at its word
        case "stall" | "stall-after-accept":
            await until_gone(request)
            return Response(status_code=503)
        case "hang-up-after-accept":
            return StreamingResponse(_half_an_answer(), 200, {"Content-Length": "100"})
        case _:
            return HTMLResponse("<html><body>Please wait.</body></html>")


async def _half_an_answer() -> AsyncIterator[bytes]:
    yield b'{"ok": true, "result": '


async def download(request: Request) -> Response:
    stand_in: StandIn = request.app.state.stand_in
    bot = stand_in.bot(request.path_params["token"])
    kept = bot.opened(request.path_params["path"], stand_in.now())
    if kept is None:
        raise Refusal(404, "Not Found")
    return Response(kept.content, media_type="application/octet-stream")


async def refuse(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return _error(refusal)


def _error(refusal: Refusal) -> Response:
    body: dict[str, Any] = {"ok": False, "error_code": refusal.code, "description": refusal.description}
    headers = {}
    if refusal.parameters:
        body["parameters"] = refusal.parameters
        headers = {"Retry-After": str(refusal.parameters.get("retry_after", ""))}
    return JSONResponse(body, refusal.code, headers)


def create(bots: Iterable[Bot] = (), **ways: Any) -> Starlette:
    """The stand-in as an application; its StandIn, which is given `ways`, is `app.state.stand_in`."""
    stand_in = StandIn(bots, **ways)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await stand_in.close()

    app = Starlette(
        routes=[
            Route("/file/bot{token}/{path:path}", download, methods=["GET"]),
            Route("/bot{token}/{method}", call, methods=["GET", "POST"]),
        ],
        exception_handlers={Refusal: refuse},
        lifespan=lifespan,
    )
    app.state.stand_in = stand_in
    return app
