"""A channel with Meta's habits: several events a post, messages and statuses mixed, signed as one body."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from typing import Any

import httpx2
from pydantic import BaseModel, SecretStr

from conserje import (
    Account,
    Channel,
    Event,
    Forged,
    InboundMessage,
    Nothing,
    OutboundMessage,
    Receipt,
    StatusUpdate,
    Text,
    TryLater,
    Webhook,
    plain,
)

HEADER = "x-hub-signature-256"


class BatchCredentials(BaseModel):
    secret: SecretStr


class BatchOperator(BaseModel):
    base_url: str = "http://127.0.0.1:9"


BatchAccount = Account[BatchCredentials, Nothing]


def sign(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Batch(Channel[BatchCredentials, Nothing, BatchOperator]):
    """It carries our id to the provider and back, and cannot look for a message, as at Meta."""

    name = "batch"
    Credentials = BatchCredentials
    Settings = Nothing
    Operator = BatchOperator

    def claims(self, hook: Webhook) -> Sequence[str]:
        return [json.loads(hook.body)["address"]]

    def verify(self, hook: Webhook, account: BatchAccount) -> None:
        expected = sign(account.credentials.secret.get_secret_value(), hook.body)
        if not hmac.compare_digest(expected, hook.headers.get(HEADER, "")):
            raise Forged

    def parse(self, hook: Webhook) -> Iterable[Event]:
        body: dict[str, Any] = json.loads(hook.body)
        address = body["address"]
        for item in body["events"]:
            if item["kind"] == "message":
                yield InboundMessage(address, item["id"], item["from"], Text(item["text"]))
            else:
                key, ref = f"{item['id']}:{item['status']}", item["ref"]
                yield StatusUpdate(address, key, item["status"], item["id"], message_id=ref)

    async def send(self, message: OutboundMessage, account: BatchAccount) -> Receipt:
        body = {"from": account.address, "to": message.to, "text": plain(message.content), "ref": message.id}
        try:
            answer = await self.http.post(f"{self.operator.base_url}/messages", json=body)
        except httpx2.ConnectError:
            raise TryLater("The provider could not be reached.") from None
        return Receipt(answer.raise_for_status().json()["id"])
