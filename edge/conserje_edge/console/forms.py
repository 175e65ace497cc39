"""Forms: what a browser posts, read within bounds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from conserje_edge.console.refusal import Refusal
from conserje_edge.wire.answers import Problem
from conserje_edge.wire.requests import read_body

LARGEST = 256 * 1024  # bytes of what is typed
FIELDS, FILES = 2000, 20


async def read(request: Request, upload: int | None) -> FormData:
    """What was posted; files only where `upload` says how many bytes of them. Raises Refusal."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if upload is not None and kind == "multipart/form-data":
            return await _files(request, upload)
        if kind not in ("", "application/x-www-form-urlencoded"):
            raise Refusal(HTTPStatus.BAD_REQUEST)
        return await _typed(request)
    except Problem as problem:
        raise Refusal(problem.status) from None
    except (MultiPartException, UnicodeDecodeError):
        raise Refusal(HTTPStatus.BAD_REQUEST) from None


async def _typed(request: Request) -> FormData:
    body = await read_body(request.headers, request.receive, LARGEST)
    async with aclosing(_whole(body)) as stream:
        return await FormParser(request.headers, stream, max_fields=FIELDS, max_part_size=LARGEST).parse()


async def _whole(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
    yield b""


async def _files(request: Request, upload: int) -> FormData:
    """Files lie in memory, and above a size on the disk, until the deed is done."""
    async with aclosing(_bounded(request, upload + LARGEST)) as stream:
        parser = MultiPartParser(
            request.headers, stream, max_files=FILES, max_fields=FIELDS, max_part_size=LARGEST
        )
        return await parser.parse()


async def _bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    _refuse_declared(request.headers, limit)
    left = limit
    async with aclosing(request.stream()) as stream:
        async for part in stream:
            left -= len(part)
            if left < 0:
                raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            yield part


def _refuse_declared(headers: Mapping[str, str], limit: int) -> None:
    declared = headers.get("content-length", "0")
    if len(declared) > len(str(limit)) or int(declared) > limit:  # the server lets only digits through
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
