"""The stand-in's approved templates, and what Meta refuses of a message that fills one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from conserje_fakes.meta_rules import check_file, check_location, length, require

Header = Literal["", "text", "image", "video", "document", "location"]
ButtonKind = Literal["url", "quick_reply", "copy_code"]

_PARAMETERS = {"url": "text", "quick_reply": "payload", "copy_code": "coupon_code"}
_BAD_VALUE = re.compile(r"[\n\r\t]| {5}")


@dataclass(slots=True)
class Template:
    """An approved template: the places in its body, what is filled above and below it, its category.

    `names` are those of the places, where it has named ones; `header` is what its header takes.
    """

    places: int = 0
    category: Literal["UTILITY", "MARKETING", "AUTHENTICATION"] = "UTILITY"
    names: Sequence[str] = ()
    header: Header = ""
    buttons: Mapping[int, ButtonKind] = field(default_factory=dict)  # those with a place, by their index

    def check(self, components: Sequence[Mapping[str, Any]]) -> None:
        """Raises Refusal."""
        of = {kind: [each for each in components if each["type"] == kind] for kind in _CHECKS}
        known = sum(map(len, of.values()))
        require(known == len(components), "A component is of no known type", 132012)
        for kind, check in _CHECKS.items():
            check(self, of[kind])

    def check_header(self, given: Sequence[Mapping[str, Any]]) -> None:
        require(len(given) == bool(self.header), "header: Number of parameters does not match", 132000)
        for component in given:
            (parameter,) = component["parameters"]
            require(parameter["type"] == self.header, f"header: Format mismatch, not {self.header}", 132012)
            if self.header == "text":
                _check_value(parameter["text"], 60)
            elif self.header == "location":
                check_location(parameter["location"])
            else:
                check_file(self.header, parameter[self.header])

    def check_body(self, given: Sequence[Mapping[str, Any]]) -> None:
        values = [parameter for component in given for parameter in component["parameters"]]
        places = len(self.names) or self.places
        require(len(values) == places, "Number of parameters does not match", 132000)
        named = [value["parameter_name"] for value in values if "parameter_name" in value]
        require(sorted(named) == sorted(self.names), "Parameter name is missing or not known", 132012)
        for value in values:
            require(value["type"] == "text", "Format mismatch, expected text", 132012)
            _check_value(value["text"], 1024)

    def check_buttons(self, given: Sequence[Mapping[str, Any]]) -> None:
        kinds = {int(each["index"]): each["sub_type"] for each in given}
        require(len(kinds) == len(given) and kinds == self.buttons, "Buttons do not match", 132012)
        for each in given:
            (parameter,) = each["parameters"]
            name = _PARAMETERS[each["sub_type"]]
            require(parameter["type"] == name, f"button: Format mismatch, expected {name}", 132012)
            length(parameter[name], 1, 2000 if name == "text" else 128 if name == "payload" else 15, name)


_CHECKS = {"header": Template.check_header, "body": Template.check_body, "button": Template.check_buttons}


def _check_value(value: Any, longest: int) -> None:
    allowed = isinstance(value, str) and value.strip() and not _BAD_VALUE.search(value)
    require(allowed, "A parameter is not allowed", 132012)
    require(len(value) <= longest, "Translated text too long", 132005)
