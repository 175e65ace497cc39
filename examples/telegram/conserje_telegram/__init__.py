"""The channel `telegram`: a bot that answers people who write to it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Annotated, Any

from pydantic import Field, SecretStr

from conserje import (
    Account,
    Answer,
    Channel,
    ContactCard,
    Content,
    Event,
    File,
    Finding,
    Limits,
    Location,
    Malformed,
    Media,
    Nothing,
    NotOffered,
    OutboundMessage,
    Pace,
    Pressed,
    Receipt,
    Text,
    Uncertain,
    Urls,
    Webhook,
)
from conserje.kit import Bearer, Closed, matching, read
from conserje_telegram import doctor, files, reading
from conserje_telegram.api import Bot
from conserje_telegram.updates import Update
from conserje_telegram.writing import write

_SECRET = Bearer("x-telegram-bot-api-secret-token")
_ID = re.compile(r"[1-9][0-9]{4,15}", re.ASCII)
_Token = Annotated[SecretStr, matching(r"[1-9][0-9]{4,15}:[A-Za-z0-9_-]{1,64}", "as @BotFather shows it")]
_Posted = Annotated[SecretStr, matching(r"[A-Za-z0-9_-]{1,256}", "1 to 256 of A-Z, a-z, 0-9, _ and -")]


class TelegramCredentials(Closed):
    """The bot's token, from which the secret is made that Telegram posts with, where none is given.

    While that is changed `next_secret` is good as well, and is the one that `configure` tells Telegram.
    """

    token: _Token
    secret: _Posted | None = None
    next_secret: _Posted | None = None

    @property
    def secrets(self) -> dict[str, SecretStr | None]:
        """Those that a post may say, by their names, the newest last."""
        own = self.secret or SecretStr(_derived(self.token.get_secret_value()))
        return {"secret": own, "next_secret": self.next_secret}

    @property
    def newest(self) -> SecretStr:
        return [secret for secret in self.secrets.values() if secret][-1]


def _derived(token: str) -> str:
    return hmac.digest(token.encode(), b"conserje webhook", hashlib.sha256).hex()


class TelegramOperator(Closed):
    """Where Telegram is."""

    base_url: str = Field(
        default="https://api.telegram.org",
        pattern=r"^https?://[^\s/?#@]+$",
        description="Telegram's Bot API, or a server of it of one's own.",
    )


_Account = Account[TelegramCredentials, Nothing]


class Telegram(Channel[TelegramCredentials, Nothing, TelegramOperator]):
    """People who write to a bot; an account's address is the bot's id, with which its token begins."""

    name = "telegram"
    contract = 1
    Credentials = TelegramCredentials
    Settings = Nothing
    Operator = TelegramOperator
    body_limit = 256 * 1024
    limits = Limits(
        unit="utf-16",
        text=4096,
        body=1024,
        buttons=10,
        button_title=40,
        button_id=64,
        button_id_unit="bytes",
        rows=20,
        row_title=40,
        row_description=72,
        caption=1024,
        captions=frozenset({"image", "audio", "video", "document"}),
        carries=frozenset({"media", "location", "contact_card"}),
        markup="whatsapp",
        file_bytes=files.LARGEST_OF_A_CONTACT,
        takes={"*/*": files.LARGEST},
    )

    def pace(self, address: str) -> Pace:
        return Pace(each_second=25, burst=1, pause=1)  # Telegram takes 30 in all, and one of each chat

    def address(self, given: str) -> str:
        if not _ID.fullmatch(given.strip()):
            raise Malformed(f"{given!r} is no bot's id: write the digits with which its token begins.")
        return given.strip()

    def verify(self, hook: Webhook, account: _Account) -> str | None:
        return _SECRET.verify(hook, account.credentials.secrets)

    def parse(self, hook: Webhook, account: _Account) -> Iterable[Event]:
        return reading.events(read(Update, hook.json), account.address, account.locale)

    def acknowledge(self, hook: Webhook) -> Answer:
        """Telegram does what an answer names, and tells nobody how that went."""
        try:
            update = read(Update, hook.json)
        except Malformed:  # it is kept, and shown
            return Answer()
        if (group := reading.to_leave(update)) is not None:
            return _asks("leaveChat", chat_id=group)
        if press := update.callback_query:
            return _asks("answerCallbackQuery", callback_query_id=press.id)  # the button stops turning
        return Answer()

    async def send(self, message: OutboundMessage, account: _Account) -> Receipt:
        taken = await files.send(self._bot(account), write(message), message)
        if type(id := taken.get("message_id")) is not int:
            raise Uncertain("Telegram's answer names no message.")
        return Receipt(f"{message.to}:{id}")

    def media(self, file: File, account: _Account) -> AsyncIterator[bytes]:
        return files.fetch(self._bot(account), file.ref)

    async def attend(self, provider_id: str, account: _Account, contact: str) -> None:
        await self._bot(account).look("sendChatAction", chat_id=contact, action="typing")

    async def examine(self, account: _Account, urls: Urls) -> Sequence[Finding]:
        return await doctor.examine(self._bot(account), account.address, urls.webhook)

    async def configure(self, account: _Account, urls: Urls) -> None:
        secret = account.credentials.newest.get_secret_value()
        await doctor.configure(self._bot(account), urls.webhook, secret)

    def compose(self, account: _Account, url: str, sender: str, said: str | Content) -> Webhook:
        update = {"update_id": secrets.randbelow(2**31), **_happened(sender, said)}
        headers = {"content-type": "application/json", **_SECRET.sign(account.credentials.newest)}
        return Webhook("POST", "webhook", url, headers, json.dumps(update).encode())

    def _bot(self, account: _Account) -> Bot:
        return Bot(self.http, self.operator.base_url, account.credentials.token.get_secret_value())


def _asks(method: str, **fields: object) -> Answer:
    return Answer(body=json.dumps({"method": method, **fields}).encode(), content_type="application/json")


def _happened(sender: str, said: str | Content) -> dict[str, Any]:
    """The update of which `said` is read. Raises NotOffered."""
    id = int(_digits(sender))
    person = {"id": id, "is_bot": False, "first_name": "Conserje"}
    message = {
        "message_id": secrets.randbelow(2**31),
        "chat": {"id": id, "type": "private"},
        "date": int(time.time()),
    }
    if isinstance(said, Pressed):
        keys = {"inline_keyboard": [[{"text": said.title, "callback_data": said.id}]]}
        press = {"id": str(secrets.randbelow(2**63)), "from": person, "data": said.id}
        return {"callback_query": press | {"message": message | {"reply_markup": keys}}}
    return {"message": message | {"from": person} | _words(said)}


def _digits(sender: str) -> str:
    if not _ID.fullmatch(digits := sender.removeprefix("+")):
        raise NotOffered("A contact of Telegram is a number: write --from 555000111.")
    return digits


def _words(said: str | Content) -> dict[str, Any]:
    match said:
        case str(text) | Text(text=text):
            return {"text": text}
        case Location(latitude=latitude, longitude=longitude):
            return {"location": {"latitude": latitude, "longitude": longitude}}
        case Media(files=(file,), caption=caption):
            return _file(file) | ({"caption": caption} if caption else {})
        case ContactCard(name=name, phones=(phone, *_)):
            return {"contact": {"first_name": name, "phone_number": phone}}
        case _:
            raise NotOffered(f"A contact of Telegram cannot be made to send this: {said.type}.")


def _file(file: File) -> dict[str, Any]:
    if file.kind == "image":
        return {"photo": [{"file_id": file.ref}]}
    return {"document": {"file_id": file.ref, "mime_type": file.media_type, "file_name": file.name}}
