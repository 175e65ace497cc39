"""What plugins of every kind keep: their name, their models, and the secrets in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from conserje.testing.secrecy import leaked, secrets_of

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SECRET = re.compile(r"(?:^|_)(?:token|secret|password|passwd|api_?key|private_?key|access_?key)s?$")


def check_name(plugin: Any) -> None:
    assert _NAME.fullmatch(plugin.name), f"The name {plugin.name!r} is not small letters, digits and _."


def check_installed(group: str, plugin: Any) -> None:
    found = entry_points(group=group, name=plugin.name)
    assert len(found) == 1, (
        f'{len(found)} packages have the name {plugin.name} in [project.entry-points."{group}"]: one has, '
        "and is installed by `pip install -e .`."
    )
    (entry,) = found
    assert entry.load() is plugin, f"{entry.value} is another class than the suite's."


def check_models(*models: type[BaseModel]) -> None:
    for model in models:
        assert model.model_config.get("extra") == "forbid", (
            f"{model.__name__} takes fields that it does not have, a misspelt one is lost: extra='forbid'."
        )


def check_secrecy(model: type[BaseModel], values: Mapping[str, Any], holder: object) -> None:
    """Secrets are typed so, and neither shown nor quoted where a value is wrong."""
    secrets = secrets_of(model.model_validate(dict(values)))
    assert not leaked(repr(holder), secrets), "`repr` says a secret: type it as SecretStr."
    for name, field in model.model_fields.items():
        assert not _SECRET.search(name) or _is_secret(field.annotation), (
            f"{model.__name__}.{name} is a secret by its name, and would be shown and logged: type it as "
            "SecretStr."
        )
    if not secrets:
        return
    wrong = [{**values, "no_such_field": "clear"}]
    wrong += [{**values, name: [value, "clear"]} for name, value in values.items()]
    for each in wrong:
        try:
            model.model_validate(each)
        except ValidationError as error:
            assert not leaked(str(error), [*secrets, "clear"]), (
                f"Where a value of {model.__name__} is wrong, the error quotes it: hide_input_in_errors=True."
            )


def _is_secret(annotation: Any) -> bool:
    parts = get_args(annotation)
    return annotation in (SecretStr, SecretBytes) or any(_is_secret(each) for each in parts)
