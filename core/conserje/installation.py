"""What a command works with: settings, database, keyring and plugins of this installation."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

import asyncpg
import uvloop

from conserje import settings
from conserje.errors import NOT_YOURS, OperatorError
from conserje.plugins import plugins
from conserje.plugins.plugins import Plugins
from conserje.settings import PREFIX, Settings
from conserje.storage import embedded, silence
from conserje.storage.database import Pool, describe
from conserje.storage.pool import connect_pool
from conserje.telemetry import log

if TYPE_CHECKING:
    import httpx2

    from conserje.tenants.directory import Directory
    from conserje.tenants.vault import Vault
    from conserje.work.worker import Task

P = ParamSpec("P")
R = TypeVar("R")


class Opened(Protocol):
    """What of an installation whoever changes or examines a tenant works with."""

    @property
    def settings(self) -> Settings: ...

    @property
    def pool(self) -> Pool: ...

    @property
    def vault(self) -> Vault: ...

    @property
    def plugins(self) -> Plugins: ...


@dataclass
class Installation:
    """One installation, opened."""

    settings: Settings
    environment: Mapping[str, str]
    url: str
    pool: Pool
    migrated: tuple[int, int] | None  # the schema's version before and after, where it was migrated

    @cached_property
    def vault(self) -> Vault:
        """Raises VaultError."""
        from conserje.tenants.vault import Vault

        return Vault.read(self.settings.keyring)

    @cached_property
    def http(self) -> httpx2.AsyncClient:
        from conserje.net import client as http

        return http.client()

    @cached_property
    def plugins(self) -> Plugins:
        """From now on strangers' addresses are asked as the operator allows.

        Raises SettingsError for an operator's setting that a plugin does not understand.
        """
        from conserje.net.fetch import allow

        allow(self.settings.fetch_allow)
        return plugins.load(self.environment, self.http)

    async def close(self) -> None:
        self.pool.terminate()
        if "http" in vars(self):
            await self.http.aclose()


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The operator's settings. Raises SettingsError."""
    core = {PREFIX + name.upper() for name in Settings.model_fields}
    others = {name for name in environment if name.startswith(PREFIX)} - core
    return settings.read(environment, plugins.variables(others, environment) if others else ())


@asynccontextmanager
async def open_installation(
    *, migrate: bool = False, connections: int = 10, patient: bool = False
) -> AsyncIterator[Installation]:
    """The installation that the environment describes, with the embedded Postgres if none is given.

    Raises SettingsError or DatabaseError, the latter also for an empty database unless `migrate`, and
    for a Postgres that cannot be reached unless `patient`.
    """
    given = read_settings()
    log.set_up(given.log_level)
    async with AsyncExitStack() as stack:
        url = given.database_url
        if not url:
            if not migrate:
                embedded.require_made(given.data_dir)
            url = await stack.enter_async_context(embedded.running(given.data_dir))
        migrated = await _migrate(url) if migrate else None
        pool = await connect_pool(url, largest=connections, patient=patient)
        installation = Installation(given, os.environ, url, pool, migrated)
        stack.push_async_callback(installation.close)
        if not patient and (standing := await silence.standing(pool)):
            logging.getLogger(__name__).warning("%s", standing)
        yield installation


async def _migrate(url: str) -> tuple[int, int]:
    from conserje.storage.migrate import migrate  # the queue's library takes its time to load

    return await migrate(url)


def explained(error: Exception) -> str | None:
    """The line for an error that an operator can do something about; None for a fault of ours."""
    if isinstance(error, OperatorError):
        return str(error)
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        return f"Postgres: {describe(error)}."
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename} {NOT_YOURS}"
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return f"{describe(error)}."
    return None


def tasks(
    pool: Pool, directory: Directory, plugins: Plugins, vault: Vault, settings: Settings
) -> tuple[Task, ...]:
    """All that a worker does."""
    from conserje.access.mailing import Mailing
    from conserje.conversations import effects, overdue, overflow, paces, recovery
    from conserje.delivery.delivery import Delivery
    from conserje.delivery.pacing import Pacing
    from conserje.files.collector import Collector
    from conserje.files.folder import Folder
    from conserje.files.quota import Quota
    from conserje.notices import pushing
    from conserje.notices import table as notices
    from conserje.notices.notifier import Notifier
    from conserje.notices.pushing import Pusher
    from conserje.notices.telling import LOOKS_EVERY, Teller
    from conserje.rules.budget import Bounds
    from conserje.storage import jobs
    from conserje.turns.acting import Acting
    from conserje.turns.summary import Summaries
    from conserje.turns.turn import Conversation
    from conserje.work.worker import Task

    folder = Folder(settings.files)
    collector = Collector(pool, directory, plugins, vault, folder, Quota.of(settings))
    delivery = Delivery(pool, directory, plugins, vault, settings)
    able = (plugins, vault, settings.turn_limit)
    conversation = Conversation(pool, directory, *able, folder, Bounds.of(settings), delivery)
    mailing = Mailing(pool, settings)
    teller = Teller(pool, directory, vault, settings)
    pusher = Pusher(pool, directory, vault, settings)
    return (
        Task(
            jobs.CONVERSE,
            conversation.converse,
            upkeep=functools.partial(overdue.sweep, pool),
            bring=functools.partial(overflow.bring, pool),
        ),
        Task(jobs.DELIVER, delivery.deliver, upkeep=functools.partial(recovery.keep_up, pool)),
        Task(jobs.SEND, delivery.deliver, "paced"),
        Task(
            jobs.RELEASE,
            Pacing(pool, directory, plugins).release,
            "paced",
            functools.partial(paces.recover, pool),
        ),
        Task(jobs.SUMMARISE, Summaries(pool, directory, conversation.thinking).summarise, "slow"),
        Task(
            jobs.ACT,
            Acting(pool, directory, conversation.thinking).act,
            "slow",
            functools.partial(effects.recover, pool),
        ),
        Task(jobs.COLLECT, collector.collect, "slow", collector.keep_up),
        Task(
            jobs.NOTIFY,
            Notifier(pool, directory, vault, settings).notify,
            "slow",
            functools.partial(notices.recover, pool),
        ),
        Task(jobs.INVITE, mailing.invite, "slow", mailing.recover),
        Task(jobs.TELL, teller.tell, "outside", teller.look, every=LOOKS_EVERY),
        Task(jobs.PUSH, pusher.push, "outside", pusher.look, every=pushing.LOOKS_EVERY),
    )


def with_installation(command: Callable[Concatenate[Installation, P], Awaitable[R]]) -> Callable[P, R]:
    """A click command's function out of a coroutine function that works with the installation."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        async def opened() -> R:
            async with open_installation() as installation:
                return await command(installation, *args, **kwargs)

        return uvloop.run(opened())

    return run
