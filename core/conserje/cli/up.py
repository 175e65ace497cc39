"""`conserje up`: everything on one machine, by one command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import click

from conserje import commands
from conserje.cli.processes import Processes, ProcessFailed
from conserje.installation import read_settings
from conserje.net.listen import host_and_port
from conserje.settings import PREFIX, Settings, SettingsError
from conserje.storage import embedded
from conserje.storage.database import connect_as_core
from conserje.storage.environment import bare
from conserje.storage.migrate import migrate
from conserje.tenants.data_keys import check_keyring
from conserje.tenants.keyring import VaultError, create_keyring
from conserje.tenants.vault import Vault

START_LIMIT = 30.0  # seconds until `serve` must accept connections

# What children get beside what every program needs. Postgres's own variables name the database, and open it.
OURS = (PREFIX, "PG")
FOR_EDGE = tuple(
    PREFIX + name
    for name in ("DOMAINS", "DATA_DIR", "LISTEN", "OPERATOR_", "CONSOLE_", "PUBLIC_", "HTTP", "BODY_")
)
MAIL = (f"{PREFIX}SMTP_URL", f"{PREFIX}MAIL_FROM")  # `work` alone sends


@click.command()
@click.option(
    "--demo", is_flag=True, help="Load three demo tenants and start the stand-ins for their providers."
)
@click.option(
    "--edge",
    is_flag=True,
    envvar="EDGE",
    help="Put nginx in front, with TLS by an authority of this machine.",
)
def up(demo: bool, edge: bool) -> None:
    """Run everything: Postgres unless one is given, migrations, serve and work.

    \b
    Example:
      conserje up --demo
    """
    asyncio.run(_up(demo, edge))


async def _up(demo: bool, with_edge: bool) -> None:
    settings = read_settings()
    _refuse_taken_port(settings.listen, "CONSERJE_LISTEN")
    _refuse_taken_port(settings.operator_listen, "CONSERJE_OPERATOR_LISTEN")
    _refuse_taken_port(settings.console_listen, "CONSERJE_CONSOLE_LISTEN")
    if not settings.database_url:
        embedded.make_folder(settings.data_dir)
    edge = await _prepare_edge() if with_edge else None
    if edge:
        for listen, setting in zip(
            edge.listens, ("CONSERJE_HTTP_LISTEN", "CONSERJE_HTTPS_LISTEN"), strict=True
        ):
            _refuse_taken_port(listen, setting)
        settings = read_settings({**os.environ, **edge.environment})
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _postgres(settings) as (url, server):
        before, after = await migrate(url)
        if after != before:
            click.echo(f"Migrated the database to {after}.", err=True)
        await _keys(settings, url)
        environment = bare(*OURS) | {"CONSERJE_DATABASE_URL": url} | (edge.environment if edge else {})
        staged = await _prepare_demo(environment, edge) if demo else Demo()
        children = Processes()
        try:
            await _start(children, environment | staged.environment, settings, staged, edge, stop)
            if not stop.is_set():
                click.echo(_banner(server, url, settings, staged, edge))
                await _run_until(children, stop)
        finally:
            click.echo("Stopping ...", err=True)
            await children.end()


@dataclass
class Demo:
    """What `conserje demo prepare` says: settings for the others, processes, and what to show."""

    environment: dict[str, str] = field(default_factory=dict)
    commands: list[list[str]] = field(default_factory=list)
    tenants: list[dict[str, Any]] = field(default_factory=list)
    console: str = ""  # a link that signs in, once
    spare: dict[str, str] = field(default_factory=dict)  # an account for a tenant that the reader adds


@dataclass
class Edge:
    """What `conserje edge prepare` says: nginx's command, and settings for the others."""

    command: list[str]
    listens: list[str]
    environment: dict[str, str]
    authority: str  # the file of its certificate


