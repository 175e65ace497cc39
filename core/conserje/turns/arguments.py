"""What a tool is called with, checked: a model wrote it, which contacts talk to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from conserje.contract.tool import AnyTool
from conserje.errors import first_fault
from conserje.storage.text import clean
from conserje.telemetry import pulse

LONGEST = 16_000  # characters
DEEPEST = 32  # objects and lists in each other


class WrongArguments(Exception):
    """The arguments are not the tool's; the text says to a model how to mend them."""


def written(name: str, arguments: Mapping[str, Any] | str) -> str:
    """The arguments as JSON, the same for the same ones. Raises WrongArguments."""
    try:
        text = arguments if isinstance(arguments, str) else json.dumps(dict(arguments))
        if len(text) > LONGEST:
            raise WrongArguments(f"The arguments of {name} are too long: write less.")
        found = json.loads(text or "{}", parse_constant=_refuse)
        if isinstance(found, dict) and _is_flat(found):
            return clean(json.dumps(found, ensure_ascii=False, sort_keys=True))
    except (TypeError, ValueError, RecursionError):
        pass
    raise WrongArguments(f"The arguments of {name} are no JSON object: write one.")


def refuse_misfit(name: str, schema: Mapping[str, Any], text: str) -> None:
    """Raises WrongArguments for what the schema's names rule out; the rest is for who gave the schema."""
    arguments, needed, known = json.loads(text), schema.get("required"), schema.get("properties")
    named = [each for each in needed if isinstance(each, str)] if isinstance(needed, list) else []
    if lacking := [each for each in named if each not in arguments]:
        raise WrongArguments(f"The arguments of {name} lack {lacking[0]}: call it again.")
    if schema.get("additionalProperties") is not False or not isinstance(known, Mapping):
        return
    if strange := [each for each in arguments if each not in known]:
        raise WrongArguments(f"The arguments of {name} have no {strange[0]:.100}: call it again.")


def checked(tool: AnyTool, slug: str, text: str) -> Any:
    """The tool's own Parameters. Raises WrongArguments."""
    parameters: type[BaseModel] = type(tool).Parameters
    try:
        with pulse.at_work(tool.name, "Parameters", slug):
            return parameters.model_validate_json(text)
    except ValidationError as error:
        fault = f"{first_fault(error)}"[:300]
        raise WrongArguments(f"The arguments of {tool.name} are wrong. {fault} Call it again.") from None
    except BaseException as error:  # a plugin's own validator
        raise WrongArguments(f"The arguments of {tool.name} are wrong ({type(error).__name__}).") from None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _is_flat(found: Any, deep: int = 0) -> bool:
    parts = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return deep < DEEPEST and all(_is_flat(part, deep + 1) for part in parts)
