"""What a process of the edge has open for as long as it runs, whoever it listens to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from conserje.conversations.feed import Feed
from conserje.installation import Installation, open_installation, read_settings
from conserje.intake.intake import CONNECTIONS, IN_FLIGHT, Intake
from conserje.intake.node import Node, can_do_without_postgres, open_node
from conserje.plugins import fences
from conserje.settings import Settings
from conserje.storage.pool import connect_storing
from conserje.tenants.data_keys import check_keyring
from conserje.tenants.directory import Directory
from conserje_edge.tenant.reception import Reception
from conserje_edge.tenant.webhooks import Webhooks
from conserje_edge.wire.hosts import Hosts
from conserje_edge.wire.rates import Limits
from conserje_edge.wire.requests import Proxies


@dataclass(frozen=True)
class Resources:
    """The installation that the environment describes, open."""

    settings: Settings
    node: Node
    reception: Reception
    webhooks: Webhooks
    feed: Feed

    def working_for_node(self) -> AbstractAsyncContextManager[None]:
        """While this is entered, this process may be the one of the node that drains the spool.

        Not the operator's, which must say how things are however much there is to drain.
        """
        if self.node.replica:
            self.reception.directory.changes.tell(self.node.replica.hear)
        return self.node.working(self.reception.pool, self.webhooks.intake)


@asynccontextmanager
async def open_resources() -> AsyncIterator[Resources]:
    """Raises SettingsError, DatabaseError or VaultError."""
    patient = can_do_without_postgres(read_settings())
    async with open_installation(patient=patient) as installation, AsyncExitStack() as stack:
        settings, pool = installation.settings, installation.pool
        hosts, proxies = Hosts(settings.domains), Proxies(settings.trusted_proxies)
        await check_keyring_of(installation)
        fences.stand(fences.of_node(settings.data_dir))
        node = await stack.enter_async_context(open_node(settings))
        directory = Directory(pool, installation.url, node.replica, settings.directory_memory)
        feed = Feed(pool, directory.changes)
        storing = await connect_storing(installation.url, CONNECTIONS)
        stack.callback(storing.terminate)
        at_once = max(1, IN_FLIGHT // settings.workers)
        async with directory, Intake(pool, installation.plugins, node.spool, storing, at_once) as intake:
            await directory.know_names()
            reception = Reception(hosts, proxies, directory, installation.vault, pool)
            webhooks = Webhooks(reception, installation.plugins, intake, Limits(settings.workers))
            yield Resources(settings, node, reception, webhooks, feed)
            await webhooks.close()


async def check_keyring_of(installation: Installation) -> None:
    """Raises VaultError. A Postgres that is away cannot say what the keyring must open."""
    vault = installation.vault
    if installation.pool.get_size():
        async with installation.pool.acquire() as connection:
            await check_keyring(connection, vault)
