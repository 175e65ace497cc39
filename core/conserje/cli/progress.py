"""How far something has come, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from conserje.operations.progress import Progress


@contextmanager
def shown() -> Iterator[Progress]:
    """One line that is written anew, and nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield Progress()
        return
    try:
        yield Progress(lambda line: click.echo(f"\r\x1b[K{line} ...", nl=False, err=True))
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)
