"""How a command ends for an error that an operator can do something about."""

from __future__ import annotations

from typing import IO, Any

import click


class Failed(click.ClickException):
    """Ends the command with one line on stderr and exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"conserje: {self.message}", err=True, file=file)
