"""docs/plugins.md: what is written there works as it stands, and no name of the contract is missing."""

from __future__ import annotations

import asyncio
import inspect
import re
import shlex
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import ClassVar, get_origin, get_type_hints

import click
import pytest
from packages import install
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from terminal import Terminal
from waiting import LIMIT

from conserje import Assistant, Channel, Tool, kit, testing
from conserje.contract import account, channel, message
from conserje.installation import tasks
from conserje.net.client import client
from conserje.plugins import checking, plugins
from conserje.settings import read
from conserje.storage.database import Pool
from conserje.tenants.directory import Directory
from conserje.tenants.vault import Vault
from conserje.work.worker import Worker
from conserje_edge.server import app
from conserje_fakes import server

PAGE = (Path(__file__).parents[3] / "docs" / "plugins.md").read_text()
FILE = re.compile(r"`([\w/.]+\.(?:py|toml|json))`:\Z")
CASES = ("tests/incoming/text.json", "tests/outgoing/busy.json")
FOLDERS = '    incoming = "incoming"\n    outgoing = "outgoing"\n'
TYPED = ("conserje ", "pip ", "pytest")
PROJECT = """
[project]
name = "conserje-{name}"
version = "0.1.0"
dependencies = ["conserje>=0.1"]

[project.entry-points."conserje.{kind}s"]
{name} = "conserje_{name}:{title}"
"""


def paragraphs() -> Iterator[str]:
    """What stands between empty lines; code is one with the code behind it."""
    part = ""
    for line in PAGE.splitlines():
        if line or part.startswith("    "):
            if part.startswith("    ") and line and not line.startswith("    "):
                yield part
                part = ""
            part += f"{line}\n"
        elif part:
            yield part
            part = ""
    yield part


def snippets() -> tuple[dict[str, str], list[str]]:
    """The files of the page, put together, and what is to be typed."""
    files: dict[str, str] = defaultdict(str)
    typed: list[str] = []
    current, before = "", ""
    for part in paragraphs():
        if not part.startswith("    "):
            before = " ".join(part.split())
            current = found[1] if (found := FILE.search(before)) else current
            continue
        if part.strip().startswith(TYPED):
            typed += dedent(part).strip().splitlines()
        else:
            files[current] += "\n".join(line.removeprefix("    ") for line in part.splitlines()) + "\n"
    return files, typed


FILES, LINES = snippets()


def written(folder: Path, name: str, kind: str = "") -> Path:
    """The package of this name, as the page has it."""
    (folder / "tests").mkdir(parents=True)
    if kind:
        (folder / "pyproject.toml").write_text(PROJECT.format(name=name, kind=kind, title=name.capitalize()))
    else:
        (folder / "pyproject.toml").write_text(FILES["pyproject.toml"])
        for case in CASES:
            (folder / case).parent.mkdir()
            (folder / case).write_text(FILES[case])
    for path in (f"conserje_{name}.py", f"tests/test_{name}.py"):
        said = "    channel = Pigeon\n"
        (folder / path).write_text(FILES[path].replace(said, said + FOLDERS))
    return folder


def test_all_that_the_page_shows_is_a_file_or_typed() -> None:
    names = {"pyproject.toml", *CASES} | {
        path
        for name in ("pigeon", "parrot", "delivery")
        for path in (f"conserje_{name}.py", f"tests/test_{name}.py")
    }
    assert set(FILES) == names
    assert len(LINES) > 10


