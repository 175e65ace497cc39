"""`conserje serve`: the server's processes, and what must be right before they start."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from conserje import embedded, log
from conserje.cli.installation import read_settings
from conserje.settings import Settings, SettingsError
from conserje_edge.app import create, open_webhooks

RESPAWN_SECONDS = 0.5
STOP_SECONDS = 15  # for requests in hand; then a worker is killed
IDLE_MILLISECONDS = 30_000  # a proxy must close its idle connections sooner
BACKLOG = 2048


@dataclass(frozen=True)
class Address:
    """Where the server listens: a host and a port, or a unix socket."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix:{self.path}" if self.path else f"http://{host}:{self.port}"


def address(listen: str) -> Address:
    """The meaning of CONSERJE_LISTEN. Raises SettingsError."""
    if "/" in listen:
        return Address(path=Path(listen).absolute())
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingsError(f"CONSERJE_LISTEN: {listen!r} is neither host:port nor the path of a socket.")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise SettingsError(f"CONSERJE_LISTEN: the host {host} cannot be found ({error.strerror}).") from None
    return Address(host=str(found[0][4][0]), port=int(port))


def require_free(where: Address) -> None:
    """Raises SettingsError where nobody can listen; removes a socket that nobody listens on."""
    try:
        if where.path:
            _require_free_path(where.path)
        else:
            family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
            socket.create_server((where.host, where.port), family=family).close()
    except OSError as error:
        raise SettingsError(
            f"CONSERJE_LISTEN: {where} cannot be listened on ({error.strerror or error}). "
            "Stop what is there, or choose another address."
        ) from None


def _require_free_path(path: Path) -> None:
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise SettingsError(f"CONSERJE_LISTEN: {path} is there and is no socket.")
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(os.fspath(path))
        except FileNotFoundError:
            path.parent.stat()
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise SettingsError(f"CONSERJE_LISTEN: another server listens on {path}. Stop it first.")


class Server(MPServer):
    """Granian, which by itself ends when one worker dies twice within seconds; this one goes on."""

    def _respawn_workers(self, *arguments: Any, **named: Any) -> None:
        time.sleep(RESPAWN_SECONDS)  # a worker that cannot start must not keep the processor busy
        super()._respawn_workers(*arguments, **named)
        self.respawned_wrks.clear()
        if self.interrupt_signal or self.interrupt_children:  # came meanwhile
            self.main_loop_interrupt.set()


def server(where: Address, given: Settings) -> Server:
    level = LogLevels.debug if given.log_level == "debug" else LogLevels.warning
    return Server(
        target="conserje",
        address=where.host,
        port=where.port,
        uds=where.path,
        uds_permissions=0o660,
        interface=Interfaces.ASGI,
        workers=given.workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=IDLE_MILLISECONDS),
        websockets=False,
        backlog=BACKLOG,
        log_level=level,
        log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {"_granian": {}}},  # ours has them
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
    )


async def _check(given: Settings, held: AsyncExitStack) -> None:
    """Open once what each worker will open, so that what is wrong is said once."""
    if not given.database_url:
        await held.enter_async_context(embedded.running(given.data_dir))
    async with open_webhooks():
        pass


@click.command()
def serve() -> None:
    """Take providers' webhooks until stopped.

    \b
    Example:
      CONSERJE_LISTEN=127.0.0.1:8080 conserje serve
    """
    given = read_settings()
    log.set_up(given.log_level)
    where = address(given.listen)
    require_free(where)
    with asyncio.Runner() as runner:
        held = AsyncExitStack()
        try:
            runner.run(_check(given, held))
            processes = server(where, given)
            processes.on_startup(lambda: click.echo(f"Listening on {where}"))
            processes.serve(target_loader=create, wrap_loader=False)
        finally:
            runner.run(held.aclose())
