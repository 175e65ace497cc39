"""OpenAI's SDK, which takes half a second to load: imported at the first turn."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, OpenAIError

from conserje import CannotTell, Finding, NoAnswer, Prompt, Spoken, VendorFailed, retry_after
from conserje_openai import chat, responses
from conserje_openai.asked import Asked, word
from conserje_openai.models import OpenAICredentials, OpenAIOperator, OpenAISettings

__all__ = ["Asked", "Client", "Misunderstood", "ask", "examine", "explained", "open_client"]

_TOLD = frozenset({401, 403, 404})  # of the key, or of the model
_PASSING = frozenset({408, 409, 425, 429})  # statuses that say nothing about what was asked


class Misunderstood(NoAnswer):
    """The server takes the request for a wrong one; it may know less than it was asked for."""


class Client(AsyncOpenAI):
    """The SDK's client without what it takes from OPENAI_* variables: they are not the tenant's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # with_options comes through here as well
        self.organization = self.project = self.admin_api_key = self.webhook_secret = None
        self._custom_headers = {}


def open_client(operator: OpenAIOperator, http: httpx2.AsyncClient) -> Client:
    """One client for all tenants; each turn comes with its own key."""
    return Client(
        api_key="given with each turn",
        base_url=operator.base_url,
        timeout=operator.timeout,
        max_retries=1,
        http_client=http,
    )


async def ask(client: Client, credentials: OpenAICredentials, asked: Asked, prompt: Prompt) -> Spoken:
    """The model's answer. Raises NoAnswer."""
    own = client.with_options(api_key=credentials.api_key.get_secret_value())
    try:
        if asked.mode == "responses":
            return await responses.ask(own, asked, prompt)
        return await chat.ask(own, asked, prompt)
    except OpenAIError as error:
        raise explained(error, asked.operator) from None


async def examine(
    client: Client, operator: OpenAIOperator, credentials: OpenAICredentials, settings: OpenAISettings
) -> Finding:
    """Whether the key is good and the server knows the model. Raises CannotTell."""
    own = client.with_options(api_key=credentials.api_key.get_secret_value())
    try:
        async with asyncio.timeout(operator.timeout):
            await own.models.retrieve(settings.model)
    except APIStatusError as error:
        if error.status_code in _TOLD:
            return Finding("error", str(explained(error, operator)))
        raise CannotTell(str(explained(error, operator))) from None
    except OpenAIError as error:
        raise CannotTell(str(explained(error, operator))) from None
    except TimeoutError:
        raise CannotTell(_late(operator)) from None
    return Finding("ok", f"The API key is good, and the server knows the model {settings.model}.")


def explained(error: OpenAIError, operator: OpenAIOperator) -> NoAnswer:
    """Why there is no answer, without the provider's own words: they may repeat parts of a key."""
    match error:
        case APIStatusError(status_code=401 | 403 as status):
            text = f"The model's server refused the API key ({status}); check the tenant's account openai."
            return VendorFailed(text, of_key=True)
        case APIStatusError(status_code=404):
            return NoAnswer("The model's server knows no such model (404); check the tenant's setting model.")
        case APIStatusError(status_code=status, code=code):
            text = f"The model's server answered {status} ({word(code)})."
            if status >= 500 or status in _PASSING:
                return VendorFailed(text, of_key=status == 429, after=retry_after(error.response.headers))
            return Misunderstood(text) if status in (400, 422) else NoAnswer(text)
        case APITimeoutError():
            return VendorFailed(_late(operator))
        case APIConnectionError():
            return VendorFailed(f"The model's server {operator.base_url} cannot be reached.")
        case _:
            return VendorFailed(f"The model's server could not be asked: {type(error).__name__}.")


def _late(operator: OpenAIOperator) -> str:
    return f"The model gave no answer within CONSERJE_OPENAI_TIMEOUT, {operator.timeout:g} s."
