"""`conserje completion`: lets a shell complete what is typed."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM, VARIABLE = "conserje", "_CONSERJE_COMPLETE"  # by which a shell asks; click answers


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what lets a shell complete commands, options and their choices.

    \b
    Example:
      source <(conserje completion bash)
      conserje completion zsh > ~/.zfunc/_conserje
      conserje completion fish > ~/.config/fish/completions/conserje.fish
    """
    kind = get_completion_class(shell)
    assert kind  # click knows all three
    click.echo(kind(click.get_current_context().find_root().command, {}, PROGRAM, VARIABLE).source())
