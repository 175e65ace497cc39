"""A plugin's settings as fields of a form, made of their model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from conserje.tenants.patches import patched
from conserje_edge.console.asked import Asked

Kind = Literal["text", "long", "number", "choice", "list", "json"]
_LONG = 300  # characters, and what has more is written in several lines
_DIGITS = 18  # of a number
WHOLE = ""  # the name of settings of which nobody can say what they are


@dataclass(frozen=True, slots=True)
class Setting:
    """A field, and what is wrong with what was typed there."""

    name: str
    field: str
    kind: Kind
    label: str
    help: str = ""
    value: str = ""
    options: Sequence[str] = ()
    default: Any = None
    longest: int | None = None
    wrong: str = ""


def fields(model: type[BaseModel], settings: Mapping[str, Any], prefix: str) -> list[Setting]:
    """The fields of the settings that are kept."""
    try:
        listed = model.model_json_schema()["properties"]
    except Exception:  # a plugin's own type, of which there is no schema
        listed = {WHOLE: {"title": "Settings"}}
    return [_field(name, spec, settings, prefix) for name, spec in listed.items()]


def _field(name: str, spec: Mapping[str, Any], settings: Mapping[str, Any], prefix: str) -> Setting:
    default = {} if name == WHOLE else spec.get("default")
    kind, options, longest = _kind(spec)
    value = settings if name == WHOLE else settings.get(name, default)
    label, told = spec.get("title", name), spec.get("description", "")
    written = _written(kind, value)
    return Setting(name, f"{prefix}.{name}", kind, label, told, written, options, default, longest)


def _kind(spec: Mapping[str, Any]) -> tuple[Kind, Sequence[str], int | None]:
    [kind, *others] = [each for each in spec.get("anyOf", [spec]) if each.get("type") != "null"] or [{}]
    if others:
        return "json", (), None
    match kind:
        case {"enum": list(options)} if all(isinstance(each, str) for each in options):
            return "choice", options, None
        case {"type": "boolean"}:
            return "choice", ("true", "false"), None
        case {"type": "integer" | "number"}:
            return "number", (), None
        case {"type": "string"}:
            longest = kind.get("maxLength")
            return ("long" if longest and longest > _LONG else "text"), (), longest
        case {"type": "array", "items": {"type": "string"}}:
            return "list", (), None
        case _:
            return "json", (), None


def _written(kind: Kind, value: Any) -> str:
    """A value as it stands in the field."""
    if value is None:
        return ""
    if kind == "list" and isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    if kind == "json" or isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=1) if value else ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(setting: Setting, typed: str) -> Any:
    """What was typed; None where it is what it is without. Raises ValueError."""
    value: Any
    match setting.kind:
        case _ if not typed:
            value = None
        case "number":
            value = _number(typed)
        case "choice" if set(setting.options) == {"true", "false"}:
            value = typed == "true"
        case "list":
            value = [each.strip() for each in typed.split("\n") if each.strip()]
        case "json":
            value = json.loads(typed, parse_constant=_number)
        case _:
            value = typed
    return None if value == setting.default and type(value) is type(setting.default) else value


def _number(typed: str) -> int | float:
    """Raises ValueError or ArithmeticError."""
    number = Decimal(typed.replace(",", "."))
    if not number.is_finite() or abs(number.adjusted()) > _DIGITS:
        raise ValueError(typed)
    return int(number) if number == number.to_integral_value() else float(number)


def typed(
    asked: Asked, model: type[BaseModel], settings: Mapping[str, Any], prefix: str
) -> tuple[list[Setting], dict[str, Any]]:
    """The fields as they were filled in, with what is wrong; and what changes of the settings."""
    shown, changes = [], dict[str, Any]()
    for setting in fields(model, settings, prefix):
        text = asked.given(setting.field)
        wrong = ""
        try:
            value = _read(setting, text)
            if setting.name == WHOLE:
                changes |= _replacing(settings, value or {})
            elif setting.kind == "json":
                changes[setting.name] = value and _replacing(settings.get(setting.name) or {}, value)
            else:
                changes[setting.name] = value
        except (ValueError, ArithmeticError, RecursionError):
            wrong = _unreadable(asked, setting.kind)
        shown.append(replace(setting, value=text, wrong=wrong))
    if any(each.wrong for each in shown):
        return shown, changes
    wrongs = _refused(asked, model, patched(settings, changes))
    return [replace(each, wrong=wrongs.get(each.name, "")) for each in shown], changes


def _replacing(before: Any, after: Any) -> Any:
    """What makes one object another, by RFC 7396."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    gone = dict.fromkeys(before.keys() - after.keys())
    return gone | {name: _replacing(before.get(name), value) for name, value in after.items()}


def _refused(asked: Asked, model: type[BaseModel], settings: Mapping[str, Any]) -> dict[str, str]:
    """What the plugin says of settings that it does not take, by their names."""
    try:
        model.model_validate_json(json.dumps(settings))
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        names = [str(each["loc"][0]) if each["loc"] else WHOLE for each in faults]
        return {
            name: asked._("This is not taken: %(why)s.", why=fault["msg"])
            for name, fault in zip(names, faults, strict=True)
        }
    except Exception as error:  # a plugin's own validator
        return {WHOLE: asked._("This is not taken: %(why)s.", why=type(error).__name__)}
    return {}


def _unreadable(asked: Asked, kind: Kind) -> str:
    return asked._("Write a number.") if kind == "number" else asked._("This is no JSON: look at its signs.")
