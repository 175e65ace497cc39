"""A stand-in for OpenAI's Responses API: it refuses what OpenAI refuses, and fails on request.

Rules, with the status that breaking them is answered with:

- A bearer key, one of `keys` where some are given: 401.
- A JSON object with a model and an input that is not empty, of fields that the API has: 400.
- A model of `models`: 404. Reasoning of an effort that the model has: 400.

It says what it understood: "Entendido: " and the customer's last words. Test doors: POST
/_stand-in/faults {"next": [...]}, GET /_stand-in/requests.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

import click
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from conserje_fakes import server

Fault = Literal[
    "429", "429 without retry-after", "500", "html", "redirect", "stall",
    "empty", "incomplete", "failed", "refusal", "shapeless",
]  # fmt: skip
MODELS = frozenset({"gpt-6-astra", "gpt-6-sol", "gpt-6-luna", "gpt-5.4-mini"})

_faults = TypeAdapter(list[Fault])


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "assistant", "developer", "system"]
    content: str = Field(min_length=1)


class _Reasoning(BaseModel):
    model_config = ConfigDict(extra="forbid")

    effort: Literal["none", "low", "medium", "high", "xhigh", "max"]


class _Asked(BaseModel):
    """The body of a request, as far as Conserje may write it."""

    model_config = ConfigDict(extra="forbid")

    model: str
    input: list[_Item] = Field(min_length=1)
    instructions: str = ""
    reasoning: _Reasoning | None = None
    max_output_tokens: int = Field(1000, ge=16)
    safety_identifier: str = Field("", max_length=64)
    store: bool = True


@dataclass
class StandIn:
    """What the stand-in believes, was asked, and will do wrong next."""

    keys: frozenset[str] = frozenset()  # none: any key
    models: frozenset[str] = MODELS
    faults: deque[Fault] = field(default_factory=deque)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> Starlette:
        app = Starlette(
            routes=[
                Route("/v1/responses", create_response, methods=["POST"]),
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
        asked = _Asked.model_validate_json(await request.body())
    except ValidationError as error:
        return _error(400, "invalid_request_error", str(error.errors(include_input=False)[0]["msg"]))
    stand_in.requests.append(
        {"headers": dict(request.headers), "body": asked.model_dump(mode="json", exclude_unset=True)}
    )
    if asked.model not in stand_in.models:
        return _error(404, "model_not_found", f"The model {asked.model} does not exist.")
    if stand_in.faults:
        return await _fail(stand_in.faults.popleft(), asked, request)
    return JSONResponse(_response(asked, _text(f"Entendido: {asked.input[-1].content}")))


async def _fail(fault: Fault, asked: _Asked, request: Request) -> Response:
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
            await _until_gone(request)
            return Response(status_code=503)
        case "empty" | "incomplete" | "failed" | "refusal" | "shapeless":
            return JSONResponse(_useless(fault, asked))


def _useless(fault: Fault, asked: _Asked) -> dict[str, Any]:
    """A 200 that holds no answer."""
    match fault:
        case "incomplete":
            cause = {"incomplete_details": {"reason": "max_output_tokens"}}
            return _response(asked, _text("Te cuen")) | {"status": "incomplete"} | cause
        case "failed":
            error = {"code": "server_error", "message": "The model failed."}
            return _response(asked) | {"status": "failed", "error": error}
        case "refusal":
            return _response(asked, {"type": "refusal", "refusal": "No puedo."})
        case "shapeless":
            return {"choices": [{"message": {"content": "Hola"}}]}
        case _:
            return _response(asked, _text(""))


async def _until_gone(request: Request) -> None:
    async with asyncio.timeout(120):
        while (await request.receive())["type"] != "http.disconnect":
            pass


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def _response(asked: _Asked, *content: dict[str, Any]) -> dict[str, Any]:
    heard = sum(len(item.content.split()) for item in asked.input) + len(asked.instructions.split())
    said = sum(len(part.get("text", "").split()) for part in content)
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content
    }  # fmt: skip
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_790_000_000,
        "model": asked.model,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": heard,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": said,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": heard + said,
        },
    }


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
