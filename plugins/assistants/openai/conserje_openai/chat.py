"""One round by chat completions, as Gemini, OpenRouter, Mistral, vLLM, Ollama and others speak them.

No server is sent what only OpenAI knows, and what some of them leave out is made up for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from openai import AsyncOpenAI

from conserje import Line, NoAnswer, Prompt, Spoken, VendorFailed, Wanted
from conserje_openai.asked import Asked, data_url

_STRANGE = "The model's server does not speak chat completions; check CONSERJE_OPENAI_BASE_URL and _MODE."


async def ask(client: AsyncOpenAI, asked: Asked, prompt: Prompt) -> Spoken:
    """The model's answer. Raises NoAnswer or the SDK's errors."""
    settings = asked.settings
    options: dict[str, Any] = {asked.max_tokens: settings.max_output_tokens}
    if settings.reasoning and "reasoning" in settings.model_fields_set:  # few servers know it
        options["reasoning_effort"] = settings.reasoning
    if offers := asked.offers(prompt):
        options["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": offer.name,
                    "description": offer.description,
                    "parameters": dict(offer.parameters),
                },
            }
            for offer in offers
        ]
        if not prompt.may_call:
            options["tool_choice"] = "none"
    completion = await client.chat.completions.create(
        model=settings.model, messages=list(_messages(prompt)), **options
    )
    return spoken(completion, len(prompt.steps))


def _messages(prompt: Prompt) -> Iterator[Any]:
    yield {"role": "system", "content": prompt.instructions}
    for line in prompt.alternating():
        yield {"role": line.role, "content": _content(line)}
    for step in prompt.steps:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _sound(call)}}
            for call in step.spoken.calls
        ]
        yield {"role": "assistant", "content": step.spoken.text, "tool_calls": calls}
        for call, result in zip(step.spoken.calls, step.results, strict=True):
            yield {"role": "tool", "tool_call_id": call.id, "content": result.text}


def _content(line: Line) -> str | list[dict[str, Any]]:
    if not line.pictures:
        return line.text
    pictures = [{"type": "image_url", "image_url": {"url": data_url(each)}} for each in line.pictures]
    return [{"type": "text", "text": line.text}, *pictures]


def _sound(call: Wanted) -> str:
    """The arguments as they were, if they are JSON at all: some servers read them again."""
    try:
        return call.arguments if isinstance(json.loads(call.arguments), dict) else "{}"
    except ValueError:
        return "{}"


def spoken(completion: object, round_: int) -> Spoken:
    """What the completion holds, whoever made it. Raises NoAnswer where it is none."""
    given = completion.model_dump(warnings=False) if hasattr(completion, "model_dump") else None
    if not isinstance(given, dict):
        raise NoAnswer(_STRANGE)
    if given.get("error"):
        raise VendorFailed("The model's server answered 200 with an error in it.")
    choice = next(iter(given.get("choices") or ()), None)
    if not isinstance(choice, dict) or not isinstance(message := choice.get("message"), dict):
        raise NoAnswer(_STRANGE)
    fault = _fault(choice, message)
    calls = [] if fault else list(_calls(message, round_))
    return Spoken("" if fault else _text(message.get("content")), calls, _usage(given), fault=fault)


def _calls(message: dict[str, Any], round_: int) -> Iterator[Wanted]:
    for n, call in enumerate(message.get("tool_calls") or ()):
        function = call.get("function") or {}
        arguments = function.get("arguments") or "{}"
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments)
        made_up = f"call{round_:02}{n:03}"  # as Mistral wants them: nine letters and digits
        yield Wanted(str(call.get("id") or made_up), str(function.get("name") or ""), arguments)


def _text(content: object) -> str:
    """The words of the answer, without what the model thought aloud."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        content = "".join(str(part.get("text") or "") for part in parts)
    if not isinstance(content, str):
        return ""
    _, thought, rest = content.rpartition("</think>")
    if not thought and content.lstrip().startswith("<think>"):
        return ""
    return rest.strip()


def _fault(choice: dict[str, Any], message: dict[str, Any]) -> str:
    if choice.get("finish_reason") == "length":
        return "The answer is incomplete (max_output_tokens); raise it, or lower the tenant's reasoning."
    if choice.get("finish_reason") == "content_filter" or message.get("refusal"):
        return "The model refused to answer."
    return ""


def _usage(given: dict[str, Any]) -> dict[str, int]:
    usage = given.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    return {
        "input_tokens": int(usage.get("prompt_tokens") or 0),
        "cached_tokens": int(details.get("cached_tokens") or 0),
        "output_tokens": int(usage.get("completion_tokens") or 0),
    }
