"""Plugins: found by entry point, and one that is broken hurts nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from packages import install

from conserje import commands
from conserje.net import client as http
from conserje.plugins import plugins
from conserje.plugins.plugins import PluginMissing
from conserje.settings import SettingsError

PLUGIN = """
import click
from pydantic import BaseModel
from conserje import Assistant, Channel, Nothing

class Operator(BaseModel):
    base_url: str = "https://api.example.com"
    tries: int = 3

class Pigeon(Channel[Nothing, Nothing, Operator]):
    name = "pigeon"
    Credentials = Settings = Nothing
    Operator = Operator

class Owl(Assistant[Nothing, Nothing, Nothing]):
    name = "owl"
    Credentials = Settings = Operator = Nothing

class Impostor(Pigeon):
    pass

class Stone:
    name = "stone"

@click.command()
def coo():
    pass

crow = "no command"
"""
BOTH = {"pigeon": "conserje.channels", "owl": "conserje.assistants"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_found_and_made_once_with_the_operators_settings(folder: Path) -> None:
    install(folder, "aviary", PLUGIN, BOTH)
    client = http.client()
    found = plugins.load({"CONSERJE_PIGEON_TRIES": "5"}, client)
    pigeon = found.channel("pigeon")
    assert (pigeon.operator.tries, pigeon.operator.base_url) == (5, "https://api.example.com")
    assert pigeon.http is client and found.channel("pigeon") is pigeon
    assert found.assistant("owl").name == "owl"


def test_one_that_cannot_be_imported_is_named_and_skipped(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(folder, "aviary", PLUGIN, BOTH)
    install(folder, "ruin", "raise RuntimeError('out of order')", {"dodo": "conserje.channels"})
    found = plugins.load({}, http.client())
    assert "pigeon" in found.channels and "dodo" not in found.channels
    assert "Plugin dodo skipped" in caplog.text and "out of order" in caplog.text
    with pytest.raises(PluginMissing, match=r"channel dodo could not be loaded: RuntimeError.*plugin list"):
        found.channel("dodo")


@pytest.mark.parametrize(
    ("name", "why"), [("stone", "is no Channel"), ("impostor", "calls itself 'pigeon'"), ("gone", "Gone")]
)
def test_what_is_no_plugin_is_skipped(folder: Path, name: str, why: str) -> None:
    install(folder, "aviary", PLUGIN, {name: "conserje.channels"})
    found = plugins.load({}, http.client())
    assert name not in found.channels and why in found.broken[name]


def test_one_that_is_not_installed_is_told() -> None:
    with pytest.raises(PluginMissing, match="The assistant unicorn is not installed"):
        plugins.load({}, http.client()).assistant("unicorn")


def test_a_wrong_setting_of_the_operators_is_named(folder: Path) -> None:
    install(folder, "aviary", PLUGIN, BOTH)
    with pytest.raises(SettingsError, match=r"^CONSERJE_PIGEON_TRIES: ") as caught:
        plugins.load({"CONSERJE_PIGEON_TRIES": "s3cret"}, http.client())
    assert "s3cret" not in str(caught.value)


def test_the_plugins_variables_are_known(folder: Path) -> None:
    install(folder, "aviary", PLUGIN, BOTH)
    both = {"CONSERJE_PIGEON_BASE_URL", "CONSERJE_PIGEON_TRIES"}
    assert both <= plugins.variables()
    assert both == plugins.variables({"CONSERJE_PIGEON_TRIES"})


def test_commands_of_packages_are_found(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    install(folder, "aviary", PLUGIN, {"coo": commands.GROUP, "crow": commands.GROUP})
    assert "coo" in [command.name for command in commands.loaded()]
    assert "Command crow skipped" in caplog.text
