"""Models of a plugin, and what is read from JSON that strangers wrote."""

from __future__ import annotations

import hashlib
import json
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from conserje.contract.channel import Malformed
from conserje.contract.message import Unreadable
from conserje.errors import first_fault

M = TypeVar("M", bound=BaseModel)


class Closed(BaseModel):
    """What Credentials, Settings, Operator and a tool's Parameters are made of.

    A field that the model does not have is refused, so that a misspelt one is told; what was given stands in
    no error; nothing changes afterwards. A provider's own JSON, which grows fields, is a plain BaseModel.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def read(model: type[M], given: object) -> M:
    """What a request says (`hook.json`), as `model` has it. Raises Malformed, which names the field alone."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        fault = first_fault(error)
        raise Malformed(f"{fault.place or 'The body'}: {fault.why}.") from None


def unreadable(address: str, item: object, cause: str) -> Unreadable:
    """The event that an item becomes which makes no sense: kept as it came, once however often it comes.

    For one of several in a request. Of a request that is one item, `parse` raises Malformed: core keeps it.
    """
    try:
        raw = json.dumps(item, ensure_ascii=False)
    except RecursionError:
        raw, cause = "{}", "The item is nested too deep to be kept."
    digest = hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()
    return Unreadable(address, f"unreadable:{digest}", raw, cause)
