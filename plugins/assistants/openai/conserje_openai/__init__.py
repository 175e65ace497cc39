"""Lets a model of OpenAI, or of a server like it, answer about the tenant's products and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import httpx2

from conserje import Abilities, Account, Finding, Heard, ModelAssistant, Prompt, Reply, Spoken, Turn, Voice
from conserje_openai.models import OpenAICredentials, OpenAIOperator, OpenAISettings

if TYPE_CHECKING:  # a process that never asks can do without the SDK
    from conserje_openai import api


class OpenAI(ModelAssistant[OpenAICredentials, OpenAISettings, OpenAIOperator]):
    """Answers by the Responses API, or by the chat completions that other servers have."""

    name = "openai"
    contract = 1
    Credentials = OpenAICredentials
    Settings = OpenAISettings
    Operator = OpenAIOperator

    def __init__(self, operator: OpenAIOperator, http: httpx2.AsyncClient) -> None:
        super().__init__(operator, http)
        self._client: api.Client | None = None
        # Tenants, and their models that refused to be told of tools; `probe` would have found it.
        self._toolless: set[tuple[str, str]] = set()

    async def reply(self, turn: Turn[OpenAICredentials, OpenAISettings]) -> Reply:
        await self._api()  # which may take its time, and none of the answer's
        return await super().reply(turn)

    async def ask(self, prompt: Prompt, turn: Turn[OpenAICredentials, OpenAISettings]) -> Spoken:
        api, client = await self._api()
        asked = api.Asked.of(self.operator, turn.settings, turn.abilities)
        own = (turn.tenant.slug, turn.settings.model)
        if asked.abilities is None and own in self._toolless:
            asked = asked.without_tools()
        try:
            spoken: Spoken = await api.ask(client, turn.credentials, asked, prompt)
        except api.Misunderstood:
            if asked.abilities is not None or not prompt.offers or prompt.steps:
                raise
            spoken = await api.ask(client, turn.credentials, asked.without_tools(), prompt)
            self._toolless.add(own)
        return spoken

    def transcriber(self, settings: OpenAISettings) -> str:
        return settings.transcription_model

    async def transcribe(self, voice: Voice, account: Account[OpenAICredentials, OpenAISettings]) -> Heard:
        _, client = await self._api()
        module = await asyncio.to_thread(import_module, "conserje_openai.hearing")
        with self.asking(account.credentials, "/audio"):
            heard: Heard = await module.hear(client, self.operator, voice, account)
        return heard

    async def examine(self, account: Account[OpenAICredentials, OpenAISettings]) -> Sequence[Finding]:
        api, client = await self._api()
        return [await api.examine(client, self.operator, account.credentials, account.settings)]

    async def probe(self, account: Account[OpenAICredentials, OpenAISettings]) -> Abilities:
        api, client = await self._api()
        module = await asyncio.to_thread(import_module, "conserje_openai.probe")
        asked = api.Asked.of(self.operator, account.settings, None)
        found: Abilities = await module.probe(client, account.credentials, asked)
        return found

    async def _api(self) -> tuple[Any, api.Client]:
        """The module that knows the SDK, and the client, both from the first use on."""
        module = await asyncio.to_thread(import_module, "conserje_openai.api")
        if self._client is None:
            self._client = module.open_client(self.operator, self.http)
        return module, self._client
