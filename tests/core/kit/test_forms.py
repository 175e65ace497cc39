"""A file in a form: as it is read, under a name that breaks nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import HTTP

import httpx2
import pytest

from conserje import Opened, TryLater
from conserje.kit import ask, form

BYTES = b"\xff\xd8--\r\n" * 5000


async def parts() -> AsyncIterator[bytes]:
    for n in range(0, len(BYTES), 4096):
        yield BYTES[n : n + 4096]


async def sent(opened: Opened, name: str = "vitrina.jpg") -> httpx2.Request:
    requests = []

    async def handler(request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        requests.append(request)
        return httpx2.Response(200)

    made = form({"chat": "7", "caption": "ñandú"}, "photo", name, "image/jpeg", opened)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as http:
        await ask(http, "POST", "https://api.acme.example/", content=made.content, headers=made.headers)
    return requests[0]


@pytest.mark.parametrize("name", ["vitrina.jpg", 'mi "foto"\r\nX-Y: 1.jpg', "ñandú.jpg"])
async def test_the_fields_and_the_bytes_arrive(name: str) -> None:
    request = await sent(Opened(len(BYTES), parts()), name)
    assert int(request.headers["content-length"]) == len(request.content)
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    chat, caption, photo = message_from_bytes(head + request.content, policy=HTTP).iter_parts()
    assert (chat.get_payload(decode=True), caption.get_payload(decode=True)) == (b"7", "ñandú".encode())
    assert photo.get_param("name", header="content-disposition") == "photo"
    assert photo.get_payload(decode=True) == BYTES and photo.get_content_type() == "image/jpeg"
    assert photo["X-Y"] is None


async def test_a_file_that_cannot_be_read_now_is_sent_later() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield BYTES
        raise TryLater("The file cannot be read now.")

    with pytest.raises(TryLater):
        await sent(Opened(len(BYTES) * 2, broken()))
