"""One round by the Responses API. Nothing is kept there: what is needed again is given again."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from openai import AsyncOpenAI
from openai.types.responses import Response, ResponseFunctionToolCall

from conserje import Line, NoAnswer, Prompt, Spoken, Wanted
from conserje_openai.asked import Asked, data_url, word

_STRANGE = "The model's server does not speak the Responses API; check CONSERJE_OPENAI_BASE_URL and _MODE."


async def ask(client: AsyncOpenAI, asked: Asked, prompt: Prompt) -> Spoken:
    """The model's answer. Raises NoAnswer or the SDK's errors."""
    settings = asked.settings
    options: dict[str, Any] = {}
    if settings.reasoning:
        options["reasoning"] = {"effort": settings.reasoning}
        if settings.reasoning != "none":
            options["include"] = ["reasoning.encrypted_content"]
    if offers := asked.offers(prompt):
        options["tools"] = [
            {
                "type": "function",
                "name": offer.name,
                "description": offer.description,
                "parameters": dict(offer.parameters),
                "strict": False,  # it would want every field to be required
            }
            for offer in offers
        ]
        if not prompt.may_call:
            options["tool_choice"] = "none"
    response = await client.responses.create(
        model=settings.model,
        instructions=prompt.instructions,
        input=list(_items(prompt)),
        max_output_tokens=settings.max_output_tokens,
        safety_identifier=prompt.contact,
        prompt_cache_key=sha256(prompt.stable.encode()).hexdigest(),  # one tenant's turns meet in one cache
        store=False,
        **options,
    )
    return spoken(response)


def _items(prompt: Prompt) -> Iterator[Any]:
    for line in prompt.said:
        yield {"role": line.role, "content": _content(line)}
    for step in prompt.steps:
        yield from step.spoken.raw
        for call, result in zip(step.spoken.calls, step.results, strict=True):
            yield {"type": "function_call_output", "call_id": call.id, "output": result.text}


def _content(line: Line) -> str | list[dict[str, str]]:
    if not line.pictures:
        return line.text
    pictures = [{"type": "input_image", "image_url": data_url(each)} for each in line.pictures]
    return [{"type": "input_text", "text": line.text}, *pictures]


def spoken(response: object) -> Spoken:
    """What the response holds. Raises NoAnswer where it is none."""
    if not isinstance(response, Response) or response.status is None or response.output is None:
        raise NoAnswer(_STRANGE)
    calls = [
        Wanted(item.call_id, item.name, item.arguments)
        for item in response.output
        if isinstance(item, ResponseFunctionToolCall)
    ]
    raw = [item.model_dump(mode="json", exclude_unset=True, exclude_none=True) for item in response.output]
    fault = _fault(response)
    text = "" if fault else response.output_text.strip()
    return Spoken(text, () if fault else calls, _usage(response), raw, fault)


def _fault(response: Response) -> str:
    if response.status != "completed":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        code = response.error.code if response.error else reason
        remedy = "; raise it, or lower the tenant's reasoning" if code == "max_output_tokens" else ""
        return f"The answer is {word(response.status)} ({word(code)}){remedy}."
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    return "The model refused to answer." if any(part.type == "refusal" for part in parts) else ""


def _usage(response: Response) -> dict[str, int]:
    if (usage := response.usage) is None:
        return {}
    cached = usage.input_tokens_details.cached_tokens if usage.input_tokens_details else 0
    return {
        "input_tokens": usage.input_tokens,
        "cached_tokens": cached or 0,
        "output_tokens": usage.output_tokens,
    }
