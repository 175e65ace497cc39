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


TOOL = """
from conserje import Nothing, Result, Tool

class Fetch(Tool[Nothing, Nothing, Nothing, Nothing]):
    name = "fetch"
    description = "Fetches a stick."
    Parameters = Credentials = Settings = Operator = Nothing

    async def run(self, call):
        return Result("a stick")
"""


def test_a_tool_is_found_as_channels_and_assistants_are(folder: Path) -> None:
    install(folder, "dog", TOOL, {"fetch": "conserje.tools"})
    found = plugins.load({}, http.client())
    assert found.tool("fetch").description == "Fetches a stick." and not found.tool("fetch").effect
    assert {"search_products", "search_knowledge", "hand_over"} <= found.tools.keys()
    with pytest.raises(PluginMissing, match="The tool unicorn is not installed"):
        found.tool("unicorn")


@pytest.mark.parametrize(
    ("part", "by", "why"),
    [
        ("Parameters = ", "", "has no model Parameters"),
        ('description = "Fetches a stick."', "description = 1", "has a wrong description"),
        ('description = "Fetches a stick."', 'description = " "', "has no description"),
        ('description = "Fetches a stick."', "", "AttributeError"),
        ("    async", "    reserves = True\n    async", "it has an effect"),
        ("    async", "    effect = 'yes'\n    async", "has a wrong effect"),
    ],
)
def test_a_tool_that_no_model_could_call_is_broken(folder: Path, part: str, by: str, why: str) -> None:
    assert part in TOOL
    install(folder, "dog", TOOL.replace(part, by, 1), {"fetch": "conserje.tools"})
    found = plugins.load({}, http.client())
    assert "fetch" not in found.tools and why in found.broken["fetch"]


def test_one_that_cannot_be_imported_is_named_and_skipped(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(folder, "aviary", PLUGIN, BOTH)
    install(folder, "ruin", "raise RuntimeError('out of order')", {"dodo": "conserje.channels"})
    found = plugins.load({}, http.client())
    assert "pigeon" in found.channels and "dodo" not in found.channels
    assert caplog.text == ""  # a command that does without says nothing
    found.say_broken()
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


GOOD = """
from conserje import Channel, Nothing

class Dodo(Channel[Nothing, Nothing, Nothing]):
    name = "dodo"
    Credentials = Settings = Operator = Nothing
"""
BROKEN = {
    "exits": "import sys\nsys.exit('at import')",
    "interrupts": "raise KeyboardInterrupt",
    "lacks a model": GOOD.replace("Settings = ", ""),
    "has a model that is none": GOOD + "    Credentials = dict\n",
    "has limits that are none": GOOD + "    limits = {'text': 10}\n",
    "has limits of nothing": GOOD.replace("Channel,", "Channel, Limits,") + "    limits = Limits(text=0)\n",
    "has methods that are a word": GOOD + "    methods = 'POST'\n",
    "raises in its __init__": GOOD + "    def __init__(self, operator, http): raise OSError\n",
    "exits in its __init__": GOOD + "    def __init__(self, operator, http): raise SystemExit\n",
    "hands nothing on": GOOD + "    def __init__(self, operator, http): pass\n",
    "raises in its model": GOOD.replace("Operator = Nothing", "Settings = Nothing")
    + """
    class Operator(Nothing):
        def __init__(self, **given): raise OSError
        @classmethod
        def model_validate(cls, given): raise OSError
""",
    "needs a setting": GOOD.replace("Operator = Nothing", "Settings = Nothing")
    + """
    class Operator(Nothing):
        key: str
""",
}


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_promise_8_a_plugin_that_cannot_be_made_is_named_and_all_others_are(
    folder: Path, source: str
) -> None:
    install(folder, "aviary", PLUGIN, BOTH)
    install(folder, "ruin", source, {"dodo": "conserje.channels"})
    environment = {"CONSERJE_DODO_WING": "left", "CONSERJE_PIGEON_TRIES": "5"}
    assert plugins.variables(environment, environment) >= {"CONSERJE_PIGEON_TRIES"}
    found = plugins.load(environment, http.client())
    assert found.channel("pigeon").operator.tries == 5 and found.assistant("owl")
    assert found.broken.keys() == {"dodo"}
    with pytest.raises(
        PluginMissing, match=r"^The channel dodo (could not be (loaded|made): |needs CONSERJE)"
    ):
        found.channel("dodo")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("conserje>=99", r"requires conserje>=99, and this is conserje \d\S+: install a release of it"),
        ("Conserje[embedded] (<0.1)", "requires conserje<0.1, and"),
        ('conserje==99; python_version > "3"', "requires conserje==99, and"),
        ("conserje>=", "requires 'conserje>=', which cannot be read"),
    ],
)
def test_one_for_another_release_of_conserje_is_not_even_imported(folder: Path, line: str, why: str) -> None:
    install(folder, "aviary", PLUGIN, BOTH, ["conserje>=0.1", "pydantic"])
    install(folder, "ruin", "raise SystemExit", {"dodo": "conserje.channels"}, ["rubble>9", line])
    found = plugins.load({}, http.client())
    assert "pigeon" in found.channels and found.broken.keys() == {"dodo"}
    with pytest.raises(PluginMissing, match=f"^The channel dodo {why}.*: see `conserje plugin list`.$"):
        found.channel("dodo")


