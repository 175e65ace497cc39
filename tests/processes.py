"""The real processes of an installation, as a test starts, watches and ends them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import IO

from forking import Forked, can_fork, fork
from waiting import LIMIT, until

# Whoever runs the tests may have an installation, or an OpenAI key, of their own.
FOREIGN = ("CONSERJE_", "TWILIO_", "OPENAI_", "PG")

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_RUN = 8 if "TEST_DATABASE_URL" in os.environ else 0  # beside one that has no Postgres given
PORTS = range(10_000 + (_RUN + _WORKER) % 16, 32_000, 16)  # no other worker takes one before its server does
_ports = cycle(random.sample(PORTS, len(PORTS)))  # nor is one given twice, for two servers of a test


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder that an embedded Postgres can use; pytest's own are closed to its user by other runs."""
    with tempfile.TemporaryDirectory(prefix="conserje-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # root's server runs as another user
        yield Path(folder)


def free_port() -> int:
    """None that a connection's own end may get before the server does: those begin at 32768."""
    while True:
        port = next(_ports)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def bare_environment() -> dict[str, str]:
    """This process's environment, without what would reach the programs under test."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    """Those that any of its threads started."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in thread.read_text().split()]
    return found


def family(pid: int) -> list[int]:
    """The process and all its descendants."""
    return [pid, *(member for child in children(pid) for member in family(child))]


@dataclass
class Running:
    """A command of Conserje at work; its output goes to `log`."""

    process: asyncio.subprocess.Process | Forked
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def workers(self) -> list[int]:
        return [
            int(child) for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        ]

    @property
    def said(self) -> str:
        return self.log.read_text()


@asynccontextmanager
async def running(
    environment: Mapping[str, str], *command: str, log: Path, python: str = sys.executable
) -> AsyncIterator[Running]:
    """`python -m conserje` with this command, until the block ends."""
    with log.open("ab") as output:
        process = await launch(environment, command, output, output, python)
    try:
        yield Running(process, log)
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), LIMIT)


async def run_to_end(
    environment: Mapping[str, str], *command: str, python: str = sys.executable
) -> tuple[int, str, str]:
    """Exit code, output and errors of a command that ends by itself."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = await launch(environment, command, output, errors, python)
        try:
            code = await asyncio.wait_for(process.wait(), LIMIT)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        for file in (output, errors):
            file.seek(0)
        return code, output.read().decode(), errors.read().decode()


async def launch(
    environment: Mapping[str, str],
    command: Sequence[str],
    output: IO[bytes],
    errors: IO[bytes],
    python: str = sys.executable,
) -> asyncio.subprocess.Process | Forked:
    """Start `python -m conserje` in a session, which is a process group, as a terminal makes it."""
    if python == sys.executable and can_fork(environment):
        return await fork(environment, command, output, errors)
    return await asyncio.create_subprocess_exec(
        *(python, "-m", "conserje", *command),
        env=environment,
        stdout=output,
        stderr=errors,
        start_new_session=True,
    )


@dataclass
class Serving(Running):
    """A running `conserje serve`."""

    listen: str

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if "/" in self.listen:
            return await asyncio.open_unix_connection(self.listen)
        host, _, port = self.listen.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def raw(self, request: bytes, half_close: bool = False) -> bytes:
        """What is answered to `request`, until the server closes or has nothing more to say."""
        reader, writer = await self.connect()
        with contextlib.suppress(ConnectionError):
            writer.write(request)
            await writer.drain()
            if half_close:
                writer.write_eof()
        answer = b""
        try:
            async with asyncio.timeout(LIMIT):
                while not _whole(answer) and (part := await reader.read(65536)):
                    answer += part
        finally:
            writer.close()
        return answer

    async def status(self, request: bytes, half_close: bool = False) -> int:
        return int((await self.raw(request, half_close)).split(b" ", 2)[1])

    async def answers(self) -> bool:
        assert self.process.returncode is None, self.said
        try:
            # 503 where Postgres cannot be asked for tenants.
            return await self.status(b"GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n") in (404, 503)
        except (OSError, IndexError):
            return False


def _whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end) and len(body) >= int(length[1] if length else 0)


@asynccontextmanager
async def serving(environment: Mapping[str, str], python: str = sys.executable) -> AsyncIterator[Serving]:
    """A server that answers."""
    log = Path(environment["CONSERJE_DATA_DIR"]) / "serve.log"
    async with running(environment, "serve", log=log, python=python) as started:
        server = Serving(started.process, log, environment["CONSERJE_LISTEN"])
        await until(server.answers)
        yield server
