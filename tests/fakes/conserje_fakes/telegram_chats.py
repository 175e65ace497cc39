"""What the stand-in for Telegram keeps: bots, who wrote to them, groups, messages and files."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from conserje_fakes.telegram_rules import DOWNLOAD, Refusal, bad, require, too_many
from conserje_fakes.telegram_webhooks import Poster

ANSWERED_WITHIN = 30.0  # seconds that a pressed button waits for its answer
LINK_LIFE = 3600.0  # seconds that a file's link lives
FLOOD_WAIT = 3  # seconds, above what a chat or a bot may

ChatState = Literal["started", "seen", "blocked", "gone", "member", "left"]


@dataclass
class Chat:
    """Somebody's chat with a bot, or a group that it is in. `recent`: when it was written to."""

    id: int
    type: Literal["private", "group", "supergroup", "channel"] = "private"
    name: str = "Ana"
    language: str = "es"
    username: str = ""
    state: ChatState = "started"
    recent: deque[float] = field(default_factory=deque)

    @property
    def described(self) -> dict[str, Any]:
        names = {"title": self.name} if self.type != "private" else {"first_name": self.name}
        return {"id": self.id, "type": self.type, **names} | self._username

    @property
    def person(self) -> dict[str, Any]:
        said = {"id": self.id, "is_bot": False, "first_name": self.name, "language_code": self.language}
        return said | self._username

    @property
    def _username(self) -> dict[str, str]:
        return {"username": self.username} if self.username else {}

    def refuse_closed(self) -> None:
        """Raises Refusal where the bot may not write."""
        refusals = {
            "seen": "bot can't initiate conversation with a user",
            "blocked": "bot was blocked by the user",
            "gone": "user is deactivated",
            "left": f"bot is not a member of the {self.type} chat",
        }
        if self.state in refusals:
            raise Refusal(403, f"Forbidden: {refusals[self.state]}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file at Telegram."""

    id: str
    content: bytes
    content_type: str
    name: str = ""

    @property
    def described(self) -> dict[str, Any]:
        known = {"file_name": self.name} if self.name else {}
        unique = f"AQ{self.id[-12:]}"
        return {"file_id": self.id, "file_unique_id": unique, "file_size": len(self.content)} | known


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the bot has sent: by which method, as it was given and as it became."""

    method: str
    chat: int
    given: dict[str, Any]
    message: dict[str, Any]

    @property
    def text(self) -> str:
        return str(self.message.get("text") or self.message.get("caption") or "")


@dataclass
class Bot:
    """A bot with its token; what it may do and has done."""

    token: str
    username: str = "tienda_bot"
    name: str = "Tienda"
    revoked: bool = False
    poster: Poster = field(init=False)
    chats: dict[int, Chat] = field(default_factory=dict)
    messages: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    sent: list[Taken] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # of every method, in their order
    presses: dict[str, float] = field(default_factory=dict)  # that wait for their answer, until when
    answered: list[str] = field(default_factory=list)  # the presses that had one
    files: dict[str, Kept] = field(default_factory=dict)
    links: dict[str, tuple[str, float]] = field(default_factory=dict)  # path: file, until
    recent: deque[float] = field(default_factory=deque)
    next_webhook_at: float = 0.0
    next_message: int = 1

    @property
    def id(self) -> int:
        return int(self.token.partition(":")[0])

    @property
    def described(self) -> dict[str, Any]:
        return {"id": self.id, "is_bot": True, "first_name": self.name, "username": self.username}

    def chat(self, given: Any) -> Chat:
        """The chat that a method names. Raises Refusal: a bot cannot write to who never wrote to it."""
        require(str(given if given is not None else "").strip(), "chat_id is empty")
        try:
            return self.chats[int(given)]
        except (KeyError, TypeError, ValueError):
            raise bad("chat not found") from None

    def keep_message(self, chat: Chat, said: dict[str, Any], by: dict[str, Any], at: float) -> dict[str, Any]:
        """Give a message its place; ids are a bot's, not a chat's, as of private chats they are."""
        message = {
            "message_id": self.next_message, "from": by, "chat": chat.described, "date": int(at), **said
        }  # fmt: skip
        self.messages[chat.id, self.next_message] = message
        self.next_message += 1
        return message

    def message(self, chat: Chat, id: Any, what: str) -> dict[str, Any]:
        """Raises Refusal."""
        try:
            return self.messages[chat.id, int(id)]
        except (KeyError, TypeError, ValueError):
            raise bad(f"{what} not found") from None

    def keep_file(self, content: bytes, content_type: str, name: str = "") -> Kept:
        kept = Kept("BQACAgE" + secrets.token_urlsafe(24), content, content_type, name)
        self.files[kept.id] = kept
        return kept

    def locate(self, file_id: str, now: float) -> dict[str, Any]:
        """A file with a link of its own. Raises Refusal."""
        require(file_id, "file_id not specified")
        kept = self.files.get(file_id)
        if kept is None:
            raise bad("invalid file_id")
        require(len(kept.content) <= DOWNLOAD, "file is too big")
        ending = (kept.name or kept.content_type).rpartition("." if kept.name else "/")[2]
        path = f"documents/file_{len(self.links)}_{secrets.token_urlsafe(6)}.{ending}"
        self.links[path] = kept.id, now + LINK_LIFE
        described = {name: kept.described[name] for name in ("file_id", "file_unique_id", "file_size")}
        return described | {"file_path": path}

    def opened(self, path: str, now: float) -> Kept | None:
        """The file behind a link, for as long as that lives."""
        file_id, until = self.links.get(path, ("", 0.0))
        return self.files.get(file_id) if now < until else None

    def answer(self, press: str, now: float) -> None:
        """Raises Refusal."""
        old = "query is too old and response timeout expired or query ID is invalid"
        require(self.presses.pop(press, 0.0) > now, old)
        self.answered.append(press)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much Telegram takes of a bot: in a second, and, after a short burst, one a second to each chat.

    None: any number.
    """

    each_second: int | None = 30
    burst: int | None = 5

    def take(self, bot: Bot, chat: Chat, now: Callable[[], float]) -> None:
        """Raises Refusal."""
        at = now()
        if self.burst is not None:
            _take(chat.recent, self.burst, at, float(self.burst))
        if self.each_second is not None:
            _take(bot.recent, self.each_second, at, 1.0)


def _take(recent: deque[float], most: int, now: float, within: float) -> None:
    while recent and recent[0] <= now - within:
        recent.popleft()
    if len(recent) >= most:
        raise too_many(max(1, min(FLOOD_WAIT, round(recent[0] + within - now))))
    recent.append(now)