@pytest.mark.parametrize(("name", "kind"), [("pigeon", ""), ("parrot", "assistant"), ("delivery", "tool")])
async def test_what_is_written_there_passes_all_checks(
    name: str, kind: str, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(written(tmp_path / f"conserje-{name}", name, kind))
    rows = await terminal.read("plugin", "check", ".", "--json")
    assert {row["check"] for row in rows} == {*checking.CHECKS, "suite"}
    assert {row["verdict"] for row in rows} == {"ok"}, rows


async def test_what_is_made_anew_is_made_by_what_is_typed(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place := tmp_path / "work").mkdir()
    monkeypatch.chdir(place)
    made = [line for line in LINES if line.startswith("conserje plugin new")]
    for line in made:
        await terminal.type(*shlex.split(line)[1:])
    assert len(list(place.iterdir())) == len(made) == 3


class Loft:
    """The provider of the page: takes what it is sent."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.app = Starlette(routes=[Route("/messages", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> JSONResponse:
        assert request.headers["authorization"] == "Bearer token-of-loft-1"
        self.taken.append((await request.json())["text"])
        return JSONResponse({"id": f"m-{len(self.taken)}"})


@pytest.fixture
def _own_signals() -> Iterator[None]:
    """The edge takes them for itself, as if this process were its worker."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@asynccontextmanager
async def working(terminal: Terminal, pool: Pool) -> AsyncIterator[None]:
    """What `conserje work` does, in this process."""
    environment = terminal.environment
    settings = read(environment, plugins.variables())
    url = environment["CONSERJE_DATABASE_URL"]
    async with client() as http, Directory(pool, url) as directory:
        found = plugins.load(environment, http)
        all_tasks = tasks(pool, directory, found, Vault.read(settings.keyring), settings)
        worker = Worker(pool, url, all_tasks, settings.slots)
        running = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await asyncio.wait_for(running, LIMIT)


@pytest.mark.usefixtures("_own_signals")
async def test_the_channel_answers_its_first_message(
    terminal: Terminal, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place := tmp_path / "installed").mkdir()
    monkeypatch.syspath_prepend(str(place))
    install(place, "conserje_pigeon", FILES["conserje_pigeon.py"], {"pigeon": "conserje.channels"})
    monkeypatch.chdir(tmp_path)
    Path("credentials.json").write_text('{"token": "token-of-loft-1", "secret": "secret-of-loft-1"}')
    typed = LINES[LINES.index("conserje plugin list") :]
    last = next(n for n, line in enumerate(typed) if line.startswith("conserje say"))
    loft = Loft()
    async with AsyncExitStack() as stack:
        terminal.environment["CONSERJE_PIGEON_BASE_URL"] = await stack.enter_async_context(
            server.serving(loft.app)
        )
        for line in typed[:last]:
            await terminal.type(*shlex.split(line)[1:])
        for name, value in terminal.environment.items():
            monkeypatch.setenv(name, value)
        edge = await stack.enter_async_context(server.serving(app.create()))
        terminal.environment["CONSERJE_LISTEN"] = edge.removeprefix("http://")
        await stack.enter_async_context(working(terminal, pool))
        said = click.unstyle((await terminal.type(*shlex.split(typed[last])[1:])).output)
    assert loft.taken and loft.taken[0].splitlines()[0] in said
    sys.modules.pop("conserje_pigeon", None)


def test_what_is_checked_by_its_folder_is_the_package_that_was_made() -> None:
    assert "conserje plugin check ./conserje-pigeon" in LINES


def contract_names() -> Iterator[str]:
    """Each method and variable of the contracts, each error and event, the kit's and the suites' names."""
    for kind in (Channel, Assistant, Tool):
        yield from (
            name for name, value in vars(kind).items() if inspect.isfunction(value) and name[0] != "_"
        )
        hints = get_type_hints(kind)
        yield from (name for name in hints if get_origin(hints[name]) is ClassVar or name[0].isupper())
    for module in (account, channel):
        errors = vars(module).values()
        yield from (e.__name__ for e in errors if inspect.isclass(e) and issubclass(e, Exception))
    yield from (each.__name__ for each in (*message.Event.__args__, *message.Content.__args__[0].__args__))
    yield from kit.__all__
    yield from (name for name in testing.__all__ if name.endswith("Contract"))


def test_no_name_of_the_contract_is_missing() -> None:
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", PAGE))))
    names = set(contract_names())
    assert len(names) > 60
    assert sorted(names - words) == []
