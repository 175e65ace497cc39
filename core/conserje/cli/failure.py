"""Which errors end a command with one line, and which are faults of ours."""

from __future__ import annotations

from typing import IO, Any

import asyncpg
import click

from conserje.api_keys import ApiKeyError
from conserje.cli.processes import ProcessFailed
from conserje.database import DatabaseError, describe
from conserje.directory import AccountUnusable, DirectoryUnavailable, UnknownTenant
from conserje.held import HeldError
from conserje.mail import MailFailed
from conserje.notifier import NotTold
from conserje.persons import PersonError
from conserje.plugins import PluginMissing
from conserje.products import ProductError
from conserje.settings import SettingsError
from conserje.tenants import TenantError
from conserje.vault import VaultError

KNOWN = (
    AccountUnusable,
    ApiKeyError,
    DatabaseError,
    DirectoryUnavailable,
    HeldError,
    MailFailed,
    NotTold,
    PersonError,
    PluginMissing,
    ProcessFailed,
    ProductError,
    SettingsError,
    TenantError,
    UnknownTenant,
    VaultError,
)


class Failed(click.ClickException):
    """Ends the command with one line on stderr and exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"conserje: {self.message}", err=True, file=file)


def failed(error: Exception) -> Failed | None:
    """The line for an error that an operator can do something about; None for any other."""
    if isinstance(error, KNOWN):
        return Failed(str(error))
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        line = describe(error).partition("\n")[0]  # what follows may show the row
        return Failed(f"Postgres: {line}.")
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return Failed(f"{describe(error)}.")
    return None
