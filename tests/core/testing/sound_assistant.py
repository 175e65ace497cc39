"""An assistant as a third party writes it, and without a mistake; those beside it are put in by a test."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import httpx2
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from conserje import (
    Account,
    Assistant,
    CannotTell,
    Finding,
    NoAnswer,
    Reply,
    Text,
    Turn,
    plain,
)

log = logging.getLogger(__name__)


class SageCredentials(BaseModel):
    """The key that pays."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr = Field(min_length=1)


class SageSettings(BaseModel):
    """How it speaks."""

    model_config = ConfigDict(extra="forbid")

    tone: str = "friendly"


class SageOperator(BaseModel):
    """Where the model is."""

    model_config = ConfigDict(extra="forbid")

    base_url: str = "https://sage.example"


SageTurn = Turn[SageCredentials, SageSettings]


class Sage(Assistant[SageCredentials, SageSettings, SageOperator]):
    """Asks a model of its own."""

    name = "sage"
    Credentials = SageCredentials
    Settings = SageSettings
    Operator = SageOperator

    def __init__(self, operator: SageOperator, http: httpx2.AsyncClient) -> None:
        super().__init__(operator, http)
        self.kept: dict[Any, Any] = {}

    async def reply(self, turn: SageTurn) -> Reply:
        words = "\n".join(plain(each.content) for each in turn.messages)
        if not words.strip():
            return Reply()
        products = [match.product.name for match in await turn.products.search(words)]
        asked = {
            "shop": turn.tenant.name,
            "contact": turn.contact.name,
            "past": [plain(each.content) for each in turn.history],
            "words": words,
            "products": products,
            "tone": turn.settings.tone,
        }
        await turn.budget.check()
        said = await self.ask("answers", asked, turn.credentials)
        await turn.budget.spend("sage-1", used(said))
        return Reply((Text(answered(said)),), confidence=0.9, usage=used(said), told=turn.settings.tone)

    async def ask(self, path: str, asked: dict[str, Any], credentials: SageCredentials) -> dict[str, Any]:
        """The JSON that the model's server answers. Raises NoAnswer."""
        headers = {"authorization": f"Bearer {credentials.api_key.get_secret_value()}"}
        try:
            answer = await self.http.post(f"{self.operator.base_url}/{path}", json=asked, headers=headers)
        except httpx2.RequestError as error:
            raise NoAnswer(f"The model gave no answer ({type(error).__name__}).") from None
        if answer.status_code != 200:
            raise NoAnswer(f"The model's server answered {answer.status_code}.")
        try:
            document = answer.json()
        except ValueError:
            raise NoAnswer("The model's server answered no JSON.") from None
        if not isinstance(document, dict):
            raise NoAnswer("The model's server answered no object.")
        return document

    async def examine(self, account: Account[SageCredentials, SageSettings]) -> Sequence[Finding]:
        try:
            await self.ask("account", {}, account.credentials)
        except NoAnswer as error:
            raise CannotTell(str(error)) from None
        return [Finding("ok", "The key is good.")]


def answered(said: dict[str, Any]) -> str:
    text = said.get("text")
    if not isinstance(text, str) or not text.strip():
        raise NoAnswer("The model said nothing.")
    return text


def used(said: dict[str, Any]) -> dict[str, int]:
    tokens = said.get("tokens")
    fits = isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens < 10**9
    return {"output_tokens": int(str(tokens))} if fits else {}
