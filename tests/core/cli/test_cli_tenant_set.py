"""`conserje tenant set`: changes all that a tenant has, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal

KEY = "OPENAI_API_KEY"


@pytest.fixture
async def acme(terminal: Terminal) -> Terminal:
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    return terminal


async def shown(acme: Terminal, field: str) -> Any:
    return (await acme.read("tenant", "show", "acme", "--json"))[field]


async def test_settings_of_the_assistant_are_merged_and_checked(acme: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "openai.json"
    file.write_text(json.dumps({"model": "m", "instructions": "Habla de usted."}))
    given: dict[str, Any] = {KEY: "k"}
    await acme.type(
        "tenant", "set", "acme", "--assistant", "openai", "--assistant-settings", str(file), **given
    )
    await acme.type("tenant", "set", "acme", "--assistant-setting", "instructions=Sé breve.", **given)
    assert await shown(acme, "assistant_settings") == {"openai": {"model": "m", "instructions": "Sé breve."}}
    wrong = await acme.type("tenant", "set", "acme", "--assistant-setting", "modle=m", **given, code=1)
    assert "modle" in wrong.stderr
    await acme.type("tenant", "set", "acme", "--assistant-setting", "model=null", **given)
    assert await shown(acme, "assistant_settings") == {"openai": {"instructions": "Sé breve."}}


async def test_settings_may_be_another_assistant_s(acme: Terminal) -> None:
    await acme.type("tenant", "set", "acme", "--settings-of", "openai", "--assistant-setting", "model=m")
    assert await shown(acme, "assistant_settings") == {"openai": {"model": "m"}}


async def test_tools_are_switched_on_set_and_switched_off(acme: Terminal, tmp_path: Path) -> None:
    assert await shown(acme, "tool_settings") == {}
    await acme.type("tenant", "set", "acme", "--no-tool", "lead", "--tool", "hand_over")
    assert await shown(acme, "tool_settings") == {"lead": False, "hand_over": {}}
    await acme.type("tenant", "set", "acme", "--tool", "lead")
    assert await shown(acme, "tool_settings") == {"lead": {}, "hand_over": {}}
    wrong = await acme.type("tenant", "set", "acme", "--tool-setting", "lead.colour=green", code=1)
    assert "settings of lead of acme" in wrong.stderr and "colour" in wrong.stderr
    assert await shown(acme, "tool_settings") == {"lead": {}, "hand_over": {}}


async def test_an_assistant_without_credentials_is_said_at_once(acme: Terminal) -> None:
    said = await acme.type("tenant", "set", "acme", "--assistant", "openai")
    assert "openai cannot answer for acme yet. The credentials of openai of acme (it has none)" in said.stderr
    assert "conserje account add acme openai" in said.stderr
    assert await shown(acme, "assistant") == "openai"
    assert (await acme.type("tenant", "set", "acme", "--assistant", "catalog")).stderr == ""
    added = await acme.type("tenant", "add", "bravo", "--name", "Bravo", "--assistant", "openai")
    assert "openai cannot answer for bravo yet." in added.stderr


async def test_periods_and_aliases_are_changed(acme: Terminal) -> None:
    await acme.type("tenant", "set", "acme", "--quiet-period", "0s", "--longest-wait", "30s")
    assert (await shown(acme, "quiet_period"), await shown(acme, "longest_wait")) == ("0 s", "30 s")
    await acme.type("tenant", "set", "acme", "--alias", "acme-2024", "--alias", "old")
    await acme.type("tenant", "set", "acme", "--no-alias", "old", "--alias", "acme-2024")
    assert await shown(acme, "aliases") == ["acme-2024"]


async def test_a_new_tenant_has_terms_and_others_are_set(acme: Terminal) -> None:
    terms = ("keep_messages", "keep_files", "keep_statuses", "context_days")
    assert [await shown(acme, each) for each in terms] == ["365d", "as their messages", "35d", 30]
    await acme.type(
        "tenant", "set", "acme", "--keep-messages", "26w", "--keep-files", "36h", "--keep-statuses", "ever",
        "--context-days", "7",
    )  # fmt: skip
    assert [await shown(acme, each) for each in terms] == ["182d", "1.5d", "ever", 7]


async def test_the_hours_are_changed_day_by_day(acme: Terminal) -> None:
    await acme.type(
        "tenant", "set", "acme", "--hours", "monday=09:00-13:00,15:00-19:00", "--hours", "sunday=10:00-12:00"
    )
    await acme.type("tenant", "set", "acme", "--hours", "sunday=")
    assert await shown(acme, "hours") == {
        "week": {"monday": ["09:00-13:00", "15:00-19:00"]},
        "exceptions": {},
    }


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--assistant-setting", "model"], 2, "write KEY=VALUE"),
        (["--tool", "unicorn"], 1, "The tool unicorn is not installed"),
        (["--no-tool", "unicorn"], 1, "The tool unicorn is not installed"),
        (["--tool-setting", "lead=1"], 2, "write TOOL.KEY=VALUE"),
        (["--tool", "lead", "--no-tool", "lead"], 2, "say one of them"),
        (["--settings-of", "openai"], 2, "needs --assistant-settings"),
        (["--assistant-settings", "/dev/null"], 1, "assistant's settings"),
        (["--quiet-period", "2m"], 1, "0 to 60 seconds"),
        (["--longest-wait", "1h"], 1, "0 to 10 minutes"),
        (["--keep-messages", "1h"], 1, "1 day to 36500 days"),
        (["--keep-files", "1h"], 1, "1 day to 36500 days"),
        (["--keep-statuses", "6d"], 1, "7 to 36500 days"),
        (["--context-days", "0"], 2, "context-days"),
        (["--hours", "lunes=09:00-18:00"], 2, "DAY one of monday"),
        (["--hours", "monday=9-18"], 1, "hours.monday"),
        (["--no-alias", "old"], 1, "acme has no alias old"),
        (["--alias", " "], 1, "not empty"),
        (["--alias", "bravo-2024"], 1, "The alias bravo-2024 is bravo's"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(
    acme: Terminal, words: list[str], code: int, said: str
) -> None:
    await acme.type("tenant", "add", "bravo", "--name", "Bravo")
    await acme.type("tenant", "set", "bravo", "--alias", "bravo-2024")
    before = await acme.read("tenant", "show", "acme", "--json")
    assert said in (await acme.type("tenant", "set", "acme", *words, code=code)).stderr
    assert await acme.read("tenant", "show", "acme", "--json") == before


async def test_nothing_is_changed_by_half(acme: Terminal) -> None:
    await acme.type("tenant", "set", "acme", "--name", "Otra", "--hours", "monday=9", code=1)
    assert await shown(acme, "name") == "Acme"


async def test_an_old_slug_stays_the_tenant_s(acme: Terminal) -> None:
    said = await acme.type("tenant", "set", "acme", "--slug", "acme-chile", "--name", "Acme Chile")
    assert "its addresses below acme go on for 90 days" in said.stdout
    moved = await acme.read("tenant", "show", "acme-chile", "--json")
    assert moved["former_slugs"][0].startswith("acme until 20")
    assert "acme is called acme-chile now" in (await acme.type("tenant", "show", "acme", code=1)).stderr
    taken = await acme.type("tenant", "add", "acme", "--name", "Other", code=1)
    assert "was another tenant's" in taken.stderr
    await acme.type("tenant", "set", "acme-chile", "--slug", "acme")
    again = await acme.read("tenant", "show", "acme", "--json")
    assert [each.partition(" ")[0] for each in again["former_slugs"]] == ["acme-chile"]
