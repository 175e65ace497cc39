"""nginx in front of whichever server is measured, from the templates that an installation has."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import process
from bench.webhooks import DOMAIN

from conserje_nginx.authority import Authority
from conserje_nginx.local import version
from conserje_nginx.render import Edge, render


@dataclass(frozen=True)
class Nginx:
    """A running nginx, which ends TLS at a port of loopback."""

    port: int
    pid: int


@asynccontextmanager
async def opened(folder: Path, upstream_port: int) -> AsyncIterator[Nginx]:
    """Run nginx in `folder` for as long as the block takes. Raises Failed."""
    certificates = folder / "certificates"
    Authority(folder / "authority").issue([DOMAIN, f"*.{DOMAIN}"], certificates / "wildcard.pem")
    port = process.free_port()
    edge = Edge(
        domains=(DOMAIN,),
        upstream=f"127.0.0.1:{upstream_port}",
        certificates=str(certificates),
        acme_root=str(folder / "acme"),
        http_listen=f"127.0.0.1:{process.free_port()}",
        https_listen=f"127.0.0.1:{port}",
        https_port=port,
        access_log=str(folder / "access.log"),
    )
    render(edge, folder, version("nginx"))
    # As root its workers are root too: the folder is closed to others.
    user = " user root;" if os.geteuid() == 0 else ""
    command = ["nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "stderr", "-g", f"daemon off;{user}"]
    log = folder / "nginx.log"
    async with process.started(command, log, folder, {}) as running:
        await _listening(running, port, log)
        yield Nginx(port, running.pid)


async def _listening(running: asyncio.subprocess.Process, port: int, log: Path) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if running.returncode is not None:
                raise process.Failed(f"nginx ended at once: {process.last_words(log.read_bytes())}") from None
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


def trusting_all() -> ssl.SSLContext:
    """For clients that are not what is measured; wrk does not look at certificates either."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
