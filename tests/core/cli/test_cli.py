"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from packages import install
from terminal import Terminal

from conserje.cli.domain import own_host
from conserje.cli.main import main
from conserje.net.client import client
from conserje.plugins import fences
from conserje.plugins.plugins import load
from conserje.storage.database import Pool
from conserje.storage.schema import migrations
from conserje.telemetry.pulse import Call
from conserje.tenants import accounts
from conserje.tenants.entry import Entry
from conserje.tenants.refusals import TenantError
from conserje.tenants.vault import Vault

Run = Callable[..., Coroutine[Any, Any, Result]]

POST = """
from pydantic import BaseModel, SecretStr
from conserje import Assistant, Channel, Nothing

class Token(BaseModel):
    model_config = {"extra": "forbid"}
    token: SecretStr

class Paint(BaseModel):
    colour: str = "red"

class Shared(BaseModel):
    token: SecretStr | None = None

class Pigeon(Channel[Token, Paint, Shared]):
    name = "pigeon"
    Credentials, Settings, Operator = Token, Paint, Shared

    def shared_credentials(self):
        return Token(token=self.operator.token) if self.operator.token else None

class Owl(Assistant[Token, Nothing, Nothing]):
    name = "owl"
    Credentials, Settings, Operator = Token, Nothing, Nothing
"""


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `conserje` on the test's own database, with a channel and an assistant installed."""
    packages = tmp_path / "packages"
    packages.mkdir()
    install(packages, "aviary", POST, {"pigeon": "conserje.channels", "owl": "conserje.assistants"})
    monkeypatch.syspath_prepend(packages)
    for name in list(os.environ):
        if name.startswith("CONSERJE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CONSERJE_DATABASE_URL", database_url)
    monkeypatch.setenv("CONSERJE_DATA_DIR", str(tmp_path / "data"))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    async def run(*words: str, given: str = "", code: int = 0, **environment: str) -> Result:
        result = await asyncio.to_thread(
            CliRunner().invoke, main, list(words), input=given, env=environment, prog_name="conserje"
        )
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_a_new_client_is_one_command(run: Run) -> None:
    added = await run("tenant", "add", "acme", "--name", "Acme & Co")
    assert added.output == (
        "Acme & Co is live at http://acme.localhost:8080\n"
        "Next: conserje account add acme CHANNEL ADDRESS --credentials FILE\n"
    )
    listed = json.loads((await run("tenant", "list", "--json")).output)
    assert [(row["slug"], row["status"], row["assistant"]) for row in listed] == [
        ("acme", "active", "catalog")
    ]


async def test_promise_8_commands_go_on_beside_a_plugin_that_is_broken(run: Run, tmp_path: Path) -> None:
    install(tmp_path / "packages", "ruin", "import sys\nsys.exit(1)", {"dodo": "conserje.channels"})
    await run("tenant", "add", "acme", "--name", "Acme", CONSERJE_DODO_KEY="k")
    words = ("account", "add", "acme", "pigeon", "coop")
    done = await run(*words, CONSERJE_PIGEON_TOKEN="t", CONSERJE_DODO_KEY="k")
    assert "dodo" not in done.output
    refused = await run("account", "add", "acme", "dodo", "nest", code=1)
    assert (
        refused.stderr
        == "conserje: The channel dodo could not be loaded: SystemExit: 1: see `conserje plugin list`.\n"
    )
    rows = json.loads((await run("plugin", "list", "--json")).stdout)
    states = {row["name"]: row["state"] for row in rows}
    assert states["dodo"] == "could not be loaded: SystemExit: 1" and states["pigeon"] == "ready"


async def test_tables_are_aligned_and_plain(run: Run) -> None:
    none = "There are no tenants yet: `conserje tenant add SLUG --name NAME` adds one.\n"
    assert (await run("tenant", "list")).output == none
    assert (await run("tenant", "list", "--json")).output == "[]\n"
    await run("tenant", "add", "acme", "--name", "A\x1b[31m\nB")
    await run("tenant", "add", "bravo-bravo", "--name", "Ñandú")
    lines = (await run("tenant", "list")).output.splitlines()
    assert lines == [
        "SLUG         NAME      STATUS  ADDRESS                            ASSISTANT",
        "acme         A [31m B  active  http://acme.localhost:8080         catalog",
        "bravo-bravo  Ñandú     active  http://bravo-bravo.localhost:8080  catalog",
    ]


