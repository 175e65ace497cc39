"""What tests need to start processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from forking import can_fork
from processes import alive, bare_environment, free_port, run_to_end, running
from waiting import until


def test_no_port_is_given_twice() -> None:
    """A server that is to have one port for two listeners does not start."""
    ports = [free_port() for _ in range(300)]
    assert len({*ports}) == len(ports)


@pytest.mark.parametrize("command", ["--version", "nonsense", "tenant list", "plugin check nothing"])
async def test_a_fork_does_what_a_start_does(tmp_path: Path, command: str) -> None:
    environment = bare_environment() | {
        "CONSERJE_DATA_DIR": str(tmp_path),
        "CONSERJE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    }
    by_itself = environment | {"TZ": "America/Santiago"}
    assert can_fork(environment) and not can_fork(by_itself)
    assert await run_to_end(environment, *command.split()) == await run_to_end(by_itself, *command.split())


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder with a command that says where it is, and stays."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "more.py").write_text(
        "import os, sys, time, click\n"
        "def opened():\n"
        "    for name in os.listdir('/proc/self/fd'):\n"
        "        if os.path.exists(f'/proc/self/fd/{name}'):\n"
        "            yield os.readlink(f'/proc/self/fd/{name}')\n"
        "@click.command()\n"
        "def more():\n"
        "    print(os.getsid(0) == os.getpid(), sorted(os.environ), os.getcwd(), sys.path[:2])\n"
        "    print(len(sys.stdin.read()), [name for name in opened() if 'pulse' not in name], flush=True)\n"
        "    time.sleep(60)\n"
    )
    (packages / "more-1.dist-info").mkdir()
    (packages / "more-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: more\nVersion: 1\n")
    (packages / "more-1.dist-info" / "entry_points.txt").write_text("[conserje.commands]\nmore = more:more\n")
    return packages


async def test_a_fork_is_a_process_of_its_own(tmp_path: Path, packages: Path) -> None:
    environment = bare_environment() | {"PYTHONPATH": str(packages), "CONSERJE_SAID": "here"}
    said, log = [], tmp_path / "log"
    for surroundings in (environment, environment | {"PYTHONHASHSEED": "1"}):
        assert can_fork(surroundings) is (surroundings is environment)
        async with running(surroundings, "more", log=log) as started:
            await until(lambda: len(log.read_text().splitlines()) == 2)
            started.process.kill()
            assert await started.process.wait() == -signal.SIGKILL
        said.append(log.read_text().replace("'PYTHONHASHSEED', ", ""))
        log.unlink()
    assert said[0] == said[1]
    assert f"{os.getcwd()} ['{os.getcwd()}', '{packages}']" in said[0]


async def test_a_fork_does_not_outlive_who_is_killed(tmp_path: Path, packages: Path) -> None:
    log = tmp_path / "log"
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from processes import bare_environment, running\n"
        "async def start(log):\n"
        "    async with running(bare_environment(), 'more', log=log) as started:\n"
        "        assert type(started.process).__name__ == 'Forked'\n"
        "        print(started.pid, flush=True)\n"
        "        await started.process.wait()\n"
        "asyncio.run(start(Path(sys.argv[1])))\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(log)),
        env=bare_environment() | {"PYTHONPATH": f"{packages}{os.pathsep}{Path(__file__).parent}"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    pid = int(await process.stdout.readline())
    await until(log.read_text)
    assert alive(pid)
    process.kill()
    await process.wait()
    await until(lambda: not alive(pid))


@pytest.mark.parametrize("variable", ["LD_PRELOAD", "LANG", "PYTHONOPTIMIZE"])
def test_another_interpreter_is_no_fork(variable: str) -> None:
    assert not can_fork(bare_environment() | {variable: "x"})


@pytest.mark.parametrize("name", ["conserje/__init__.py", "conserje_twilio/__init__.py", "conserje_echo.py"])
def test_another_release_is_no_fork(tmp_path: Path, name: str) -> None:
    environment = bare_environment() | {"PYTHONPATH": str(tmp_path)}
    (tmp_path / "conserje_of_somebody_else.py").touch()
    assert can_fork(environment)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert not can_fork(environment)
