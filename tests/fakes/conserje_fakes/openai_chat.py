"""Chat completions, as OpenAI has them and as servers like it have them, each with its own peculiarities.

- Fields that the server knows, and the bound by the name that it knows: 400.
- Messages: the system's first, none empty; where the server wants that, the customer's and the assistant's in
  turn: 400.
- Each call of a tool is answered right after it, by its id; its arguments are a JSON object: 400.
- Tools and forms only where the server has them: 400.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from conserje_fakes.mind import Act, Do, Heard, is_object, is_picture, tool_fault, words

_KNOWN = frozenset({"model", "messages", "tools", "tool_choice", "response_format", "reasoning_effort"})


@dataclass(frozen=True)
class Server:
    """What is peculiar to one of those servers."""

    bounds: frozenset[str] = frozenset({"max_tokens"})  # the names of the longest answer that it takes
    tools: bool = True
    forms: bool = True  # answers by JSON Schema
    in_turn: bool = False
    nine_letters: bool = False  # of the ids of calls
    gives_ids: bool = True
    thinks_aloud: bool = False
    in_parts: bool = False  # the content is a list
    sees: bool = True


OPENAI = Server(bounds=frozenset({"max_completion_tokens"}))
MISTRAL = Server(in_turn=True, nine_letters=True, in_parts=True)
OLLAMA = Server(gives_ids=False, thinks_aloud=True)
TOOLLESS = Server(tools=False, forms=False)


def fault(asked: dict[str, Any], server: Server) -> str:
    """What the server refuses with 400; empty: nothing."""
    if strange := set(asked) - _KNOWN - server.bounds:
        return f"Unsupported parameter: {min(strange)}."
    if asked.get("tools") and not server.tools:
        return "This model does not support tools."
    if asked.get("response_format") and not server.forms:
        return "response_format is not supported."
    for tool in asked.get("tools", ()):
        function = tool.get("function", {})
        if strange := set(function) - {"name", "description", "parameters"}:
            return f"Unsupported parameter: {min(strange)}."
        if wrong := tool_fault(function.get("name"), function.get("parameters")):
            return wrong
    return _wrong_order(asked.get("messages") or [], server)


def _wrong_order(messages: Sequence[dict[str, Any]], server: Server) -> str:
    if not messages:
        return "messages must not be empty."
    open_calls: list[str] = []
    for message in messages:
        role, calls = message.get("role"), message.get("tool_calls") or []
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                return (
                    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                )
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return "An assistant message with 'tool_calls' must be followed by tool messages."
        if wrong := _wrong_content(message, server) or _wrong_call(calls, server):
            return wrong
        open_calls = [call["id"] for call in calls]
    return "A tool call is not answered." if open_calls else _not_in_turn(messages, server)


def _wrong_content(message: dict[str, Any], server: Server) -> str:
    content = message.get("content")
    if isinstance(content, list) and message.get("role") == "user":
        return next(filter(None, (_part_fault(part, server) for part in content)), "")
    if isinstance(content, str) and (content or message.get("tool_calls")):
        return ""
    return "Invalid content: it must be words."


def _part_fault(part: dict[str, Any], server: Server) -> str:
    match part:
        case {"type": "text", "text": str(text)} if text and len(part) == 2:
            return ""
        case {"type": "image_url", "image_url": {"url": url}} if server.sees:
            return "" if is_picture(url) else "Invalid image URL."
        case _:
            return f"Invalid content part of {sorted(part)}."


def _wrong_call(calls: Sequence[dict[str, Any]], server: Server) -> str:
    for call in calls:
        if server.nine_letters and not (len(call["id"]) == 9 and call["id"].isalnum()):
            return f"Tool call id was {call['id']} but must be a-z, A-Z, 0-9, with a length of 9."
        if not call["id"] or not is_object(call["function"]["arguments"]):
            return "Invalid tool call."
    return ""


def _not_in_turn(messages: Sequence[dict[str, Any]], server: Server) -> str:
    roles = [message["role"] for message in messages]
    if "system" in roles[1:]:
        return "System message must be at the beginning."
    talk = [role for role in roles if role in ("user", "assistant")]
    if not server.in_turn or not talk:
        return ""
    strict = [
        m["role"]
        for m in messages
        if m["role"] == "user" or (m["role"] == "assistant" and not m.get("tool_calls"))
    ]
    if talk[0] != "user" or any(one == other for one, other in pairwise(strict)):
        return "Conversation roles must alternate user/assistant/user/assistant."
    return ""


def heard(asked: dict[str, Any]) -> Heard:
    """What the model reads of it."""
    messages = asked["messages"]
    form = (asked.get("response_format") or {}).get("json_schema", {}).get("schema")
    tools = [tool["function"]["name"] for tool in asked.get("tools", ())]
    return Heard(
        "\n".join(each["content"] for each in messages if each["role"] == "system"),
        [words(each["content"]) for each in messages if each["role"] == "user"],
        tools if asked.get("tool_choice") != "none" else [],
        [each["content"] for each in messages if each["role"] == "tool"],
        form,
        json.dumps(asked.get("tools", []), ensure_ascii=False).replace('\\"', '"'),
    )


def answer(asked: dict[str, Any], act: Act, server: Server) -> dict[str, Any]:
    """The model's act as the server tells it; longer than it may be, it is cut."""
    if not isinstance(act, str):
        before = sum(each["role"] == "tool" for each in asked["messages"])
        calls = [_call(do, before + n, server) for n, do in enumerate(act)]
        return completion(asked, {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls")
    bound = next((asked[name] for name in server.bounds if name in asked), 1000) * 4
    said = act[:bound]
    content: Any = (
        f"<think>The customer wants {len(act)} letters.</think>\n\n{said}" if server.thinks_aloud else said
    )
    if server.in_parts:
        content = [{"type": "thinking", "thinking": []}, {"type": "text", "text": said}]
    return completion(
        asked, {"role": "assistant", "content": content}, "stop" if len(act) <= bound else "length"
    )


def _call(do: Do, n: int, server: Server) -> dict[str, Any]:
    id_ = f"id{n:07}" if server.gives_ids else ""
    return {"id": id_, "type": "function", "function": {"name": do.name, "arguments": do.arguments}}


def completion(asked: dict[str, Any], message: dict[str, Any], finish: str) -> dict[str, Any]:
    heard = sum(len(str(each.get("content")).split()) for each in asked["messages"])
    said = len(str(message.get("content") or "").split())
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": asked["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": {"prompt_tokens": heard, "completion_tokens": said, "total_tokens": heard + said},
    }