@pytest.mark.parametrize(
    "line",
    ["conserje", "conserje>=0.1.dev0", "conserje-fakes>99", 'conserje>99; extra == "test"', "conserje.x>99"],
)
def test_what_a_plugin_requires_is_met(folder: Path, line: str) -> None:
    install(folder, "nest", GOOD, {"dodo": "conserje.channels"}, [line])
    assert plugins.load({}, http.client()).channel("dodo")


def test_one_for_another_contract_is_not_made_whatever_else_it_lacks(folder: Path) -> None:
    later = GOOD.replace("Operator = Nothing", "Nothing") + "    contract = 2\n"
    install(folder, "nest", later, {"dodo": "conserje.channels"})
    install(folder, "aviary", PLUGIN.replace('name = "owl"', 'name = "owl"\n    contract = 1'), BOTH)
    found = plugins.load({}, http.client())
    assert found.assistant("owl")
    why = "is written for contract 2, and this Conserje has contract 1: install a release of it"
    assert found.broken["dodo"].startswith(why)


def test_what_is_set_for_a_plugin_that_cannot_be_loaded_is_no_stranger_s(folder: Path) -> None:
    install(folder, "ruin", "raise RuntimeError", {"dodo": "conserje.channels"})
    environment = {"CONSERJE_DODO_KEY": "abc", "CONSERJE_DODOO": "abc"}
    assert plugins.variables(environment, environment) & environment.keys() == {"CONSERJE_DODO_KEY"}


def test_promise_7_a_broken_plugin_s_words_hold_no_secret(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = {
        "CONSERJE_DODO_WORD": "of-the-plugin",
        "CONSERJE_DATABASE_URL": "postgresql://u:hunter2@h/d",
        "OTHER_TOKEN": "of-another",
    }
    said = " ".join(secrets.values()) + " Bearer abcdefgh and http://me:pass@host"
    install(folder, "ruin", f"raise OSError({said!r})", {"dodo": "conserje.channels"})
    found = plugins.load(secrets, http.client())
    found.say_broken()
    for text in (found.broken["dodo"], caplog.text):
        assert "OSError" in text and "[redacted]" in text
        assert not [
            secret for secret in (*secrets.values(), "hunter2", "abcdefgh", "pass@") if secret in text
        ]


def test_of_two_distributions_of_one_name_neither_is_loaded(folder: Path) -> None:
    for name in ("nest", "cuckoo_egg"):
        install(folder, name, f"open({str(folder / name)!r}, 'w')\n" + GOOD, {"dodo": "conserje.channels"})
    why = r"dodo is in cuckoo_egg and nest, of which CONSERJE_PLUGINS must choose one"
    with pytest.raises(PluginMissing, match=why):
        plugins.load({}, http.client()).channel("dodo")
    assert not plugins.variables({"CONSERJE_DODO_KEY"}, {}) & {"CONSERJE_DODO_SIZE"}
    assert not (folder / "nest").exists() and not (folder / "cuckoo_egg").exists()


def test_the_operator_chooses_between_two_distributions(folder: Path) -> None:
    for name in ("nest", "cuckoo_egg"):
        install(folder, name, GOOD, {"dodo": "conserje.channels"})
    for chosen in ("nest", "cuckoo-egg", "Cuckoo.Egg"):
        found = plugins.load({"CONSERJE_PLUGINS": f"owl=aviary,dodo={chosen}"}, http.client())
        assert type(found.channel("dodo")).__module__ == chosen.lower().replace("-", "_").replace(".", "_")
        assert not found.broken
    with pytest.raises(PluginMissing, match="CONSERJE_PLUGINS chooses swan"):
        plugins.load({"CONSERJE_PLUGINS": "dodo=swan"}, http.client()).channel("dodo")
    with pytest.raises(SettingsError, match=r"^CONSERJE_PLUGINS: write name=distribution"):
        plugins.load({"CONSERJE_PLUGINS": "dodo"}, http.client())


def test_a_channel_and_an_assistant_of_one_name_are_one_distribution_s(folder: Path) -> None:
    """Whoever has the name is handed the accounts of that name."""
    install(folder, "nest", GOOD, {"dodo": "conserje.channels"})
    install(folder, "cuckoo", GOOD.replace("Channel", "Assistant"), {"dodo": "conserje.assistants"})
    found = plugins.load({}, http.client())
    assert "dodo" not in found.channels and "dodo" not in found.assistants


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
