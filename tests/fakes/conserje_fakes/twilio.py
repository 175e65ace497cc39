"""A stand-in for Twilio's messaging: it refuses what Twilio refuses, and fails on request.

Rules, with the code that breaking them is answered with:

- Basic auth by AccountSid and auth token: 20003. Another account's path: 20404.
- `To` is there (21604) and an address (21211); `From` is there (21603) and a number of the account (21606,
  WhatsApp 63007); both are WhatsApp or neither is (21910). With MessagingServiceSid, the service is the
  account's (21701), and `From` is in its pool (21703) or left to it.
- Body that is not blank, MediaUrl or ContentSid: 21602. At most 1600 characters: 21617; 10 files, by WhatsApp
  one: 21623; their addresses are such: 21620. A place is "geo:" with plain decimals: 20001.
- ContentSid names a content of the account (21655); ContentVariables is JSON whose values are words,
  without new lines, tabs or five spaces (21656). Content is made by JSON only, within the lengths and
  numbers of the Content API: 20001.
- StatusCallback is an absolute http(s) URL whose host has no underscore: 21609. (Twilio refuses localhost
  there; the stand-in takes it.)
- More than `rate` messages a second and account: 429 with 20429.
- SMS to somebody who wrote STOP, until START: 21610. A Messaging Service has Advanced Opt-Out: its webhooks
  carry OptOutType.
- Typing is shown for a message that somebody wrote to the account by WhatsApp: 90001.

What is taken (201) and fails by status callback:

- What a service finds no sender for: 21703, in a status that names none.
- With `window`, WhatsApp to somebody who has not written within it, but for an approved template: 63016.
- More than three quick replies that were not approved: 63005.
- A file at loopback that does not answer HEAD and GET or is larger than 16 MB, a picture than 5 (63019), or
  whose type is not what its bytes say, or nothing for a telephone (12300).

By WhatsApp a contact sees words below pictures and films, and none that come with other files.

Files that contacts sent are had by Basic auth, and are in a store at another host (localhost), to which the
reader is sent on and which refuses an Authorization header. A trial account's SMS begin with Twilio's
notice. Messages go from queued (by a service: accepted) over sent to delivered, each step after the first
reported to StatusCallback in the way of `habit`. Webhooks are those of `twilio_webhooks`: signed by the
auth token or the account's shared key, posted again by the URL's fragment only, then to the fallback URL;
`StandIn.write` posts to where the number, sender or service is set to post. What contacts wrote is listed
with what was sent. Test doors: POST /_stand-in/faults {"next": [...]}, POST /_stand-in/habit {"habit":
...}, POST /_stand-in/deliver {"url", "form"}, GET /_stand-in/messages.
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
from typing import Any, Literal, get_args
from urllib.parse import urlencode

import click
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from conserje_fakes import server
from conserje_fakes.twilio_files import FILE, STORE
from conserje_fakes.twilio_messages import MEDIA, MESSAGES, Habit, StandIn, TwilioAccount
from conserje_fakes.twilio_refusals import Refusal
from conserje_fakes.twilio_setup import NUMBER, NUMBERS, SENDER, SENDERS, SERVICE

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


async def read_file(request: Request) -> Response:
    _account(request)
    return _state(request).files.redirect(request)


async def read_store(request: Request) -> Response:
    return _state(request).files.serve(request)


async def create_content(request: Request) -> Response:
    account = _caller(request)
    return JSONResponse(_state(request).library.create(account.account_sid, await _json(request)).json(), 201)


async def show_typing(request: Request) -> Response:
    _state(request).show_typing(_caller(request), await request.form())
    return JSONResponse({"success": True})


async def show_account(request: Request) -> Response:
    account = _account(request)
    return JSONResponse({"sid": account.account_sid, "status": "active"})


async def list_numbers(request: Request) -> Response:
    found = _state(request).setup.numbers(_account(request).numbers, request.query_params)
    return JSONResponse({"incoming_phone_numbers": found, "next_page_uri": None})


async def set_number(request: Request) -> Response:
    account, sid = _account(request), request.path_params["number"]
    return JSONResponse(_state(request).setup.set_number(account.numbers, sid, dict(await request.form())))


async def list_senders(request: Request) -> Response:
    """One a page: whoever looks at the first page only does not find the second sender."""
    found = _state(request).setup.senders(_caller(request).numbers)
    page = int(request.query_params.get("Page", "0"))
    following = f"{request.url.replace(query='')}?Channel=whatsapp&Page={page + 1}"
    meta = {"key": "senders", "next_page_url": following if len(found) > page + 1 else None}
    return JSONResponse({"meta": meta, "senders": found[page : page + 1]})


async def set_sender(request: Request) -> Response:
    addresses, sid = _caller(request).numbers, request.path_params["sender"]
    return JSONResponse(_state(request).setup.set_sender(addresses, sid, await _json(request)), 202)


async def service(request: Request) -> Response:
    sid, setup = request.path_params["service"], _state(request).setup
    if sid not in _caller(request).services:
        raise Refusal(404, 20404, f"The requested resource {request.url.path} was not found")
    changed = dict(await request.form()) if request.method == "POST" else {}
    return JSONResponse(setup.set_service(sid, changed))


def _caller(request: Request) -> TwilioAccount:
    return _state(request).caller(request.headers.get("authorization", ""))


async def _json(request: Request) -> Any:
    """Raises Refusal for a form under the name of JSON, as the SDK's asynchronous client sends it."""
    try:
        if request.headers.get("content-type", "").partition(";")[0] == "application/json":
            return await request.json()
    except ValueError:
        pass
    raise Refusal(400, 20001, "Bad request: the body is no JSON")


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
    trust: Path | None = None,
) -> Starlette:
    """The stand-in as an application; its StandIn is `app.state.stand_in`. `late` is in seconds.

    `trust` is the certificate of the authority behind the hosts that it posts to, where that is not public.
    """
    stand_in = StandIn(accounts, habit, late, rate, window, trust)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await stand_in.close()

    app = Starlette(
        routes=[
            Route(MESSAGES, create_message, methods=["POST"]),
            Route(MESSAGES, list_messages, methods=["GET"]),
            Route(MEDIA, list_media, methods=["GET"]),
            Route(FILE, read_file, methods=["GET"]),
            Route(STORE, read_store, methods=["GET"]),
            Route("/v1/Content", create_content, methods=["POST"]),
            Route("/v2/Indicators/Typing.json", show_typing, methods=["POST"]),
            Route("/2010-04-01/Accounts/{sid}.json", show_account, methods=["GET"]),
            Route(NUMBERS, list_numbers, methods=["GET"]),
            Route(NUMBER, set_number, methods=["POST"]),
            Route(SENDERS, list_senders, methods=["GET"]),
            Route(SENDER, set_sender, methods=["POST"]),
            Route(SERVICE, service, methods=["GET", "POST"]),
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
@click.option("--trust", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(port: int, accounts: Path, trust: Path | None) -> None:
    """Serve the stand-in at 127.0.0.1 for the accounts in a JSON file."""
    app = create((TwilioAccount(**entry) for entry in json.loads(accounts.read_text())), trust=trust)
    asyncio.run(server.serve(app, port))


if __name__ == "__main__":
    main()
