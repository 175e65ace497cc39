"""Twilio's list of messages: what contacts wrote, which is less than the webhook tells, and what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from twilio.base import values
from twilio.rest import Client

from conserje import (
    Buttons,
    CannotTell,
    Content,
    File,
    InboundMessage,
    List,
    Media,
    OutboundMessage,
    Page,
    Receipt,
    Template,
    Text,
    Unknown,
)
from conserje_twilio import api, reading, writing
from conserje_twilio.errors import unanswered

if TYPE_CHECKING:  # loads half of the SDK, which a process that lists nothing can do without
    from twilio.rest.api.v2010.account.message import MessageInstance

PAGE_SIZE = 1000  # the largest that Twilio gives
WINDOW = timedelta(hours=6)  # that is listed at once, however long the gap was
SETTLED_AFTER = timedelta(seconds=60)  # until then a message may be taken and not yet listed
_OVERLAP = timedelta(minutes=10)  # the list lags behind, and clocks differ
_CLOCK_SKEW = timedelta(seconds=5)
_FASTEST = timedelta(days=1)  # that a clock may have been
_MOST = 200  # messages among which one of ours is looked for
_AT_ONCE = 10  # messages whose files are asked for
_TRIAL_PREFIX = "Sent from your Twilio trial account - "


async def fetch(line: api.Line, address: str, cursor: str | None) -> Page:
    """What contacts wrote to `address` since `cursor`. Raises CannotTell."""
    now = datetime.now(UTC)
    if cursor is None:
        return Page((), now.isoformat())
    since = datetime.fromisoformat(cursor) - _OVERLAP
    until = min(since + WINDOW, now)
    transport = api.Transport(line)
    client = await transport.client()
    try:
        entries = await _received(client, address, since, until if until < now else None)
        messages = await _messages(client, line.base_url, entries)
    except Exception as error:
        raise unanswered(error, transport.status) from None
    return Page(messages, until.isoformat(), more=until < now)


async def _received(
    client: Client, address: str, since: datetime, until: datetime | None
) -> list[MessageInstance]:
    """What contacts wrote to `address`, oldest first; all since `since` if `until` is None.

    Twilio lists the newest first, and documents no more than dates for its filters: it may list more
    than it was asked for.
    """
    found = []
    pages = await client.messages.stream_async(
        to=address,
        date_sent_after=since,
        date_sent_before=values.unset if until is None else until,
        page_size=PAGE_SIZE,
    )
    async for entry in pages:
        sent = entry.date_sent or entry.date_created
        if sent and sent < since:
            break
        whole = str(entry.direction) == "inbound" and str(entry.status) != "receiving"
        if whole and sent and (until is None or sent <= until):
            found.append(entry)
    return found[::-1]


async def _messages(
    client: Client, base_url: str, entries: Sequence[MessageInstance]
) -> tuple[InboundMessage, ...]:
    """The messages as the webhook would have told them, in the same order. Raises what the SDK raises."""
    found: list[InboundMessage] = []
    for start in range(0, len(entries), _AT_ONCE):
        batch = entries[start : start + _AT_ONCE]
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
    return File(base_url + uri.removesuffix(".json"), content_type)


async def find(
    line: api.Line, message: OutboundMessage, address: str, service_sid: str | None
) -> Receipt | None:
    """The message of ours that Twilio has; None: it certainly has it not. Raises CannotTell.

    Core sees to it that Twilio's clock agrees with the one of `attempted_at`; that may have been set right
    since the attempt, so what may be ours and is older leaves it open.
    """
    transport = api.Transport(line)
    listed = await _sent_to(transport, message.to, address, service_sid)
    now = transport.now
    since = message.attempted_at - _CLOCK_SKEW
    recent = [entry for entry in listed if (entry.date_created or now) >= since]
    sent = [entry for entry in recent if _may_be(entry, message, address)]
    ours = [entry.sid for entry in sent if entry.sid and _says(entry, message.content)]
    if ours:
        return writing.receipt(ours[-1], message)  # newest first: the last is the earliest
    if len(recent) == _MOST or now < message.attempted_at + SETTLED_AFTER:
        raise CannotTell("Twilio lists no such message, but may not list all of them yet.")
    if sent and isinstance(message.content, Buttons | List | Template):
        raise CannotTell("Twilio lists another message, which may be this one in its own words.")
    if any(_is_doubtful(entry, message, address, since) for entry in listed):
        raise CannotTell("Twilio lists the same words from shortly before: a clock may have been set right.")
    return None


def _is_doubtful(entry: MessageInstance, message: OutboundMessage, address: str, since: datetime) -> bool:
    """Whether an entry says the same, and is ours if the clock was fast when it was sent."""
    lately = entry.date_created is not None and since - _FASTEST <= entry.date_created < since
    return lately and _may_be(entry, message, address) and _says(entry, message.content)


async def _sent_to(
    transport: api.Transport, contact: str, address: str, service_sid: str | None
) -> list[MessageInstance]:
    client = await transport.client()
    # A Messaging Service's message has no sender at first.
    sender = {} if service_sid else {"from_": address}
    try:
        # Not narrowed by DateSent: a message still in Twilio's queue has none.
        return await client.messages.list_async(to=contact, limit=_MOST, page_size=_MOST, **sender)
    except Exception as error:
        raise unanswered(error, transport.status) from None


def _may_be(entry: MessageInstance, message: OutboundMessage, address: str) -> bool:
    """Whether an entry is a message of the account's to the contact that is no other message of ours."""
    by_us = str(entry.direction).startswith("outbound") and entry.from_ in (None, address)
    return by_us and entry.sid not in message.owned


def _says(entry: MessageInstance, content: Content) -> bool:
    return (entry.body or "").removeprefix(_TRIAL_PREFIX).strip() == writing.body(content).strip()
