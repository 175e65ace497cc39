"""The host of a channel's pages: their tenant, session and feed, as the channel gets them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import asyncpg
from starlette.requests import Request

from conserje.contract import sessions
from conserje.contract.account import AnyAccount
from conserje.contract.channel import AnyChannel
from conserje.contract.pages import Look, Session, Visit
from conserje.conversations.feed import Feed
from conserje.errors import DirectoryUnavailable, UnknownTenant
from conserje.storage.database import CANNOT_ASK, describe
from conserje.storage.stillness import explained
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import AccountUnusable, Entry
from conserje_edge.tenant.reception import Reception
from conserje_edge.wire.answers import Problem, unavailable
from conserje_edge.wire.rates import Limits, client_network
from conserje_edge.wire.requests import public_url, read_headers

STREAMS_OF_SESSION = 12


@dataclass
class PageHost:
    """The House of one channel, as the contract of pages calls it."""

    channel: AnyChannel
    reception: Reception
    messages: Feed
    limits: Limits
    _streams: Counter[str] = field(default_factory=Counter)

    async def visit(self, request: Request) -> Visit:
        entry, _ = await self._at(request)
        return Visit(entry.tenant.seen, self._opened(entry, entry.own(self.channel.name)).settings)

    async def session(self, request: Request) -> Session | None:
        entry, url = await self._at(request)
        if not sessions.same_origin(request.headers, url):
            raise Problem(HTTPStatus.FORBIDDEN)
        if (account := entry.own(self.channel.name)) is None:
            return None
        visitor = sessions.read(request.headers.get("cookie", ""), self._opened(entry, account))
        return Session(visitor, entry.tenant.id, account.id) if visitor else None

    async def open_session(self, request: Request) -> Session:
        if known := await self.session(request):
            return known
        entry, _ = await self._at(request)
        trusted = self.reception.proxies.trusts(request.scope)
        self.limits.sessions_of_address.admit(client_network(request.scope, trusted))
        self.limits.sessions_of_tenant.admit(entry.tenant.id)
        account = entry.own(self.channel.name)
        if account is None or account.credentials is None:
            entry = await self.reception.ensure_account(entry, self.channel)
            account = entry.own(self.channel.name)
        if account is None:
            raise unavailable(f"{entry.tenant.slug}: its account of {self.channel.name} is not there yet")
        visitor, cookie = sessions.new_session(self._opened(entry, account))
        return Session(visitor, entry.tenant.id, account.id, cookie)

    async def seen(self, session: Session, message_id: int, *, read: bool) -> None:
        self.limits.seen_by_visitor.admit((session.tenant_id, session.id))
        with _unavailable_without_postgres():
            if conversation := await self._conversation(session):
                await self.messages.seen(session.tenant_id, conversation, message_id, read=read)

    async def feed(self, session: Session, after: int) -> AsyncGenerator[Look, None]:
        with _unavailable_without_postgres(), self._counted(session):
            if conversation := await self._conversation(session):
                async with aclosing(self.messages.follow(session.tenant_id, conversation, after)) as looks:
                    async for look in looks:
                        if not await self._is_open(session.tenant_id):
                            return
                        yield look

    async def _conversation(self, session: Session) -> int | None:
        place = (session.tenant_id, session.account_id, self.channel.name, session.id)
        return await self.messages.conversation(*place)

    @contextmanager
    def _counted(self, session: Session) -> Iterator[None]:
        """A browser listens in one tab; who opens streams without end is refused."""
        if self._streams[session.id] >= STREAMS_OF_SESSION:
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "", (b"retry-after", b"15"))
        self._streams[session.id] += 1
        try:
            yield
        finally:
            self._streams[session.id] -= 1
            if not self._streams[session.id]:
                del self._streams[session.id]

    async def _is_open(self, tenant_id: int) -> bool:
        try:
            entry = await self.reception.directory.by_id(tenant_id)
        except UnknownTenant:
            return False
        except DirectoryUnavailable:
            return True
        return entry.tenant.active

    async def _at(self, request: Request) -> tuple[Entry, str]:
        """The tenant whose page is asked for, and the page's public address. Raises Problem."""
        scope = request.scope
        headers = read_headers(scope)
        entry = await self.reception.entry(headers["host"])
        account = entry.own(self.channel.name)
        if not entry.tenant.active or (account and not account.active):
            raise Problem(HTTPStatus.NOT_FOUND)
        return entry, public_url(scope, headers, self.reception.proxies.trusts(scope))

    def _opened(self, entry: Entry, account: AccountRow | None) -> AnyAccount:
        try:
            return entry.opened(account, self.channel, self.reception.vault)
        except AccountUnusable as error:
            raise unavailable(f"{entry.tenant.slug}: {error}") from None


@contextmanager
def _unavailable_without_postgres() -> Iterator[None]:
    try:
        yield
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        raise unavailable(f"The feed cannot be read: {explained(error, describe(error))}") from None
