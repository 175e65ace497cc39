"""Tries what a model can do: call a tool, answer in a given form, and what its server calls the bound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal

from openai import APIStatusError, BadRequestError, OpenAIError, UnprocessableEntityError

from conserje import Abilities, CannotTell, Line, NoAnswer, Offer, Prompt, Spoken
from conserje_openai import chat, responses
from conserje_openai.api import Client, explained
from conserje_openai.asked import Asked
from conserje_openai.models import OpenAICredentials

_SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "integer"}},
    "required": ["number"],
    "additionalProperties": False,
}
_TOOL = Offer("note_number", "Notes a number that the customer gives.", _SCHEMA, effect=False)
_WISH = Line("user", "Call the tool note_number with 7.")
_PROMPT = Prompt("You try out tools.", "Do what you are asked.", [_WISH], "probe")
_NAMES: tuple[Literal["max_tokens", "max_completion_tokens"], ...] = ("max_tokens", "max_completion_tokens")
_REFUSED = (BadRequestError, UnprocessableEntityError)


async def probe(client: Client, credentials: OpenAICredentials, asked: Asked) -> Abilities:
    """What the tenant's model can do. Raises CannotTell."""
    own = client.with_options(api_key=credentials.api_key.get_secret_value())
    try:
        async with asyncio.timeout(asked.operator.timeout):
            asked = await _named(own, asked)
            tools = await _tools(own, asked)
            schema = await _schema(own, asked)
    except OpenAIError as error:
        raise CannotTell(str(explained(error, asked.operator))) from None
    except NoAnswer as error:
        raise CannotTell(str(error)) from None
    except TimeoutError:
        raise CannotTell("The model's server takes too long to be tried.") from None
    max_tokens = asked.abilities.max_tokens if asked.abilities else ""
    return Abilities(asked.settings.model, tools, schema, max_tokens)


async def _named(client: Client, asked: Asked) -> Asked:
    """The same with the name of the bound that the server takes, where it speaks chat completions."""
    if asked.mode == "responses":
        return asked
    for name in sorted(_NAMES, key=lambda name: name != asked.max_tokens):
        tried = replace(asked, abilities=Abilities(asked.settings.model, max_tokens=name))
        try:
            await chat.ask(client, tried, replace(_PROMPT, said=[Line("user", "Say hello.")]))
        except _REFUSED:
            continue
        return tried
    return asked


async def _tools(client: Client, asked: Asked) -> bool:
    wire = responses if asked.mode == "responses" else chat
    spoken = await _tried(lambda: wire.ask(client, asked, replace(_PROMPT, offers=[_TOOL])))
    return spoken is not None and any(call.name == _TOOL.name for call in spoken.calls)


async def _schema(client: Client, asked: Asked) -> bool:
    ask = _in_form_by_responses if asked.mode == "responses" else _in_form_by_chat
    spoken = await _tried(lambda: ask(client, asked))
    try:
        return spoken is not None and set(json.loads(spoken.text)) == {"number"}
    except (ValueError, TypeError):
        return False


async def _in_form_by_responses(client: Client, asked: Asked) -> Spoken:
    form: Any = {"format": {"type": "json_schema", "name": "number", "schema": _SCHEMA, "strict": True}}
    return responses.spoken(
        await client.responses.create(
            model=asked.settings.model,
            input="Give the number 7.",
            text=form,
            max_output_tokens=asked.settings.max_output_tokens,
            store=False,
        )
    )


async def _in_form_by_chat(client: Client, asked: Asked) -> Spoken:
    form: Any = {"type": "json_schema", "json_schema": {"name": "number", "schema": _SCHEMA}}
    bound: dict[str, Any] = {asked.max_tokens: asked.settings.max_output_tokens}
    completion = await client.chat.completions.create(
        model=asked.settings.model,
        messages=[{"role": "user", "content": "Give the number 7."}],
        response_format=form,
        **bound,
    )
    return chat.spoken(completion, 0)


async def _tried(ask: Callable[[], Awaitable[Spoken]]) -> Spoken | None:
    """What was said; None where the server refused to be asked so."""
    try:
        return await ask()
    except APIStatusError as error:
        if isinstance(error, _REFUSED) or error.status_code in (404, 501):
            return None
        raise
