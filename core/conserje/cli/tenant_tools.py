"""`conserje tenant set --tool`: what a tenant's assistants may do."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

R = TypeVar("R")


def tool_options(command: Callable[..., R]) -> Callable[..., R]:
    """Options whose `tools` are changes by tool: its settings, or false, which switches it off."""

    @click.option(
        "--tool", "tools_on", multiple=True, metavar="TOOL", help="A tool to switch on; repeatable."
    )
    @click.option(
        "--no-tool", "tools_off", multiple=True, metavar="TOOL", help="One to switch off; repeatable."
    )
    @click.option(
        "--tool-setting",
        "tool_pairs",
        multiple=True,
        metavar="TOOL.KEY=VALUE",
        help="A setting of a tool, which it switches on; VALUE is JSON, or else text; repeatable.",
    )
    @functools.wraps(command)
    def run(
        *args: Any,
        tools_on: Sequence[str],
        tools_off: Sequence[str],
        tool_pairs: Sequence[str],
        **kwargs: Any,
    ) -> R:
        return command(*args, tools=_changes(tools_on, tools_off, tool_pairs), **kwargs)

    return run


def _changes(on: Sequence[str], off: Sequence[str], pairs: Sequence[str]) -> dict[str, Any]:
    """Raises UsageError."""
    changes: dict[str, Any] = {name: {} for name in on}
    for pair in pairs:
        place, sign, value = pair.partition("=")
        name, dot, key = place.partition(".")
        if not (sign and dot and name and key):
            raise click.UsageError(f"--tool-setting {pair}: write TOOL.KEY=VALUE.")
        changes.setdefault(name, {})[key] = _value(value)
    if both := [name for name in off if name in changes]:
        raise click.UsageError(f"{both[0]} is switched on and off: say one of them.")
    return changes | dict.fromkeys(off, False)


def _value(written: str) -> Any:
    try:
        return json.loads(written)
    except ValueError:
        return written
