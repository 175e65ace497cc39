"""The reception of tenants' hosts: which tenant a request asks for, and how it is told what went wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field
from time import monotonic

import asyncpg
from cachetools import TTLCache
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from conserje.contract.channel import AnyChannel
from conserje.errors import DirectoryUnavailable, UnknownTenant
from conserje.storage.database import CANNOT_ASK, Pool, describe
from conserje.storage.stillness import explained
from conserje.telemetry import metrics
from conserje.telemetry.log import place
from conserje.tenants import accounts
from conserje.tenants.directory import Directory
from conserje.tenants.entry import Entry
from conserje.tenants.keyring import VaultError
from conserje.tenants.refusals import TenantError
from conserje.tenants.vault import Vault
from conserje_edge.tenant.nobody import Nobody
from conserje_edge.wire.answers import Messages, Problem, unavailable
from conserje_edge.wire.hosts import Hosts, Name
from conserje_edge.wire.requests import Proxies, request_id

log = logging.getLogger(__name__)

DIRECTORY_SECONDS = 3
SAY_AGAIN = 60  # seconds after which a line that was logged is logged again


@dataclass
class Reception:
    """Finds who is asked, and explains problems; of what is asked it knows nothing."""

    hosts: Hosts
    proxies: Proxies
    directory: Directory
    vault: Vault
    pool: Pool
    _said: TTLCache[str, None] = field(default_factory=lambda: TTLCache(10_000, SAY_AGAIN, monotonic))
    _renewed_lately: TTLCache[int, None] = field(default_factory=lambda: TTLCache(10_000, 1, monotonic))

    async def entry(self, host: str) -> Entry:
        """The tenant that a Host header names. Raises Problem."""
        if (name := self.hosts.name(host)) is None:
            raise Nobody()
        return self.directory.cached(name) or await self._look_up(name)

    async def _look_up(self, name: Name) -> Entry:
        ask = self.directory.by_slug if name.kind == "slug" else self.directory.by_domain
        try:
            async with asyncio.timeout(DIRECTORY_SECONDS):
                return await ask(name.value)
        except UnknownTenant:
            raise Nobody() from None
        except (DirectoryUnavailable, TimeoutError) as error:
            why = explained(error, "Postgres does not answer")
            raise unavailable(f"The directory cannot be asked: {why}") from None

    async def ensure_account(self, entry: Entry, channel: AnyChannel) -> Entry:
        """The tenant with its account of a channel that every tenant has. Raises Problem."""
        try:
            async with self.pool.acquire(timeout=5) as connection, connection.transaction():
                await accounts.ensure(connection, self.vault, entry.tenant.id, channel)
        except (*CANNOT_ASK, asyncpg.PostgresError, VaultError, TenantError) as error:
            raise unavailable(
                f"{entry.tenant.slug}: no account could be made: {explained(error, describe(error))}"
            ) from None
        return await self._renewed(entry)

    async def with_account(self, entry: Entry, channel: AnyChannel) -> Entry:
        """`entry`, looked up again where another process may just have made the account. Raises Problem."""
        if entry.accounts_of(channel.name) or entry.tenant.id in self._renewed_lately:
            return entry
        self._renewed_lately[entry.tenant.id] = None  # strangers may post here, and each look costs a query
        return await self._renewed(entry)

    async def _renewed(self, entry: Entry) -> Entry:
        self.directory.changed(entry.tenant.id)
        return await self._look_up(Name("slug", entry.tenant.slug))

    async def respond(self, scope: Scope, send: Send, answering: Awaitable[Messages], counted: str) -> None:
        """Send what `answering` comes to; whatever it raises is an answer too, counted for a channel."""
        try:
            start, body = await answering
        except Problem as problem:
            start, body = self.explain(problem, scope)
        except Exception as error:
            start, body = self.explain(unavailable(f"The edge failed: {place(error)}"), scope)
        metrics.webhook(counted, start["status"])
        await send(start)
        await send(body)

    async def serve(self, finding: Awaitable[Response], scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is found, or the problem that it raises."""
        try:
            response = await finding
        except Problem as problem:
            start, body = self.explain(problem, scope)
            await send(start)
            await send(body)
        else:
            await response(scope, receive, send)

    def explain(self, problem: Problem, scope: Scope) -> Messages:
        """The answer that a problem is; its cause is logged, once a minute."""
        request = request_id(scope, self.proxies.trusts(scope))
        if problem.cause and self.is_news(problem.cause):
            log.warning("%s (%s, request %s)", problem.cause, problem.status, request)
        return problem.shown(scope, request) if isinstance(problem, Nobody) else problem.answer(request)

    def is_news(self, what: str) -> bool:
        """Whether this was not said within the last minute; from now on it was."""
        if what in self._said:
            return False
        self._said[what] = None
        return True
