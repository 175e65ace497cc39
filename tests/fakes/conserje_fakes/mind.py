"""What a stand-in's model says next, whichever API it is behind."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PICTURE = re.compile(r"data:image/(?:jpeg|png|webp|gif);base64,([A-Za-z0-9+/]+=*)")


@dataclass(frozen=True)
class Heard:
    """What the model reads in one round."""

    instructions: str
    said: Sequence[str]  # the customer's words, the last ones last
    tools: Sequence[str]
    results: Sequence[str]  # of the tools that it has called, in this turn
    form: Mapping[str, Any] | None = None  # a JSON Schema that it has to answer by
    described: str = ""  # what is said of the tools


@dataclass(frozen=True)
class Do:
    """A call of a tool; the arguments are as the model writes them, JSON or not."""

    name: str
    arguments: str = "{}"


Act = str | Sequence[Do]


@dataclass
class Mind:
    """Says what it is planned to say, else what it understood; calls a tool that it is told to call."""

    acts: deque[Act | Callable[[Heard], Act]] = field(default_factory=deque)
    always: Callable[[Heard], Act] | None = None
    heard: list[Heard] = field(default_factory=list)

    def act(self, heard: Heard) -> Act:
        self.heard.append(heard)
        if self.acts:
            planned = self.acts.popleft()
            return planned(heard) if callable(planned) else planned
        if self.always is not None:
            return self.always(heard)
        if heard.form is not None:
            return json.dumps({name: 7 for name in heard.form.get("required", ())})
        wanted = [name for name in heard.tools if f"Call the tool {name} " in heard.said[-1]]
        if wanted and not heard.results:
            return [Do(wanted[0], '{"number": 7}')]
        return f"Entendido: {heard.said[-1]}"


def tool_fault(name: object, schema: object, *, strict: bool = False) -> str:
    """What is wrong with a tool's name or its parameters' schema; empty: nothing."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"Invalid tool name {name!r}."
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return f"Invalid schema for function {name!r}: schema must be of type object."
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or not set(schema.get("required", ())) <= set(properties):
        return f"Invalid schema for function {name!r}: required names what is no property."
    closed = schema.get("additionalProperties") is False and set(schema.get("required", ())) == set(
        properties
    )
    return "" if closed or not strict else f"Invalid schema for function {name!r}: strict, and not closed."


def is_picture(url: object) -> bool:
    """Whether an address is a picture itself, and none that somebody would have to fetch."""
    return isinstance(url, str) and bool(_PICTURE.fullmatch(url))


def words(content: Any) -> str:
    """The words of a customer's message, whether pictures are among its parts or not."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] in ("text", "input_text"))


def is_object(text: object) -> bool:
    """Whether a text is a JSON object, as a tool's arguments have to be."""
    try:
        return isinstance(text, str) and isinstance(json.loads(text), dict)
    except ValueError:
        return False
