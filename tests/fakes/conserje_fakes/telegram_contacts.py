"""What people do in Telegram, as a bot is told of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conserje_fakes.telegram_chats import ANSWERED_WITHIN, Bot, Chat, Kept
from conserje_fakes.telegram_methods import shown

Told = asyncio.Future[None]


@dataclass
class Contacts:
    """Those who write to one bot; who writes has started a chat with it. What each does is done when it is
    acknowledged.
    """

    bot: Bot
    now: Callable[[], float]

    def chat(self, contact: int) -> Chat:
        """The private chat of somebody who has started one."""
        chat = self.bot.chats.setdefault(contact, Chat(contact))
        if chat.state == "seen":
            chat.state = "started"
        return chat

    def receive(self, contact: int, said: Mapping[str, Any]) -> tuple[dict[str, Any], Told]:
        """Any message of a contact's: as it is kept, and its acknowledgement to come."""
        chat = self.chat(contact)
        message = self.bot.keep_message(chat, dict(said), chat.person, self.now())
        return message, self.bot.poster.tell(contact, "message", message)

    async def write(self, contact: int, *texts: str) -> None:
        await asyncio.gather(*(self.receive(contact, {"text": text})[1] for text in texts))

    async def send(
        self, contact: int, kind: str, content: bytes, content_type: str, name: str = "", caption: str = ""
    ) -> Kept:
        """A file: photo, voice, audio, video, animation, document or sticker."""
        kept = self.bot.keep_file(content, content_type, name)
        _, told = self.receive(contact, {kind: shown(kind, kept)} | ({"caption": caption} if caption else {}))
        await told
        return kept

    async def edit(self, contact: int, message_id: int, text: str) -> None:
        message = self.bot.messages[contact, message_id] | {"text": text, "edit_date": int(self.now())}
        self.bot.messages[contact, message_id] = message
        await self.bot.poster.tell(contact, "edited_message", message)

    async def press(self, contact: int, title: str) -> str:
        """The button of this title below the newest message that has it; the press' id.

        A client waits for the answer to a press, which is then in `bot.answered`.
        """
        offered = [taken.message for taken in self.bot.sent if taken.chat == contact]
        found = (
            (message, button["callback_data"])
            for message in reversed(offered)
            for row in message.get("reply_markup", {}).get("inline_keyboard", ())
            for button in row
            if button["text"] == title
        )
        message, data = next(found)
        press = str(secrets.randbelow(10**18))
        self.bot.presses[press] = self.now() + ANSWERED_WITHIN
        query = {"id": press, "from": self.chat(contact).person, "message": message, "data": data}
        await self.bot.poster.tell(contact, "callback_query", query | {"chat_instance": str(contact)})
        return press

    async def react(self, contact: int, message_id: int, *emojis: str) -> None:
        """With none, the contact takes back what there was."""
        chat = self.chat(contact)
        reactions = [{"type": "emoji", "emoji": emoji} for emoji in emojis]
        told = {
            "message_id": message_id,
            "chat": chat.described,
            "user": chat.person,
            "date": int(self.now()),
        }
        told |= {"old_reaction": [], "new_reaction": reactions}
        await self.bot.poster.tell(contact, "message_reaction", told)

    async def block(self, contact: int) -> None:
        chat = self.chat(contact)
        chat.state = "blocked"
        await self._member(chat, chat.person, "member", "kicked")

    async def unblock(self, contact: int) -> None:
        chat = self.chat(contact)
        chat.state = "started"
        await self._member(chat, chat.person, "kicked", "member")

    async def put_in_group(self, group: int, by: int, title: str = "Familia") -> None:
        """Somebody puts the bot into a group; that does not start a chat with it."""
        person = self.bot.chats.setdefault(by, Chat(by, state="seen")).person
        chat = self.bot.chats[group] = Chat(group, "supergroup", title, state="member")
        await self._member(chat, person, "left", "member")

    async def write_in_group(self, group: int, by: int, text: str) -> None:
        chat, person = self.bot.chats[group], self.bot.chats.setdefault(by, Chat(by, state="seen")).person
        message = self.bot.keep_message(chat, {"text": text}, person, self.now())
        await self.bot.poster.tell(group, "message", message)

    async def _member(self, chat: Chat, by: dict[str, Any], before: str, after: str) -> None:
        me = self.bot.described
        was, is_ = (
            {"user": me, "status": status} | ({"until_date": 0} if status == "kicked" else {})
            for status in (before, after)
        )
        told = {"chat": chat.described, "from": by, "date": int(self.now())}
        await self.bot.poster.tell(
            chat.id, "my_chat_member", told | {"old_chat_member": was, "new_chat_member": is_}
        )
