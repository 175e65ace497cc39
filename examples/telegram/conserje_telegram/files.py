"""The bytes of files: those of contacts are fetched, ours are handed in as they are read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from conserje import OutboundMessage, Refused, TryLater
from conserje.kit import form
from conserje_telegram.api import Bot, words
from conserje_telegram.writing import Call

LARGEST, LARGEST_PHOTO = 50 * 2**20, 10 * 2**20  # bytes that are handed in
LARGEST_OF_A_CONTACT = 20 * 2**20  # bytes that are given out
_AGAIN_AFTER = 60.0  # seconds


async def send(bot: Bot, call: Call, message: OutboundMessage) -> Mapping[str, Any]:
    """Ask for what `call` says; a file that core keeps goes with it, another one Telegram fetches itself."""
    if (file := call.file) is None:
        return await bot.send(call.method, json=call.fields)
    if (opened := message.open(file)) is None:
        return await bot.send(call.method, json=call.fields | {call.kind: file.ref})
    if call.kind == "photo" and opened.size > LARGEST_PHOTO:
        call = replace(call, method="sendDocument", kind="document")
    fields = {name: _text(value) for name, value in call.fields.items()}
    whole = form(fields, call.kind, file.title or call.kind, file.media_type, opened)
    return await bot.send(call.method, content=whole.content, headers=whole.headers)


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)


async def fetch(bot: Bot, file_id: str) -> AsyncIterator[bytes]:
    """A contact's file as it comes. Raises Refused for one that is too large or gone, TryLater."""
    found = await bot.look("getFile", file_id=file_id)
    if not found.ok:
        cause = f"Telegram does not give out the file: {words(found)}."
        raise TryLater(cause, _AGAIN_AFTER) if "temporarily" in cause else Refused(cause)
    path = str(found.json["result"]["file_path"])
    async with bot.http.stream("GET", bot.file_url(path), follow_redirects=False) as answer:
        if answer.status_code != 200:
            raise TryLater(f"Telegram answered {answer.status_code} instead of the file.", _AGAIN_AFTER)
        async for part in answer.aiter_bytes():
            yield part