@asynccontextmanager
async def _postgres(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """The database's URL and a few words on the server."""
    if settings.database_url:
        yield settings.database_url, "PostgreSQL at CONSERJE_DATABASE_URL"
        return
    async with embedded.running(settings.data_dir) as url:
        connection = await asyncpg.connect(url)
        major = connection.get_server_version().major
        await connection.close()
        yield url, f"PostgreSQL {major} (embedded), data in {settings.data_dir}"


def _refuse_taken_port(listen: str, setting: str) -> None:
    """Say so before anything is started: somebody listens there already."""
    place = host_and_port(listen)
    if place is None:
        return  # a unix socket: `serve` looks at it
    with socket.socket(socket.AF_INET6 if ":" in place[0] else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            raise SettingsError(
                f"{listen} cannot be listened on ({error.strerror}): stop who does, or set {setting}."
            ) from None


async def _keys(settings: Settings, url: str) -> None:
    """Make a keyring on the first run; afterwards it must open what the database holds."""
    connection = await connect_as_core(url, name="conserje up")
    try:
        if not settings.keyring.exists():
            sealed = await connection.fetchval("SELECT count(*) FROM tenants WHERE data_key IS NOT NULL")
            if sealed:
                raise VaultError(
                    f"The keyring {settings.keyring}, by which {sealed} tenants' credentials are sealed, is "
                    "missing: put it back, or set CONSERJE_MASTER_KEYS_FILE."
                )
            create_keyring(settings.keyring)
            click.echo(f"Made a keyring: {settings.keyring}. Keep a copy of it apart from backups.", err=True)
        await check_keyring(connection, Vault.read(settings.keyring))
    finally:
        await connection.close()


async def _prepare_demo(environment: dict[str, str], edge: Edge | None) -> Demo:
    if "demo" not in _commands():
        raise SettingsError("--demo needs the stand-ins for the providers: `pip install ./tests/fakes`.")
    trust = ["--trust", edge.authority] if edge else []
    return Demo(**await _prepared("The demo", environment, "demo", "prepare", *trust))


async def _prepare_edge() -> Edge:
    if "edge" not in _commands():
        raise SettingsError("--edge needs the configuration of nginx: `pip install ./nginx`.")
    return Edge(**await _prepared("The edge", bare(*FOR_EDGE), "edge", "prepare"))


def _commands() -> set[str | None]:
    return {command.name for command in commands.installed()}


async def _prepared(what: str, environment: dict[str, str], *command: str) -> dict[str, Any]:
    """The JSON that a command prints; what is wrong it says itself."""
    made = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "conserje", *command],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    if made.returncode:
        raise ProcessFailed(f"{what} could not be prepared: see above what it said.")
    return dict(json.loads(made.stdout))


async def _start(
    children: Processes,
    environment: dict[str, str],
    settings: Settings,
    demo: Demo,
    edge: Edge | None,
    stop: asyncio.Event,
) -> None:
    for number, command in enumerate(demo.commands, 1):
        await children.start(f"stand-in {number}", command, bare())
    without_mail = {name: value for name, value in environment.items() if name not in MAIL}
    await children.start("work", [sys.executable, "-m", "conserje", "work"], environment)
    await children.start("serve", [sys.executable, "-m", "conserje", "serve"], without_mail)
    listens = (settings.listen, settings.operator_listen, settings.console_listen)
    await _until_listening("serve", listens, children, stop)
    if edge and not stop.is_set():
        await children.start("nginx", edge.command, bare())
        await _until_listening("nginx", edge.listens, children, stop)


async def _until_listening(
    name: str, listens: Iterable[str], children: Processes, stop: asyncio.Event
) -> None:
    for listen in listens:
        listening = asyncio.create_task(_listening(listen))
        await _first(listening, children, stop, START_LIMIT)
        if not listening.done() and not stop.is_set():
            raise ProcessFailed(
                f"{name} does not listen on {listen} after {START_LIMIT:g} s: see above what it said."
            )


async def _run_until(children: Processes, stop: asyncio.Event) -> None:
    await _first(asyncio.create_task(stop.wait()), children, stop, None)


async def _first(
    awaited: asyncio.Task[Any], children: Processes, stop: asyncio.Event, limit: float | None
) -> None:
    """Wait for `awaited`, for the signal to stop, or for a child that is given up (ProcessFailed)."""
    failed = asyncio.create_task(children.wait())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({awaited, failed, stopped}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
    finally:
        failed.cancel()
        stopped.cancel()
        awaited.cancel()


async def _listening(listen: str) -> None:
    """Until somebody accepts connections there."""
    place = host_and_port(listen)
    while True:
        try:
            if place:
                _, writer = await asyncio.open_connection(*place)
            else:
                _, writer = await asyncio.open_unix_connection(listen)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _banner(server: str, url: str, settings: Settings, demo: Demo, edge: Edge | None) -> str:
    program = _program()
    lines = [f"Conserje is up: {server}", ""]
    if demo.tenants:
        width = max(len(tenant["slug"]) for tenant in demo.tenants)
        far = max(len(tenant["url"]) for tenant in demo.tenants)
        for tenant in demo.tenants:
            accounts = ", ".join(f"{account} (stand-in)" for account in tenant["accounts"])
            lines.append(f"  {tenant['slug']:{width}}  {tenant['url']:{far}}  {accounts}".rstrip())
        lines += ["", f"The console:   {demo.console} (signs you in, once)"]
        lines.append(f'Talk to one:   {program} say {demo.tenants[0]["slug"]} "wena loco"')
    lines.append(f'Add a client:  {program} tenant add nueva-tienda --name "Nueva Tienda"')
    if not settings.database_url:
        lines.append(f"Or by SQL:     {_shown(embedded.psql())} '{url}'")
    if demo.spare:
        account = f"{demo.spare['account']} --credentials {demo.spare['credentials']}"
        lines.append(f"Its number:    {program} account add nueva-tienda {account}")
    else:
        lines.append(f"It will be at  {settings.tenant_url('nueva-tienda')}")
    lines.append(f"Its health:    {_asked(settings.operator_listen, 'readyz')}")
    lines.append(f"Its API:       {_asked(settings.console_listen, 'api/v1/tenants')}")
    if edge:
        lines.append(f"Its authority: {edge.authority}, for your browser to trust, or curl --cacert")
    return "\n".join([*lines, "", "Ctrl-C stops everything."])


def _asked(listen: str, path: str) -> str:
    """How a listener on this machine is asked."""
    if "/" in listen:
        return f"curl --unix-socket {listen} http://localhost/{path}"
    return f"curl http://{listen}/{path}"


def _program() -> str:
    """How the reader started us, as they would write it again."""
    return _shown(Path(sys.argv[0]))


def _shown(path: Path) -> str:
    """Relative, where it lies below the reader's folder."""
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here
