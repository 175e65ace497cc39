"""The methods of the Bot API that the stand-in has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from conserje_fakes import sent_files
from conserje_fakes.telegram_chats import Bot, Chat, Kept, Pace, Taken
from conserje_fakes.telegram_rules import (
    ACTIONS,
    BY_ADDRESS,
    CAPTION,
    LARGEST_VCARD,
    MEGABYTE,
    PHOTO,
    PHOTO_BY_ADDRESS,
    TEXT,
    Refusal,
    as_json,
    bad,
    check_webhook,
    formatted,
    keyboard,
    number,
    reactions,
    require,
    too_many,
)
from conserje_fakes.telegram_webhooks import BESIDE, BY_DEFAULT, Webhook

Given = Mapping[str, Any]  # the fields of a request; a file that came with it is a Kept


@dataclass
class Methods:
    """What can be asked of the Bot API for one bot; each method raises Refusal."""

    bot: Bot
    pace: Pace
    now: Callable[[], float]
    http: httpx2.AsyncClient

    async def call(self, name: str, given: Given) -> Any:
        """Names are without regard to case."""
        method = _METHODS.get(name.lower())
        if method is None:
            raise Refusal(404, "Not Found: method not found")
        self.bot.calls.append((name, dict(given)))
        return await method(self, given)

    async def get_me(self, given: Given) -> Any:
        abilities = {"can_join_groups": True, "can_read_all_group_messages": False}
        return self.bot.described | abilities | {"supports_inline_queries": False}

    async def set_webhook(self, given: Given) -> bool:
        url = str(given.get("url") or "")
        if not url:
            return await self.delete_webhook(given)
        if self.now() < self.bot.next_webhook_at:
            raise too_many(1)
        self.bot.next_webhook_at = self.now() + 1
        secret = str(given.get("secret_token") or "")
        check_webhook(url, secret)
        allowed = as_json(given.get("allowed_updates") or [], "allowed_updates")
        kinds = frozenset(map(str, allowed)) & (BY_DEFAULT | BESIDE) or BY_DEFAULT
        most = int(given.get("max_connections") or 40)
        self._drop(given)
        self.bot.poster.set(Webhook(url, secret, kinds, min(max(most, 1), 100)))
        return True

    async def delete_webhook(self, given: Given) -> bool:
        self._drop(given)
        self.bot.poster.set(None)
        return True

    def _drop(self, given: Given) -> None:
        if str(given.get("drop_pending_updates", "")).lower() == "true":
            self.bot.poster.drop()

    async def get_webhook_info(self, given: Given) -> Any:
        poster = self.bot.poster
        info: dict[str, Any] = {
            "url": poster.webhook.url if poster.webhook else "",
            "has_custom_certificate": False,
            "pending_update_count": poster.pending,
        }
        if poster.last_error:
            info |= {"last_error_date": int(poster.last_error_at), "last_error_message": poster.last_error}
        if poster.webhook:
            info |= {"max_connections": poster.webhook.connections, "ip_address": "127.0.0.1"}
            if poster.webhook.allowed != BY_DEFAULT:
                info["allowed_updates"] = sorted(poster.webhook.allowed)
        return info

    async def get_updates(self, given: Given) -> Any:
        if self.bot.poster.webhook:
            cause = "can't use getUpdates method while webhook is active; use deleteWebhook to delete"
            raise Refusal(409, f"Conflict: {cause} the webhook first")
        raise bad("the stand-in posts updates only")

    async def send_message(self, given: Given) -> Any:
        chat = self._open(given)
        return self._send("sendMessage", chat, given, formatted(given, "text", TEXT))

    async def send_location(self, given: Given) -> Any:
        chat = self._open(given)
        return self._send("sendLocation", chat, given, {"location": _place(given)})

    async def send_venue(self, given: Given) -> Any:
        chat, place = self._open(given), _place(given)
        for field in ("title", "address"):
            require(str(given.get(field) or "").strip(), f"{field} must be non-empty")
        venue = {"location": place, "title": given["title"], "address": given["address"]}
        return self._send("sendVenue", chat, given, {"location": place, "venue": venue})

    async def send_contact(self, given: Given) -> Any:
        chat = self._open(given)
        require(str(given.get("phone_number") or "").strip(), "phone number is empty")
        require(str(given.get("first_name") or "").strip(), "first name must be non-empty")
        require(len(str(given.get("vcard") or "").encode()) <= LARGEST_VCARD, "vCard is too long")
        names = ("phone_number", "first_name", "last_name", "vcard")
        contact = {name: given[name] for name in names if given.get(name)}
        return self._send("sendContact", chat, given, {"contact": contact})

    async def send_chat_action(self, given: Given) -> bool:
        chat = self.bot.chat(given.get("chat_id"))
        chat.refuse_closed()
        require(given.get("action") in ACTIONS, "wrong parameter action in request")
        return True

    async def set_message_reaction(self, given: Given) -> bool:
        chat = self.bot.chat(given.get("chat_id"))
        chat.refuse_closed()
        self.bot.message(chat, given.get("message_id"), "message to react")
        reactions(given.get("reaction"))
        return True

    async def answer_callback_query(self, given: Given) -> bool:
        require(len(str(given.get("text") or "")) <= 200, "MESSAGE_TOO_LONG")
        self.bot.answer(str(given.get("callback_query_id") or ""), self.now())
        return True

    async def leave_chat(self, given: Given) -> bool:
        chat = self.bot.chat(given.get("chat_id"))
        require(chat.type != "private", "chat is not a group or channel chat")
        chat.refuse_closed()
        chat.state = "left"
        return True

    async def get_file(self, given: Given) -> Any:
        return self.bot.locate(str(given.get("file_id") or ""), self.now())

    async def send_file(self, kind: str, given: Given) -> Any:
        """A file that came with the request, that Telegram has, or that it fetches at an address."""
        chat = self._open(given)
        words = {} if kind == "sticker" else formatted(given, "caption", CAPTION)
        kept = await self._file(kind, given.get(kind))
        self.bot.files[kept.id] = kept
        return self._send(f"send{kind.capitalize()}", chat, given, {kind: shown(kind, kept)} | words)

    async def _file(self, kind: str, given: Any) -> Kept:
        if isinstance(given, Kept):
            _check_upload(kind, given)
            return given
        name = str(given or "")
        require(name, f"there is no {kind} in the request")
        if name in self.bot.files:
            return self.bot.files[name]
        if not name.startswith(("http://", "https://")):
            raise bad("wrong file identifier/HTTP URL specified")
        found = await sent_files.look(self.http, name)
        if found is None:  # at an address that the stand-in does not ask
            return self.bot.keep_file(b"?", "application/octet-stream")
        most = PHOTO_BY_ADDRESS if kind == "photo" else BY_ADDRESS
        require(0 < found.size <= most, "failed to get HTTP URL content")
        is_picture = found.content_type.startswith("image/")
        require(is_picture or kind != "photo", "wrong type of the web page content")
        return self.bot.keep_file(b"?" * found.size, found.content_type)

    def _open(self, given: Given) -> Chat:
        """The chat, where the bot may write to it and has not done so too often. Raises Refusal."""
        chat = self.bot.chat(given.get("chat_id"))
        chat.refuse_closed()
        self.pace.take(self.bot, chat, self.now)
        return chat

    def _send(self, method: str, chat: Chat, given: Given, said: dict[str, Any]) -> dict[str, Any]:
        said = said | self._reply(chat, given) | keyboard(given.get("reply_markup"))
        message = self.bot.keep_message(chat, said, self.bot.described, self.now())
        self.bot.sent.append(Taken(method, chat.id, dict(given), message))
        return message

    def _reply(self, chat: Chat, given: Given) -> dict[str, Any]:
        wanted = as_json(given.get("reply_parameters") or {}, "reply parameters")
        require(isinstance(wanted, dict), "object expected as reply parameters")
        if not wanted:
            return {}
        try:
            return {
                "reply_to_message": self.bot.message(chat, wanted.get("message_id"), "message to be replied")
            }
        except Refusal:
            if wanted.get("allow_sending_without_reply"):
                return {}
            raise


def shown(kind: str, kept: Kept) -> Any:
    """A file as a message has it."""
    if kind == "photo":
        small = kept.described | {"file_id": f"{kept.id}-s", "file_size": 1, "width": 90, "height": 90}
        return [small, kept.described | {"width": 1280, "height": 960}]
    typed = {} if kind == "sticker" else {"mime_type": kept.content_type}
    sized = {"width": 512, "height": 512} if kind in ("video", "animation", "sticker") else {}
    timed = {"duration": 3} if kind in ("audio", "voice", "video", "animation") else {}
    flags = {"type": "regular", "is_animated": False, "is_video": False} if kind == "sticker" else {}
    return kept.described | typed | sized | timed | flags


def _check_upload(kind: str, file: Kept) -> None:
    size = len(file.content)
    require(size, "file must be non-empty")
    if kind == "photo":
        cause = f"file of size {size} bytes is too big for a photo; the maximum size is {PHOTO} bytes"
        require(size <= PHOTO, cause)
        is_of = sent_files.kind_of(file.content) or ""
        require(is_of.startswith("image/"), "IMAGE_PROCESS_FAILED")
    if kind == "sticker":
        require(size <= MEGABYTE // 2, "file is too big")


def _place(given: Given) -> dict[str, float]:
    latitude, longitude = number(given, "latitude"), number(given, "longitude")
    require(abs(latitude) <= 90 and abs(longitude) <= 180, "wrong location specified")
    return {"latitude": latitude, "longitude": longitude}


_FILES = ("photo", "audio", "voice", "video", "animation", "document", "sticker")


def _of_files(kind: str) -> Callable[[Methods, Given], Awaitable[Any]]:
    return lambda methods, given: methods.send_file(kind, given)


_METHODS: dict[str, Callable[[Methods, Given], Awaitable[Any]]] = {
    "getme": Methods.get_me,
    "setwebhook": Methods.set_webhook,
    "deletewebhook": Methods.delete_webhook,
    "getwebhookinfo": Methods.get_webhook_info,
    "getupdates": Methods.get_updates,
    "sendmessage": Methods.send_message,
    "sendlocation": Methods.send_location,
    "sendvenue": Methods.send_venue,
    "sendcontact": Methods.send_contact,
    "sendchataction": Methods.send_chat_action,
    "setmessagereaction": Methods.set_message_reaction,
    "answercallbackquery": Methods.answer_callback_query,
    "leavechat": Methods.leave_chat,
    "getfile": Methods.get_file,
    **{f"send{kind}": _of_files(kind) for kind in _FILES},
}
