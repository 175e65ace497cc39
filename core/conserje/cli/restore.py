"""`conserje restore`: brings a backup back, which is silent until it is told to go on."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import click
import uvloop

from conserje.cli.progress import shown
from conserje.cli.table import json_option, show_fields, show_json
from conserje.cli.times import Moment
from conserje.conversations import restoring
from conserje.installation import Installation, read_settings, with_installation
from conserje.operations import replay, shelf
from conserje.operations import restore as operation
from conserje.operations.archive import BackupError
from conserje.operations.restore import Order, Restored
from conserje.settings import Settings
from conserje.storage import embedded, silence
from conserje.telemetry import log
from conserje.tenants.keyring import VaultError
from conserje.tenants.vault import Vault


@click.command()
@click.argument("source", metavar="FROM", required=False, type=click.Path(path_type=Path))
@click.option(
    "--log",
    "logs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Where the log of consents lies, if not beside the backup or in CONSERJE_BACKUPS.",
)
@click.option(
    "--recovered",
    type=Moment(),
    metavar="TIME",
    help="Silence this database, which Postgres' own backups brought back as it was at TIME.",
)
@click.option("--resume", is_flag=True, help="End the silence of a restored installation.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def restore(
    source: Path | None, logs: Path | None, recovered: datetime | None, resume: bool, yes: bool, as_json: bool
) -> None:
    """Restore a backup into an empty database, by the keyring that sealed it.

    The installation is silent then: messages are taken, and none is answered or sent. What the old one may
    have sent or answered since is held. End the old one for good, then --resume. FROM may be a folder: its
    newest backup.

    \b
    Example:
      conserje restore /mnt/backups/conserje-20260301T120000Z.backup
      conserje restore --resume
    """
    if (source is not None) + (recovered is not None) + resume != 1:
        raise click.UsageError("Give FROM, a backup or a folder of them, or --recovered TIME, or --resume.")
    if source:
        _say(uvloop.run(_restore(source, logs)), as_json)
    elif recovered:
        _say(uvloop.run(_recovered(recovered, logs)), as_json)
    else:
        _resume(yes)


async def _restore(source: Path, logs: Path | None) -> Restored:
    settings = read_settings()
    log.set_up(settings.log_level)
    if not settings.keyring.exists():
        raise VaultError(
            f"The keyring {settings.keyring} is missing: put your copy there, which sealed the backup."
        )
    source = shelf.to_restore(source) if source.is_dir() else source
    async with AsyncExitStack() as stack:
        url = await _database(settings, stack)
        order = Order(
            source=source,
            url=url,
            settings=settings,
            vault=Vault.read(settings.keyring),
            logs=_folders(settings, logs, source.parent),
            progress=stack.enter_context(shown()),
            embedded=not settings.database_url,
        )
        return await operation.restore(order)


async def _recovered(at: datetime, logs: Path | None) -> Restored:
    settings = read_settings()
    log.set_up(settings.log_level)
    told = replay.read(_folders(settings, logs), Vault.read(settings.keyring))
    async with AsyncExitStack() as stack:
        return await operation.silence_recovered(await _database(settings, stack), at, told)


async def _database(settings: Settings, stack: AsyncExitStack) -> str:
    """Its URL, that of the embedded one where none is given."""
    if settings.database_url:
        return settings.database_url
    return await stack.enter_async_context(embedded.running(settings.data_dir))


def _folders(settings: Settings, given: Path | None, *beside: Path) -> tuple[Path, ...]:
    """Where the log of consents may lie."""
    folders = [given] if given else [*beside, *([settings.backups] if settings.backups else [])]
    return tuple(dict.fromkeys(each.resolve() for each in folders if each.is_dir()))


def _say(done: Restored, as_json: bool) -> None:
    fields = {
        "made_at": _time(done.made_at) if done.made_at else None,
        "messages": done.messages,
        "files": done.files,
        "held_turns": done.held_turns,
        "held_messages": done.held_messages,
        "ended_notices": done.ended_notices,
        "log_until": _time(done.log_until) if done.log_until else None,
        "consents_changed": done.changes,
        "consents_of_strangers": done.strangers,
        "forgotten": done.forgotten,
    }
    if as_json:
        show_json(fields)
        return
    show_fields({name: "unknown" if value is None else value for name, value in fields.items()})
    if not done.clock_was_right:
        click.echo(
            "The clock was ahead when the backup was made: all that the log of consents says was done again.",
            err=True,
        )
    if done.log_until is None:
        click.echo(
            "There is no log of consents: who wanted no more messages since the backup gets some.", err=True
        )
    click.echo(
        "It is silent: start `serve` and `work`, see `conserje held list`, end the old installation for good,"
        " then `conserje restore --resume`. API keys are those of the backup: revoke again what was revoked.",
        err=True,
    )


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


@with_installation
async def _resume(installation: Installation, yes: bool) -> None:
    async with installation.pool.acquire() as connection:
        if (standing := await silence.standing(connection)) is None:
            raise BackupError("This installation is not silent: there is nothing to resume.")
        counts = await restoring.count(connection)
        show_fields(
            {
                "restored_from": standing.source,
                "log_until": _time(standing.log_until) if standing.log_until else "unknown",
                "held_turns": f"{counts.turns}, which stay held",
                "held_messages": f"{counts.messages}, which stay held",
                "waiting": f"{counts.waiting} messages of {counts.conversations} contacts, answered then",
            }
        )
        if not yes:
            click.confirm("Is the old installation stopped for good, and shall this one go on?", abort=True)
        async with connection.transaction():
            await operation.resume(connection)
    click.echo('It goes on. What is held waits for you: `conserje held list --cause "restored from"`.')
