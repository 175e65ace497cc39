"""A stand-in for Twilio's messaging: it refuses what Twilio refuses, and fails on request.

Rules, with the code that breaking them is answered with:

- Basic auth by AccountSid and auth token: 20003. Another account's path: 20404.
- `To` is there (21604) and an address (21211); `From` is there (21603) and a number of the account
  (21606, WhatsApp 63007); both are WhatsApp or neither is (21910).
- Body, MediaUrl or ContentSid: 21602. At most 1600 characters: 21617.
- StatusCallback is an absolute http(s) URL whose host has no underscore: 21609. (Twilio refuses
  localhost there; the stand-in takes it.)
- More than `rate` messages a second and account: 429 with 20429.
- SMS to somebody who wrote STOP, until START: 21610.
- With `window`: WhatsApp to somebody who has not written within it is taken (201) and fails by status
  callback with 63016.

A trial account's SMS begin with Twilio's notice. Messages go from queued over sent to delivered, each
step after the first reported to StatusCallback in the way of `habit`. Webhooks are those of
`twilio_webhooks`; what contacts wrote is listed with what was sent. Test doors: POST /_stand-in/faults
{"next": [...]}, POST /_stand-in/habit {"habit": ...}, POST /_stand-in/deliver {"url", "form"}, GET
/_stand-in/messages.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlencode

import click
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from conserje_fakes import server
from conserje_fakes.twilio_messages import MEDIA, MESSAGES, Habit, Refusal, StandIn, TwilioAccount

__all__ = ["Fault", "Habit", "StandIn", "TwilioAccount", "create"]

Fault = Literal[
    "429", "429 without retry-after", "500", "html", "redirect", "stall", "stall-after-accept",
    "hang-up-after-accept",
]  # fmt: skip


def _state(request: Request) -> StandIn:
    stand_in: StandIn = request.app.state.stand_in
    return stand_in


def _account(request: Request) -> TwilioAccount:
    authorization = request.headers.get("authorization", "")
    return _state(request).authenticate(authorization, request.path_params["sid"])


async def create_message(request: Request) -> Response:
    stand_in = _state(request)
    account = _account(request)
    form = await request.form()
    faults: deque[Fault] = request.app.state.faults
    fault = faults.popleft() if faults else None
    if fault in ("stall-after-accept", "hang-up-after-accept", None):
        message = await stand_in.accept(account, form)
        if fault is None:
            return JSONResponse(message.json(), 201)
    return await _fail(fault, request)


async def _fail(fault: Fault, request: Request) -> Response:
    match fault:
        case "429":
            return _error(429, 20429, "Too Many Requests", {"Retry-After": "7"})
        case "429 without retry-after":
            return _error(429, 20429, "Too Many Requests")
        case "500":
            return _error(500, 20500, "An internal server error has occurred")
        case "html":
            return HTMLResponse("<html><body>Please wait.</body></html>")
        case "redirect":
            return RedirectResponse(request.url, 307)  # who follows it is taken at its word
        case "stall" | "stall-after-accept":
            await _until_gone(request)
            return Response(status_code=503)
        case "hang-up-after-accept":
            return StreamingResponse(_half_an_answer(), 201, {"Content-Length": "100"})


async def _until_gone(request: Request) -> None:
    async with asyncio.timeout(120):
        while (await request.receive())["type"] != "http.disconnect":
            pass


async def _half_an_answer() -> AsyncIterator[bytes]:
    yield b'{"sid": '


def _error(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more_info, "status": status}
    return JSONResponse(body, status, headers)


async def refuse(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return _error(refusal.status, refusal.code, str(refusal))


async def list_messages(request: Request) -> Response:
    stand_in, query = _state(request), request.query_params
    account = _account(request)
    listed = stand_in.listed(account, query)
    size, page = min(int(query.get("PageSize", 50)), 1000), int(query.get("Page", 0))
    rows = listed[page * size : (page + 1) * size]
    path = MESSAGES.format(sid=account.account_sid)
    following = urlencode([(k, v) for k, v in query.multi_items() if k != "Page"] + [("Page", str(page + 1))])
    return JSONResponse(
        {
            "messages": [message.json() for message in rows],
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": page * size + len(rows) - 1,
            "uri": f"{path}?{query}",
            "first_page_uri": f"{path}?PageSize={size}&Page=0",
            "next_page_uri": f"{path}?{following}" if len(listed) > (page + 1) * size else None,
            "previous_page_uri": None,
        }
    )


async def list_media(request: Request) -> Response:
    account = _account(request)
    found = _state(request).received.get(request.path_params["message"])
    if found is None or found.account_sid != account.account_sid:
        raise Refusal(404, 20404, f"The requested resource {request.url.path} was not found")
    return JSONResponse({"media_list": found.media_json(), "next_page_uri": None})


async def set_faults(request: Request) -> Response:
    following = (await request.json())["next"]
    if unknown := set(following) - set(get_args(Fault)):
        return JSONResponse({"unknown": sorted(unknown), "known": get_args(Fault)}, 400)
    request.app.state.faults.extend(following)
    return Response(status_code=204)


async def set_habit(request: Request) -> Response:
    habit = (await request.json())["habit"]
    if habit not in get_args(Habit):
        return JSONResponse({"unknown": habit, "known": get_args(Habit)}, 400)
    _state(request).habit = habit
    return Response(status_code=204)


async def deliver_webhook(request: Request) -> Response:
    order = await request.json()
    delivered = await _state(request).deliver(order["url"], list(order["form"].items()))
    return JSONResponse(asdict(delivered))


async def show_messages(request: Request) -> Response:
    messages = _state(request).messages
    return JSONResponse({"accepted": len(messages), "messages": [message.json() for message in messages]})


def create(
    accounts: Iterable[TwilioAccount],
    *,
    habit: Habit = "in order",
    late: float = 2.0,
    rate: int | None = None,
    window: timedelta | None = None,
) -> Starlette:
    """The stand-in as an application; its StandIn is `app.state.stand_in`. `late` is in seconds."""
    stand_in = StandIn(accounts, habit, late, rate, window)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await stand_in.close()

    app = Starlette(
        routes=[
            Route(MESSAGES, create_message, methods=["POST"]),
            Route(MESSAGES, list_messages, methods=["GET"]),
            Route(MEDIA, list_media, methods=["GET"]),
            Route("/_stand-in/faults", set_faults, methods=["POST"]),
            Route("/_stand-in/habit", set_habit, methods=["POST"]),
            Route("/_stand-in/deliver", deliver_webhook, methods=["POST"]),
            Route("/_stand-in/messages", show_messages, methods=["GET"]),
        ],
        exception_handlers={Refusal: refuse},
        lifespan=lifespan,
    )
    app.state.stand_in = stand_in
    app.state.faults = deque[Fault]()
    return app


@click.command()
@click.option("--port", type=int, default=8090, show_default=True)
@click.option("--accounts", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
def main(port: int, accounts: Path) -> None:
    """Serve the stand-in at 127.0.0.1 for the accounts in a JSON file."""
    app = create(TwilioAccount(**entry) for entry in json.loads(accounts.read_text()))
    asyncio.run(server.serve(app, port))


if __name__ == "__main__":
    main()
