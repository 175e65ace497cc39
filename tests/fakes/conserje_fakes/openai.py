"""A stand-in for OpenAI's APIs and servers like it: it refuses what they refuse, and fails on request.

Rules, with the status that breaking them is answered with:

- A bearer key, one of `keys` where some are given: 401.
- A model of `models`: 404. Reasoning of an effort that the model has: 400.
- What `openai_responses`, `openai_chat` and `openai_audio` say.

It says what it understood: "Entendido: " and the customer's last words; it calls a tool that it is told to
call, and says and does what `mind` is told before. Test doors: POST /_stand-in/faults {"next": [...]}, GET
/_stand-in/requests.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

import click
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from conserje_fakes import openai_audio, openai_chat, openai_responses, server
from conserje_fakes.mind import Mind
from conserje_fakes.openai_chat import OPENAI, Server

Fault = Literal[
    "429", "429 without retry-after", "500", "html", "redirect", "stall",
    "empty", "incomplete", "failed", "refusal", "shapeless",
]  # fmt: skip
MODELS = frozenset({"gpt-6-astra", "gpt-6-sol", "gpt-6-luna", "gpt-5.4-mini"})

_faults = TypeAdapter(list[Fault])


@dataclass
class StandIn:
    """What the stand-in believes, was asked, and will do wrong next."""

    keys: frozenset[str] = frozenset()  # none: any key
    models: frozenset[str] = MODELS
    faults: deque[Fault] = field(default_factory=deque)
    requests: list[dict[str, Any]] = field(default_factory=list)
    mind: Mind = field(default_factory=Mind)
    server: Server = OPENAI  # whose chat completions it has

    def app(self) -> Starlette:
        app = Starlette(
            routes=[
                Route("/v1/responses", create_response, methods=["POST"]),
                Route("/v1/chat/completions", complete_chat, methods=["POST"]),
                Route("/v1/audio/transcriptions", transcribe, methods=["POST"]),
                Route("/v1/models/{name}", show_model),
                Route("/_stand-in/faults", set_faults, methods=["POST"]),
                Route("/_stand-in/requests", list_requests),
            ]
        )
        app.state.stand_in = self
        return app


def _state(request: Request) -> StandIn:
    stand_in: StandIn = request.app.state.stand_in
    return stand_in


def _unknown_key(request: Request) -> Response | None:
    keys = _state(request).keys
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key or (keys and key not in keys):
        return _error(401, "invalid_api_key", f"Incorrect API key provided: {key[:8]}.")
    return None


async def show_model(request: Request) -> Response:
    stand_in, name = _state(request), request.path_params["name"]
    if refused := _unknown_key(request):
        return refused
    if name not in stand_in.models:
        return _error(404, "model_not_found", f"The model {name} does not exist.")
    if stand_in.faults:
        return _error(500, "server_error", f"The server had an error ({stand_in.faults.popleft()}).")
    return JSONResponse({"id": name, "object": "model", "created": 1_790_000_000, "owned_by": "openai"})


async def create_response(request: Request) -> Response:
    stand_in = _state(request)
    if refused := _unknown_key(request):
        return refused
    try:
        asked = openai_responses.Asked.model_validate_json(await request.body())
    except ValidationError as error:
        return _error(400, "invalid_request_error", str(error.errors(include_input=False)[0]["msg"]))
    body = asked.model_dump(mode="json", exclude_unset=True, by_alias=True)
    stand_in.requests.append({"headers": dict(request.headers), "body": body})
    if asked.model not in stand_in.models:
        return _error(404, "model_not_found", f"The model {asked.model} does not exist.")
    if wrong := openai_responses.fault(asked):
        return _error(400, "invalid_request_error", wrong)
    if stand_in.faults:
        fault = stand_in.faults.popleft()
        return await _fail(fault, request) or JSONResponse(_useless(fault, asked))
    act = stand_in.mind.act(openai_responses.heard(asked))
    return JSONResponse(openai_responses.answer(asked, act))


async def complete_chat(request: Request) -> Response:
    stand_in = _state(request)
    if refused := _unknown_key(request):
        return refused
    asked = await request.json()
    stand_in.requests.append({"headers": dict(request.headers), "body": asked})
    if asked.get("model") not in stand_in.models:
        return _error(404, "model_not_found", f"The model {asked.get('model')} does not exist.")
    if wrong := openai_chat.fault(asked, stand_in.server):
        return _error(400, "invalid_request_error", wrong)
    if stand_in.faults:
        fault = stand_in.faults.popleft()
        return await _fail(fault, request) or JSONResponse(_useless_chat(fault, asked))
    act = stand_in.mind.act(openai_chat.heard(asked))
    return JSONResponse(openai_chat.answer(asked, act, stand_in.server))


async def transcribe(request: Request) -> Response:
    stand_in = _state(request)
    if refused := _unknown_key(request):
        return refused
    async with request.form() as form:
        asked, sound = await openai_audio.understood(form)
    stand_in.requests.append({"headers": dict(request.headers), "body": asked})
    status, wrong = openai_audio.fault(asked, sound)
    if status:
        return _error(status, "invalid_request_error", wrong)
    if stand_in.faults:
        fault = stand_in.faults.popleft()
        return await _fail(fault, request) or JSONResponse(
            {"text": ""} if fault == "empty" else {"error": {"message": "It failed."}}
        )
    return JSONResponse(openai_audio.answer(asked, sound))


async def _fail(fault: Fault, request: Request) -> Response | None:
    """None: the answer is a 200 that holds none."""
    match fault:
        case "429":
            return _error(429, "rate_limit_exceeded", "Slow down.", {"Retry-After": "0.05"})
        case "429 without retry-after":
            return _error(429, "insufficient_quota", "You exceeded your quota.")
        case "500":
            return _error(500, "server_error", "The server had an error.")
        case "html":
            return HTMLResponse("<html><body>Please wait.</body></html>")
        case "redirect":
            return RedirectResponse("/elsewhere", 307)
        case "stall":
            await server.until_gone(request)
            return Response(status_code=503)
        case _:
            return None


def _useless(fault: Fault, asked: openai_responses.Asked) -> dict[str, Any]:
    message, text = openai_responses.message, openai_responses.text
    match fault:
        case "incomplete":
            cause = {"incomplete_details": {"reason": "max_output_tokens"}}
            cut = openai_responses.response(asked, message(text("Te cuen")))
            return cut | {"status": "incomplete"} | cause
        case "failed":
            error = {"code": "server_error", "message": "The model failed."}
            return openai_responses.response(asked, message()) | {"status": "failed", "error": error}
        case "refusal":
            return openai_responses.response(asked, message({"type": "refusal", "refusal": "No puedo."}))
        case "shapeless":
            return {"choices": [{"message": {"content": "Hola"}}]}
        case _:
            return openai_responses.response(asked, message(text("")))


def _useless_chat(fault: Fault, asked: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "content": None}
    match fault:
        case "incomplete":
            return openai_chat.completion(asked, said | {"content": "Te cuen"}, "length")
        case "failed":
            return {"error": {"message": "Upstream failed.", "code": 502}}
        case "refusal":
            return openai_chat.completion(asked, said | {"refusal": "No puedo."}, "stop")
        case "shapeless":
            return {"output": [{"type": "message"}]}
        case _:
            return openai_chat.completion(asked, said, "stop")


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    body = {"error": {"message": message, "type": code, "param": None, "code": code}}
    return JSONResponse(body, status, headers)


async def set_faults(request: Request) -> Response:
    try:
        _state(request).faults = deque(_faults.validate_python((await request.json())["next"]))
    except (ValueError, KeyError, TypeError) as error:
        return _error(400, "invalid_request_error", str(error))
    return JSONResponse({})


async def list_requests(request: Request) -> Response:
    return JSONResponse(_state(request).requests)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), required=True)
@click.option("--key", "keys", multiple=True, help="A key that is believed; none given: any key is.")
def main(port: int, keys: tuple[str, ...]) -> None:
    """Serve the stand-in at 127.0.0.1 until interrupted."""
    asyncio.run(server.serve(StandIn(frozenset(keys)).app(), port))


if __name__ == "__main__":
    main()
