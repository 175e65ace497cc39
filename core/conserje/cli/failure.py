"""Which errors end a command with one line, and which are faults of ours."""

from __future__ import annotations

from typing import IO, Any

import click

from conserje.errors import OperatorError


class Failed(click.ClickException):
    """Ends the command with one line on stderr and exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"conserje: {self.message}", err=True, file=file)


def failed(error: Exception) -> Failed | None:
    """The line for an error that an operator can do something about; None for any other."""
    if isinstance(error, OperatorError):
        return Failed(str(error))
    import asyncpg

    from conserje.database import describe

    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        return Failed(f"Postgres: {describe(error)}.")
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return Failed(f"{describe(error)}.")
    return None
