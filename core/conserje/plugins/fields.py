"""What a plugin's model asks for, as a form can ask it: one input for each field that people can fill in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from conserje.plugins.guard import PluginFailed

Kind = Literal["text", "secret", "number", "yes", "choice", "lines"]

_NUMBERS = ("integer", "number")


@dataclass(frozen=True, slots=True)
class ModelField:
    """A field of a model; `default` is none of a secret's."""

    name: str
    kind: Kind
    label: str
    help: str = ""
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    longest: int | None = None


def fields_of(model: type[BaseModel]) -> list[ModelField]:
    """The model's fields in their order, without those that are made of others. Raises PluginFailed."""
    try:
        schema = model.model_json_schema()
        required = schema.get("required", ())
        asked = [_field(name, each, name in required) for name, each in schema.get("properties", {}).items()]
    except BaseException as error:  # it is the plugin's
        raise PluginFailed(error) from None
    return [each for each in asked if each is not None]


def _field(name: str, schema: Mapping[str, Any], required: bool) -> ModelField | None:
    shape = _without_null(schema)
    if (kind := _kind(shape)) is None:
        return None
    return ModelField(
        name,
        kind,
        str(schema.get("title") or name),
        str(schema.get("description") or ""),
        required,
        None if kind == "secret" else schema.get("default"),
        tuple(map(str, shape.get("enum", ()))),
        shape.get("maxLength") if kind == "text" else None,
    )


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is asked for, of what may be left out."""
    others = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return others[0] if len(others) == 1 else schema


def _kind(shape: Mapping[str, Any]) -> Kind | None:
    match shape:
        case {"enum": [*_]}:
            return "choice"
        case {"type": "string", "format": "password"}:
            return "secret"
        case {"type": "string"}:
            return "text"
        case {"type": "boolean"}:
            return "yes"
        case {"type": "array", "items": {"type": "string"}}:
            return "lines"
        case {"type": type_} if type_ in _NUMBERS:
            return "number"
    return None


def read(asked: Iterable[ModelField], typed: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, as the model takes it; None for what was left empty. An absent box is not ticked."""
    return {each.name: _read(each, typed.get(each.name, "")) for each in asked}


def _read(asked: ModelField, typed: str) -> Any:
    if asked.kind == "yes":
        return bool(typed)
    if asked.kind == "lines":
        return [line.strip() for line in typed.splitlines() if line.strip()] or None
    return typed.strip() or None
