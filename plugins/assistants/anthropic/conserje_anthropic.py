"""Lets a model of Anthropic answer about the tenant's products and nothing else, by the Messages API.

The calls are our own: Anthropic's SDK takes two seconds to load, for one request of one kind.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any, Literal
from urllib.parse import quote

import httpx2
from pydantic import Field

from conserje import (
    Account,
    CannotTell,
    Finding,
    Line,
    ModelAssistant,
    ModelCredentials,
    ModelOperator,
    ModelSettings,
    NoAnswer,
    Prompt,
    Spoken,
    Turn,
    VendorFailed,
    Wanted,
    retry_after,
)

_VERSION = "2026-10-21"
_AGAIN = 5.0  # the longest pause before a second try, in seconds
_PASSING = frozenset({408, 409, 429})  # and all from 500 on: a second try may do
_OF_KEY = frozenset({401, 402, 403, 429})  # the tenant's key, its money, or its share
_STRANGE = "The model's server does not speak the Messages API; check CONSERJE_ANTHROPIC_BASE_URL."


class AnthropicCredentials(ModelCredentials):
    """The key that pays for a tenant's answers."""


class AnthropicSettings(ModelSettings):
    """How a tenant's assistant thinks and speaks."""

    model: str = Field(
        default="claude-haiku-5-5", min_length=1, description="The model's name, as the API knows it."
    )
    sees: bool = Field(
        default=True,
        description="Whether the model is shown customers' pictures, which then go to its vendor.",
    )
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = Field(
        default=None,
        description="How much effort the model makes, in output tokens; null: what it is used to.",
    )


class AnthropicOperator(ModelOperator):
    """What the operator decides for all tenants."""

    base_url: str = Field(default="https://api.anthropic.com", description="The API's address.")


class Anthropic(ModelAssistant[AnthropicCredentials, AnthropicSettings, AnthropicOperator]):
    """Answers by the Messages API."""

    name = "anthropic"
    contract = 1
    Credentials = AnthropicCredentials
    Settings = AnthropicSettings
    Operator = AnthropicOperator

    async def ask(self, prompt: Prompt, turn: Turn[AnthropicCredentials, AnthropicSettings]) -> Spoken:
        body = _body(prompt, turn.settings)
        try:
            answer = await self._request("POST", "/v1/messages", turn.credentials, body)
        except VendorFailed as failed:
            if failed.of_key and not failed.after:
                raise
            await asyncio.sleep(min(failed.after or 0.5, _AGAIN))
            answer = await self._request("POST", "/v1/messages", turn.credentials, body)
        return _spoken(answer)

    async def examine(self, account: Account[AnthropicCredentials, AnthropicSettings]) -> Sequence[Finding]:
        model = account.settings.model
        try:
            async with asyncio.timeout(self.operator.timeout):
                await self._request("GET", f"/v1/models/{quote(model, safe='')}", account.credentials)
        except TimeoutError:
            raise CannotTell("The model's server takes too long to answer.") from None
        except NoAnswer as error:
            if isinstance(error, VendorFailed) and not error.of_key:
                raise CannotTell(str(error)) from None
            return [Finding("error", str(error))]
        return [Finding("ok", f"The API key is good, and the server knows the model {model}.")]

    async def _request(
        self, method: str, path: str, credentials: AnthropicCredentials, body: dict[str, Any] | None = None
    ) -> Any:
        """The answer's JSON. Raises NoAnswer."""
        headers = {
            "authorization": f"Bearer {credentials.api_key.get_secret_value()}",
            "anthropic-version": _VERSION,
        }
        timeout = httpx2.Timeout(self.operator.timeout, connect=5.0)
        url = self.operator.base_url + path
        try:
            response = await self.http.request(method, url, headers=headers, json=body, timeout=timeout)
        except httpx2.TimeoutException:
            raise VendorFailed("The model's server gave no answer in time.") from None
        except httpx2.HTTPError:
            raise VendorFailed(f"The model's server {self.operator.base_url} cannot be reached.") from None
        if response.status_code != 200:
            raise _refused(response)
        try:
            return response.json()
        except ValueError:
            raise NoAnswer(_STRANGE) from None


