"""The Responses API's rules, as the stand-in keeps them.

- A JSON object with a model and an input that is not empty, of fields that the API has: 400.
- A tool with a good name and schema; a choice of tools only with tools: 400.
- Each function_call has its function_call_output, and each output its call: 400.
- A customer's message is words, or parts that are words and pictures, given as they are: 400.
- A call that came of reasoning comes back with it, sealed (nothing is stored here): 400. Sealed reasoning is
  given where it is asked for, of models that reason: 400.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from conserje_fakes.mind import Act, Do, Heard, is_object, is_picture, tool_fault, words

_SEALED = "reasoning.encrypted_content"


class _Reasoning(BaseModel):
    model_config = ConfigDict(extra="forbid")

    effort: Literal["none", "low", "medium", "high", "xhigh", "max"]


class _Tool(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["function"]
    name: str
    description: str = ""
    parameters: dict[str, Any]
    strict: bool = True


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["text", "json_schema"]
    name: str = ""
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool = False


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: _Form


class Asked(BaseModel):
    """The body of a request, as far as Conserje may write it."""

    model_config = ConfigDict(extra="forbid")

    model: str
    input: str | list[dict[str, Any]] = Field(min_length=1)
    instructions: str = ""
    reasoning: _Reasoning | None = None
    max_output_tokens: int = Field(1000, ge=16)
    safety_identifier: str = Field("", max_length=64)
    prompt_cache_key: str = Field("", max_length=64)
    store: bool = True
    include: list[Literal["reasoning.encrypted_content"]] = []
    tools: list[_Tool] = []
    tool_choice: Literal["auto", "none", "required"] | None = None
    text: _Text | None = None

    @property
    def items(self) -> list[dict[str, Any]]:
        return [{"role": "user", "content": self.input}] if isinstance(self.input, str) else self.input

    @property
    def reasons(self) -> bool:
        return self.reasoning is not None and self.reasoning.effort != "none"


def fault(asked: Asked) -> str:
    """What the API refuses with 400; empty: nothing."""
    for tool in asked.tools:
        if wrong := tool_fault(tool.name, tool.parameters, strict=tool.strict):
            return wrong
    if asked.tool_choice and not asked.tools:
        return "Tool choice is only allowed when tools are specified."
    if asked.include and not asked.reasons:
        return "Encrypted content is not supported with this model."
    return next(filter(None, (_item_fault(item) for item in asked.items)), "") or _unpaired(asked.items)


def _item_fault(item: dict[str, Any]) -> str:
    match item:
        case {"role": "user" | "assistant" | "developer" | "system", "content": str(text)} if text:
            return "" if set(item) <= {"role", "content", "type"} else f"Unknown parameter in {sorted(item)}."
        case {"role": "user", "content": [*parts]} if parts:
            return next(filter(None, map(_part_fault, parts)), "")
        case {"type": "message", "role": "assistant", "content": list()}:
            return ""
        case {"type": "function_call", "call_id": str(), "name": str(), "arguments": str(arguments)}:
            return "" if is_object(arguments) else "Invalid function arguments."
        case {"type": "function_call_output", "call_id": str(), "output": str()}:
            return ""
        case {"type": "reasoning", "id": str(), "encrypted_content": str()}:
            return ""
        case {"type": "reasoning"}:
            return "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false."
        case _:
            return f"Invalid input item of {sorted(item)}."


def _part_fault(part: dict[str, Any]) -> str:
    match part:
        case {"type": "input_text", "text": str(text)} if text and len(part) == 2:
            return ""
        case {"type": "input_image", "image_url": url} if len(part) == 2:
            return "" if is_picture(url) else "Invalid image URL."
        case _:
            return f"Invalid content part of {sorted(part)}."


def _unpaired(items: list[dict[str, Any]]) -> str:
    called: set[str] = set()
    answered: set[str] = set()
    reasoned = False
    for item in items:
        match item.get("type"):
            case "reasoning":
                reasoned = True
            case "function_call":
                if str(item.get("id", "")).startswith("fcr_") and not reasoned:
                    return "Item of type 'function_call' was provided without its required 'reasoning' item."
                called.add(item["call_id"])
            case "function_call_output":
                if item["call_id"] not in called:
                    return f"No tool call found for function call output with call_id {item['call_id']}."
                answered.add(item["call_id"])
    if missing := called - answered:
        return f"No tool output found for function call {min(missing)}."
    return ""


def heard(asked: Asked) -> Heard:
    """What the model reads of it."""
    form = asked.text.format.schema_ if asked.text else None
    tools = [tool.name for tool in asked.tools] if asked.tool_choice != "none" else []
    return Heard(
        asked.instructions,
        [words(item["content"]) for item in asked.items if item.get("role") == "user"],
        tools,
        [item["output"] for item in asked.items if item.get("type") == "function_call_output"],
        form,
    )


def answer(asked: Asked, act: Act) -> dict[str, Any]:
    """The model's act as the API tells it; longer than it may be, it is cut."""
    if not isinstance(act, str):
        return response(asked, *_calls(asked, act))
    if len(act) > asked.max_output_tokens * 4:
        cut = message(text(act[: asked.max_output_tokens * 4]))
        cause = {"incomplete_details": {"reason": "max_output_tokens"}}
        return response(asked, cut) | {"status": "incomplete"} | cause
    return response(asked, message(text(act)))


def _calls(asked: Asked, acts: Any) -> list[dict[str, Any]]:
    before = sum(item.get("type") == "function_call" for item in asked.items)
    sealed = {"encrypted_content": "sealed"} if _SEALED in asked.include else {}
    thought = {"type": "reasoning", "id": f"rs_{before}", "summary": [], **sealed}
    calls = [
        {
            "type": "function_call",
            "id": f"fc{'r' if asked.reasons else ''}_{before + n}",
            "call_id": f"call_{before + n}",
            "name": do.name,
            "arguments": do.arguments,
            "status": "completed",
        }
        for n, do in enumerate(acts)
        if isinstance(do, Do)
    ]
    return [thought, *calls] if asked.reasons else calls


def text(words: str) -> dict[str, Any]:
    return {"type": "output_text", "text": words, "annotations": []}


def message(*content: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content
    }  # fmt: skip


def response(asked: Asked, *output: dict[str, Any]) -> dict[str, Any]:
    heard = sum(len(str(item).split()) for item in asked.items) + len(asked.instructions.split())
    parts = [part for item in output for part in item.get("content", ())]
    said = sum(len(part.get("text", "").split()) for part in parts) + sum("name" in item for item in output)
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_790_000_000,
        "model": asked.model,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": heard,
            "input_tokens_details": {"cached_tokens": heard // 2, "cache_write_tokens": 0},
            "output_tokens": said,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": heard + said,
        },
    }
