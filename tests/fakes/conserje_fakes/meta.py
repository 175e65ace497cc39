"""A stand-in for Meta's Cloud API: it refuses what Meta refuses, and fails on request.

Rules, with the code that breaking them is answered with:

- The number's own access token as bearer: 190. Another's number: 100 with the subcode 33; object: 100.
- `to`, a phone, or `recipient`, a user id, but not both: 131008, 131009, 100.
- A text of 1 to 4096 characters; 1 to 3 buttons (title 20, id 256) or 1 to 10 rows (title 24, id 200,
  description 72), unique, under a body of 1 to 1024, none of them blank; captions to 1024 and not under
  sounds and stickers: 100 or 131009. Another kind: 131051. A part that is missing: 131008.
- A template that exists in that language (132001), with as many values as places, also above its words
  (132000), by their names if they have some, for the buttons that have places, none empty or with line
  breaks (132012) or too long (132005); one for authentication only to a phone (131062), one for marketing
  not to a contact who stopped it (131050).
- Without `window`'s seconds since the contact wrote, only templates: 131047, or taken and failed by
  status where `refuse_late` says so.
- More than `rate` messages a second and number: 429 with 130429. More than `pair_burst` to one contact,
  paid back at one in 6 s: 131056.
- A file at loopback that is not had, not of a type that goes with its kind, or too large: taken, and failed
  by status: 131053.
- A file that is handed in is of a type that Meta names, what its first bytes say, and not too large for its
  kind: 100. It is sent by its id, by its own number, as what its type goes with: 100, 131053 by status.
- A reaction and a read mark name a message of the number's: 131009, 100.
- A contact's file is its own number's (100 with the subcode 33), and asked for without `phone_number_id`
  (100). Its address lives five minutes, and its bytes need the bearer too: 404, 401.
- A webhook is set only where it says the challenge again: 100.

Webhooks are posted in batches, signed, one batch at a time, again as a whole until it is answered with 200,
after growing pauses. Messages are reported as sent and delivered, with our mark and the price, in the
way of `habit`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from conserje_fakes.meta_messages import Habit, Number, StandIn, error_json
from conserje_fakes.meta_rules import Refusal, require
from conserje_fakes.meta_templates import Template

__all__ = ["Fault", "Habit", "Number", "StandIn", "Template", "create"]

Fault = Literal[
    "429", "429 without retry-after", "bare 429", "500", "131000", "html", "redirect", "stall",
    "stall-after-accept", "hang-up-after-accept",
]  # fmt: skip


def _state(request: Request) -> StandIn:
    stand_in: StandIn = request.app.state.stand_in
    return stand_in


def _number(request: Request) -> Number:
    return _state(request).authenticate(request.headers.get("authorization", ""), request.path_params["id"])


async def send(request: Request) -> Response:
    stand_in, number, body = _state(request), _number(request), await request.json()
    faults: deque[Fault] = request.app.state.faults
    fault = faults.popleft() if faults else None
    if fault in ("stall-after-accept", "hang-up-after-accept", None):
        answer = await stand_in.accept(number, body)
        await request.app.state.before_answer()
        if fault is None:
            return JSONResponse(answer)
    return await _fail(fault, request)


_REFUSALS: dict[Fault, tuple[Refusal, dict[str, str]]] = {
    "429": (Refusal(80007, "Rate limit issues", 429), {"Retry-After": "7"}),
    "429 without retry-after": (Refusal(80007, "Rate limit issues", 429), {}),
    "131000": (Refusal(131000, "Something went wrong", 500), {}),
}


async def _fail(fault: Fault, request: Request) -> Response:
    if fault in _REFUSALS:
        return _error(*_REFUSALS[fault])
    match fault:
        case "bare 429":
            return Response(status_code=429, headers={"Retry-After": "7"})
        case "500":
            return HTMLResponse("<html><body>Sorry, something went wrong.</body></html>", 500)
        case "redirect":
            return RedirectResponse(request.url, 307)  # who follows it is taken at its word
        case "stall" | "stall-after-accept":
            await _until_gone(request)
            return Response(status_code=503)
        case "hang-up-after-accept":
            return StreamingResponse(_half_an_answer(), 200, {"Content-Length": "100"})
        case _:
            return HTMLResponse("<html><body>Please wait.</body></html>")


async def _until_gone(request: Request) -> None:
    async with asyncio.timeout(120):
        while (await request.receive())["type"] != "http.disconnect":
            pass


async def _half_an_answer() -> AsyncIterator[bytes]:
    yield b'{"messaging_product": '


def _error(refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    return Response(error_json(refusal), refusal.status, headers, "application/json")


async def refuse(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return _error(refusal)


async def show(request: Request) -> Response:
    """A phone number, or a file's address."""
    stand_in, id = _state(request), request.path_params["id"]
    authorization = request.headers.get("authorization", "")
    if id not in stand_in.numbers:
        owner = stand_in.owner(authorization)
        is_asked_by_id = "phone_number_id" not in request.query_params
        require(is_asked_by_id, "Param phone_number_id is not a valid whatsapp business phone number id ID")
        return JSONResponse(stand_in.locate(owner, id, str(request.base_url).rstrip("/")))
    number = stand_in.authenticate(authorization, id)
    shown: dict[str, Any] = {
        "display_phone_number": "15550783881",
        "verified_name": "Tienda",
        "status": number.status,
        "quality_rating": number.quality,
        "webhook_configuration": {"phone_number": number.webhook},
    }
    asked = request.query_params.get("fields", "display_phone_number,verified_name").split(",")
    return JSONResponse({"id": id} | {name: shown[name] for name in asked if name in shown})


