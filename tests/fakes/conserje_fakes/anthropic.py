"""A stand-in for Anthropic's Messages API: it refuses what Anthropic refuses, and fails on request.

Rules, with the status that breaking them is answered with:

- A bearer key, one of `keys` where some are given: 401. The API's version in a header: 400.
- A model of `models`: 404. Fields that the API has, `max_tokens` among them: 400.
- Messages begin and end with the customer's; no text of blanks alone; pictures are given as they are: 400.
- Each tool_use is answered by a tool_result at the beginning of the next message, and each result has its
  use; where there are any, tools are named; their names and schemas are good: 400.
- At most four places are cached: 400.

Test door: `faults` and `mind`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from conserje_fakes import server
from conserje_fakes.mind import Act, Do, Heard, Mind, is_picture, tool_fault

Fault = Literal[
    "429", "429 without retry-after", "500", "529", "html", "redirect", "stall",
    "empty", "cut", "refusal", "pause", "shapeless",
]  # fmt: skip
VERSION = "2026-10-21"
MODELS = frozenset({"claude-haiku-5-5", "claude-sonnet-5-5"})

_KNOWN = frozenset(
    {"model", "max_tokens", "messages", "system", "tools", "tool_choice", "metadata", "output_config"}
)
_LONGEST = 64_000  # of an answer, in tokens
_CACHED = 4


@dataclass
class StandIn:
    """What the stand-in believes, was asked, and will do wrong next."""

    keys: frozenset[str] = frozenset()  # none: any key
    models: frozenset[str] = MODELS
    faults: deque[Fault] = field(default_factory=deque)
    requests: list[dict[str, Any]] = field(default_factory=list)
    mind: Mind = field(default_factory=Mind)

    def app(self) -> Starlette:
        app = Starlette(
            routes=[
                Route("/v1/messages", create_message, methods=["POST"]),
                Route("/v1/models/{name}", show_model),
            ]
        )
        app.state.stand_in = self
        return app


def _state(request: Request) -> StandIn:
    stand_in: StandIn = request.app.state.stand_in
    return stand_in


def _unwelcome(request: Request) -> Response | None:
    keys = _state(request).keys
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key or (keys and key not in keys):
        return _error(401, "authentication_error", f"invalid bearer token {key[:8]}")
    if request.headers.get("anthropic-version") != VERSION:
        return _error(400, "invalid_request_error", "anthropic-version: header is required")
    return None


async def show_model(request: Request) -> Response:
    stand_in, name = _state(request), request.path_params["name"]
    if refused := _unwelcome(request):
        return refused
    if name not in stand_in.models:
        return _error(404, "not_found_error", f"model: {name}")
    if stand_in.faults:
        return _error(500, "api_error", f"Internal server error ({stand_in.faults.popleft()})")
    return JSONResponse({"type": "model", "id": name, "display_name": name})


async def create_message(request: Request) -> Response:
    stand_in = _state(request)
    if refused := _unwelcome(request):
        return refused
    asked = await request.json()
    stand_in.requests.append({"headers": dict(request.headers), "body": asked})
    if asked.get("model") not in stand_in.models:
        return _error(404, "not_found_error", f"model: {asked.get('model')}")
    if wrong := fault(asked):
        return _error(400, "invalid_request_error", wrong)
    if stand_in.faults:
        next_fault = stand_in.faults.popleft()
        return await _fail(next_fault, request) or JSONResponse(_useless(next_fault, asked))
    return JSONResponse(_answer(asked, stand_in.mind.act(_heard(asked))))


def fault(asked: dict[str, Any]) -> str:
    """What the API refuses with 400; empty: nothing."""
    if strange := set(asked) - _KNOWN:
        return f"{min(strange)}: Extra inputs are not permitted"
    if not isinstance(bound := asked.get("max_tokens"), int) or not 1 <= bound <= _LONGEST:
        return "max_tokens: Field required"
    if json.dumps(asked).count('"cache_control"') > _CACHED:
        return f"A maximum of {_CACHED} blocks with cache_control may be provided."
    if asked.get("tool_choice") and not asked.get("tools"):
        return "tool_choice may only be specified while providing tools."
    for tool in asked.get("tools", ()):
        if strange := set(tool) - {"name", "description", "input_schema"}:
            return f"tools.0.{min(strange)}: Extra inputs are not permitted"
        if wrong := tool_fault(tool.get("name"), tool.get("input_schema")):
            return wrong
    return _wrong_messages(asked.get("messages") or [], bool(asked.get("tools")))


def _wrong_messages(messages: Sequence[dict[str, Any]], has_tools: bool) -> str:
    if not messages or messages[0].get("role") != "user":
        return "messages: first message must use the user role"
    if messages[-1]["role"] != "user":
        return "This model does not support assistant message prefill."
    if any(message["role"] not in ("user", "assistant") for message in messages):
        return "messages: Unexpected role"
    if any(not _has_words(message["content"]) for message in messages):
        return "messages: text content blocks must contain non-whitespace text"
    if not has_tools and any(_ids(message, "tool_use", "id") for message in messages):
        return "Requests which include `tool_use` or `tool_result` blocks must define tools."
    return _unpaired(messages)


def _has_words(content: object) -> bool:
    if isinstance(content, str):
        return bool(content.strip())
    blocks = content if isinstance(content, list) else []
    return bool(blocks) and all(map(_is_sound, blocks))


def _is_sound(block: dict[str, Any]) -> bool:
    match block:
        case {"type": "text", "text": text}:
            return bool(text.strip())
        case {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}:
            return is_picture(f"data:{kind};base64,{data}")
        case {"type": "image"}:
            return False
        case _:
            return True


def _ids(message: dict[str, Any], kind: str, name: str) -> list[str]:
    content = message["content"]
    return [block[name] for block in content if block["type"] == kind] if isinstance(content, list) else []


def _unpaired(messages: Sequence[dict[str, Any]]) -> str:
    used: list[str] = []
    for before, message in pairwise([{"role": "user", "content": ""}, *messages]):
        uses, results = _ids(before, "tool_use", "id"), _ids(message, "tool_result", "tool_use_id")
        if sorted(uses) != sorted(results):
            return "`tool_use` ids were found without `tool_result` blocks immediately after, or the reverse."
        if results and message["content"][0]["type"] != "tool_result":
            return "tool_result blocks must come first in the content."
        used += uses
    return "`tool_use` ids must be unique" if len(used) != len(set(used)) else ""


def _heard(asked: dict[str, Any]) -> Heard:
    """What the model reads of it."""
    blocks = [block for message in asked["messages"] for block in _blocks(message["content"])]
    texts = [
        block["text"]
        for message in asked["messages"]
        if message["role"] == "user"
        for block in _blocks(message["content"])
        if block["type"] == "text"
    ]
    tools = [tool["name"] for tool in asked.get("tools", ())]
    return Heard(
        "\n".join(block["text"] for block in _blocks(asked.get("system", ""))),
        texts,
        [] if asked.get("tool_choice") == {"type": "none"} else tools,
        [block["content"] for block in blocks if block["type"] == "tool_result"],
    )


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _answer(asked: dict[str, Any], act: Act) -> dict[str, Any]:
    """The model's act as the API tells it; longer than it may be, it is cut."""
    if not isinstance(act, str):
        before = json.dumps(asked["messages"]).count('"tool_use"')
        uses = [_use(do, before + n) for n, do in enumerate(act)]
        return _message(asked, [{"type": "text", "text": "Let me look."}, *uses], "tool_use")
    bound = asked["max_tokens"] * 4
    said = [{"type": "text", "text": act[:bound]}]
    return _message(asked, said, "end_turn" if len(act) <= bound else "max_tokens")


