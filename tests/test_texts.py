"""What an operator is told of an error is one sentence: the thing first, then the verb, then what to do."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("core", "edge", "nginx", "certbot")
LOGGED = {"Problem", "unavailable"}  # whose cause is for the log, which writes more behind it
FAULTS = {
    "has no full stop": re.compile(r"(?<![.…])\Z"),
    "is two sentences": re.compile(r"[.;?!] +[A-Z]|; "),
    "has a space too many": re.compile(r"  |\A | \Z"),
    "begins with the circumstance": re.compile(
        r"(?:After|As|At|Because|Before|For|If|In|On|Since|To|When|Where|While|With|Without)\b"
    ),
    "begins small": re.compile(r"\A(?!certbot |nginx )[a-z]+ "),
}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """What is raised with a text, and where; … stands for what is put in. Python's own are our faults."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Raise(exc=ast.Call() as made) | ast.Return(value=ast.Call() as made):
                name = ast.unparse(made.func).rpartition(".")[2]
                told = isinstance(node, ast.Raise) or name.endswith("Error")
                if told and name not in LOGGED and not hasattr(builtins, name):
                    yield from ((each.lineno, text) for each in made.args if " " in (text := written(each)))


def written(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""


def faults(text: str) -> list[str]:
    return [fault for fault, seen in FAULTS.items() if seen.search(text)]


def test_an_error_is_one_sentence() -> None:
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    found = [(path.relative_to(ROOT), line, text) for path in files for line, text in texts(path)]
    assert len(found) > 60
    wrong = [
        f"{path}:{line}: {text!r} {', '.join(bad)}" for path, line, text in found if (bad := faults(text))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "… is wrong",
        "… is wrong. Mend it.",
        "… is wrong; mend it.",
        "…  is wrong.",
        "With … it is wrong.",
        "it is.",
    ],
)
def test_a_fault_is_seen(text: str) -> None:
    assert len(faults(text)) == 1
