"""The package that an author begins with: a plugin that works, and a test that holds it to its contract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from conserje.errors import OperatorError

Kind = Literal["channel", "assistant", "tool"]
Auth = Literal["bearer", "hmac", "none"]
KINDS: tuple[Kind, ...] = get_args(Kind)
AUTHS: tuple[Auth, ...] = get_args(Auth)

_TEMPLATES = "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST = 40  # characters of a name, as the database and every model takes it
_FOR = re.compile(r"(?<! ) *#: ([a-z ]+)$")  # behind a line that is for some kinds or some ways to sign alone
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "conserje_acme.py": "{kind}.py",
    "tests/test_acme.py": "test_{kind}.py",
}
_CASES = {"tests/incoming/text.json": "incoming.json", "tests/outgoing/text.json": "outgoing.json"}


class NotMade(OperatorError):
    """A package cannot be made by this name or in this place."""


def make(kind: Kind, name: str, auth: Auth, into: Path) -> Path:
    """Write the package of a plugin into a new folder below `into`, and say which it is. Raises NotMade."""
    _check(name)
    folder = into / f"conserje-{_dashed(name)}"
    files = {_named(path, kind, name): text for path, text in _texts(kind, name, auth)}
    try:
        folder.mkdir()
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise NotMade(f"{folder} is there already: remove it, or name another folder by --into.") from None
    except OSError as error:
        raise NotMade(f"{folder} cannot be written: {error.strerror}.") from None
    return folder


def _check(name: str) -> None:
    """Raises NotMade."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise NotMade(
            f"{name!r} is no name of a plugin: write small letters, digits behind the first one and single _,"
            f" at most {_LONGEST} of them."
        )
    if find_spec(f"conserje_{name}") is not None:
        raise NotMade(f"The package conserje_{name} is installed already: take another name.")


def _texts(kind: Kind, name: str, auth: Auth) -> Iterator[tuple[str, str]]:
    """The files by their paths."""
    templates = resources.files("conserje.plugins") / _TEMPLATES
    for path, source in (_FILES | (_CASES if kind == "channel" else {})).items():
        text = _of(templates, source.format(kind=kind), auth).read_text(encoding="utf-8")
        yield path, _named(_chosen(text, {kind, auth}), kind, name)


def _of(templates: Traversable, source: str, auth: Auth) -> Traversable:
    """The template, or the one for this way to sign where that is altogether another."""
    own = templates / f"{source.replace('.', f'_{auth}.')}.txt"
    return own if own.is_file() else templates / f"{source}.txt"


def _chosen(text: str, wanted: set[str]) -> str:
    """Those lines that are for all, or for one of these."""
    lines = []
    for line in text.splitlines():
        found = _FOR.search(line)
        if not found or wanted & set(found[1].split()):
            lines.append(line[: found.start()] if found else line)
    return "\n".join(lines) + "\n"


def _named(text: str, kind: Kind, name: str) -> str:
    """What is written for `acme`, for this plugin; where a _ is out of place there is a dash."""
    title = "".join(part.capitalize() for part in name.split("_"))
    for acme in ("conserje-acme", "x-acme-", "api.acme."):
        text = text.replace(acme, acme.replace("acme", _dashed(name)))
    for acme, ours in (("acme", name), ("Acme", title), ("ACME", name.upper())):
        text = text.replace(acme, ours)
    for mark, ours in (("{kind}", kind), ("{Kind}", kind.capitalize()), ("{version}", version("conserje"))):
        text = text.replace(mark, ours)
    return text


def _dashed(name: str) -> str:
    return name.replace("_", "-")
