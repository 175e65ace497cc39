"""OpenAI's Responses API by its SDK, which takes half a second to load: imported at the first turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import httpx2
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, OpenAIError, omit
from openai.types.responses import EasyInputMessageParam, Response
from openai.types.shared_params import Reasoning

from conserje import CannotTell, Finding, NoAnswer, Reply, Text, Utterance, plain
from conserje_openai.models import OpenAICredentials, OpenAIOperator, OpenAISettings

_TOLD = frozenset({401, 403, 404})  # of the key, or of the model


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


async def ask(
    client: Client,
    operator: OpenAIOperator,
    credentials: OpenAICredentials,
    settings: OpenAISettings,
    instructions: str,
    said: Sequence[Utterance],
    contact: str,
) -> Reply:
    """The model's answer to what was said. Raises NoAnswer."""
    own = client.with_options(api_key=credentials.api_key.get_secret_value())
    try:
        async with asyncio.timeout(operator.timeout):
            response = await own.responses.create(
                model=settings.model,
                instructions=instructions,
                input=[_item(each) for each in said],
                reasoning=Reasoning(effort=settings.reasoning) if settings.reasoning else omit,
                max_output_tokens=settings.max_output_tokens,
                safety_identifier=contact,
                store=False,
            )
    except (OpenAIError, TimeoutError) as error:
        raise NoAnswer(_explain(error, operator)) from None
    return Reply((Text(_words(response)),), usage=_usage(response))


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
            return Finding("error", _explain(error, operator))
        raise CannotTell(_explain(error, operator)) from None
    except (OpenAIError, TimeoutError) as error:
        raise CannotTell(_explain(error, operator)) from None
    return Finding("ok", f"The API key is good, and the server knows the model {settings.model}.")


def _item(said: Utterance) -> EasyInputMessageParam:
    role: Literal["user", "assistant"] = "user" if said.author == "contact" else "assistant"
    return {"role": role, "content": plain(said.content) or "[empty]"}


def _words(response: object) -> str:
    """The text of a complete answer. Raises NoAnswer for anything else."""
    if not isinstance(response, Response) or response.status is None or response.output is None:
        raise NoAnswer("The model's server does not speak the Responses API; check CONSERJE_OPENAI_BASE_URL.")
    if response.status != "completed":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        code = response.error.code if response.error else reason
        remedy = "; raise it, or lower the tenant's reasoning" if code == "max_output_tokens" else ""
        raise NoAnswer(f"The answer is {response.status} ({code or 'no reason given'}){remedy}.")
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    if any(part.type == "refusal" for part in parts):
        raise NoAnswer("The model refused to answer.")
    text = response.output_text.strip()
    if not text:
        raise NoAnswer("The model answered with no text.")
    return text


def _usage(response: Response) -> dict[str, int]:
    if response.usage is None:
        return {}
    return {"input_tokens": response.usage.input_tokens, "output_tokens": response.usage.output_tokens}


def _explain(error: Exception, operator: OpenAIOperator) -> str:
    """Why there is no answer, without the provider's own words: they may repeat parts of a key."""
    match error:
        case APIStatusError(status_code=401 | 403 as status):
            return f"The model's server refused the API key ({status}); check the tenant's account openai."
        case APIStatusError(status_code=404):
            return "The model's server knows no such model (404); check the tenant's setting model."
        case APIStatusError(status_code=status, code=code):
            return f"The model's server answered {status} ({code or 'no code'})."
        case TimeoutError() | APITimeoutError():
            return f"The model gave no answer within CONSERJE_OPENAI_TIMEOUT, {operator.timeout:g} s."
        case APIConnectionError():
            return f"The model's server {operator.base_url} cannot be reached."
        case _:
            return f"The model's server could not be asked: {type(error).__name__}."
