"""nginx as it stands in front of Conserje: the real one, on free ports of loopback, for a test's time."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debian import require
from processes import free_port
from waiting import LIMIT, until

from conserje_nginx.authority import Authority
from conserje_nginx.local import command as command  # for tests that start it themselves
from conserje_nginx.local import names, version
from conserje_nginx.render import Edge, render

BASE = "bots.example.test"


@dataclass
class Gate:
    """A running nginx."""

    process: asyncio.subprocess.Process
    folder: Path
    edge: Edge
    http_port: int
    https_port: int

    @property
    def errors(self) -> str:
        return (self.folder / "error.log").read_text()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The access log."""
        return [json.loads(line) for line in Path(self.edge.access_log).read_text().splitlines()]

    async def listens(self) -> bool:
        assert self.process.returncode is None, self.errors
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.https_port)
        except OSError:
            return False
        writer.close()
        return True


def certify(folder: Path, domains: Iterable[str] = (BASE,), custom: Iterable[str] = ()) -> ssl.SSLContext:
    """Make an authority and certificates as nginx reads them; the context trusts the authority.

    folder/wildcard.pem for the domains and what is below them, folder/custom/<domain>.pem for each other.
    """
    authority = Authority(folder / "authority")
    authority.issue(names(list(domains)), folder / "wildcard.pem")
    for domain in custom:
        authority.issue([domain], folder / "custom" / f"{domain}.pem")
    return ssl.create_default_context(cafile=str(authority.certificate_file))


@asynccontextmanager
async def nginx(
    folder: Path,
    upstream: str,
    operator_upstream: str,
    certificates: Path,
    *,
    console_upstream: str = Edge.console_upstream,
    domains: tuple[str, ...] = (BASE,),
    acme_root: Path | None = None,
    instead: Mapping[str, str] | None = None,
) -> AsyncIterator[Gate]:
    """nginx on free ports of 127.0.0.1, from a configuration rendered into `folder`.

    `upstream` is host:port or unix:/path, or several with commas between. `instead` replaces texts of the
    configuration, for limits that would take too long to reach. As root the workers are root too, since
    pytest's folders are closed to others.
    """
    program = require("nginx", "nginx")
    http_port, https_port = free_port(), free_port()
    edge = Edge(
        domains=domains,
        upstream=upstream,
        operator_upstream=operator_upstream,
        console_upstream=console_upstream,
        certificates=str(certificates),
        acme_root=str(acme_root or folder / "acme"),
        http_listen=f"127.0.0.1:{http_port}",
        https_listen=f"127.0.0.1:{https_port}",
        https_port=https_port,
        access_log=str(folder / "access.log"),
    )
    render(edge, folder, version(program))
    for old, new in (instead or {}).items():
        _replace(folder, old, new)
    with (folder / "error.log").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command(program, folder), stdout=errors, stderr=errors
        )
    gate = Gate(process, folder, edge, http_port, https_port)
    try:
        await until(gate.listens)
        yield gate
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), LIMIT)


def _replace(folder: Path, old: str, new: str) -> None:
    found = [file for file in folder.rglob("*.conf") if old in file.read_text()]
    assert found, f"the configuration has no {old!r}"
    for file in found:
        file.write_text(file.read_text().replace(old, new))
