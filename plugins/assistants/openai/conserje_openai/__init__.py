"""Lets an OpenAI model answer, about the tenant's products and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import httpx2

from conserje import (
    Account,
    Assistant,
    Content,
    Finding,
    Product,
    Reply,
    Row,
    Text,
    Turn,
    format_price,
    plain,
)
from conserje_openai.instructions import instruct
from conserje_openai.models import OpenAICredentials, OpenAIOperator, OpenAISettings

if TYPE_CHECKING:  # a process that never asks can do without the SDK
    from conserje_openai import api

_CARDS = 6  # of one answer
_WORD = re.compile(r"\w+")
_FEW = 30  # so many products are told whole; of more only those that fit what was written


class OpenAI(Assistant[OpenAICredentials, OpenAISettings, OpenAIOperator]):
    """Answers by the Responses API, from the conversation's history and the tenant's products."""

    name = "openai"
    Credentials = OpenAICredentials
    Settings = OpenAISettings
    Operator = OpenAIOperator

    def __init__(self, operator: OpenAIOperator, http: httpx2.AsyncClient) -> None:
        super().__init__(operator, http)
        self._client: api.Client | None = None

    def shared_credentials(self) -> OpenAICredentials | None:
        key = self.operator.api_key
        return OpenAICredentials(api_key=key) if key else None

    async def reply(self, turn: Turn[OpenAICredentials, OpenAISettings]) -> Reply:
        settings = turn.settings
        api, client = await self._api()
        past = turn.history[-settings.history_limit :] if settings.history_limit else ()
        products = await _relevant(turn)
        answer: Reply = await api.ask(
            client,
            self.operator,
            turn.credentials,
            settings,
            instruct(turn.tenant, settings.instructions, products),
            [*past, *turn.messages],
            _anonymous(turn),
        )
        said = (_with_cards(content, products, turn) for content in answer.messages)
        return replace(answer, messages=tuple(said))

    async def examine(self, account: Account[OpenAICredentials, OpenAISettings]) -> Sequence[Finding]:
        api, client = await self._api()
        return [await api.examine(client, self.operator, account.credentials, account.settings)]

    async def _api(self) -> tuple[Any, api.Client]:
        """The module that knows the SDK, and the client, both from the first use on."""
        module = await asyncio.to_thread(import_module, "conserje_openai.api")
        if self._client is None:
            self._client = module.open_client(self.operator, self.http)
        return module, self._client


def _anonymous(turn: Turn[OpenAICredentials, OpenAISettings]) -> str:
    """The contact's name for the provider, which says nothing about the contact."""
    return hashlib.sha256(f"{turn.tenant.slug}/{turn.contact.id}".encode()).hexdigest()


def _with_cards(
    said: Content, products: Sequence[Product], turn: Turn[OpenAICredentials, OpenAISettings]
) -> Content:
    """What the model wrote, with the products that it names and that have something to show."""
    if not isinstance(said, Text):
        return said
    words, currency = _words(said.text), turn.tenant.currency
    named = [each for each in products if (each.picture or each.link) and _words(each.name) in words]
    cards = (
        Row(f"product-{each.id}", each.name, format_price(each.price, currency), each.picture, each.link)
        for each in named[:_CARDS]
    )
    return replace(said, cards=tuple(cards))


def _words(written: str) -> str:
    """The words, so that those of a name are found among them as they stand: "Pan" is not in "pantalla"."""
    return f" {' '.join(_WORD.findall(written.casefold()))} "


async def _relevant(turn: Turn[OpenAICredentials, OpenAISettings]) -> Sequence[Product]:
    products = await turn.products.all()
    if len(products) <= _FEW:
        return products
    written = "\n".join(plain(said.content) for said in turn.messages)
    return [match.product for match in await turn.products.search(written, _FEW)]
