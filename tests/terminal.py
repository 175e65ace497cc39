"""A terminal: types commands of `conserje`, in this process, and reads what they print."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner, Result

from conserje.cli.main import main


@dataclass
class Terminal:
    """Where commands are typed, with their environment."""

    environment: dict[str, str]

    async def type(self, *command: str, code: int = 0, **more: str) -> Result:
        """Run a command that must end with `code`; `more` are further CONSERJE_ variables."""
        given = {f"CONSERJE_{name}": value for name, value in more.items()}
        result = await asyncio.to_thread(CliRunner().invoke, main, command, env=self.environment | given)
        assert result.exit_code == code, (command, result.output, result.exception)
        return result

    async def read(self, *command: str, **more: str) -> Any:
        """What a command prints as JSON."""
        return json.loads((await self.type(*command, code=0, **more)).stdout)
