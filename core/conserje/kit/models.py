"""Models of a plugin, and what is read from JSON that strangers wrote."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from conserje.contract.channel import Malformed
from conserje.contract.message import Unreadable
from conserje.errors import first_fault

M = TypeVar("M", bound=BaseModel)

Secret = Annotated[SecretStr, Field(min_length=1)]
"""A secret of Credentials or Operator: shown nowhere, and not empty, by which anybody could sign."""


def matching(
    pattern: str, form: str = "letters, digits and signs, as the provider shows it"
) -> AfterValidator:
    """What a secret must look like as a whole: `token: Annotated[SecretStr, matching(r"[0-9]+:[a-z]+")]`.

    SecretStr takes no `Field(pattern=...)`. The expression is pydantic's, which is linear and looks neither
    back nor ahead. The error says the form in words, and nothing of the secret.
    """
    whole = TypeAdapter(Annotated[str, Field(pattern=f"^(?:{pattern})$")])

    def check(secret: SecretStr) -> SecretStr:
        try:
            whole.validate_python(secret.get_secret_value())
        except ValidationError:
            raise ValueError(f"the secret is not of its form: {form}") from None
        return secret

    return AfterValidator(check)


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