async def set_webhook(request: Request) -> Response:
    number, given = _number(request), (await request.json()).get("webhook_configuration", {})
    before, number.webhook = number.webhook, str(given.get("override_callback_uri", ""))
    if not await _state(request).subscriber(number).greets(str(given.get("verify_token", ""))):
        number.webhook = before
        raise Refusal(100, "The callback URL could not be validated")
    return JSONResponse({"success": True})


async def subscribe(request: Request) -> Response:
    """Whether an app is subscribed to the account, or that it be."""
    owner = _state(request).owner(request.headers.get("authorization", ""))
    require(owner.account == request.path_params["id"], "Object does not exist")
    if request.method == "POST":
        owner.subscribed = True
        return JSONResponse({"success": True})
    app = {"whatsapp_business_api_data": {"id": "12345", "name": "App", "link": "https://app.example"}}
    return JSONResponse({"data": [app] if owner.subscribed else []})


async def upload(request: Request) -> Response:
    """Take a file of the business's, to be sent by its id; all of it is read before anything is answered."""
    async with request.form(max_files=1, max_fields=2) as form:
        number = _number(request)
        file = form.get("file")
        require(
            form.get("messaging_product") == "whatsapp", "(#100) The parameter messaging_product is required."
        )
        require(isinstance(file, UploadFile), "(#100) The parameter file is required.")
        assert isinstance(file, UploadFile)
        content, said = await file.read(), file.content_type or ""
        require(form.get("type") == said, "(#100) The parameter type is not that of the file.")
        id = _state(request).take_file(number, content, said, file.filename or "")
    await request.app.state.before_answer()
    return JSONResponse({"id": id})


async def download(request: Request) -> Response:
    stand_in = _state(request)
    owner = stand_in.owner(request.headers.get("authorization", ""))
    found = stand_in.file(owner, request.path_params["id"], request.query_params.get("mark", ""))
    return Response(found[0], media_type=found[1]) if found else Response(status_code=404)


async def _at_once() -> None:
    pass


def create(
    numbers: Iterable[Number] = (), *, before_answer: Callable[[], Awaitable[None]] = _at_once, **ways: Any
) -> Starlette:
    """The stand-in as an application; its StandIn, which is given `ways`, is `app.state.stand_in`.

    `before_answer` is awaited between taking a message and the answer.
    """
    stand_in = StandIn(numbers, **ways)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await stand_in.close()

    version = "/{version:str}"
    app = Starlette(
        routes=[
            Route("/_files/{id}", download, methods=["GET"]),
            Route(version + "/{id}/messages", send, methods=["POST"]),
            Route(version + "/{id}/media", upload, methods=["POST"]),
            Route(version + "/{id}/subscribed_apps", subscribe, methods=["GET", "POST"]),
            Route(version + "/{id}", show, methods=["GET"]),
            Route(version + "/{id}", set_webhook, methods=["POST"]),
        ],
        exception_handlers={Refusal: refuse},
        lifespan=lifespan,
    )
    app.state.stand_in = stand_in
    app.state.faults = deque[Fault]()
    app.state.before_answer = before_answer
    return app