async def test_a_tenant_is_shown_with_all_that_is_its(run: Run) -> None:
    await run("tenant", "add", "acme", "--name", "Acme", "--currency", "PEN", "--time-zone", "America/Lima")
    await run("tenant", "domain", "add", "acme", "Chat.Acme.cl.")
    await run("account", "add", "acme", "pigeon", "coop", CONSERJE_PIGEON_TOKEN="t")
    shown = json.loads((await run("tenant", "show", "acme", "--json", CONSERJE_PIGEON_TOKEN="t")).output)
    assert (shown["currency"], shown["time_zone"], shown["domains"]) == (
        "PEN",
        "America/Lima",
        ["chat.acme.cl"],
    )
    assert [account["credentials"] for account in shown["accounts"]] == ["the operator's"]
    plain = (await run("tenant", "show", "acme")).output
    assert "currency            PEN\n" in plain and "pigeon   coop" in plain


async def test_a_tenant_is_changed_in_what_is_given(run: Run) -> None:
    async def shown() -> tuple[object, ...]:
        fields = json.loads((await run("tenant", "show", "acme", "--json")).output)
        names = ("name", "assistant", "late_rule", "late_after", "late_text", "held_text")
        return tuple(fields[name] for name in names)

    await run("tenant", "add", "acme", "--name", "Acme")
    assert await shown() == ("Acme", "catalog", "answer", "900 s", None, None)
    changed = await run(
        *("tenant", "set", "acme", "--late-rule", "hand_over", "--late-after", "2h", "--assistant", "owl"),
        *("--held-text", "Ya te escribimos."),
    )
    assert changed.stdout == "acme is changed.\n" and "owl cannot answer" in changed.stderr
    assert await shown() == ("Acme", "owl", "hand_over", "7200 s", None, "Ya te escribimos.")
    await run("tenant", "set", "acme", "--held-text", "", "--name", "Acme 2")
    assert await shown() == ("Acme 2", "owl", "hand_over", "7200 s", None, None)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["acme"], 2, "Give an option"),
        (["acme", "--late-rule", "shrug"], 2, "'apologise'"),
        (["acme", "--late-after", "soon"], 2, "no duration like 90s, 15m, 2h or 3d"),
        (["acme", "--assistant", "parrot"], 1, "parrot is not installed"),
        (["acme", "--name", ""], 1, "1 to 200 characters"),
        (["acme", "--name", "\u200b\u2060\u202e\u3164\u2800"], 1, "one at least can be seen"),
        (["acme", "--late-text", " "], 1, "1 to 1000 characters"),
        (["nobody", "--name", "Nobody"], 1, "no tenant nobody"),
    ],
)
async def test_a_change_refused_says_why(run: Run, words: list[str], code: int, said: str) -> None:
    await run("tenant", "add", "acme", "--name", "Acme")
    assert said in (await run("tenant", "set", *words, code=code)).output


async def test_a_base_domain_may_be_written_with_its_dot(run: Run) -> None:
    added = await run("tenant", "add", "acme", "--name", "Acme", CONSERJE_DOMAINS="Bots.CL.")
    assert added.stdout.startswith("Acme is live at https://acme.bots.cl\n")
    done = await run("tenant", "domain", "add", "acme", "chat.acme.cl.")
    assert done.stdout == "chat.acme.cl names acme, once its DNS record points here.\n"
    done = await run("tenant", "domain", "remove", "acme", "chat.acme.cl.")
    assert done.stdout == "chat.acme.cl no longer names acme.\n"


