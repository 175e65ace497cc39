"""A tenant's MCP server by streamable HTTP: sessions of both eras, answers as JSON or as a stream."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from conserje import Fetched, FetchFailed, FetchRefused, fetch

STATELESS = "2026-07-28"  # without handshake or session: each question says all
HANDSHAKE = "2025-11-25"
_SPOKEN = frozenset({"2025-03-26", "2025-06-18", HANDSHAKE})

MOST = 1_000_000  # bytes of an answer
_LIMIT = 9.0  # seconds for all that one call asks: core ends it after ten
_US = {"name": "conserje", "version": "1"}
_META = "io.modelcontextprotocol/"
_NEVER_DONE = frozenset({-32700, -32600, -32601, -32602, -32020, -32022})  # errors before a tool is called
_NO_SESSION = frozenset({-32600, -32020, -32022, -32000, -32001, None})  # with which an ended one is refused


class NotDone(Exception):
    """The server has certainly not done it. The text is ours, and quotes nothing."""


class ServerDidNotSay(Exception):
    """Nobody knows whether the server has done it. The text is ours, and quotes nothing."""


class _Refused(Exception):
    """The server refused the question."""

    def __init__(self, status: int, code: int | None) -> None:
        super().__init__(f"The server refused the question ({status if code is None else code}).")
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class _Session:
    version: str
    id: str = ""


@dataclass
class Server:
    """One server, as one account asks it."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    _session: _Session | None = None
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    async def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The result. Raises NotDone or ServerDidNotSay."""
        until = asyncio.get_running_loop().time() + _LIMIT
        try:
            try:
                return await self._asked(method, params, until)
            except _Refused as refused:
                ended = refused.status == 404 or (refused.status == 400 and refused.code in _NO_SESSION)
                if not ended:
                    raise
                self._session = None  # it was refused unread: it is asked once more in a new one
                return await self._asked(method, params, until)
        except _Refused as refused:
            if refused.status >= 400 or refused.code in _NEVER_DONE:
                raise NotDone(str(refused)) from None
            raise ServerDidNotSay(str(refused)) from None

    async def _asked(self, method: str, params: Mapping[str, Any], until: float) -> dict[str, Any]:
        if self._session is None:
            try:
                self._session = await self._open(until)
            except ServerDidNotSay as error:
                raise NotDone(str(error)) from None
        return (await self._send(self._session, method, params, until))[0]

    async def _open(self, until: float) -> _Session:
        stateless = _Session(STATELESS)
        try:
            found, _ = await self._send(stateless, "server/discover", {}, until)
            versions = found.get("supportedVersions")
            if isinstance(versions, list) and STATELESS in versions:
                return stateless
        except _Refused:
            pass  # it is of the era before
        hello = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": _US}
        found, session_id = await self._send(_Session(""), "initialize", hello, until)
        version = found.get("protocolVersion")
        if version not in _SPOKEN:
            raise NotDone("The server speaks no version of MCP that is spoken here.")
        session = _Session(str(version), session_id)
        await self._notify(session, until)
        return session

    async def _send(
        self, session: _Session, method: str, params: Mapping[str, Any], until: float
    ) -> tuple[dict[str, Any], str]:
        """The result, and the session's id where the server gives one."""
        number = next(self._ids)
        headers = self._headers_of(session)
        if session.version == STATELESS:
            headers |= {"mcp-method": method} | ({"mcp-name": params["name"]} if "name" in params else {})
            meta = {"protocolVersion": STATELESS, "clientInfo": _US, "clientCapabilities": {}}
            params = {**params, "_meta": {_META + key: value for key, value in meta.items()}}
        question = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        try:
            async with self._posted(headers, question, until) as answer:
                _refuse_status(answer.status)
                said = await _said(answer, number)
                if answer.status >= 400 and "error" not in said:
                    raise _Refused(answer.status, None)
                return _result(said, answer.status), answer.headers.get("mcp-session-id", "")
        except (FetchFailed, FetchRefused) as error:
            raise ServerDidNotSay(str(error)) from None

    async def _notify(self, session: _Session, until: float) -> None:
        told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        try:
            async with self._posted(self._headers_of(session), told, until) as answer:
                if answer.status not in (200, 202):
                    raise NotDone(f"The server does not begin ({answer.status}).")
        except (FetchFailed, FetchRefused) as error:
            raise NotDone(str(error)) from None

    def _posted(self, headers: Mapping[str, str], told: Mapping[str, Any], until: float) -> Any:
        left = max(until - asyncio.get_running_loop().time(), 0.0)
        content = json.dumps(told).encode()
        return fetch(self.url, most=MOST, limit=left, method="POST", headers=headers, content=content)

    def _headers_of(self, session: _Session) -> dict[str, str]:
        headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        if session.version:
            headers["mcp-protocol-version"] = session.version
        if session.id:
            headers["mcp-session-id"] = session.id
        return {**self.headers, **headers}


def _refuse_status(status: int) -> None:
    """Raises for a status behind which there is no answer."""
    if status in (401, 403):
        raise NotDone(f"The server refused the credentials ({status}): see `conserje account set`.")
    if status == 429:
        raise NotDone("The server is asked too often (429).")
    if 300 <= status < 400:
        raise NotDone(f"The server redirects ({status}): the account's address must be the one behind.")
    if status >= 500 or status == 202:
        raise ServerDidNotSay(f"The server answered {status}.")


async def _said(answer: Fetched, number: int) -> dict[str, Any]:
    """The message that answers the question of this number."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        async for data in _events(answer):
            message = _message(data)
            if message.get("id") == number:
                return message
    elif kind == "application/json":
        return _message(await answer.read())
    if answer.status >= 400:
        return {}
    raise ServerDidNotSay("The server's answer is none of MCP.")


async def _events(parts: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The data of each event of a stream."""
    buffer, data, start = bytearray(), list[bytes](), 0
    async for part in parts:
        buffer += part
        while (end := buffer.find(b"\n", start)) >= 0:
            line = bytes(buffer[:end]).rstrip(b"\r")
            del buffer[: end + 1]
            start = 0
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                yield b"\n".join(data)
                data.clear()
        start = len(buffer)


def _message(written: bytes) -> dict[str, Any]:
    try:
        message = json.loads(written)
    except (ValueError, RecursionError):
        message = None
    return message if isinstance(message, dict) else {}


def _result(message: Mapping[str, Any], status: int) -> dict[str, Any]:
    """Raises _Refused or ServerDidNotSay."""
    match message:
        case {"error": {"code": int(code)}}:
            raise _Refused(status, code)
        case {"result": dict(result)} if result.get("resultType", "complete") == "complete":
            return result
        case {"result": {"resultType": str()}}:
            raise ServerDidNotSay("The server asks back, which nobody can answer here.")
    raise ServerDidNotSay("The server's answer is none of MCP.")
