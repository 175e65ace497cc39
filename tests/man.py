"""The man page, in the form that man reads, of what the command line says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence

import click

HEAD = """\
.\\" Written by `make docs`.
.TH CONSERJE 1 "" "Conserje" "User commands"
.SH NAME
conserje \\- the concierge at the front door of many businesses' chat bots
.SH SYNOPSIS
.B conserje
.I command
[\\fIargument\\fR ...] [\\fIoption\\fR ...]
.SH DESCRIPTION
Conserje takes what contacts write to many businesses by WhatsApp, SMS and chat pages, and answers by each
business's own assistant. What it works with is set by environment variables CONSERJE_*, which the manual
names.
.SH COMMANDS"""

FOOT = """\
.SH OUTPUT
Tables fit the terminal: what is too wide for it ends with an ellipsis. A pipe or a file gets everything
whole, and no colours. What is held, refused or ill is red.
.PP
With \\fB\\-\\-json\\fR, stdout has JSON alone. A command that fails says why as an object of JSON, which is
the last line on stderr: \\fBerror\\fR is the sentence, \\fBexit_code\\fR the status, and
\\fBargument\\fR or \\fBsetting\\fR what is wrong, where it is one of them. A command that has found
something wrong prints what it found, too.
.SH ENVIRONMENT
.TP
.B NO_COLOR
If it is set and not empty, nothing is in colours.
.TP
.B CONSERJE_DATABASE_URL, CONSERJE_DATA_DIR ...
The settings of the installation.
.SH EXIT STATUS
0 done, 1 failed, 2 called wrongly.
"""


def render(commands: Iterable[tuple[Sequence[str], click.Command]]) -> str:
    """The page for these commands, each with its path."""
    parts = [line for path, command in commands for line in _section(path, command)]
    return "\n".join([HEAD, *parts, FOOT])


def _section(path: Sequence[str], command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=" ".join(("conserje", *path)))
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_plain(f'{context.info_name} {usage}'.strip())}"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield from _paragraph(paragraph)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[1] and "--help" not in parameter.opts:
            yield from (".TP", f"\\fB{_plain(record[0])}\\fR", _plain(record[1]))


def _paragraph(text: str) -> Iterator[str]:
    lines = text.split("\n")
    if lines[0] == "\b":  # as it is
        yield from (".PP", ".nf", *map(_plain, lines[1:]), ".fi")
    else:
        yield from (".PP", _plain(" ".join(line.strip() for line in lines)))


def _plain(text: str) -> str:
    """Text of which man takes nothing for its own: a dot or an apostrophe at the beginning, a backslash."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe
