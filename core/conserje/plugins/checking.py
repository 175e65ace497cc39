"""What Conserje would say of one plugin, check by check; run as a process of its own, which `checks` starts.

It writes each check's name before it begins, and its verdict behind it: whatever the plugin does to the
process, what was being checked is known.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter

from conserje.net import client as http
from conserje.plugins import confined, fields, methods, plugins, requirements
from conserje.plugins.guard import PluginFailed
from conserje.settings import PREFIX, Settings, SettingsError, plugin_variable

Level = Literal["ok", "warning", "error"]

_PYTEST = (
    "import json, sys; at = json.loads(sys.argv.pop(1)); sys.path[:0] = at[:1]; sys.path += at[1:]\n"
    "import pytest; sys.exit(pytest.main(sys.argv[1:]))"
)
_SECRET_WORDS = ("secret", "token", "password", "passwd", "api_key", "private")


class Verdict(NamedTuple):
    """What one check found, in a sentence."""

    level: Level
    text: str


Found = Iterator[Verdict]


class Subject:
    """The plugin that is checked: what is installed, and its class once it is loaded."""

    def __init__(self, group: str, name: str, distribution: str) -> None:
        self.group = group
        self.installed = next(
            each
            for each in plugins.installed(os.environ)
            if (each.entry.group, each.entry.name, each.distribution) == (group, name, distribution)
        )
        self.kind: Any = None
        self.contract = plugins.CONTRACTS[group]


def _clash(subject: Subject) -> Found:
    if why := subject.installed.left_out:
        yield Verdict("error", f"It {why}.")
    else:
        yield Verdict("ok", f"No other distribution has a plugin {subject.installed.entry.name}.")


def _requirements(subject: Subject) -> Found:
    entry = subject.installed.entry
    if subject.installed.distribution == requirements.OURS:
        yield Verdict("ok", "It is a part of this Conserje.")
    elif why := requirements.unmet(entry):
        yield Verdict("error", f"It {why}.")
    elif not (wanted := requirements.of_ours(entry)):
        yield Verdict("warning", "It does not say which Conserje it requires: add it to its dependencies.")
    else:
        yield Verdict("ok", f"It requires {wanted}, which this is.")


def _loading(subject: Subject) -> Found:
    try:
        subject.kind = plugins.class_of(subject.installed, os.environ)
    except plugins.Broken as why:
        yield Verdict("error", f"It {why}.")
        return
    yield Verdict("ok", f"{subject.installed.entry.value} is a {plugins.KINDS[subject.group]} of this name.")


def _contract(subject: Subject) -> Found:
    said = "contract" in {name for each in subject.kind.__mro__[:-1] for name in _own(each, subject.contract)}
    if said or subject.installed.distribution == requirements.OURS:
        yield Verdict("ok", f"It is written for contract {subject.kind.contract}, which this Conserje has.")
    else:
        yield Verdict("warning", f"It does not say its contract: write `contract = {requirements.CONTRACT}`.")


def _own(kind: type[Any], contract: type[Any]) -> set[str]:
    """What a class says itself, unless it is the contract's or what that is made of."""
    return set() if kind in contract.__mro__ else set(vars(kind))


def _models(subject: Subject) -> Found:
    names = plugins.MODELS[subject.group]
    wrong = [verdict for name in names for verdict in _model(name, getattr(subject.kind, name), subject)]
    wrong += _variables(subject.kind.name, subject.kind.Operator)
    yield from wrong or [Verdict("ok", f"{', '.join(names)} are closed, and can be shown as forms.")]