def _use(do: Do, n: int) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{n}", "name": do.name, "input": json.loads(do.arguments)}


def _message(asked: dict[str, Any], content: list[dict[str, Any]], reason: str) -> dict[str, Any]:
    heard = len(json.dumps(asked["messages"]).split())
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": heard,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 1000,
            "output_tokens": sum(len(block.get("text", "x").split()) for block in content),
        },
    }


async def _fail(fault: Fault, request: Request) -> Response | None:
    """None: the answer is a 200 that holds none."""
    match fault:
        case "429":
            return _error(429, "rate_limit_error", "Slow down.", {"Retry-After": "0.05"})
        case "429 without retry-after":
            return _error(429, "rate_limit_error", "Slow down.")
        case "500":
            return _error(500, "api_error", "Internal server error")
        case "529":
            return _error(529, "overloaded_error", "Overloaded", {"Retry-After": "0.05"})
        case "html":
            return HTMLResponse("<html><body>Please wait.</body></html>")
        case "redirect":
            return RedirectResponse("/elsewhere", 307)
        case "stall":
            await server.until_gone(request)
            return Response(status_code=503)
        case _:
            return None


def _useless(fault: Fault, asked: dict[str, Any]) -> dict[str, Any]:
    match fault:
        case "cut":
            return _message(asked, [{"type": "text", "text": "Te cuen"}], "max_tokens")
        case "refusal":
            return _message(asked, [], "refusal")
        case "pause":
            return _message(asked, [{"type": "text", "text": "Espera"}], "pause_turn")
        case "shapeless":
            return {"choices": [{"message": {"content": "Hola"}}]}
        case _:
            return _message(asked, [], "end_turn")


def _error(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Response:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return JSONResponse(body, status, headers)
