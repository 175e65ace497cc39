"""An update, read into what happened in a chat with a contact."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from conserje import (
    ContactCard,
    Content,
    Edit,
    Event,
    File,
    Ignored,
    InboundMessage,
    Location,
    Media,
    Note,
    Pressed,
    Reaction,
    Text,
    Unknown,
    in_language,
)
from conserje_telegram.updates import Attached, Membership, Message, Press, Reacted, Update

# By its button Start a client opens a chat; behind it stands what was in the link that led there.
_START = re.compile(r"/start(?: [A-Za-z0-9_-]{1,64})?")
_BLOCKED = {"es": "Bloqueó al bot.", "pt": "Bloqueou o bot.", "en": "Has blocked the bot."}
_UNBLOCKED = {"es": "Desbloqueó al bot.", "pt": "Desbloqueou o bot.", "en": "Has unblocked the bot."}
_TYPES = {
    "voice": "audio/ogg", "audio": "audio/mpeg", "video": "video/mp4", "video_note": "video/mp4",
    "animation": "video/mp4", "document": "application/octet-stream",
}  # fmt: skip
# What people make with a client and cannot be shown here; all other kinds tell of the chat itself.
_MADE = ("poll", "dice", "story", "game", "checklist", "invoice", "paid_media", "giveaway")
_IN_GROUPS = frozenset({"member", "administrator", "creator", "restricted"})


def events(update: Update, address: str, locale: str) -> Iterator[Event]:
    """What happened to the bot, whose id is `address`."""
    if update.message:
        yield _written(update.message, address)
    elif update.edited_message:
        yield _edited(update.edited_message, address, f"edit:{update.update_id}")
    elif update.callback_query:
        yield _pressed(update.callback_query, address)
    elif update.message_reaction:
        yield _reacted(update.message_reaction, address, f"reaction:{update.update_id}")
    elif update.my_chat_member:
        yield _membership(update.my_chat_member, address, f"member:{update.update_id}", locale)
    else:
        yield Ignored(address, "update")


def to_leave(update: Update) -> int | None:
    """The group or channel that somebody has put the bot into; it is for contacts only."""
    if update.chat is None or update.chat.is_private:
        return None
    is_in = update.my_chat_member is None or update.my_chat_member.new_chat_member.status in _IN_GROUPS
    return update.chat.id if is_in else None


def _written(message: Message, address: str) -> Event:
    content = content_of(message)
    if not message.chat.is_private or content is None or message.sender is None:
        return Ignored(address, "group" if not message.chat.is_private else "service")
    return InboundMessage(
        address,
        message.named,
        str(message.chat.id),
        content,
        name=message.sender.name,
        provider_id=message.named,
        at=_time(message.date),
        quotes=message.reply_to_message.named if message.reply_to_message else "",
    )


def _edited(message: Message, address: str, key: str) -> Event:
    content = content_of(message)
    if not message.chat.is_private or not isinstance(content, Text | Media):
        return Ignored(address, "edit")  # where somebody goes, who shares that, is an edit every few seconds
    return InboundMessage(address, key, str(message.chat.id), Edit(message.named, content))


def _pressed(press: Press, address: str) -> Event:
    place = press.message
    if place is None or not place.chat.is_private:
        return Ignored(address, "group")
    keys = (key for row in place.reply_markup.inline_keyboard for key in row)
    title = next((key.text for key in keys if key.callback_data == press.data), press.data)
    said, sender = Pressed(press.data, title), str(place.chat.id)
    return InboundMessage(
        address, f"press:{press.id}", sender, said, name=press.sender.name, quotes=place.named
    )


def _reacted(reacted: Reacted, address: str, key: str) -> Event:
    emojis = [sign.emoji for sign in reacted.new_reaction if sign.emoji]
    if not reacted.chat.is_private or (reacted.new_reaction and not emojis):
        return Ignored(address, "reaction")  # a sign of Telegram's own making has no letter
    said = Reaction(f"{reacted.chat.id}:{reacted.message_id}", "".join(emojis))
    return InboundMessage(address, key, str(reacted.chat.id), said, at=_time(reacted.date))


def _membership(member: Membership, address: str, key: str, locale: str) -> Event:
    """Who blocks a bot has not said that they want no more: who unblocks it and writes is answered."""
    if not member.chat.is_private:
        return Ignored(address, "group")
    words = in_language(_BLOCKED if member.new_chat_member.status == "kicked" else _UNBLOCKED, locale)
    sender, at = str(member.chat.id), _time(member.date)
    return InboundMessage(address, key, sender, Note(words), name=member.sender.name, at=at)


def content_of(message: Message) -> Content | None:
    """What somebody wrote; None: Telegram tells of the chat itself."""
    if _START.fullmatch(message.text):
        return Pressed(message.text, "Start")
    if message.text:
        return Text(message.text)
    if files := tuple(_files(message)):
        return Media(files, message.caption)
    if place := _place(message):
        return place
    if person := message.contact:
        return ContactCard(f"{person.first_name} {person.last_name}".strip(), (person.phone_number,))
    extra = message.model_extra or {}
    kind = next((name for name in _MADE if name in extra), None)
    return Unknown(kind, {kind: extra[kind]}) if kind else None


def _place(message: Message) -> Location | None:
    if venue := message.venue:
        return Location(venue.location.latitude, venue.location.longitude, venue.title, venue.address)
    return Location(message.location.latitude, message.location.longitude) if message.location else None


def _files(message: Message) -> Iterator[File]:
    if message.photo:
        yield File(message.photo[-1].file_id, "image/jpeg")  # the largest
    elif message.sticker:
        yield _sticker(message.sticker)
    else:
        for kind, of_kind in _TYPES.items():
            attached: Attached | None = getattr(message, kind)
            if attached:
                yield File(attached.file_id, attached.mime_type or of_kind, attached.file_name)
                return  # an animation is told as a document, too


def _sticker(sticker: Attached) -> File:
    moving = "application/x-tgsticker" if sticker.is_animated else "video/webm"
    is_still = not (sticker.is_animated or sticker.is_video)
    return File(sticker.file_id, "image/webp" if is_still else moving, sticker=True)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
