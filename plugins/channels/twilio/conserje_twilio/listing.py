"""Reads what contacts wrote out of Twilio's list of messages: less than the webhook tells."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from twilio.rest import Client

from conserje import Content, File, InboundMessage, Media, Text, Unknown
from conserje_twilio import reading

if TYPE_CHECKING:
    from twilio.rest.api.v2010.account.message import MessageInstance


AT_ONCE = 10  # messages whose files are asked for


async def read(
    client: Client, base_url: str, entries: Sequence[MessageInstance]
) -> tuple[InboundMessage, ...]:
    """The messages as the webhook would have told them, in the same order. Raises what the SDK raises."""
    found: list[InboundMessage] = []
    for start in range(0, len(entries), AT_ONCE):
        batch = entries[start : start + AT_ONCE]
        found += await asyncio.gather(*(_message(client, base_url, entry) for entry in batch))
    return tuple(found)


async def _message(client: Client, base_url: str, entry: MessageInstance) -> InboundMessage:
    sid, sender, address = entry.sid or "", entry.from_ or "", entry.to or ""
    return InboundMessage(
        address=address,
        key=reading.key(sid),
        sender=sender,
        content=await _content(client, base_url, entry, sid),
        provider_id=sid,
        at=entry.date_created or entry.date_sent,
    )


async def _content(client: Client, base_url: str, entry: MessageInstance, sid: str) -> Content:
    text = entry.body or ""
    if entry.num_media not in (None, "", "0"):
        listed = await client.messages(sid).media.list_async()
        if files := tuple(_file(base_url, each.uri or "", each.content_type or "") for each in listed):
            return Media(files, caption=text)
    # Places and contacts are listed without what they say.
    return Text(text) if text else Unknown("message", {"MessageSid": sid})


def _file(base_url: str, uri: str, content_type: str) -> File:
    return File(base_url.rstrip("/") + uri.removesuffix(".json"), content_type)
