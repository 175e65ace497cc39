"""Tells people's browsers that somebody waits: the shop's name and how many, no words of anybody's."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from cachetools import TTLCache

from conserje.contract.channel import FetchFailed, FetchRefused
from conserje.contract.language import in_language
from conserje.conversations import desk
from conserje.net.fetch import Fetcher
from conserje.notices import devices, push_keys, pushes, web_push
from conserje.notices.push_keys import PushKey
from conserje.notices.pushes import Push
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.notifications import Horizon
from conserje.tenants import words
from conserje.tenants.directory import Directory
from conserje.tenants.keyring import VaultError
from conserje.tenants.tenants import Tenant
from conserje.tenants.vault import Vault

log = logging.getLogger(__name__)

LOOKS_EVERY = 2.0  # seconds
LIMIT = 5.0  # seconds that a service may take to answer
PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15))  # the last one again and again
SILENT, SILENT_FOR = 3, 60.0  # failures of a service within so many seconds: until then it is not asked
SERVICES = 1000  # whose failures are known
BUSY = HTTPStatus.TOO_MANY_REQUESTS
GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class _Gone(Exception):
    """The browser is told by this address no more, or it was never one."""


class _Later(Exception):
    """The service did not take it; the text says why. `ill`: it would take nothing of others either."""

    def __init__(self, why: str, *, ill: bool = False) -> None:
        super().__init__(why)
        self.ill = ill


@dataclass
class Pusher:
    """Tells, in this worker."""

    pool: Pool
    directory: Directory
    vault: Vault
    settings: Settings
    _horizon: Horizon = field(default_factory=Horizon)
    _failures: TTLCache[str, int] = field(default_factory=lambda: TTLCache(SERVICES, SILENT_FOR))  # by origin

    async def look(self) -> None:
        """Find who is to be told of what happened since the last look, and call for it."""
        if not self.settings.pushes:
            return
        async with self.pool.acquire() as connection:
            if not await devices.are_kept(connection):
                return
            await pushes.begin(connection)
            await pushes.look(connection, await self._horizon.advance(connection))
            async with connection.transaction():
                await jobs.enqueue(connection, await pushes.call(connection))

    async def push(self, job: Job) -> None:
        """Tell one device how many wait, where somebody does still."""
        entry = await self.directory.by_id(job.tenant_id)
        async with self.pool.acquire() as connection:
            push = await pushes.take(connection, job.tenant_id, job.message_id)
            if push is None:
                return
            text = await (_over if push.is_over else _waiting)(connection, push, entry.tenant)
            if text is None:
                return await pushes.told(connection, push)
        await self._tell(push, _said(entry.tenant, text))

    async def _tell(self, push: Push, said: bytes) -> None:
        try:
            await self._post(push, said)
        except _Gone:
            async with self.pool.acquire() as connection:
                await devices.remove_gone(connection, push.address.endpoint)
        except _Later as error:
            if error.ill:
                self._failures[push.address.origin] = self._failures.get(push.address.origin, 0) + 1
            await self._failed(push, str(error))
        else:
            self._failures.pop(push.address.origin, None)
            async with self.pool.acquire() as connection:
                await pushes.told(connection, push)

    async def _failed(self, push: Push, why: str) -> None:
        pause = PAUSES[min(push.failures, len(PAUSES) - 1)]
        host = urlsplit(push.address.endpoint).hostname
        log.warning("Login %s is not told by %s, again in %s: %s", push.login_id, host, pause, why)
        async with self.pool.acquire() as connection:
            await pushes.failed(connection, push, pause)

    async def _key(self) -> PushKey:
        """Raises _Later."""
        async with self.pool.acquire() as connection:
            try:
                return await push_keys.get(connection, self.vault)
            except VaultError as error:
                raise _Later(str(error)) from None

    async def _post(self, push: Push, said: bytes) -> None:
        """Raises _Gone or _Later."""
        key, address = await self._key(), push.address
        if self._failures.get(address.origin, 0) >= SILENT:
            raise _Later("Its service takes nothing at the moment.")
        contact = f"https://{urlsplit(self.settings.console_url).netloc}"
        headers = web_push.headers(address, key.private, key.public, contact, f"tenant-{push.tenant_id}")
        body = web_push.encrypted(address, said)
        fetcher = Fetcher(self.settings.fetch_allow)
        try:
            async with fetcher.fetch(
                address.endpoint, most=0, limit=LIMIT, method="POST", headers=headers, content=body
            ) as answer:
                status = answer.status
        except FetchRefused as error:
            raise _Gone(str(error)) from None
        except FetchFailed as error:
            raise _Later(str(error), ill=True) from None
        if status in GONE:
            raise _Gone
        if not 200 <= status < 300:
            raise _Later(f"It answered {status}.", ill=status == BUSY or status >= 500)


async def _over(connection: Connection, push: Push, tenant: Tenant) -> str | None:
    """The last that the browser is told, once, whatever becomes of it."""
    removed = await devices.remove(connection, push.sign_in)
    return in_language(words.NOT_PUSHED, push.language or tenant.locale) if removed else None


async def _waiting(connection: Connection, push: Push, tenant: Tenant) -> str | None:
    """How many do, in the login's language; None: nobody does any more."""
    count = await desk.waiting_for(connection, push.tenant_id, push.login_id)
    if not count or not tenant.active:
        return None
    one, many = in_language(words.PUSHED, push.language or tenant.locale)
    written = str(count) if count < desk.COUNTED else f"{desk.COUNTED - 1}+"
    return one if count == 1 else many.format(count=written)


def _said(tenant: Tenant, text: str) -> bytes:
    """What the browser shows, which may lie locked on a table."""
    told = {"title": tenant.name, "body": text, "url": f"/t/{tenant.slug}/desk", "tag": tenant.slug}
    return json.dumps(told, ensure_ascii=False).encode()