def _body(prompt: Prompt, settings: AnthropicSettings) -> dict[str, Any]:
    stable = {"type": "text", "text": prompt.stable, "cache_control": {"type": "ephemeral"}}
    body: dict[str, Any] = {
        "model": settings.model,
        "max_tokens": settings.max_output_tokens,
        "system": [stable, {"type": "text", "text": prompt.changing}],
        "messages": list(_messages(prompt)),
        "metadata": {"user_id": prompt.contact},
    }
    if settings.effort:
        body["output_config"] = {"effort": settings.effort}
    if prompt.offers:
        body["tools"] = [
            {"name": offer.name, "description": offer.description, "input_schema": dict(offer.parameters)}
            for offer in prompt.offers
        ]
        if not prompt.may_call:
            body["tool_choice"] = {"type": "none"}
    return body


def _messages(prompt: Prompt) -> Iterator[dict[str, Any]]:
    for line in prompt.alternating():
        yield {"role": line.role, "content": _content(line)}
    for step in prompt.steps:
        yield {"role": "assistant", "content": step.spoken.raw}
        results = [
            {
                "type": "tool_result",
                "tool_use_id": call.id,
                "content": result.text or "(nothing)",
                "is_error": result.failed,
            }
            for call, result in zip(step.spoken.calls, step.results, strict=True)
        ]
        yield {"role": "user", "content": results}


def _content(line: Line) -> str | list[dict[str, Any]]:
    if not line.pictures:
        return line.text
    pictures = [
        {
            "type": "image",
            "source": {
                "type": "base64",
                "media_type": each.content_type,
                "data": b64encode(each.content).decode(),
            },
        }
        for each in line.pictures
    ]
    return [*pictures, {"type": "text", "text": line.text}]


def _spoken(answer: Any) -> Spoken:
    """What the answer holds. Raises NoAnswer where it is none."""
    try:
        blocks: list[dict[str, Any]] = answer["content"]
        text = "".join(block["text"] for block in blocks if block["type"] == "text")
        calls = [
            Wanted(block["id"], block["name"], json.dumps(block["input"], ensure_ascii=False))
            for block in blocks
            if block["type"] == "tool_use"
        ]
        fault = _fault(answer["stop_reason"])
        return Spoken(text.strip(), () if fault else calls, _usage(answer["usage"]), blocks, fault)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NoAnswer(_STRANGE) from None


def _fault(reason: object) -> str:
    match reason:
        case "end_turn" | "tool_use" | "stop_sequence":
            return ""
        case "refusal":
            return "The model refused to answer."
        case "max_tokens":
            return "The answer is incomplete (max_output_tokens); raise it, or lower the tenant's effort."
        case "model_context_window_exceeded":
            return "The conversation is too long for the model; lower the tenant's history_limit."
        case _:
            return "The model stopped in the middle of its answer."


def _usage(usage: dict[str, Any]) -> dict[str, int]:
    """What was read from the cache, or written to it, is input as well."""
    cached = int(usage.get("cache_read_input_tokens") or 0)
    written = int(usage.get("cache_creation_input_tokens") or 0)
    return {
        "input_tokens": int(usage["input_tokens"]) + cached + written,
        "cached_tokens": cached,
        "output_tokens": int(usage["output_tokens"]),
    }


def _refused(response: httpx2.Response) -> NoAnswer:
    """Why there is no answer, without the provider's own words: they may repeat parts of a key."""
    match response.status_code:
        case 401 | 403 as status:
            text = f"The model's server refused the API key ({status}); check the tenant's account anthropic."
        case 402:
            text = "The model's server wants to be paid (402); see the billing of the tenant's API key."
        case 404:
            return NoAnswer("The model's server knows no such model (404); check the tenant's setting model.")
        case 529:
            text = "The model's server is overloaded (529)."
        case status:
            text = f"The model's server answered {status}."
            if status < 500 and status not in _PASSING:
                return NoAnswer(text)
    return VendorFailed(text, of_key=response.status_code in _OF_KEY, after=retry_after(response.headers))
