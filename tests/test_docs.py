"""The manual keeps up with the code: what can be set, run or plugged in is described."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from textwrap import fill

import click
import man
import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from conserje.cli.main import main
from conserje.commands import loaded
from conserje.plugins.plugins import operator_models
from conserje.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
MANUAL = ROOT / "docs" / "settings.md"
MAN_PAGE = ROOT / "docs" / "conserje.1"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bench/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)|\bsrc=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+)", re.M)
UNSAID = re.compile(r"[^\w -]")
WIDTH = 120
SENTENCE = re.compile(r"[A-Z].*\.(?: \[default: .*\])?")


def entries(prefix: str, model: type[BaseModel]) -> list[str]:
    found = []
    for name, field in sorted(model.model_fields.items()):
        default = "" if field.default in (None, PydanticUndefined) else field.default
        if isinstance(default, tuple):
            default = ",".join(default)
        assert field.description, f"{prefix}{name} has no description"
        found.append(entry(f"{prefix}{name.upper()}", str(default), field.description))
    return found


def entry(name: str, default: str, meaning: str) -> str:
    head = f"`{name}` (`{default}`)" if default else f"`{name}`"
    return fill(
        f"- {head}: {meaning}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def render() -> str:
    lines = [
        "# Settings",
        "",
        "Environment variables and their defaults. One of no meaning is an error that names the nearest.",
        "",
        *entries(PREFIX, Settings),
    ]
    for name, model in sorted(operator_models(), key=lambda pair: pair[0]):
        if model.model_fields:
            lines += ["", f"## Plugin `{name}`", "", *entries(f"{PREFIX}{name.upper()}_", model)]
    for command in sorted(loaded(), key=lambda command: command.name or ""):
        if found := entries_of(command):
            lines += ["", f"## Command `{command.name}`", "", *found]
    return "\n".join(lines) + "\n"


def entries_of(group: click.Command) -> list[str]:
    """The variables of a command's options that are not core's."""
    options: dict[str, click.Option] = {}
    for _, command in commands(group) if isinstance(group, click.Group) else [((), group)]:
        for option in command.params:
            name = option.envvar
            if isinstance(option, click.Option) and isinstance(name, str):
                options.setdefault(name, option)
    own = sorted(name for name in options if name.removeprefix(PREFIX).lower() not in Settings.model_fields)
    return [entry(name, shown(options[name].default), meaning(options[name])) for name in own]


def shown(default: object) -> str:
    return str(default) if isinstance(default, (str, int, float, Path)) else ""


def meaning(option: click.Option) -> str:
    assert option.help, option.name
    return option.help


def test_every_setting_is_in_the_manual() -> None:
    assert MANUAL.read_text() == render(), "run `make docs`"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = []
    context = click.Context(group)
    group.list_commands(context)  # adds those of installed packages
    for name in tuple(group.commands):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
        else:
            found.append(((*path, name), command))
    return found


def test_every_command_is_on_the_man_page() -> None:
    assert MAN_PAGE.read_text() == man.render(sorted(commands(main))), "run `make docs`"


def test_every_command_says_what_it_does_and_shows_an_example() -> None:
    for path, command in commands(main):
        text = command.help or ""
        assert re.match(r"[A-Z].+", text), path
        assert "Example" in text, path
        assert f"conserje {' '.join(path)}" in text, path


def test_every_option_says_what_it_is() -> None:
    options = [(path, each) for path, command in commands(main) for each in command.params]
    said = {(*path, each.name): each.help or "" for path, each in options if isinstance(each, click.Option)}
    assert len(said) > 100
    assert [place for place, text in said.items() if not SENTENCE.fullmatch(text)] == []


def test_help_is_as_wide_as_the_terminal_and_no_line_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    above = main.make_context("conserje", [], resilient_parsing=True)
    assert "..." not in above.get_help().partition("Commands:")[2]  # no sentence is cut off
    contexts = [click.Context(command, above, " ".join(path)) for path, command in commands(main)]
    lines = [line for context in (above, *contexts) for line in context.get_help().splitlines()]
    assert 80 < len(max(lines, key=len)) <= WIDTH, max(lines, key=len)


def test_the_readme_names_only_commands_that_are() -> None:
    there = {path[0] for path, _ in commands(main)}
    named = set(re.findall(r"\bconserje ([a-z]+(?:-[a-z]+)*)", (ROOT / "README.md").read_text()))
    assert named - {"is"} <= there, named - there


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of a page's headings."""
    headings = HEADING.findall(page.read_text())
    return {UNSAID.sub("", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_what_is_there(page: Path) -> None:
    for link in map("".join, LINK.findall(page.read_text())):
        if "://" not in link:
            name, _, anchor = link.partition("#")
            place = page.parent / name if name else page
            assert place.exists(), link
            assert not anchor or anchor in anchors(place), link


if __name__ == "__main__":
    MANUAL.write_text(render())
    MAN_PAGE.write_text(man.render(sorted(commands(main))))
    print(f"Wrote {MANUAL.relative_to(ROOT)} and {MAN_PAGE.relative_to(ROOT)}", file=sys.stderr)
