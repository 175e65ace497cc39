"""The channel of words only keeps Conserje's contract."""

from __future__ import annotations

import json
from itertools import count
from typing import ClassVar

import httpx2

from conserje import Account, Content, Nothing, NotOffered, Text, Webhook
from conserje.testing import ProviderChannelContract
from conserje_telegram_text import SECRET, Keys, TelegramText

ids = count(1)


class TestTelegramText(ProviderChannelContract):
    channel = TelegramText
    address = "7123456789"
    sender = "555000111"
    credentials: ClassVar = {"token": "7123456789:AAFicha", "secret": "s3creto"}
    other_credentials: ClassVar = {"token": "8123456789:AAotra", "secret": "ajeno"}
    signs_body = False
    sends_id = False

    def hook(self, said: str | Content, account: Account[Keys, Nothing] | None = None) -> Webhook:
        if not isinstance(said, str | Text):
            raise NotOffered("Words only.")
        chat = {"id": int(self.sender), "type": "private"}
        text = said if isinstance(said, str) else said.text
        body = {"update_id": 1, "message": {"message_id": next(ids), "chat": chat, "text": text}}
        keys = account.credentials if account else Keys.model_validate(self.credentials)
        url = "https://tienda.bot.example/bot/telegram_text/webhook"
        return Webhook("POST", "webhook", url, SECRET.sign(keys.secret), json.dumps(body).encode())

    def good_answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"ok": True, "result": {"message_id": 43}})
