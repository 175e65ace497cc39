"""A file for a provider that takes bytes, in a form: posted as it is read, never whole in memory."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from conserje.contract.message import Opened

_QUOTED = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


class Form(NamedTuple):
    """What `ask` is given: `content=form.content`, with `form.headers` among its headers. It is sent once."""

    content: AsyncIterator[bytes]
    headers: dict[str, str]


def form(fields: Mapping[str, str], file: str, name: str, media_type: str, opened: Opened) -> Form:
    """The fields, and behind them the field `file` with what `message.open` gave, by its name and type.

    What reading it raises, TryLater, is raised where the form is sent.
    """
    boundary = secrets.token_hex(16)
    begin = f"--{boundary}\r\nContent-Disposition: form-data; name="
    said = "".join(f'{begin}"{field}"\r\n\r\n{value}\r\n' for field, value in fields.items())
    said += f'{begin}"{file}"; filename="{name.translate(_QUOTED)}"\r\nContent-Type: {media_type}\r\n\r\n'
    head, foot = said.encode(), f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "content-type": f"multipart/form-data; boundary={boundary}",
        "content-length": str(len(head) + opened.size + len(foot)),
    }
    return Form(_parts(head, opened, foot), headers)


async def _parts(head: bytes, opened: Opened, foot: bytes) -> AsyncIterator[bytes]:
    yield head
    async for part in opened.parts:
        yield part
    yield foot