async def test_suspended_resumed_and_removed(run: Run) -> None:
    await run("tenant", "add", "acme", "--name", "Acme")
    await run("tenant", "suspend", "acme")
    assert json.loads((await run("tenant", "list", "--json")).output)[0]["status"] == "suspended"
    await run("tenant", "resume", "acme")
    assert json.loads((await run("tenant", "list", "--json")).output)[0]["status"] == "active"
    await run("tenant", "remove", "acme", given="n\n", code=1)
    await run("tenant", "remove", "acme", code=1)  # nobody there to be asked
    await run("tenant", "remove", "acme", "--yes", "--no-export")
    assert (await run("tenant", "show", "acme", code=1)).output == (
        "conserje: There is no tenant acme: see `conserje tenant list`.\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["www", "--name", "W"], "reserved for the installation's own hosts"),
        (["demo", "--name", "D"], "demo belongs to the base domain demo.bots.cl"),
        (["a", "--name", "A", "--time-zone", "Mars"], "time zone is unknown"),
        (["a", "--name", "A", "--assistant", "unicorn"], "assistant unicorn is not installed"),
        (["a", "--name", " "], "1 to 200 characters"),
        (["a", "--name", "\u200b\u3164"], "one at least can be seen"),
    ],
)
async def test_a_tenant_refused_is_one_line(run: Run, words: list[str], said: str) -> None:
    result = await run("tenant", "add", *words, code=1, CONSERJE_DOMAINS="bots.cl,demo.bots.cl")
    assert result.stdout == "" and result.stderr.startswith("conserje: ") and said in result.stderr
    assert result.stderr.count("\n") == 1


async def test_a_wrong_call_ends_with_2(run: Run) -> None:
    for words in (["tenant", "add", "acme"], ["tenant", "fly"], ["fly"], ["tenant", "list", "--yaml"]):
        await run(*words, code=2)


async def test_the_rows_printed_make_the_same_client(run: Run, pool: Pool) -> None:
    row = (await run("tenant", "add", "acme", "--name", "D'Or", "--sql")).output
    assert await pool.fetchval("SELECT count(*) FROM tenants") == 0
    await pool.execute(row)
    await run("keys", "new")
    account = await run(
        "account",
        "add",
        "acme",
        "pigeon",
        "co'op",
        "--credentials",
        "-",
        "--sql",
        given='{"token": "s3cret"}',
    )
    assert "s3cret" not in account.output
    assert await pool.fetchval("SELECT count(*) FROM accounts") == 0
    await pool.execute(account.output)
    shown = json.loads((await run("account", "list", "acme", "--json")).output)
    assert [(row["address"], row["credentials"]) for row in shown] == [("co'op", "sealed")]


async def test_an_account_opens_as_it_was_given(run: Run, pool: Pool, tmp_path: Path) -> None:
    await run("keys", "new")
    await run("tenant", "add", "acme", "--name", "Acme")
    (tmp_path / "token.json").write_text('{"token": "s3cret"}')
    added = await run(
        *("account", "add", "acme", "pigeon", "coop", "--credentials", str(tmp_path / "token.json")),
        *("--settings", '{"colour": "blue"}'),
    )
    assert "http://acme.localhost:8080/bot/pigeon/webhook" in added.output
    sealed = (await run("seal", "acme", "pigeon", "coop", given='{"token": "n3w"}')).output.strip()
    assert sealed.startswith("v1.")

    vault = Vault.read(tmp_path / "data" / "keys" / "master.json")
    pigeon = load({}, client()).channel("pigeon")
    for expected in ("s3cret", "n3w"):
        found = await accounts.find(pool, "slug", "acme")
        assert found
        opened = Entry(*found).opened(found[1][0], pigeon, vault)
        assert (opened.credentials.token.get_secret_value(), opened.settings.colour) == (expected, "blue")
        await pool.execute("UPDATE accounts SET credentials = $1", sealed)

    again = await run(
        "account", "add", "acme", "pigeon", "coop", "--credentials", "-", given='{"token": "x"}', code=1
    )
    assert "has this account already" in again.stderr
    await run("account", "remove", "acme", "pigeon", "coop", "--yes")
    assert (await run("account", "list", "acme")).output == "acme has no accounts.\n"


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (["pigeon", "coop"], "", "credentials (none are given): token"),
        (["pigeon", "coop", "--credentials", "-"], '{"token": 5}', "credentials: token: Input should be"),
        (["pigeon", "coop", "--credentials", "-"], "s3cret", "credentials: Invalid JSON"),
        (["pigeon", "coop", "--credentials", "-"], '{"s3": "s3cret"}', "credentials: token: Field required"),
        (["pigeon", "coop", "--settings", '{"colour": 1}'], "", "settings: colour"),
        (["stork", "coop"], "", "channel stork is not installed"),
        (["pigeon", "", "--credentials", "-"], '{"token": "s3cret"}', "1 to 200 characters"),
    ],
)
async def test_an_account_refused_is_one_line_without_the_secret(
    run: Run, words: list[str], given: str, said: str
) -> None:
    await run("keys", "new")
    await run("tenant", "add", "acme", "--name", "Acme")
    result = await run("account", "add", "acme", *words, given=given, code=1)
    assert said in result.stderr and "s3cret" not in result.output and result.stderr.count("\n") == 1
    assert json.loads((await run("account", "list", "acme", "--json")).output) == []


