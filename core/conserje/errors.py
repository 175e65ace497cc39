"""What an operator can do something about; any other error is a fault of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pydantic import ValidationError


NOT_YOURS = (
    "is not open to the user who runs this: run it as the user of the service, with `sudo -u conserje`."
)


class OperatorError(Exception):
    """Ends a command with its text, in one line, in place of a traceback.

    `of` names what is wrong where one thing is: a column of what was to be stored, or a setting CONSERJE_*.
    """

    def __init__(self, text: str = "", of: str = "") -> None:
        super().__init__(text)
        self.of = of


class NotThere(OperatorError):
    """What is named is not there, or it is another tenant's."""


class ChangedMeanwhile(OperatorError):
    """Somebody else changed it since it was read."""


class UnknownTenant(OperatorError):
    """There is no such tenant."""


class DirectoryUnavailable(OperatorError):
    """Postgres cannot be asked, and nothing is remembered."""


class Fault(NamedTuple):
    """The first thing that is wrong with what was given; never the value, which may be a secret."""

    place: str  # with dots; empty: the whole
    why: str
    type: str  # as pydantic calls it

    def __str__(self) -> str:
        return f"{self.place}: {self.why}." if self.place else f"{self.why}."


def first_fault(error: ValidationError) -> Fault:
    """Where and why a model refused what was given."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return Fault(place, first["msg"].removeprefix("Value error, "), first["type"])
