"""How a command ends for an error that an operator can do something about."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

import click


class Failed(click.ClickException):
    """Ends the command with one line on stderr and exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"conserje: {self.message}", err=True, file=file)


class Told(click.ClickException):
    """Ends the command with an object of JSON as the last line on stderr.

    Stdout is left to data: commands that found something wrong have printed what they found.
    """

    def __init__(self, said: str, exit_code: int, wrong: Mapping[str, str]) -> None:
        super().__init__(said)
        self.exit_code = exit_code  # type: ignore[misc]
        self._wrong = wrong

    def show(self, file: IO[Any] | None = None) -> None:
        from conserje.cli.table import in_json

        said = {"error": self.message, "exit_code": self.exit_code, **self._wrong}
        click.echo(in_json(said), err=True, file=file)


@contextmanager
def as_wanted(group: click.Group, words: Sequence[str]) -> Iterator[None]:
    """Let what ends the command that `words` call be said in a line, or in JSON if they ask for it."""
    try:
        yield
    except click.exceptions.Exit:
        raise
    except Exception as error:
        if ended := _told(error, group, words) if "--json" in words else _line(error):
            raise ended from None
        raise


def _line(error: Exception) -> Failed | None:
    """None for what click says itself, and for a fault of ours, which keeps its traceback."""
    if isinstance(error, click.ClickException | click.Abort):
        return None
    from conserje.installation import explained

    line = explained(error)
    return Failed(line) if line else None


def _told(error: Exception, group: click.Group, words: Sequence[str]) -> Told:
    """The traceback of a fault of ours is printed first."""
    if isinstance(error, click.ClickException):
        lines = (line.removeprefix("conserje:").strip() for line in error.format_message().splitlines())
        return Told(" ".join(lines), error.exit_code, _argument_of(error))
    if isinstance(error, click.Abort):
        return Told("Nobody has agreed to it, so nothing is changed: give --yes.", 1, {})
    if line := _line(error):
        return Told(line.message, 1, _wrong_of(error, group, words))
    traceback.print_exception(error)
    return Told(f"This is a fault of Conserje's ({type(error).__name__}); its traceback is above.", 1, {})


def _argument_of(error: click.ClickException) -> dict[str, str]:
    """The argument of the command line that is wrong, where there is one."""
    if isinstance(error, click.BadParameter) and error.param:
        return {"argument": _written(error.param)}
    if isinstance(error, click.NoSuchOption | click.BadOptionUsage):
        return {"argument": error.option_name}
    return {}


def _wrong_of(error: Exception, group: click.Group, words: Sequence[str]) -> dict[str, str]:
    """The setting that is wrong, or the argument, where there is one."""
    from conserje.errors import OperatorError
    from conserje.settings import PREFIX

    of = error.of if isinstance(error, OperatorError) else ""
    of = of if of.startswith(PREFIX) else of.partition(".")[0]
    if of.startswith(PREFIX):
        return {"setting": of}
    named = [each for each in _called(group, words).params if of and each.name == of]
    return {"argument": _written(named[0])} if named else {}


def _called(command: click.Command, words: Sequence[str]) -> click.Command:
    """The command that `words` call; no group has options of its own."""
    context = click.Context(command)
    for word in words:
        if not isinstance(command, click.Group) or not (part := command.get_command(context, word)):
            break
        command = part
    return command


def _written(parameter: click.Parameter) -> str:
    is_option = isinstance(parameter, click.Option)
    return max(parameter.opts, key=len) if is_option else parameter.human_readable_name