async def test_an_assistants_account_has_credentials_only(run: Run) -> None:
    await run("keys", "new")
    await run("tenant", "add", "acme", "--name", "Acme", "--assistant", "owl")
    words = ("account", "add", "acme", "owl", "key", "--credentials", "-")
    await run(*words, "--settings", '{"a": 1}', given='{"token": "s3cret"}', code=2)
    added = await run(*words, given='{"token": "s3cret"}')
    assert "webhook" not in added.output.lower()


async def test_without_a_keyring_it_says_how_to_make_one(run: Run) -> None:
    await run("tenant", "add", "acme", "--name", "Acme")
    result = await run("seal", "acme", "pigeon", "coop", given='{"token": "s3cret"}', code=1)
    assert "`conserje keys new` makes one" in result.stderr


async def test_keys_are_rotated_and_old_seals_open(run: Run, tmp_path: Path) -> None:
    await run("keys", "new")
    await run("tenant", "add", "acme", "--name", "Acme")
    await run("account", "add", "acme", "pigeon", "coop", "--credentials", "-", given='{"token": "s3cret"}')

    async def keys() -> list[tuple[str, int]]:
        return [
            (row["state"], row["tenants"]) for row in json.loads((await run("keys", "list", "--json")).output)
        ]

    assert await keys() == [("seals", 1)]
    await run("keys", "rotate")
    assert sorted(await keys()) == [("opens", 0), ("seals", 1)]
    await run("keys", "new")
    assert sorted(await keys()) == [("opens", 0), ("opens", 1), ("seals", 0)]
    await run("keys", "rotate")  # takes the key just made, as it would after being cut off
    assert sorted(await keys()) == [("opens", 0), ("opens", 0), ("seals", 1)]
    (tmp_path / "data" / "keys" / "master.json").unlink()
    await run("keys", "new")
    assert sorted(await keys()) == [("missing", 1), ("seals", 0)]
    result = await run("keys", "rotate", code=1)
    assert "lacks master key" in result.stderr


async def test_plugins_are_listed_with_what_is_wrong(run: Run, tmp_path: Path) -> None:
    install(
        tmp_path / "packages", "ruin", "raise RuntimeError('out of order')", {"dodo": "conserje.channels"}
    )
    rows = {row["name"]: row for row in json.loads((await run("plugin", "list", "--json")).stdout)}
    assert rows["pigeon"] == {
        "name": "pigeon",
        "kind": "channel",
        "distribution": "aviary",
        "version": "1.2",
        "contract": 1,
        "state": "ready",
        "running": [],
        "tenants": 0,
        "some_tenants": [],
    }
    assert rows["owl"]["kind"] == "assistant" and "out of order" in rows["dodo"]["state"]


async def test_a_plugin_that_is_fenced_off_is_listed_and_resumed(run: Run, tmp_path: Path) -> None:
    async def state() -> str:
        rows = json.loads((await run("plugin", "list", "--json")).stdout)
        return str(next(row["state"] for row in rows if row["name"] == "owl"))

    of_node = fences.of_node(tmp_path / "data")
    for slug in ("acme", "bravo"):
        for _ in range(fences.ENOUGH):
            of_node.note(Call("owl", "reply", slug))
    assert "fenced off for acme" in await state() and "fenced off for bravo" in await state()
    assert "owl is called again for acme." in (await run("plugin", "resume", "owl", "acme")).output
    assert "acme" not in await state()
    refused = await run("plugin", "resume", "owl", "acme", code=1)
    assert "owl is fenced off for bravo" in refused.stderr
    assert "owl is called again." in (await run("plugin", "resume", "owl")).output
    assert await state() == "ready"
    refused = await run("plugin", "resume", "owl", code=1)
    assert "owl is not fenced off on this machine" in refused.stderr


