"""The command line."""

from __future__ import annotations

from typing import Any

import click

from conserje import plugins
from conserje.cli.account import account, seal
from conserje.cli.conversation import conversation
from conserje.cli.failure import failed
from conserje.cli.held import held
from conserje.cli.key import key
from conserje.cli.keys import keys
from conserje.cli.message import message
from conserje.cli.migrate import migrate
from conserje.cli.plugin import plugin
from conserje.cli.product import product
from conserje.cli.say import say
from conserje.cli.tenant import tenant
from conserje.cli.up import up
from conserje.cli.work import work


class CommandLine(click.Group):
    """Core's commands, and those of installed packages, which are loaded when they are asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        self._add_installed()
        return super().list_commands(context)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.commands:
            self._add_installed()
        return super().get_command(context, name)

    def _add_installed(self) -> None:
        for command in plugins.commands():
            if command.name not in self.commands:
                self.add_command(command)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except Exception as error:
            if line := failed(error):
                raise line from None
            raise


@click.group(cls=CommandLine)
@click.version_option(package_name="conserje")
def main() -> None:
    """Conserje: the concierge at the front door of many businesses' chat bots.

    \b
    Example:
      conserje tenant add acme --name "Acme"
    """


_COMMANDS = (
    account, conversation, held, key, keys, message, migrate, plugin, product, say, seal, tenant, up, work,
)  # fmt: skip
for _command in _COMMANDS:
    main.add_command(_command)
