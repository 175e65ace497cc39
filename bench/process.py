"""Programs that the benchmark starts, and stops again by their process ids."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path


class Failed(Exception):
    """A program did not do what it was started for; the text has its last words."""


def environment(**variables: str) -> dict[str, str]:
    """This process's own variables without Conserje's, and the given ones."""
    return {k: v for k, v in os.environ.items() if not k.startswith("CONSERJE_")} | variables


async def output(*command: str, given: str = "", variables: Mapping[str, str] | None = None) -> str:
    """What `command` printed. Raises Failed."""
    if not shutil.which(command[0]):
        raise Failed(f"{command[0]} is not installed.")
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=environment(**(variables or {})),
        start_new_session=True,
    )
    try:
        said, complained = await process.communicate(given.encode())
    finally:
        await _stop(process)
    if process.returncode != 0:
        raise Failed(f"{' '.join(command[:4])}: {last_words(complained or said)}")
    return said.decode()


@asynccontextmanager
async def started(
    command: Sequence[str], log: Path, cwd: Path, variables: Mapping[str, str]
) -> AsyncIterator[Process]:
    """Run a program for as long as the block takes; what it says goes to `log`."""
    with open(log, "wb") as lines:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=lines,
            stderr=STDOUT,
            cwd=cwd,
            env=environment(**variables),
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await _stop(process)


@asynccontextmanager
async def serving(
    command: Sequence[str], port: int, log: Path, cwd: Path, variables: Mapping[str, str]
) -> AsyncIterator[Process]:
    """Run a server for as long as the block takes, from its first answer on. Raises Failed."""
    async with started(command, log, cwd, variables) as process:
        await _first_answer(process, port, log)
        yield process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _first_answer(process: Process, port: int, log: Path) -> None:
    try:
        async with asyncio.timeout(60):
            while not await _answers(port):
                if process.returncode is not None:
                    raise Failed(f"The server ended at once: {last_words(log.read_bytes())}")
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise Failed(f"The server gave no answer within a minute: {last_words(log.read_bytes())}") from None


async def _answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return (await reader.readline()).startswith(b"HTTP/1.1 ")
    except OSError:
        return False
    finally:
        writer.close()


async def _stop(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
    with suppress(ProcessLookupError):  # its group is its own: what it left behind goes too
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def last_words(said: bytes) -> str:
    return "\n".join(said.decode(errors="replace").strip().splitlines()[-12:]) or "no output"
