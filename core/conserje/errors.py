"""What an operator can do something about; any other error is a fault of ours."""

from __future__ import annotations


class OperatorError(Exception):
    """Ends a command with its text, in one line, in place of a traceback."""


class UnknownTenant(OperatorError):
    """There is no such tenant."""


class DirectoryUnavailable(OperatorError):
    """Postgres cannot be asked, and nothing is remembered."""
