"""What the edge reads out of a request: its public URL as the provider signed it, its id, its body."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network
from itertools import chain

from starlette.types import Receive, Scope

from conserje.settings import SettingsError
from conserje_edge.wire.answers import Problem, unread

BODY_SECONDS = 10  # for a whole body; a proxy that buffers sends it at once
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,128}")


class Proxies:
    """The peers whose X-Forwarded-Proto and X-Request-Id are believed."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """Raises SettingsError for what is neither an address nor a network."""
        try:
            self._networks = [ip_network(peer) for peer in trusted]
        except ValueError as error:
            raise SettingsError(f"CONSERJE_TRUSTED_PROXIES: {error}.") from None
        self._trusts = lru_cache(maxsize=1024)(self._is_inside)

    def trusts(self, scope: Scope) -> bool:
        """Whether the peer is one of them; that of a unix socket, who has no address, always is."""
        client = scope.get("client")
        return not client or not client[0] or self._trusts(client[0])

    def _is_inside(self, peer: str) -> bool:
        address = ip_address(peer)
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def read_headers(scope: Scope) -> dict[str, str]:
    """The headers by name in lower case. Raises Problem unless there is one Host."""
    pairs = scope["headers"]
    # All decoded at once, since each webhook has some twenty; the server lets no NUL through.
    parts = b"\0".join(chain.from_iterable(pairs)).decode("latin-1").split("\0")
    headers = dict(zip(parts[::2], parts[1::2], strict=False))
    if not headers.get("host"):
        raise Problem(HTTPStatus.BAD_REQUEST)
    if len(headers) != len(pairs) and sum(name == b"host" for name, _ in pairs) > 1:
        raise Problem(HTTPStatus.BAD_REQUEST)
    return headers


def public_url(scope: Scope, headers: Mapping[str, str], trusted: bool) -> str:
    """The URL as the provider signed it: nothing decoded, nothing added."""
    scheme: str = headers.get("x-forwarded-proto", "") if trusted else ""
    if scheme not in ("http", "https"):
        scheme = scope["scheme"]
    url = f"{scheme}://{headers['host']}{scope['raw_path'].decode('latin-1')}"
    query: bytes = scope["query_string"]
    return f"{url}?{query.decode('latin-1')}" if query else url


def request_id(scope: Scope, trusted: bool) -> str:
    """The proxy's id of the request, or a new one."""
    if trusted:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and (given := _REQUEST_ID.fullmatch(value)):
                return given[0].decode()
    return uuid.uuid4().hex


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The key under which a request is done once, if it has one. Raises Problem."""
    key = headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        detail = "Idempotency-Key: it is 1 to 200 printable characters of ASCII, without spaces."
        raise Problem(HTTPStatus.BAD_REQUEST, told={"detail": detail})
    return key


async def read_body(headers: Mapping[str, str], receive: Receive, limit: int) -> bytes:
    """The whole body. Raises Problem when it is larger than `limit`, too slow, or ends early."""
    parts: list[bytes] = []
    await _receive(headers, receive, limit, parts.append)
    return b"".join(parts)


async def drain_body(headers: Mapping[str, str], receive: Receive, limit: int) -> None:
    """Let the body pass, so that the connection can go on. Raises Problem as `read_body` does."""
    await _receive(headers, receive, limit, lambda _: None)


async def _receive(
    headers: Mapping[str, str], receive: Receive, limit: int, take: Callable[[bytes], None]
) -> None:
    declared = headers.get("content-length", "0")
    if len(declared) > len(str(limit)) or int(declared) > limit:  # the server lets only digits through
        raise unread(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            await _receive_parts(receive, limit, take)
    except TimeoutError:
        raise unread(HTTPStatus.REQUEST_TIMEOUT) from None


async def _receive_parts(receive: Receive, limit: int, take: Callable[[bytes], None]) -> None:
    left, more = limit, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise unread(HTTPStatus.BAD_REQUEST)
        part = message.get("body", b"")
        left -= len(part)
        if left < 0:
            raise unread(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        take(part)
        more = message.get("more_body", False)
