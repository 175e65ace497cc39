"""A stand-in for an MCP server by streamable HTTP: it refuses what such servers refuse.

Rules, with the status that breaking them is answered with:

- A bearer of `keys`, where some are given: 401. Accept names JSON and a stream of events: 406. The body is
  one JSON-RPC message: 400.
- Era of the handshake: `initialize` gives a session; whatever follows names it (400 without, 404 for one that
  ended) and the version that was agreed on (400); the server begins after `notifications/initialized`, which
  is taken with 202, without a body.
- The era without sessions: the headers of version, method and name say what the body says (400, -32020),
  whose `_meta` has the version and what the client can do (400, -32602); no such method: 404, -32601.
- Arguments lack nothing that their schema requires: an answer that is an error.

Test door: `tools`, `results`, `fails` and `sessions`.
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from conserje_fakes import server

Era = Literal["handshake", "stateless"]
Fault = Literal["500", "redirect", "stall", "error", "odd", "large", "no json", "asks back", "429"]

HANDSHAKE, STATELESS = "2025-11-25", "2026-07-28"
NUMBER = {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]}
TOOLS = {
    "find_order": {"name": "find_order", "description": "Finds an order.", "inputSchema": NUMBER},
    "cancel.order": {"name": "cancel.order", "description": "Cancels an order.", "inputSchema": NUMBER},
}
_CACHED = {"cacheScope": "private", "ttlMs": 0}
_META = "io.modelcontextprotocol/"


@dataclass
class StandIn:
    """What the stand-in offers, was asked, and will do wrong next."""

    era: Era = "stateless"
    streams: bool = False  # answers as events
    page: int = 50  # tools on each page of the list
    keys: frozenset[str] = frozenset()  # none: whoever asks
    tools: dict[str, dict[str, Any]] = field(default_factory=lambda: dict(TOOLS))
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    fails: dict[str, deque[Fault]] = field(default_factory=dict)  # by method
    sessions: dict[str, bool] = field(default_factory=dict)  # and whether each has begun
    asked: list[str] = field(default_factory=list)  # methods
    called: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def app(self) -> Starlette:
        app = Starlette(routes=[Route("/mcp", take, methods=["POST"])])
        app.state.stand_in = self
        return app


class _Refusal(Exception):
    """How the question is refused."""

    def __init__(self, status: int, code: int, why: str, number: Any = None) -> None:
        super().__init__(why)
        error = {"code": code, "message": why}
        self.answer = JSONResponse({"jsonrpc": "2.0", "id": number, "error": error}, status)


async def take(request: Request) -> Response:
    stand_in: StandIn = request.app.state.stand_in
    try:
        message = await _message(stand_in, request)
        stand_in.asked.append(message["method"])
        if fails := stand_in.fails.get(message["method"]):
            return await _failed(fails.popleft(), request, message)
        return (_stateless if stand_in.era == "stateless" else _in_session)(stand_in, request, message)
    except _Refusal as refusal:
        return refusal.answer


async def _message(stand_in: StandIn, request: Request) -> dict[str, Any]:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if stand_in.keys and (scheme != "Bearer" or key not in stand_in.keys):
        raise _Refusal(401, -32600, "Unauthorized")
    accepted = request.headers.get("accept", "")
    if "application/json" not in accepted or "text/event-stream" not in accepted:
        raise _Refusal(406, -32600, "Client must accept both application/json and text/event-stream")
    try:
        message: dict[str, Any] = json.loads(await request.body())
        if message["jsonrpc"] != "2.0" or not isinstance(message["method"], str):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise _Refusal(400, -32700, "Parse error") from None
    return message


def _in_session(stand_in: StandIn, request: Request, message: dict[str, Any]) -> Response:
    method, number = message["method"], message.get("id")
    if method == "initialize":
        session_id = secrets.token_hex(8)
        stand_in.sessions[session_id] = False
        hello = {
            "protocolVersion": HANDSHAKE,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "x", "version": "1"},
        }
        return _answer(stand_in, number, hello, {"mcp-session-id": session_id})
    if (session_id := request.headers.get("mcp-session-id", "")) == "":
        raise _Refusal(400, -32600, "Bad Request: Missing session ID", number)
    if session_id not in stand_in.sessions:
        raise _Refusal(404, -32600, "Session not found")
    if request.headers.get("mcp-protocol-version") != HANDSHAKE:
        raise _Refusal(400, -32600, "Bad Request: Unsupported protocol version", number)
    if method == "notifications/initialized":
        stand_in.sessions[session_id] = True
        return Response(status_code=202)
    if not stand_in.sessions[session_id]:
        raise _Refusal(400, -32602, "Received request before initialization was complete", number)
    return _answer(stand_in, number, _done(stand_in, message, 200))


def _stateless(stand_in: StandIn, request: Request, message: dict[str, Any]) -> Response:
    method, params, number = message["method"], message.get("params", {}), message.get("id")
    meta = params.get("_meta", {})
    if not {f"{_META}protocolVersion", f"{_META}clientCapabilities"} <= meta.keys():
        raise _Refusal(400, -32602, "params._meta lacks the envelope", number)
    said = {"mcp-protocol-version": meta[f"{_META}protocolVersion"], "mcp-method": method}
    if method == "tools/call":
        said["mcp-name"] = params["name"]
    if any(request.headers.get(name) != value for name, value in said.items()):
        raise _Refusal(400, -32020, "a header does not match the body", number)
    if said["mcp-protocol-version"] != STATELESS:
        raise _Refusal(400, -32022, "Unsupported protocol version", number)
    if method == "server/discover":
        found = {
            "supportedVersions": [STATELESS],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "x", "version": "1"},
        }
        return _answer(stand_in, number, {"resultType": "complete", **_CACHED, **found})
    return _answer(stand_in, number, {"resultType": "complete", **_CACHED, **_done(stand_in, message, 404)})


def _done(stand_in: StandIn, message: dict[str, Any], unknown: int) -> dict[str, Any]:
    params = message.get("params", {})
    match message["method"]:
        case "tools/list":
            first = int(params.get("cursor", "0"))
            listed = list(stand_in.tools.values())
            after = first + stand_in.page
            page: dict[str, Any] = {"tools": listed[first:after]}
            return page | ({"nextCursor": str(after)} if after < len(listed) else {})
        case "tools/call":
            return _called(stand_in, params["name"], params.get("arguments", {}))
    raise _Refusal(unknown, -32601, "Method not found", message.get("id"))


def _called(stand_in: StandIn, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if name not in stand_in.tools:
        return _said(f"Unknown tool: {name}", failed=True)
    if lacking := [
        each for each in stand_in.tools[name]["inputSchema"].get("required", ()) if each not in arguments
    ]:
        return _said(f"Missing: {lacking[0]}", failed=True)
    stand_in.called.append((name, arguments))
    return stand_in.results.get(name, _said(f"{name} {arguments.get('number')}: done"))


def _said(text: str, *, failed: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": failed}


def _answer(
    stand_in: StandIn, number: Any, result: dict[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    message = {"jsonrpc": "2.0", "id": number, "result": result}
    if not stand_in.streams:
        return JSONResponse(message, headers=dict(headers or {}))
    progress = {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": 1, "progress": 1},
    }
    events = "".join(f"event: message\r\ndata: {json.dumps(each)}\r\n\r\n" for each in (progress, message))
    body = f": so far nothing\r\n\r\nid: 1\r\ndata:\r\n\r\n{events}"
    return Response(body, media_type="text/event-stream", headers=dict(headers or {}))


async def _failed(fault: Fault, request: Request, message: dict[str, Any]) -> Response:
    odd: dict[str, dict[str, Any]] = {
        "error": {"error": {"code": -32603, "message": "Bearer abcdefghijkl"}},
        "asks back": {"result": {"resultType": "input_required", "inputRequests": {}}},
        "odd": {"result": []},
        "large": {"result": {"content": [{"type": "text", "text": "x" * 1_100_000}]}},
    }
    if fault in odd:
        return JSONResponse({"jsonrpc": "2.0", "id": message.get("id"), **odd[fault]})
    match fault:
        case "redirect":
            return RedirectResponse("http://127.0.0.1/elsewhere", 307)
        case "stall":
            await server.until_gone(request)
        case "500" | "429":
            return Response("sorry", int(fault))
    return Response("<html>", media_type="text/html")
