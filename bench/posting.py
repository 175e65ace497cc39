"""Posts webhooks to a server without TLS, whatever it takes of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from bench.process import Failed

AT_ONCE = 64
ACKNOWLEDGED, FORGED = (b"200", b"204"), (b"403",)


async def post(port: int, webhook: bytes) -> None:
    """Post one webhook. Raises Failed unless it is acknowledged."""
    await _post_each(port, iter([webhook]), ACKNOWLEDGED)


async def post_all(
    port: int, requests: Iterable[bytes], at_once: int = AT_ONCE, expected: tuple[bytes, ...] = ACKNOWLEDGED
) -> None:
    """Post as fast as can be over kept connections. Raises Failed unless all are answered as expected."""
    left = iter(requests)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(_post_each(port, left, expected))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _post_each(port: int, left: Iterator[bytes], expected: tuple[bytes, ...]) -> None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for request in left:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(body_length(head))
                if not head.startswith(tuple(b"HTTP/1.1 %b " % status for status in expected)):
                    raise Failed(f"A webhook was answered with {head.splitlines()[0]!r}.")
        finally:
            writer.close()
    except (OSError, EOFError) as error:
        raise Failed(f"A webhook could not be posted ({error}).") from None


def body_length(head: bytes) -> int:
    """How long the body is that follows an answer's head. Raises Failed."""
    for line in head.lower().splitlines():
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    if head.startswith(b"HTTP/1.1 204 "):
        return 0
    raise Failed("A webhook was answered without a Content-Length.")
