"""What the units say, and a machine that starts and stops their processes in systemd's place."""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from debian import require
from processes import Running, bare_environment, launch

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "deployment" / "systemd"
PROGRAM = "/opt/conserje/bin/conserje"


def read(name: str) -> dict[str, list[str]]:
    """The values of each directive of a unit, in order."""
    found = defaultdict(list)
    for line in (SYSTEMD / name).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", "[")):
            found[key].append(value)
    return found


def environment(name: str) -> dict[str, str]:
    """What a unit's own lines set."""
    pairs = [value.partition("=") for value in read(name)["Environment"]]
    return {key: value for key, _, value in pairs}


@dataclass
class Machine:
    """Starts and stops instances of a unit below `folder`, with `settings` for the files in /etc/conserje."""

    folder: Path
    settings: dict[str, str]
    _started: dict[tuple[str, str], Running] = field(default_factory=dict)

    def path(self, instance: str) -> Path:
        """The socket of an instance of conserje-serve@."""
        return self.folder / "run" / "conserje" / instance / "serve.sock"

    async def start(self, name: str, instance: str = "", release: Path | None = None) -> Running:
        """Return when the unit would be active. With `release`, the packages there come before ours."""
        unit = read(name)
        for value in unit["RuntimeDirectory"]:
            Path(self._here(f"/run/{value}", instance)).mkdir(parents=True, exist_ok=True)
        own = {key: self._here(value, instance) for key, value in environment(name).items()}
        surroundings = bare_environment() | self.settings | own
        if release:
            surroundings["PYTHONPATH"] = str(release)
        log = self.folder / f"{name}-{instance}.log"
        [start] = unit["ExecStart"]
        assert start.startswith(PROGRAM)
        with log.open("ab") as output:
            process = await launch(surroundings, shlex.split(start)[1:], output, output)
        running = self._started[name, instance] = Running(process, log)
        for command in unit["ExecStartPost"]:
            words = [self._here(word, instance) for word in shlex.split(command)]
            require(words[0], Path(words[0]).name)
            post = await asyncio.create_subprocess_exec(*words, env=surroundings)
            assert await post.wait() == 0, running.said
        return running

    async def stop(self, name: str, instance: str = "") -> None:
        """As `systemctl stop` with KillMode=mixed; what has to be killed is an error here."""
        unit, running = read(name), self._started.pop((name, instance))
        assert unit["KillMode"] == ["mixed"]
        [limit] = unit["TimeoutStopSec"]
        running.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(running.process.wait(), float(limit))
        assert running.process.returncode == 0, running.said

    async def end(self) -> None:
        """Stop what still runs."""
        for name, instance in list(self._started):
            await self.stop(name, instance)

    def _here(self, value: str, instance: str) -> str:
        """The value with the instance, and with the machine's folders below ours."""
        value = value.replace("%i", instance)
        return f"{self.folder}{value}" if value.startswith(("/run/", "/var/lib/")) else value