async def test_a_packages_command_is_one_of_conserjes(run: Run, tmp_path: Path) -> None:
    source = "import click\n@click.command()\ndef coo():\n    'Coo.'\n    click.echo('coo')\n"
    install(tmp_path / "packages", "voice", source, {"coo": "conserje.commands"})
    try:
        assert (await run("coo")).output == "coo\n"
        assert "Coo." in (await run("--help")).output
    finally:
        main.commands.pop("coo", None)


async def test_a_package_s_broken_command_is_heard_of_by_who_asks_for_it(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = "import click\n@click.command()\ndef coo():\n    'Coo.'\n    click.echo('coo')\n"
    install(tmp_path / "packages", "larynx", source, {"coo": "conserje.commands"})
    install(tmp_path / "packages", "hoarse", "import nothing_there", {"caw": "conserje.commands"})
    try:
        assert (await run("coo")).output == "coo\n" and caplog.text == ""
        await run("caw", code=2)
        assert caplog.text.count("Command caw skipped: ModuleNotFoundError") == 1
    finally:
        main.commands.pop("coo", None)


async def test_migrating_tells_the_schema(run: Run) -> None:
    version = migrations()[-1][0]
    assert (await run("migrate")).output == f"The schema is {version}, as it was.\n"


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        (
            "CONSERJE_DATABASE_URL",
            "postgresql://u:hunter2@127.0.0.1:1/x",
            "Postgres at 127.0.0.1:1 cannot be reached",
        ),
        ("CONSERJE_WORKERS", "hunter2", "CONSERJE_WORKERS: "),
        ("CONSERJE_WORKER", "hunter2", "the nearest is CONSERJE_WORKERS."),
        ("CONSERJE_PIGEON_TOKN", "hunter2", "the nearest is CONSERJE_PIGEON_TOKEN."),
    ],
)
async def test_a_wrong_setting_is_one_line(run: Run, setting: str, value: str, said: str) -> None:
    result = await run("tenant", "list", code=1, **{setting: value})
    assert said in result.stderr and "hunter2" not in result.stderr and result.stderr.count("\n") == 1


READS = ("tenant list", "message list acme", "held list", "keys list", "say acme hola", "work", "serve")


@pytest.mark.parametrize("command", READS)
async def test_what_needs_a_database_makes_none(terminal: Terminal, tmp_path: Path, command: str) -> None:
    data = tmp_path / "data"
    listens = {f"{name}_LISTEN": str(tmp_path / f"{name}.sock") for name in ("OPERATOR", "CONSOLE")}
    elsewhere = {"DATABASE_URL": "", "DATA_DIR": str(data)} | listens
    said = (await terminal.type(*command.split(), code=1, **elsewhere)).stderr
    assert re.fullmatch(
        rf"conserje: The embedded Postgres in {data} is not made yet: run `conserje up`.*\n", said
    )
    assert not data.exists()


def test_a_domain_is_a_tenants_own() -> None:
    bases = ("bots.cl", "localhost")
    assert own_host("Chat.Ñandú.cl.", bases) == "chat.xn--and-6ma2c.cl"
    assert own_host("Straße.cl", bases) == "xn--strae-oqa.cl"  # as browsers write it now
    for host in ("bots.cl", "acme.bots.cl", "BOTS.cl.", "x.localhost"):
        with pytest.raises(TenantError, match="base domain"):
            own_host(host, bases)
    for host in ("cl", "co.uk", "github.io"):
        with pytest.raises(TenantError, match="public suffix"):
            own_host(host, bases)
    with pytest.raises(TenantError, match="host name"):
        own_host("a..b.cl", bases)


def commands(group: click.Group, path: str = "conserje") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_every_command_has_one_line_and_an_example_of_itself() -> None:
    for path, command in commands(main):
        line = command.get_short_help_str(limit=1000)
        assert line and not line.endswith("..."), path
        if not isinstance(command, click.Group):
            assert "Example:" in (command.help or ""), path
            assert path in (command.help or ""), path
