"""What ends a command, in sentences for the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

import click


class CertificateError(click.ClickException):
    """Something that an operator can put right; ends the command with exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"conserje: {self.message}", err=True, file=file)


def attempt(faults: list[str], action: Callable[..., object], *arguments: object) -> None:
    """Do it; what it fails of is added to `faults`, so that the rest can go on."""
    try:
        action(*arguments)
    except CertificateError as error:
        faults.append(error.message)