def _model(name: str, model: type[BaseModel], subject: Subject) -> Found:
    is_several = name == "Parameters" and subject.kind.offer is not subject.contract.offer
    if model.model_config.get("extra") != "forbid" and not is_several:
        yield Verdict("error", f'{name} takes fields that it does not know: `extra="forbid"`, or kit.Closed.')
    for field, info in model.model_fields.items():
        if any(word in field.lower() for word in _SECRET_WORDS) and not _is_secret(info.annotation):
            yield Verdict("warning", f"{name}.{field} would be shown: make it a SecretStr.")
    try:
        TypeAdapter(model).json_schema() if name == "Parameters" else fields.fields_of(model)
    except PluginFailed as error:
        yield Verdict("error", f"{name} cannot be shown as a form: it {error.told}.")


def _variables(name: str, operator: type[BaseModel]) -> Found:
    ours = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    for field in operator.model_fields:
        if (variable := plugin_variable(name, field)) in ours:
            yield Verdict(
                "error", f"Operator.{field} is {variable}, which is Conserje's own: call it otherwise."
            )


def _is_secret(annotation: Any) -> bool:
    """Whether it is shown to nobody, or is no text that could be one."""
    return annotation in (SecretStr, SecretBytes, bool, int, float) or any(
        map(_is_secret, get_args(annotation))
    )


def _methods(subject: Subject) -> Found:
    found = [Verdict("error", fault) for fault in methods.faults(subject.kind, subject.contract)]
    found += [Verdict("warning", doubt) for doubt in methods.doubts(subject.kind, subject.contract)]
    yield from found or [
        Verdict("ok", "Its methods take what they are called with, and await what is awaited.")
    ]


def _making(subject: Subject) -> Found:
    async def make() -> None:
        async with http.client() as client:
            plugins.make(subject.installed, os.environ, client)

    try:
        asyncio.run(make())
    except plugins.Broken as why:
        lacking = str(why).startswith("needs ")
        yield Verdict("warning" if lacking else "error", f"It {why}.")
    except SettingsError as error:
        yield Verdict("error", str(error))
    else:
        yield Verdict("ok", "It is made by its operator's settings.")


CHECKS: dict[str, Callable[[Subject], Found]] = {
    "clash": _clash,
    "requirements": _requirements,
    "loading": _loading,
    "contract": _contract,
    "models": _models,
    "methods": _methods,
    "making": _making,
}
_NEED_THE_CLASS = frozenset({"contract", "models", "methods", "making"})


def check(subject: Subject, write: Callable[[dict[str, str]], object]) -> None:
    """All checks, as far as the plugin lets them."""
    for name, look in CHECKS.items():
        if name in _NEED_THE_CLASS and subject.kind is None:
            return
        write({"begins": name})
        try:
            for verdict in look(subject):
                write({"check": name, "level": verdict.level, "text": verdict.text})
        except BaseException as error:  # it is the plugin's: a property, a metaclass, a model's own schema
            text = f"It ended the check with {type(error).__name__}."
            write({"check": name, "level": "error", "text": text})


def main() -> None:
    """Check what the arguments name: the report's file, group, name, distribution, where the plugin lies."""
    report, group, name, distribution, *places = sys.argv[1:]
    confined.set_limits()
    sys.path[:0] = places[:1]
    sys.path += places[1:]
    file = os.open(report, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(line: dict[str, str]) -> None:
        os.write(file, json.dumps({"pid": os.getpid(), **line}).encode() + b"\n")

    check(Subject(group, name, distribution), write)
    os._exit(0)  # threads of the plugin's, and what it does at exit, are waited for by nobody


def suite() -> None:
    """Run the tests of a package: its folder, and where the plugin lies."""
    folder, *places = sys.argv[1:]
    confined.set_limits()
    options = [
        "-q",
        "--tb=no",
        "--no-header",
        "--color=no",
        "-rfE",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        folder,
    ]
    words = ["-P", "-c", _PYTEST, json.dumps(places), *options, *_tests(Path(folder))]
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606  # anew: pytest is to load this package itself


def _tests(folder: Path) -> list[str]:
    return [str(folder / "tests")] if (folder / "tests").is_dir() else [str(folder)]


if __name__ == "__main__":
    suite() if Path(sys.argv[1]).is_dir() else main()
