"""What a plugin's model asks for, and what was typed."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr

from conserje.plugins.fields import fields_of, read
from conserje.plugins.guard import PluginFailed


class Model(BaseModel):
    token: SecretStr
    next_token: SecretStr | None = None
    name: str = Field(default="Ana", max_length=20, description="Who it is.")
    size: int | None = None
    speed: Literal["slow", "fast"] = "slow"
    loud: bool = True
    sites: list[str] = []
    keys: dict[str, str] = {}


def test_a_field_is_asked_for_by_its_type() -> None:
    found = {each.name: each for each in fields_of(Model)}
    assert {name: each.kind for name, each in found.items()} == {
        "token": "secret", "next_token": "secret", "name": "text", "size": "number", "speed": "choice",
        "loud": "yes", "sites": "lines",
    }  # fmt: skip
    assert [name for name, each in found.items() if each.required] == ["token"]
    assert (found["name"].default, found["name"].help, found["name"].longest) == ("Ana", "Who it is.", 20)
    assert found["speed"].choices == ("slow", "fast")


def test_what_was_typed_is_as_the_model_takes_it() -> None:
    typed = {"token": " t ", "name": "", "size": "5", "speed": "fast", "sites": " a \n\nb", "other": "x"}
    given = read(fields_of(Model), typed)
    assert given == {
        "token": "t", "next_token": None, "name": None, "size": "5", "speed": "fast", "loud": False,
        "sites": ["a", "b"],
    }  # fmt: skip
    taken = {name: value for name, value in given.items() if value is not None}
    assert Model.model_validate(taken).size == 5


def test_a_secret_has_no_default_that_is_shown() -> None:
    class Made(BaseModel):
        secret: SecretStr = SecretStr("5ecret")

    [field] = fields_of(Made)
    assert field.default is None and "5ecret" not in repr(field)


def test_a_model_that_cannot_say_it_fails_as_its_plugin_s() -> None:
    class Broken(BaseModel):
        @classmethod
        def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
            raise SystemExit("5ecret")

    with pytest.raises(PluginFailed) as raised:
        fields_of(Broken)
    assert str(raised.value) == "SystemExit"
