"""Which address a plugin asks is the operator's to say: a tenant's own key sets settings and credentials."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points

import pytest
from pydantic import BaseModel

KINDS = ("channels", "assistants", "tools")
ADDRESS = re.compile(r"(?:^|_)(?:urls?|hosts?|server|endpoint|base|address)(?:_|$)")
NEVER_ASKED = {("web", "privacy_url")}  # a link that visitors' browsers open

PLUGINS = [each for kind in KINDS for each in entry_points(group=f"conserje.{kind}")]


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_no_setting_or_credential_is_an_address_that_is_asked(plugin: EntryPoint) -> None:
    loaded = plugin.load()
    models: list[type[BaseModel]] = [loaded.Settings, loaded.Credentials]
    named = {
        (plugin.name, field) for model in models for field in model.model_fields if ADDRESS.search(field)
    }
    assert named <= NEVER_ASKED
