"""The command line."""

from __future__ import annotations

import atexit
import gc
import os
from typing import TYPE_CHECKING, Any

import click

from conserje import commands
from conserje.cli.failure import as_wanted
from conserje.commands import Deferred

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# What is loaded stays: to look through it while more is loaded, and again at the end, is a third of what a
# short command costs.
gc.set_threshold(50_000)
atexit.register(gc.freeze)

_WORDS = "conserje.words"  # of the command line, as they were typed
_RENAMED = {"key": "api-key"}  # the old name is heard for a release


class CommandLine(click.Group):
    """Core's commands, and those of installed packages, which are loaded when they are asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        self._add_installed()
        return super().list_commands(context)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if renamed := _RENAMED.get(name):
            click.echo(f"`conserje {name}` is called `conserje {renamed}` now.", err=True)
            name = renamed
        if name not in self.commands:
            self._add_installed(name)  # the others' need not be loaded, nor be heard if they are broken
        if name not in self.commands:
            self._add_installed()
        command = super().get_command(context, name)
        if isinstance(command, Deferred):
            command = self.commands[name] = command.load()
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        self._add_installed()
        click.Group(commands=self.commands).format_commands(context, formatter)  # which loads none

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        self._add_installed()
        found = [name for name in sorted(self.commands) if name.startswith(incomplete)]
        names = [CompletionItem(name, help=self.commands[name].get_short_help_str()) for name in found]
        return [*names, *click.Command.shell_complete(self, context, incomplete)]

    def _add_installed(self, name: str = "") -> None:
        for command in commands.installed(name):
            if command.name not in self.commands:
                self.add_command(command)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        words = tuple(args)  # parsing takes them out of the list
        with as_wanted(self, words):
            context = super().make_context(info_name, args, parent, **extra)
        context.meta[_WORDS] = words
        if os.environ.get("NO_COLOR"):
            context.color = False
        return context

    def invoke(self, context: click.Context) -> Any:
        with as_wanted(self, context.meta[_WORDS]):
            return super().invoke(context)


_HELP = {  # the module of each, and the first sentence of its help
    "account:account": "Add, change, move, check, configure, list and remove tenants' accounts.",
    "account:seal": "Seal an account's credentials, read as JSON.",
    "api_key:api_key": "Add, list and revoke the keys to the API and to the operator's listener.",
    "assistant:assistant": "Look at the assistants installed, and try one by phrases of customers.",
    "audit:audit": "Print who did what at the console, newest first.",
    "backup:backup": "Save the database and contacts' files, sealed, and prove that they come back.",
    "completion:completion": "Print what lets a shell complete commands, options and their choices.",
    "contact:contact": "Look at who has written to a tenant; hand out all that is kept of one, or forget it.",
    "conversation:conversation": "Look at conversations; take one over, and give it back to the assistant.",
    "cost:cost": "Show what models and messages have cost in a month, in USD: of a tenant, or of all.",
    "held:held": "Look at what was given up on for now; retry or drop it.",
    "keys:keys": "Make, list, check, rotate and destroy the master keys.",
    "lead:lead": "List and show what contacts want of a tenant's people; give it to another, or close it.",
    "login:login": "Invite, list and remove who runs the installation; make links that sign in.",
    "notification:notification": "Look at what a tenant's own systems were told, and tell it again.",
    "message:message": "Read what tenants and their contacts say, and write as a person.",
    "migrate:migrate": "Make the database's roles and schema what this release needs.",
    "person:person": "Add, list and remove a tenant's people: who comes in, or is given leads.",
    "plugin:plugin": "Look at the channels, assistants and tools installed; make, check and record one.",
    "knowledge:knowledge": "List, change, remove, import and export what tenants say about themselves.",
    "price:price": "List, set and remove what models and messages cost.",
    "product:product": "List, change, remove, import and export what tenants sell.",
    "prune:prune": "Empty and remove what tenants keep no longer, now.",
    "restore:restore": "Restore a backup into an empty database, by the keyring that sealed it.",
    "say:say": "Write to a tenant as a contact, and print the reply.",
    "statistics:statistics": "Count conversations by day and by intent, and how soon they were answered.",
    "subscription:subscription": "Say which systems are told what happens, and by which secrets.",
    "tenant:tenant": "Add, list, show, change, suspend, resume, export, import and remove tenants.",
    "up:up": "Run everything: Postgres unless one is given, migrations, serve and work.",
    "work:work": "Answer messages: think turns and deliver replies, until stopped.",
}
COMMANDS = [
    Deferred(place.partition(":")[2].replace("_", "-"), f"conserje.cli.{place}", help)
    for place, help in _HELP.items()
]


@click.group(cls=CommandLine, commands=COMMANDS, context_settings={"max_content_width": 120})
@click.version_option(package_name="conserje")
def main() -> None:
    """Conserje: the concierge at the front door of many businesses' chat bots.

    \b
    Example:
      conserje tenant add acme --name "Acme"
    """
